"""Live orders that are not ours count in exposure and in cash, and are left alone (MONEY.md 2)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.instrument import Side
from domain.order_messages import OrderStatus
from domain.system_messages import ExternalOrder, ExternalOrdersSeen
from tests.builders import UTC
from tests.domain.account_harness import FEE_RATIO, Account, make_signal
from tests.domain.test_risk import opening
from tests.order_builders import DeskOnTime, make_report


def resting(side: Side = Side.BUY, quantity: str = "0.01", price: str | None = "50000", **changes):
    fields = {
        "venue_order_id": "v-x",
        "instrument": "BTC-USD",
        "side": side,
        "leaves_quantity": Decimal(quantity),
        "limit_price": None if price is None else Decimal(price),
    }
    return ExternalOrder(**{**fields, **changes})


def seen(*orders: ExternalOrder) -> ExternalOrdersSeen:
    return ExternalOrdersSeen(ts_event=UTC, venue="coinbase", orders=orders)


@pytest.fixture
def account() -> Account:
    return Account()


def decisions_with(account: Account, *orders: ExternalOrder) -> dict[str, int]:
    account.hear(seen(*orders))
    account.hear(make_signal())
    return dict(account.allocator.decisions)


def test_a_foreign_purchase_counts_towards_the_limits_of_its_asset(account: Account) -> None:
    assert decisions_with(account, resting(quantity="0.0599")) == {"asset_limit": 1}


def test_it_counts_until_it_is_gone(account: Account) -> None:
    account.hear(seen(resting(quantity="0.0599")))

    assert decisions_with(account) == {"opened": 1}


@pytest.mark.parametrize("instrument", ["BTC-PERP-INTX", "BTC"])
@pytest.mark.parametrize("side", Side)
def test_of_what_is_no_spot_pair_both_sides_count(account: Account, instrument: str, side: Side) -> None:
    assert decisions_with(account, resting(side, "0.0599", instrument=instrument)) == {"asset_limit": 1}


def test_a_foreign_sale_of_coins_adds_nothing(account: Account) -> None:
    assert decisions_with(account, resting(Side.SELL, "10")) == {"opened": 1}


def test_without_a_price_it_counts_at_the_market(account: Account) -> None:
    assert decisions_with(account, resting(quantity="0.0599", price=None)) == {"asset_limit": 1}


def test_the_cash_that_it_holds_is_not_ours_to_spend(account: Account) -> None:
    before = opening(account).available_cash

    account.hear(seen(resting(quantity="0.1", price="10000", instrument="DOGE-USD")))

    assert before - opening(account).available_cash == Decimal(1000) * (1 + FEE_RATIO + Decimal("0.01"))


def test_the_desk_tells_of_them_when_they_change_and_to_whoever_is_new() -> None:
    desk = DeskOnTime().ready()
    theirs = make_report(
        OrderStatus.OPEN,
        client_order_id="by-hand",
        venue_order_id="v-x",
        leaves_quantity=Decimal("0.01"),
        limit_price=Decimal(50000),
    )
    for _ in range(3):
        desk.advance(5)
        desk.snapshot(open_orders=[theirs])
    assert [event.orders for event in desk.sent(ExternalOrdersSeen)] == [(resting(),)]

    desk._perform(desk.desk.announce(desk.now))
    assert [event.orders for event in desk.sent(ExternalOrdersSeen)] == 2 * [(resting(),)]

    desk.advance(5)
    desk.snapshot()
    assert desk.sent(ExternalOrdersSeen)[-1].orders == ()
