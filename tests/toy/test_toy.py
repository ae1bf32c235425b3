"""The toy venue: what its client, its stream and its rules promise, and what is put in their way."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.errors import Ambiguous, Rejected, Retryable, VenueError
from domain.instant import SECOND_NS
from domain.instrument import InstrumentKind, Side
from domain.messages.account import FundingReported
from domain.messages.market import StreamGap, StreamWhole
from domain.messages.orders import (
    CancelOrder,
    FillCause,
    FillsReported,
    OrderNotFound,
    OrderReported,
    OrderStatus,
    OrderType,
    QueryOrder,
    SubmitOrder,
    TimeInForce,
    VenueClockSeen,
    VenueMoment,
)
from domain.reconciliation.evidence import Absence, Ending
from domain.settings import VenueSettings
from tests.builders import UTC
from tests.simulated_toy import SimulatedToy
from tests.toy.rows import VENUE
from tests.toy.rules import ToyEvidence, client_order_id, wire_id

D = Decimal


@pytest.fixture
def venue() -> SimulatedToy:
    return SimulatedToy()


def taker(venue: SimulatedToy, side: Side, quantity: str = "0.1", name: str = "taker", **changes) -> SubmitOrder:
    price = venue.touch(side) + side.sign * 100
    changes = {"side": side, "quantity": D(quantity), "limit_price": price, "time_in_force": TimeInForce.IOC, **changes}
    return venue.order(f"{name} {side} {quantity}", **changes)


def trigger(venue: SimulatedToy, order_type: OrderType, side: Side, stop: int, **changes) -> SubmitOrder:
    prices = {"stop_price": D(stop), "limit_price": D(stop + side.sign * 600)}
    return venue.order(
        f"{order_type} {side} {stop}", order_type=order_type, side=side, quantity=D("0.1"), **{**prices, **changes}
    )


def query(command: SubmitOrder) -> QueryOrder:
    name, wire = command.client_order_id, command.venue_client_id
    return QueryOrder(client_order_id=name, venue=VENUE, instrument="BTC-USD", sent_at=UTC, venue_client_id=wire)


def move(venue: SimulatedToy, price: str) -> None:
    """Let the asset be worth this everywhere, and the makers follow."""
    venue.world.markets[VENUE].products["BTC"]._latents["BTC"] = float(price)
    venue.clock.advance(1)
    venue.world.advance(venue.clock.now().utc_ns)


# ---- ids and orders --------------------------------------------------------------------------------------


def test_our_ids_go_there_and_back(venue: SimulatedToy) -> None:
    ours = venue.order().client_order_id

    assert wire_id(ours) == "0x" + ours.replace("-", "")
    assert client_order_id(wire_id(ours)) == ours
    assert client_order_id("web:7") == "web:7"


def test_an_order_that_lands_too_late_is_refused(venue: SimulatedToy) -> None:
    venue.inject("late_accept", "submit", seconds=6.0)
    in_doubt, in_time = venue.order("too late"), venue.order("in time")
    with pytest.raises(Ambiguous):
        venue.client.submit_order(in_doubt, 2)
    venue.inject("late_accept", "submit", seconds=1.0)
    with pytest.raises(Ambiguous):
        venue.client.submit_order(in_time, 2)

    venue.clock.advance(10)
    venue.world.advance(venue.clock.now().utc_ns)

    assert [each.asked.client_order_id for each in venue.orders] == [in_time.venue_client_id]
    with pytest.raises(Rejected) as refused:
        venue.client.submit_order(replace(in_time, accept_until=VenueMoment(utc_ns=UTC)), 2)
    assert refused.value.code == "EXPIRED"


def test_a_stop_waits_for_the_mark_to_get_worse_and_a_target_for_better(venue: SimulatedToy) -> None:
    venue.client.submit_order(taker(venue, Side.SELL, name="opening"), 5)
    stop = trigger(venue, OrderType.STOP, Side.BUY, 65_000, reduce_only=True)
    target = trigger(venue, OrderType.TAKE_PROFIT, Side.BUY, 63_000, reduce_only=True)
    for each in (stop, target):
        venue.client.submit_order(each, 5)

    move(venue, "65010")

    assert venue.client.find_order(query(stop), 5).status is OrderStatus.FILLED
    assert venue.client.find_order(query(target), 5).status is OrderStatus.CANCELED  # nothing is left to reduce
    assert venue.client.list_positions(5) == ()


def test_what_is_triggered_already_is_refused(venue: SimulatedToy) -> None:
    venue.client.submit_order(taker(venue, Side.BUY), 5)

    with pytest.raises(Rejected):
        venue.client.submit_order(trigger(venue, OrderType.STOP, Side.SELL, 70_000), 5)
    with pytest.raises(Rejected):
        venue.client.submit_order(trigger(venue, OrderType.TAKE_PROFIT, Side.SELL, 60_000), 5)


def test_an_order_can_be_cancelled_before_we_know_its_name_there(venue: SimulatedToy) -> None:
    command = venue.order()
    venue.inject("timeout_after_accept", "submit")
    with pytest.raises(Ambiguous):
        venue.client.submit_order(command, 2)
    ours = {"client_order_id": command.client_order_id, "venue_client_id": command.venue_client_id}

    venue.client.cancel_order(CancelOrder(venue=VENUE, venue_order_id="", **ours), 5)

    assert venue.client.find_order(query(command), 5).status is OrderStatus.CANCELED


# ---- the account -----------------------------------------------------------------------------------------


def test_funding_is_paid_on_the_hour_and_told_by_its_time(venue: SimulatedToy) -> None:
    venue.client.submit_order(taker(venue, Side.BUY), 5)
    before = venue.client.list_balances(5)[0].total

    venue.clock.advance(3_600)

    [paid] = venue.client.list_funding(0, 5)
    assert (paid.instrument, paid.currency, paid.wallet, paid.quantity) == ("BTC-USD", "USDC", "perpetual", D("0.1"))
    assert paid.paid_at % (3_600 * SECOND_NS) == 0
    assert venue.client.list_balances(5)[0].total == before + paid.amount
    assert venue.client.list_funding(paid.paid_at + 1, 5) == ()


def test_leverage_and_margin_mode_are_told_where_they_are_set_position_or_not(venue: SimulatedToy) -> None:
    venue.client.submit_order(taker(venue, Side.BUY), 5)
    venue.toy.margin_set["ETH"] = D(3), True

    told = [(it.instrument, it.quantity, it.leverage, it.is_isolated) for it in venue.client.list_positions(5)]

    assert told == [("BTC-USD", D("0.1"), None, None), ("ETH-USD", 0, D(3), True)]


def test_a_stream_tells_of_funding_as_the_lists_do(venue: SimulatedToy) -> None:
    venue.client.submit_order(taker(venue, Side.BUY), 5)
    stream = venue.private_stream()
    pipe = venue.connect(stream)
    venue.listen(stream, pipe, 0.1)

    venue.clock.advance(3_600)
    told = venue.listen(stream, pipe, 0.1)

    payments = [paid for event in told if isinstance(event, FundingReported) for paid in event.payments]

    assert payments == list(venue.client.list_funding(0, 5)) != []


def test_a_liquidation_is_a_fill_with_its_cause_and_no_order_of_anybody(venue: SimulatedToy) -> None:
    stream = venue.private_stream()
    pipe = venue.connect(stream)
    venue.client.submit_order(taker(venue, Side.SELL, "1"), 5)
    venue.listen(stream, pipe, 0.1)
    [short] = venue.client.list_positions(5)
    assert short.liquidation_price and short.liquidation_price < 73_300

    move(venue, "73300")
    events = venue.listen(stream, pipe, 0.1)

    forced = [fill for event in events if isinstance(event, FillsReported) for fill in event.fills]
    assert {fill.cause for fill in forced} == {FillCause.LIQUIDATION}
    left = sum(held.quantity for held in venue.client.list_positions(5))
    assert short.quantity < left == short.quantity + sum(fill.quantity for fill in forced)
    ours = {order.venue_order_id for order in events if isinstance(order, OrderReported)}
    assert not ours & {fill.venue_order_id for fill in forced}


def test_a_lagging_read_shows_what_was(venue: SimulatedToy) -> None:
    venue.client.submit_order(taker(venue, Side.BUY, "0.1"), 5)
    balances, fills = venue.client.list_balances(5), venue.client.list_fills(0, 5)
    venue.clock.advance(1)
    venue.client.submit_order(taker(venue, Side.SELL, "0.3"), 5)
    venue.inject("lag", "accounts", seconds=0.5, count=2)
    venue.inject("lag", "fills", seconds=0.5)

    assert venue.client.list_balances(5) == balances
    assert [held.quantity for held in venue.client.list_positions(5)] == [D("0.1")]
    assert venue.client.list_fills(0, 5) == fills
    assert [held.quantity for held in venue.client.list_positions(5)] == [D("-0.2")]


# ---- the stream ------------------------------------------------------------------------------------------


def test_the_stream_tells_exact_fills_what_orders_came_to_and_the_time(venue: SimulatedToy) -> None:
    stream = venue.private_stream()
    pipe = venue.connect(stream)
    command = taker(venue, Side.BUY)
    accepted = venue.client.submit_order(command, 5)

    events = venue.listen(stream, pipe, 0.1)

    told = [fill for event in events if isinstance(event, FillsReported) for fill in event.fills]
    assert told == list(venue.client.list_fills(0, 5))
    [*_, order] = [event for event in events if isinstance(event, OrderReported)]
    assert (order.client_order_id, order.venue_order_id) == (command.client_order_id, accepted.venue_order_id)
    assert (order.status, order.cumulative_quantity) == (OrderStatus.FILLED, D("0.1"))
    clock = next(event for event in events if isinstance(event, VenueClockSeen))
    assert clock.utc_ns - UTC == clock.told_ns - venue.clock.now().monotonic_ns + venue.clock.elapsed_ns


def test_a_frame_that_is_lost_is_a_gap_until_the_next_connection(venue: SimulatedToy) -> None:
    stream = venue.private_stream()
    pipe = venue.connect(stream)
    venue.listen(stream, pipe, 0.1)
    venue.inject("gap", "private_stream", channel="account")
    venue.client.submit_order(venue.order(), 5)

    events = venue.listen(stream, pipe, 2)

    assert any(isinstance(event, StreamGap) for event in events)
    assert not any(isinstance(event, (StreamWhole, OrderReported)) for event in events)
    again = venue.listen(stream, venue.connect(stream), 0.1)
    assert [event.status for event in again if isinstance(event, OrderReported)] == [OrderStatus.OPEN]


# ---- fates and proofs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fate", "placed"),
    [
        ("429", Retryable, 0),
        ("5xx", Ambiguous, 0),
        ("refuse", Ambiguous, 0),
        ("timeout_before_accept", Ambiguous, 0),
        ("timeout_after_accept", Ambiguous, 1),
        ("5xx_after_accept", Ambiguous, 1),
        ("reject", Rejected, 0),
        ("delay", Ambiguous, 1),
    ],
)
def test_every_fault_of_a_create_has_its_fate(venue: SimulatedToy, kind: str, fate: type, placed: int) -> None:
    venue.inject(kind, "submit")

    with pytest.raises(VenueError) as raised:
        venue.client.submit_order(venue.order(), 2)

    assert (type(raised.value), len(venue.orders)) == (fate, placed)


def test_an_order_may_fail_after_it_was_accepted(venue: SimulatedToy) -> None:
    venue.inject("fail", "submit")

    venue.client.submit_order(venue.order(), 2)

    assert venue.client.find_order(query(venue.order()), 2).status is OrderStatus.REJECTED


def test_only_a_look_later_than_an_orders_own_end_proves_it_absent(venue: SimulatedToy) -> None:
    evidence = ToyEvidence(VenueSettings())
    known = {"accept_until_ns": 0, "apart_ns": 0, "accept_end_ns": 100}
    settled_ns = 100 + 2 * SECOND_NS

    def is_absent(**changes) -> bool:
        return evidence.absent(Absence(**{**known, "last_look_ns": settled_ns + 1, **changes})).is_proven

    assert isinstance(venue.client.find_order(query(venue.order()), 2), OrderNotFound)
    assert is_absent()
    assert not is_absent(last_look_ns=settled_ns)
    assert not is_absent(accept_end_ns=None)
    assert not is_absent(named_ns=50)
    assert not is_absent(has_unclaimed_fill=True)


def test_a_read_proves_an_end_and_a_stop_that_only_reduces_is_no_danger() -> None:
    evidence = ToyEvidence(VenueSettings())
    ending = Ending(ended_ns=5, is_read_alike=True, has_rested=False, may_be_repeated=True)

    assert evidence.ended(ending).is_proven
    assert not evidence.ended(replace(ending, is_read_alike=False)).is_proven
    assert evidence.close_beside(InstrumentKind.PERPETUAL, is_in_place=True, spare=None).is_proven
