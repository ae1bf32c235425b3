"""An order that should have ended by itself is cancelled after a bounded time, whatever it is for."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.instant import SECOND_NS, Instant
from domain.instrument import InstrumentId, Side
from domain.ledger.order_ids import mint_client_order_id
from domain.messages.journal import CancelRequested, IntentAccepted, IntentDone, JournalEntry, OrderFilled
from domain.messages.orders import (
    CancelOrder,
    CancelRejected,
    CancelUnconfirmed,
    OrderAccepted,
    OrderStatus,
    OrderType,
    OrderUnconfirmed,
    Purpose,
    QueryOrder,
    SubmitOrder,
    TimeInForce,
)
from domain.messages.system import AlarmOver, AlarmRaised, WindDown, WishExit
from domain.portfolio.last_call import last_call_ns
from tests.builders import MONO, UTC
from tests.order_builders import (
    TimedOrderManager,
    make_accepted,
    make_fill,
    make_intent,
    make_order,
    make_report,
    make_submitted,
)

S = OrderStatus
WITHIN_S = 5.0  # the default of protection.within_s
CLOSE = mint_client_order_id("close", 0, 1)


@pytest.fixture
def manager() -> TimedOrderManager:
    return TimedOrderManager().ready()


@pytest.fixture
def closing() -> TimedOrderManager:
    """A position whose close the venue has taken, and keeps."""
    manager = TimedOrderManager().ready()
    manager.hold()
    held = manager.sent(SubmitOrder)[-1].client_order_id
    manager.hear(make_report(S.FILLED, "0.01", client_order_id=held, venue_order_id="v-held", fees="1"))
    manager.hear(make_intent(Purpose.CLOSE, "close"))
    manager.hear(make_accepted(client_order_id=CLOSE, venue_order_id="v-close"))
    manager.told.clear()
    return manager


def reported(status: OrderStatus, quantity: str = "0"):
    return make_report(status, quantity, client_order_id=CLOSE, venue_order_id="v-close", side=Side.SELL, fees="1")


def sales(manager: TimedOrderManager) -> list[SubmitOrder]:
    return [order for order in manager.sent(SubmitOrder) if order.side is Side.SELL]


def texts(manager: TimedOrderManager, kind: type) -> list[str]:
    return [alarm.text for alarm in manager.sent(kind) if "should have ended" in alarm.text]


def test_a_close_that_the_venue_keeps_is_cancelled_in_time_and_a_person_is_told(closing: TimedOrderManager) -> None:
    closing.advance(WITHIN_S)

    assert {order.venue_order_id for order in closing.sent(CancelOrder)} == {"v-close"}
    (told,) = texts(closing, AlarmRaised)
    assert "SELL 0.01 (CLOSE)" in told and "it is being canceled, and until that is proven no stop is placed" in told


def test_one_that_ends_by_itself_is_left_alone(closing: TimedOrderManager) -> None:
    closing.advance(1)
    closing.hear(reported(S.CANCELED))

    closing.advance(60)

    assert closing.sent(CancelOrder) == [] and texts(closing, AlarmRaised) == []


def test_the_end_of_a_kept_close_ends_its_plan_so_that_the_stop_goes_back(closing: TimedOrderManager) -> None:
    closing.advance(3)
    closing.hear(reported(S.CANCELED))

    assert [done.intent_id for done in closing.journaled(IntentDone)] == ["held", "close"]
    assert sales(closing) == []
    assert texts(closing, AlarmOver) == texts(closing, AlarmRaised) != []

    closing.hear(make_intent(Purpose.PROTECT, "stop"))

    assert [order.quantity for order in sales(closing)] == [Decimal("0.01")]


def test_the_next_close_after_a_kept_one_is_wider(closing: TimedOrderManager) -> None:
    closing.advance(3)
    closing.hear(reported(S.CANCELED))
    closing.quote()

    closing.hear(make_intent(Purpose.CLOSE, "close-2"))

    (again,) = sales(closing)
    assert again.limit_price < closing.manager.ledger.orders[CLOSE].order.limit_price


def test_no_second_sale_leaves_while_the_cancel_of_a_kept_close_finds_no_answer(closing: TimedOrderManager) -> None:
    for _ in range(120):
        closing.advance(0.5)
        for cancel in closing.sent(CancelOrder)[-1:]:
            about = {"client_order_id": cancel.client_order_id, "venue": "coinbase"}
            closing.hear(CancelUnconfirmed(ts_event=closing.now.utc_ns, reason="timeout", **about))
        closing.hear(make_intent(Purpose.PROTECT, "stop"), make_intent(Purpose.CLOSE, "close-2"))

    assert sales(closing) == []
    assert len(closing.sent(CancelOrder)) >= 60 / WITHIN_S
    assert len(texts(closing, AlarmRaised)) == 1
    assert [alarm.text for alarm in closing.sent(AlarmRaised) if alarm.text.startswith("not canceled")]


def test_a_partial_fill_of_a_kept_close_is_booked_and_the_rest_cancelled(closing: TimedOrderManager) -> None:
    closing.hear(reported(S.OPEN, "0.004"))
    closing.advance(3)
    assert closing.sent(CancelOrder)

    closing.hear(reported(S.CANCELED, "0.004"))
    closing.hear(make_intent(Purpose.PROTECT, "stop"))

    assert [order.quantity for order in sales(closing)] == [Decimal("0.006")]


def test_a_fill_that_wins_against_the_cancel_is_the_end_of_it(closing: TimedOrderManager) -> None:
    closing.advance(3)
    about = {"client_order_id": CLOSE, "venue": "coinbase"}
    closing.hear(CancelRejected(ts_event=closing.now.utc_ns, code="UNKNOWN_CANCEL_ORDER", **about))
    assert closing.sent(QueryOrder)[-1].client_order_id == CLOSE  # asked at once

    closing.hear(reported(S.FILLED, "0.01"))
    closing.told.clear()
    closing.advance(60)

    assert closing.sent(CancelOrder) == sales(closing) == []
    assert closing.manager.books.position(InstrumentId("coinbase", "BTC-USD")).is_flat


def test_a_close_whose_acknowledgement_was_lost_is_cancelled_once_a_query_has_named_it(
    manager: TimedOrderManager,
) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.CLOSE, "close"))
    lost = OrderUnconfirmed(ts_event=UTC, client_order_id=CLOSE, venue="coinbase", reason="timeout")
    manager.hear(lost)
    manager.advance(4)
    assert [it for it in manager.sent(CancelOrder) if it.client_order_id == CLOSE] == []

    manager.hear(reported(S.OPEN))

    assert [it.venue_order_id for it in manager.sent(CancelOrder) if it.client_order_id == CLOSE] == ["v-close"]
    assert texts(manager, AlarmRaised) == []  # it may have arrived this very moment


@pytest.mark.parametrize("age_s", [0.1, 3600])
def test_a_restarted_desk_cancels_what_the_venue_keeps(closing: TimedOrderManager, age_s: float) -> None:
    next_run = closing.restarted(age_s)

    next_run.advance(WITHIN_S / 2)

    assert CLOSE in {order.client_order_id for order in next_run.sent(CancelOrder)}


def test_a_wall_clock_set_back_keeps_nobody_from_cancelling_what_the_venue_keeps(closing: TimedOrderManager) -> None:
    closing.set_clock(-3600)
    next_run = closing.restarted()

    next_run.advance(WITHIN_S / 2)

    assert CLOSE in {order.client_order_id for order in next_run.sent(CancelOrder)}


# ---- openings ----------------------------------------------------------------------------------------------


def opening(manager: TimedOrderManager, left_s: float) -> None:
    manager.hear(make_intent(expires_at=manager.now.utc_ns + round(left_s * SECOND_NS)), make_accepted())


def test_no_opening_outlives_its_intent(manager: TimedOrderManager) -> None:
    opening(manager, left_s=1)
    manager.advance(0.9)
    assert manager.sent(CancelOrder) == []

    manager.advance(0.1)

    assert [order.venue_order_id for order in manager.sent(CancelOrder)] == ["v-1"]


def test_an_opening_that_the_venue_keeps_is_cancelled_though_its_intent_lasts_longer(
    manager: TimedOrderManager,
) -> None:
    opening(manager, left_s=60)

    manager.advance(WITHIN_S / 2)

    assert [order.venue_order_id for order in manager.sent(CancelOrder)] == ["v-1"]


def test_an_opening_is_cancelled_at_once_when_an_exit_is_wanted_there(manager: TimedOrderManager) -> None:
    opening(manager, left_s=60)

    manager.hear(WishExit(venue="coinbase", instrument="BTC-USD", signal_id="exit"))

    assert [order.venue_order_id for order in manager.sent(CancelOrder)] == ["v-1"]


def test_an_opening_is_cancelled_at_once_when_winding_down_begins(manager: TimedOrderManager) -> None:
    opening(manager, left_s=60)

    manager.hear(WindDown(deadline_ns=manager.now.monotonic_ns + 10 * SECOND_NS))

    assert [order.venue_order_id for order in manager.sent(CancelOrder)] == ["v-1"]


def test_a_close_that_is_at_the_venue_near_the_end_of_a_run_is_cancelled_while_there_is_time_for_a_stop(
    closing: TimedOrderManager,
) -> None:
    deadline_ns = closing.now.monotonic_ns + 3 * SECOND_NS
    closing.hear(WindDown(deadline_ns=deadline_ns))

    closing.advance((last_call_ns(deadline_ns, closing.now, closing.settings) - closing.now.monotonic_ns) / SECOND_NS)

    assert closing.now.monotonic_ns < deadline_ns
    assert [order.venue_order_id for order in closing.sent(CancelOrder)] == ["v-close"]


def test_an_opening_named_after_its_exit_was_wanted_is_cancelled_then(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), WishExit(venue="coinbase", instrument="BTC-USD", signal_id="exit"))
    assert manager.sent(CancelOrder) == []

    manager.hear(make_accepted())

    assert [order.venue_order_id for order in manager.sent(CancelOrder)] == ["v-1"]


def test_a_close_waits_for_the_end_of_an_opening_whose_rest_the_venue_keeps(manager: TimedOrderManager) -> None:
    opening(manager, left_s=60)
    manager.hear(make_report(S.OPEN, "0.004", fees="1"))
    manager.advance(3)
    manager.quote()

    manager.hear(make_intent(Purpose.CLOSE, "close"))
    assert sales(manager) == []
    manager.hear(make_report(S.CANCELED, "0.004", fees="1"))

    assert [order.quantity for order in sales(manager)] == [Decimal("0.004")]


# ---- whatever the purpose, and every kind that ends by itself ------------------------------------------------


def kept(purpose: Purpose, **changes) -> TimedOrderManager:
    """Return an order manager that finds such an order in its journal, taken by the venue a moment ago."""
    intent = make_intent(purpose)
    order = make_order(purpose=purpose, side=intent.side, **changes)
    bought = make_intent(intent_id="held")
    held = make_submitted(make_order(intent_id="held", client_order_id=mint_client_order_id("held", 0, 1)))
    about = {"client_order_id": held.order.client_order_id, "intent_id": "held", "purpose": Purpose.OPEN}
    events = [
        IntentAccepted(ts_event=UTC, intent=bought),
        held,
        OrderAccepted(
            ts_event=UTC, client_order_id=held.order.client_order_id, venue="coinbase", venue_order_id="v-held"
        ),
        OrderFilled(ts_event=UTC, fill=make_fill(fill_id="f-held", venue_order_id="v-held"), **about),
        IntentAccepted(ts_event=UTC, intent=intent),
        make_submitted(order),
        make_accepted(),
    ]
    journal = [JournalEntry(seq=seq, recorded_at=UTC, event=event) for seq, event in enumerate(events, 1)]
    return TimedOrderManager(journal=journal, now=Instant(MONO, UTC))


@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
def test_whatever_should_end_as_it_arrives_is_cancelled(purpose: Purpose, time_in_force: TimeInForce) -> None:
    manager = kept(purpose, time_in_force=time_in_force)

    manager.advance(WITHIN_S / 2)

    assert "i-1" in [
        manager.manager.ledger.orders[it.client_order_id].order.intent_id for it in manager.journaled(CancelRequested)
    ]


def test_one_that_outlives_its_own_end_is_cancelled_after_it(manager: TimedOrderManager) -> None:
    manager = kept(Purpose.CLOSE, time_in_force=TimeInForce.GTD, expires_at=UTC + 20 * SECOND_NS)
    manager.advance(20)
    assert not [it for it in manager.sent(CancelOrder) if it.venue_order_id == "v-1"]

    manager.advance(WITHIN_S / 2)

    assert [it for it in manager.sent(CancelOrder) if it.venue_order_id == "v-1"]


def test_a_stop_that_rests_is_left_alone(manager: TimedOrderManager) -> None:
    bracket = {"order_type": OrderType.BRACKET, "time_in_force": TimeInForce.GTC, "stop_price": Decimal(61000)}
    manager = kept(Purpose.PROTECT, **bracket)

    manager.advance(600)

    assert not [it for it in manager.sent(CancelOrder) if it.venue_order_id == "v-1"]
