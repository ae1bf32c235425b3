"""Where the venue lets an order take nothing beyond the position, a stop stays until that is flat; a close goes at once."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from domain.execution.order_rules import Capabilities, PlainOrders
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.messages.journal import IntentDone
from domain.messages.orders import (
    CancelOrder,
    CancelProtection,
    FillsReported,
    Leg,
    OrderIntent,
    OrderStatus,
    OrderType,
    Purpose,
    SubmitOrder,
)
from domain.messages.system import WindDown
from domain.settings import VenueSettings
from tests.domain.perpetual_desk import TOY, PerpetualDesk
from tests.order_builders import make_accepted, make_fill, make_intent, make_report


class ReduceOnly(PlainOrders):
    def __init__(self, settings: VenueSettings) -> None:
        self.capabilities = Capabilities(has_reduce_only=True, cancels_by_client_id=True)


def of_toy(purpose: Purpose, side: Side, name: str, **changes) -> OrderIntent:
    return make_intent(purpose, name, side=side, venue=TOY, **changes)


@pytest.fixture
def short() -> PerpetualDesk:
    """A short of 0.01 whose stop stands at the venue."""
    desk = PerpetualDesk(order_rules=ReduceOnly).ready()
    desk.hear(of_toy(Purpose.OPEN, Side.SELL, "open"))
    take(desk, "open", "v-open", Side.SELL)
    later = desk.now.utc_ns + 60 * SECOND_NS
    stop = {"leg": Leg.STOP, "stop_price": D(66000), "limit_price": D(67000), "expires_at": later}
    desk.hear(of_toy(Purpose.PROTECT, Side.BUY, "stop", **stop))
    desk.hear(make_accepted(client_order_id=desk.order("stop").id, venue=TOY, venue_order_id="v-stop"))
    return desk


def take(desk: PerpetualDesk, intent_id: str, venue_order_id: str, side: Side) -> None:
    """Let the venue take an order and fill all of it."""
    order = desk.order(intent_id)
    desk.hear(make_accepted(client_order_id=order.id, venue=TOY, venue_order_id=venue_order_id))
    fill = make_fill(str(order.order.quantity), f"f-{intent_id}", venue=TOY, venue_order_id=venue_order_id, side=side)
    desk.hear(FillsReported(ts_event=desk.now.utc_ns, venue=TOY, fills=(fill,)))


def close(desk: PerpetualDesk) -> None:
    desk.hear(of_toy(Purpose.CLOSE, Side.BUY, "close", expires_at=desk.now.utc_ns + 60 * SECOND_NS))


def test_a_stop_of_its_own_is_sent_as_one(short: PerpetualDesk) -> None:
    stop = short.sent(SubmitOrder)[-1]

    assert (stop.order_type, stop.reduce_only, stop.stop_price, stop.limit_price) == (
        OrderType.STOP,
        True,
        D("66000.00"),
        D("67000.00"),
    )
    assert short.manager.books.covered_quantity(TOY, "BTC-USD") == D("0.01")


def test_a_close_goes_at_once_and_the_stop_stays(short: PerpetualDesk) -> None:
    close(short)

    sent = short.sent(SubmitOrder)[-1]
    assert (sent.purpose, sent.side, sent.reduce_only, sent.quantity) == (Purpose.CLOSE, Side.BUY, True, D("0.01"))
    assert short.sent(CancelOrder) == []


def test_a_close_is_for_all_of_the_position_whatever_its_stops_would_take(short: PerpetualDesk) -> None:
    later = short.now.utc_ns + 60 * SECOND_NS
    target = {"leg": Leg.TARGET, "stop_price": D(60000), "limit_price": D(61000), "expires_at": later}
    short.hear(of_toy(Purpose.PROTECT, Side.BUY, "target", **target))
    short.hear(make_accepted(client_order_id=short.order("target").id, venue=TOY, venue_order_id="v-target"))
    assert short.sent(CancelOrder) == []  # a target is not in a stop's way

    close(short)

    assert short.sent(SubmitOrder)[-1].quantity == D("0.01")


def test_a_target_is_no_cover(short: PerpetualDesk) -> None:
    later = short.now.utc_ns + 60 * SECOND_NS
    target = {"leg": Leg.TARGET, "stop_price": D(60000), "limit_price": D(61000), "expires_at": later}
    short.hear(of_toy(Purpose.PROTECT, Side.BUY, "target", **target))
    short.hear(make_accepted(client_order_id=short.order("target").id, venue=TOY, venue_order_id="v-target"))
    report = {"client_order_id": short.order("stop").id, "venue": TOY, "venue_order_id": "v-stop", "side": Side.BUY}
    short.hear(make_report(OrderStatus.CANCELED, "0", **report))
    short.hear(make_report(OrderStatus.CANCELED, "0", is_read=True, **report))

    assert short.manager.books.covered_quantity(TOY, "BTC-USD") == 0


def test_after_the_close_the_stop_is_cancelled_when_that_is_asked_for(short: PerpetualDesk) -> None:
    close(short)
    take(short, "close", "v-close", Side.BUY)
    assert short.quantity == 0

    short.hear(CancelProtection(venue=TOY, instrument="BTC-USD", reason="flat"))

    assert [cancel.venue_order_id for cancel in short.sent(CancelOrder)] == ["v-stop"]


def test_only_the_leg_that_is_named_is_cancelled(short: PerpetualDesk) -> None:
    short.hear(CancelProtection(venue=TOY, instrument="BTC-USD", reason="resized", leg=Leg.TARGET))
    assert short.sent(CancelOrder) == []

    short.hear(CancelProtection(venue=TOY, instrument="BTC-USD", reason="resized", leg=Leg.STOP))

    assert len(short.sent(CancelOrder)) == 1


def test_an_opening_may_be_sent_beside_a_stop_that_waits(short: PerpetualDesk) -> None:
    """In no book, it can trade with nobody: not with an order of ours either."""
    short.hear(of_toy(Purpose.OPEN, Side.SELL, "more"))

    assert short.sent(SubmitOrder)[-1].intent_id == "more"


def test_near_the_end_of_a_run_a_close_still_goes_for_it_takes_no_stop_away(short: PerpetualDesk) -> None:
    short.hear(WindDown(deadline_ns=short.now.monotonic_ns + 3 * SECOND_NS))
    short.advance(2.9)

    close(short)

    done = [event.reason for event in short.journaled(IntentDone) if event.intent_id == "close"]
    assert done == [] and short.sent(SubmitOrder)[-1].intent_id == "close"
