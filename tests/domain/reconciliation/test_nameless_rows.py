"""Rows of orders that leave out a name: what isn't said makes no order somebody else's, and proves nothing."""

from decimal import Decimal

import msgspec
import pytest

from domain.instrument import Side
from domain.messages.journal import ExternalFillSeen, HaltRaised, OrderFilled
from domain.messages.listing import Unread
from domain.messages.orders import (
    OrderNotFound,
    OrderReported,
    OrderStatus,
    OrderUnconfirmed,
    Purpose,
    QueryOrder,
    SubmitOrder,
)
from tests.builders import UTC
from tests.order_builders import TimedOrderManager, make_accepted, make_fill, make_intent, make_report

S = OrderStatus
AFTER_HOLD = {"usd": "9359", "btc": "0.01"}  # of 10000: 0.01 at 64000, fee 1


@pytest.fixture
def manager() -> TimedOrderManager:
    return TimedOrderManager().ready()


@pytest.fixture
def guarded(manager: TimedOrderManager) -> TimedOrderManager:
    """A position and its stop, which the venue calls v-stop."""
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), make_accepted(venue_order_id="v-stop"))
    return manager


def row(status: OrderStatus = S.OPEN, name: str = "", **changes) -> OrderReported:
    fields = {"venue_order_id": "v-stop", "side": Side.SELL, "leaves_quantity": Decimal("0.01"), **changes}
    return make_report(status, client_order_id=name, **fields)


def test_a_stop_listed_by_the_venues_name_only_is_ours_and_in_place(guarded: TimedOrderManager) -> None:
    for _ in range(12):
        guarded.advance(5)
        guarded.snapshot(**AFTER_HOLD, held="0.01", open_orders=[row()])

    assert guarded.order().status is S.OPEN
    assert guarded.manager.books.covered_quantity("coinbase", "BTC-USD") == Decimal("0.01")
    assert guarded.manager.report(guarded.now).external_orders == 0
    assert guarded.sent(QueryOrder) == []


def test_a_stop_listed_by_our_name_only_is_ours_and_in_place(guarded: TimedOrderManager) -> None:
    for _ in range(12):
        guarded.advance(5)
        ours = row(name=guarded.order().id, venue_order_id="")
        guarded.snapshot(**AFTER_HOLD, held="0.01", open_orders=[ours])

    assert (guarded.order().status, guarded.order().venue_order_id) == (S.OPEN, "v-stop")
    assert guarded.sent(QueryOrder) == []


def test_the_end_of_an_order_is_heard_by_the_venues_name_only(guarded: TimedOrderManager) -> None:
    guarded.hear(row(S.CANCELED))

    assert guarded.order().status is S.CANCELED


def test_a_row_that_cannot_be_read_is_ours_by_either_name(guarded: TimedOrderManager) -> None:
    guarded.advance(5)
    unread = Unread(kind="order", reason="odd", venue_order_id="v-stop", instrument="BTC-USD")
    guarded.snapshot(**AFTER_HOLD, unread=[unread])

    assert guarded.manager.report(guarded.now).external_orders == 0


# ---- of an order that the venue has not named yet --------------------------------------------------------


@pytest.fixture
def unnamed(manager: TimedOrderManager) -> TimedOrderManager:
    """A purchase whose answer got lost."""
    manager.hear(make_intent())
    lost = {"client_order_id": manager.order().id, "venue": "coinbase", "reason": "timeout"}
    manager.hear(OrderUnconfirmed(ts_event=UTC, **lost))
    return manager


def look(manager: TimedOrderManager, seconds: int, *shown: OrderReported) -> None:
    for _ in range(seconds):
        manager.advance(1)
        manager.quote()
        identity = {"client_order_id": manager.order().id, "venue": "coinbase", "unnamed": shown}
        began = {"listing_began_at": manager.now.utc_ns, "listing_began_ns": manager.now.monotonic_ns}
        manager.hear(OrderNotFound(ts_event=manager.now.utc_ns, **identity, **began))
        manager.snapshot(open_orders=shown)


def test_a_look_that_shows_a_nameless_order_like_it_proves_no_absence(unnamed: TimedOrderManager) -> None:
    look(unnamed, 120, row(side=Side.BUY, venue_order_id="v-1"))
    assert unnamed.order().status is S.UNCONFIRMED

    look(unnamed, 120)
    assert unnamed.order().status is S.REJECTED


@pytest.mark.parametrize(
    "other",
    [{"side": Side.SELL}, {"instrument": "ETH-USD"}, {"quantity": Decimal("0.5")}],
)
def test_nameless_orders_unlike_it_hinder_no_proof(unnamed: TimedOrderManager, other: dict) -> None:
    like_it = row(side=Side.BUY, venue_order_id="v-hand")

    look(unnamed, 120, msgspec.structs.replace(like_it, **other))

    assert unnamed.order().status is S.REJECTED


def test_fills_of_a_nameless_order_like_it_wait_until_the_venue_names_ours(unnamed: TimedOrderManager) -> None:
    unnamed.fills(make_fill())
    unnamed.hear(row(S.FILLED, side=Side.BUY, venue_order_id="v-1", cumulative_quantity=Decimal("0.01")))
    assert unnamed.journaled(ExternalFillSeen, OrderFilled) == []

    unnamed.hear(make_accepted())

    assert unnamed.order().status is S.FILLED
    assert unnamed.journaled(ExternalFillSeen, HaltRaised) == []


def test_an_answer_that_gives_an_order_the_name_of_another_names_none(guarded: TimedOrderManager) -> None:
    guarded.hear(make_intent(Purpose.CLOSE, "c", quantity=Decimal("0.005")))
    second = guarded.sent(SubmitOrder)[-1]
    if second.intent_id != "c":  # the stop goes first
        guarded.hear(row(S.CANCELED))
        second = guarded.sent(SubmitOrder)[-1]

    guarded.hear(make_accepted(client_order_id=second.client_order_id, venue_order_id="v-stop"))

    assert guarded.order("c").status is S.UNCONFIRMED
    assert guarded.order("c").venue_order_id == ""
    assert guarded.manager.ledger.order_of("coinbase", "v-stop") is guarded.order()
