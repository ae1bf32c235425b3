"""Equity counts each wallet once, priced per asset, and says when it could not."""

from decimal import Decimal

import pytest

from domain.instrument import Side
from domain.messages.halts import RaiseHalt
from domain.messages.journal import BalanceCorrected, OrderFilledProvisionally
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
    account.manager.portfolio.balances["coinbase", "", "BTC"] = Decimal("1.5")

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
    account.manager.portfolio.balances["coinbase", "", "USDC"] = Decimal("5")

    assert valued(account).equity == Decimal("10005")
    assert valued(account).is_complete


def test_an_unpriced_asset_is_flagged_and_left_out(account: Account) -> None:
    account.manager.portfolio.balances["coinbase", "", "DOGE"] = Decimal("1000")

    assert valued(account).equity == Decimal("10000")
    assert not valued(account).is_complete


def test_an_asset_of_which_nothing_is_left_needs_no_price(account: Account) -> None:
    account.manager.portfolio.balances["coinbase", "", "DOGE"] = Decimal("0")

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


def guessed_sale(quantity: str, price: str) -> OrderFilledProvisionally:
    return OrderFilledProvisionally(
        ts_event=UTC,
        client_order_id="order:s",
        intent_id="s",
        purpose=Purpose.PROTECT,
        venue="coinbase",
        instrument="BTC-USD",
        side=Side.SELL,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal(0),
        is_price_guessed=True,
    )


def test_a_fill_at_a_price_of_our_guess_makes_the_sum_incomplete_until_its_row_comes(account: Account) -> None:
    account.journal(filled(make_intent("b"), "50000"), guessed_sale("0.01", "5000"))
    assert valued(account).missing == ("BTC-USD fill price",)
    assert not valued(account).is_complete

    account.journal(filled(make_intent("s", side=Side.SELL), "51000"))

    assert valued(account).is_complete
    assert valued(account).equity == Decimal("10010")


def test_a_guessed_loss_halts_nothing_and_is_named_and_a_true_one_halts(account: Account) -> None:
    account.advance(9, "49999", "50001")
    half = Decimal("0.5")
    account.journal(filled(make_intent("b", quantity=half), "50000"), guessed_sale("0.5", "30000"))

    account.advance(12, "49999", "50001")
    assert not any(isinstance(message, RaiseHalt) for message in account.told)
    assert any("BTC-USD fill price" in alarm.text for alarm in account.alarms)

    account.journal(filled(make_intent("s", quantity=half, side=Side.SELL), "30000"))
    account.advance(9, "49999", "50001")
    assert any(isinstance(message, RaiseHalt) for message in account.told)
