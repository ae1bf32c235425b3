"""Equity counts each wallet once, priced per asset, and says when it could not."""

from decimal import Decimal

import pytest

from domain.messages.journal import BalanceCorrected
from domain.messages.orders import Purpose
from domain.numbers import use_exact_decimals
from domain.portfolio.valuation import Valuation, value
from tests.builders import UTC
from tests.domain.account_harness import Account, accepted, filled, make_intent

use_exact_decimals()


@pytest.fixture
def account() -> Account:
    return Account()


def valued(account: Account, pending=()) -> Valuation:
    manager = account.manager
    return value(manager.portfolio, manager.quotes, pending, ("coinbase",), account.now)


def test_coins_and_dollars_are_never_added_as_numbers(account: Account) -> None:
    account.manager.portfolio.balances["coinbase", "BTC"] = Decimal("1.5")

    assert valued(account).equity == Decimal("85000")
    assert valued(account).cash == Decimal("10000")
    assert valued(account).exposure == Decimal("75000")


def test_buying_changes_no_equity_but_by_the_fee_and_moves_cash(account: Account) -> None:
    intent = make_intent("b")
    account.journal(filled(intent, "50000", fee="3"))

    worth = valued(account)

    assert (worth.equity, worth.cash, worth.fees) == (Decimal("9997"), Decimal("9497"), Decimal("3"))
    assert worth.net == {"BTC": Decimal("0.01")}
    assert worth.gross == {"BTC": Decimal("500")}
    assert worth.unrealized_pnl == 0


def test_a_dollar_coin_is_worth_a_dollar(account: Account) -> None:
    account.manager.portfolio.balances["coinbase", "USDC"] = Decimal("5")

    assert valued(account).equity == Decimal("10005")
    assert valued(account).is_complete


def test_an_unpriced_asset_is_flagged_and_left_out(account: Account) -> None:
    account.manager.portfolio.balances["coinbase", "DOGE"] = Decimal("1000")

    assert valued(account).equity == Decimal("10000")
    assert not valued(account).is_complete


def test_an_asset_of_which_nothing_is_left_needs_no_price(account: Account) -> None:
    account.manager.portfolio.balances["coinbase", "DOGE"] = Decimal("0")

    assert valued(account).is_complete


def test_a_venue_whose_wallet_is_unknown_makes_the_sum_incomplete(account: Account) -> None:
    manager = account.manager

    worth = value(manager.portfolio, manager.quotes, (), ("coinbase", "dydx"), account.now)

    assert not worth.is_complete


def test_openings_under_way_are_exposure_already(account: Account) -> None:
    account.journal(accepted(make_intent("journaled")), accepted(make_intent("p", purpose=Purpose.PROTECT)))

    worth = valued(account, pending=(make_intent("told"),))

    assert worth.gross == {"BTC": Decimal("1000")}
    assert worth.equity == Decimal("10000")


def test_what_no_fill_explains_is_kept_out_of_performance(account: Account) -> None:
    account.journal(
        BalanceCorrected(
            ts_event=UTC,
            correction_id="c",
            venue="coinbase",
            currency="USD",
            difference=Decimal("500"),
            reason="deposit",
        )
    )

    assert valued(account).equity == Decimal("10500")
    assert valued(account).performance == Decimal("10000")
