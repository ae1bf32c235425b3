"""What came or went without a trade counts at what it was worth then, whatever became of its coins and their price."""

from decimal import Decimal

import pytest

from domain.instrument import Side
from domain.messages.account import Balance, ValueTransfer
from domain.messages.journal import BalanceCorrected, BalancesOpened, ExternalFillSeen, TransferValued
from domain.messages.orders import Fill, TouchReported
from domain.numbers import use_exact_decimals
from domain.portfolio.valuation import Valuation, value
from tests.builders import UTC
from tests.domain.account_harness import Account

use_exact_decimals()


@pytest.fixture
def account() -> Account:
    return Account()


def valued(account: Account) -> Valuation:
    manager = account.manager
    return value(manager.portfolio, manager.quotes, (), ("coinbase",), account.now)


def came(quantity: str, worth: str | None, currency: str = "BTC") -> BalanceCorrected:
    return BalanceCorrected(
        ts_event=UTC,
        correction_id="c",
        venue="coinbase",
        currency=currency,
        difference=Decimal(quantity),
        reason="no fill explains it",
        worth=worth if worth is None else Decimal(worth),
    )


def sold_by_hand(quantity: str, price: str) -> ExternalFillSeen:
    fill = Fill(
        venue="coinbase",
        fill_id="by-hand",
        venue_order_id="v",
        instrument="BTC-USD",
        side=Side.SELL,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal(0),
        fee_currency="USD",
        ts_event=UTC,
    )
    return ExternalFillSeen(ts_event=UTC, fill=fill)


def opened_late(quantity: str, currency: str) -> BalancesOpened:
    balance = Balance(currency=currency, total=Decimal(quantity), hold=Decimal(0))
    return BalancesOpened(ts_event=UTC, venue="coinbase", balances=(balance,))


def told(account: Account) -> list[ValueTransfer]:
    return [message for message in account.told if isinstance(message, ValueTransfer)]


def doge(bid: str, ask: str) -> TouchReported:
    return TouchReported(
        ts_event=UTC,
        venue="coinbase",
        instrument="DOGE-USD",
        bid_price=Decimal(bid),
        ask_price=Decimal(ask),
        last_price=(Decimal(bid) + Decimal(ask)) / 2,
    )


def worth_of(account: Account, transfer: ValueTransfer) -> TransferValued:
    """Return what the router journals for it."""
    return TransferValued(
        ts_event=account.now.utc_ns,
        venue=transfer.venue,
        wallet=transfer.wallet,
        currency=transfer.currency,
        quantity=transfer.quantity,
        worth=transfer.worth,
    )


@pytest.mark.parametrize("mid", [40000, 50000, 60000])
def test_coins_that_came_and_were_sold_neither_win_nor_lose_with_their_price(account: Account, mid: int) -> None:
    account.journal(came("1", "50000"), sold_by_hand("1", "50000"))

    account.price(str(mid - 1), str(mid + 1))

    assert (valued(account).equity, valued(account).performance) == (60000, 10000)


def test_coins_that_were_taken_away_lose_no_more_with_their_price(account: Account) -> None:
    account.manager.portfolio.balances["coinbase", "", "BTC"] = Decimal(1)
    account.journal(came("-1", "-50000"))

    account.price("39999", "40001")

    assert valued(account).performance == 60000  # as before they went


def test_coins_that_came_and_stay_win_and_lose(account: Account) -> None:
    account.journal(came("1", "50000"))

    account.price("39999", "40001")

    assert valued(account).performance == 0


def test_what_came_before_anybody_told_a_price_counts_at_the_first_one_since(account: Account) -> None:
    account.journal(came("1000", None, "DOGE"))
    account.advance(1.0, "49999", "50001")
    assert told(account) == []

    account.hear(doge("0.19", "0.21"))
    account.advance(1.0, "49999", "50001")
    first, second = told(account)
    account.journal(worth_of(account, first))
    account.advance(1.0, "49999", "50001")
    account.hear(doge("0.29", "0.31"))

    assert (first.quantity, first.worth) == (1000, 200) and first == second  # until the journal shows it
    assert len(told(account)) == 2
    assert (valued(account).transfers, valued(account).performance) == (200, 10100)


def test_what_could_be_read_only_later_counts_at_the_price_of_then(account: Account) -> None:
    account.journal(opened_late("2", "BTC"))
    account.advance(0.5, "49999", "50001")
    [transfer] = told(account)

    account.journal(worth_of(account, transfer))
    account.price("59999", "60001")

    assert (valued(account).transfers, valued(account).performance) == (100000, 30000)


def test_what_has_gone_for_good_is_priced_until_its_worth_is_journaled(account: Account) -> None:
    account.manager.portfolio.balances["coinbase", "", "DOGE"] = Decimal(1000)
    account.advance(1.0, "49999", "50001")
    account.hear(doge("0.19", "0.21"))
    account.journal(came("-1000", None, "DOGE"))

    account.advance(40.0, "49999", "50001")

    assert valued(account).performance == 10200
    assert told(account)[-1].worth == -200


def test_dollars_need_no_price(account: Account) -> None:
    account.journal(came("500", None, "USD"))

    account.advance(1.0, "49999", "50001")

    assert told(account) == []
    assert valued(account).performance == 10000
