from decimal import Decimal

import pytest

from domain.instrument import Side
from domain.ledger.account import Portfolio
from domain.ledger.cash_flows import flows
from domain.ledger.terms import spot_currencies, terms_by_name
from domain.messages.journal import ExternalFillSeen
from tests.order_builders import make_fill


def test_a_spot_fill_moves_base_quote_and_fee() -> None:
    fill = make_fill("0.5", side=Side.SELL, price="100", fee=Decimal(2))

    assert flows(fill, terms_by_name("BTC-USD")) == [
        (("coinbase", "", "BTC"), Decimal("-0.5")),
        (("coinbase", "", "USD"), Decimal(50)),
        (("coinbase", "", "USD"), Decimal(-2)),
    ]


@pytest.mark.parametrize("name", ["BTC-PERP-INTX", "BIP-20DEC30-CDE", "BTCUSD", "", "-", "BTC-"])
def test_what_is_no_spot_pair_moves_nothing_of_the_wallet(name: str) -> None:
    books = Portfolio()

    books.apply(ExternalFillSeen(ts_event=0, fill=make_fill("1", instrument=name)))

    assert spot_currencies(name) is None
    assert dict(books.balances) == {} and books.positions == {}


@pytest.mark.parametrize("name", ["BTC-PERP-INTX", "BTCUSD", "", "-", "BTC-", "-USD"])
def test_no_name_makes_its_currencies_raise(name: str) -> None:
    assert len(terms_by_name(name)) == 5
