"""The gateway turns commands into calls and every kind of answer into the one event that is true of it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from actors.exchange_gateway import ExchangeGateway
from actors.stage.stage import Stage
from actors.stage.toolbox import START
from domain.effects import Role
from domain.errors import Ambiguous, Fatal, Rejected, Retryable, VenueError
from domain.execution.order_rules import Capabilities, PlainOrders
from domain.instant import SECOND_NS
from domain.instrument import Instrument, InstrumentKind
from domain.messages.account import FundingReported, RequestSnapshot, RowsUnread, SnapshotFailed, VenueSnapshot
from domain.messages.base import Event
from domain.messages.budgets import BudgetsReported
from domain.messages.listing import Listing, Unread, Unspendable
from domain.messages.market import InstrumentStatus, StreamGap, StreamWhole, TradingStatus, VenueComplained
from domain.messages.orders import (
    CancelAccepted,
    CancelOrder,
    CancelRejected,
    CancelUnconfirmed,
    Fill,
    FillsReported,
    InstrumentsLoaded,
    OrderAccepted,
    OrderNotSent,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OrderUnconfirmed,
    PrivateStreamChanged,
    Purpose,
    QueryFailed,
    QueryOrder,
    RequestTouch,
    TouchReported,
    VenueClockSeen,
)
from domain.messages.positions import FundingPayment
from domain.messages.replacements import ModifyAccepted, ModifyOrder, ModifyRejected, ModifyUnconfirmed
from domain.messages.system import (
    AlarmOver,
    AlarmRaised,
    BreakerChanged,
    BreakerState,
    Operation,
    OperationEnded,
    VenueAccessChanged,
)
from domain.resilience.budgets import BucketTerms, Cost, RequestKind, one_budget
from domain.settings import Settings, VenueSettings
from tests.actors.fakes import FakeVenue
from tests.builders import make_instrument
from tests.order_builders import make_accepted, make_fill, make_order, make_report

GATEWAY = Role.EXCHANGE_GATEWAY.at("coinbase")
BREAKER = Role.CIRCUIT_BREAKER.at("coinbase")
NOW = START.utc_ns
LOADED = InstrumentsLoaded(
    ts_event=NOW,
    venue="coinbase",
    instruments=(make_instrument(),),
    taker_fee_ratio=Decimal("0.006"),
    maker_fee_ratio=Decimal("0.004"),
)


@pytest.fixture
def venue() -> FakeVenue:
    venue = FakeVenue()
    venue.answers["load_instruments"].append(LOADED)
    venue.answers["sent_ns"].extend([None] * 20)
    return venue


@pytest.fixture
def stage(venue: FakeVenue) -> Stage:
    stage = venue.stage = Stage(kits={"coinbase": venue.kit()})
    stage.cast(ExchangeGateway, GATEWAY)
    stage.advance(seconds=0.1)
    return stage


def heard(stage: Stage, *kinds: type[Event]) -> list:
    return [message for message in stage.received[Role.ORDER_ROUTER] if isinstance(message, kinds)]


def answer_to_submit(venue: FakeVenue, stage: Stage, *answers: object, **changes) -> Event:
    venue.answers["submit_order"].extend(answers)
    stage.received[Role.ORDER_ROUTER].clear()
    stage.tell(GATEWAY, make_order(**changes))
    stage.advance(seconds=0.1)
    [event] = stage.received[Role.ORDER_ROUTER]
    return event


def ended(stage: Stage, operation: Operation) -> list[bool]:
    calls = [message for message in stage.received[BREAKER] if isinstance(message, OperationEnded)]
    return [call.succeeded for call in calls if call.operation is operation]


# ---- submitting ------------------------------------------------------------------------------------------


def test_an_accepted_order_is_told_as_the_venue_said_it(venue: FakeVenue, stage: Stage) -> None:
    assert answer_to_submit(venue, stage, make_accepted()) == make_accepted()
    assert ended(stage, Operation.SUBMIT) == [True]


def test_a_rejection_is_a_success_of_the_venue_and_a_definite_no(venue: FakeVenue, stage: Stage) -> None:
    event = answer_to_submit(venue, stage, Rejected("no money", code="INSUFFICIENT_FUND"))

    assert isinstance(event, OrderRejected)
    assert event.code == "INSUFFICIENT_FUND"
    assert ended(stage, Operation.SUBMIT) == [True]


@pytest.mark.parametrize("error", [Ambiguous("?", code="timeout"), Fatal("?", code="401")])
def test_an_answer_that_proves_nothing_leaves_the_order_in_doubt(
    venue: FakeVenue, stage: Stage, error: VenueError
) -> None:
    event = answer_to_submit(venue, stage, error)

    assert isinstance(event, OrderUnconfirmed)
    assert event.reason == error.code
    assert ended(stage, Operation.SUBMIT) == [False]


def test_an_order_that_never_left_is_tried_once_more_under_its_id(venue: FakeVenue, stage: Stage) -> None:
    event = answer_to_submit(venue, stage, Retryable("refused", code="refused"), make_accepted())

    first, second = venue.called("submit_order")
    assert first == second
    assert isinstance(event, OrderAccepted)


def test_an_order_that_never_left_twice_is_given_back_as_not_sent(venue: FakeVenue, stage: Stage) -> None:
    refused = Retryable("refused", code="refused")

    event = answer_to_submit(venue, stage, refused, refused)

    assert isinstance(event, OrderNotSent)
    assert len(venue.called("submit_order")) == 2


@pytest.mark.parametrize(
    ("error", "is_void", "is_refused"),
    [
        (Retryable("refused", code="refused"), True, False),
        (Rejected("too late", code="INVALID_PRICE"), True, True),
        (Ambiguous("timeout", code="timeout"), False, False),
    ],
)
def test_whatever_becomes_of_a_second_send_says_nothing_about_the_first(
    venue: FakeVenue, stage: Stage, error: VenueError, is_void: bool, is_refused: bool
) -> None:
    event = answer_to_submit(venue, stage, error, error, is_resubmission=True)

    assert isinstance(event, OrderUnconfirmed)
    assert (event.reason, event.is_void, event.is_refused) == (error.code, is_void, is_refused)


def test_what_reduces_risk_waits_for_an_answer_only_while_there_is_time_for_another_try(
    venue: FakeVenue, stage: Stage
) -> None:
    answer_to_submit(venue, stage, make_accepted())
    answer_to_submit(venue, stage, make_accepted(), purpose=Purpose.PROTECT)

    assert venue.timeouts_s["submit_order"] == [5.0, 2.5]


# ---- several in one request ------------------------------------------------------------------------------


class Batches(PlainOrders):
    """A venue that takes three orders in one request."""

    def __init__(self, settings: VenueSettings) -> None:
        self.capabilities = Capabilities(most_submits=3, most_cancels=3)


def cancel(name: str) -> CancelOrder:
    return CancelOrder(client_order_id=name, venue="coinbase", venue_order_id=f"v-{name}")


def canceled(name: str) -> CancelAccepted:
    return CancelAccepted(ts_event=NOW, client_order_id=name, venue="coinbase")


@pytest.fixture
def spent(venue: FakeVenue) -> Stage:
    """A stage whose budget is spent, at a venue that takes three orders in one request."""
    stage = venue.stage = Stage(kits={"coinbase": venue.kit()._replace(order_rules=Batches)})
    stage.cast(ExchangeGateway, GATEWAY)
    stage.advance(seconds=2)
    venue.last["cancel_order"] = canceled("other")
    for number in range(int(stage.settings.venues["coinbase"].requests_per_second)):
        stage.tell(GATEWAY, cancel(f"other-{number}"))
        stage.advance(seconds=0.001)
    stage.received[Role.ORDER_ROUTER].clear()
    venue.calls.clear()
    return stage


def test_cancels_that_wait_share_requests_and_each_has_its_own_fate(venue: FakeVenue, spent: Stage) -> None:
    venue.answers["cancel_many"].append([canceled("a"), Rejected("no", code="FILLED"), Ambiguous("?", code="bad")])

    for name in ("a", "b", "c", "d"):
        spent.tell(GATEWAY, cancel(name))
    assert venue.calls == []
    spent.advance(seconds=1.1)

    assert venue.called("cancel_many") == [[cancel("a"), cancel("b"), cancel("c")]]
    assert venue.called("cancel_order") == [cancel("d")]
    told = {
        event.client_order_id: type(event) for event in heard(spent, CancelAccepted, CancelRejected, CancelUnconfirmed)
    }
    assert told == {"a": CancelAccepted, "b": CancelRejected, "c": CancelUnconfirmed, "other": CancelAccepted}


@pytest.mark.parametrize(
    "error", [Rejected("no", code="400"), Ambiguous("?", code="timeout"), Fatal("?", code="401"), None]
)
def test_a_request_that_fails_as_a_whole_refuses_none_of_its_orders(
    venue: FakeVenue, spent: Stage, error: VenueError | None
) -> None:
    """F07, TC-E77"""
    venue.answers["cancel_many"].append(error or [canceled("a")])  # or fates of who knows which
    venue.answers["submit_many"].append(error or [])

    for name in ("a", "b"):
        spent.tell(GATEWAY, cancel(name))
        spent.tell(GATEWAY, make_order(client_order_id=name, purpose=Purpose.CLOSE))
    spent.advance(seconds=1.1)

    assert [event.client_order_id for event in heard(spent, CancelUnconfirmed)] == ["a", "b"]
    assert [event.client_order_id for event in heard(spent, OrderUnconfirmed)] == ["a", "b"]
    assert heard(spent, CancelRejected, OrderRejected) == []


def test_orders_that_wait_share_a_request_and_what_reduces_goes_with_its_like(venue: FakeVenue, spent: Stage) -> None:
    close, other = (make_order(client_order_id=name, purpose=Purpose.CLOSE) for name in ("a", "c"))
    opening = make_order(client_order_id="b")
    venue.answers["submit_many"].append([make_accepted(client_order_id="a"), Rejected("no", code="NO_MONEY")])
    venue.answers["submit_order"].append(make_accepted(client_order_id="b"))

    for command in (close, opening, other):
        spent.tell(GATEWAY, command)
    spent.advance(seconds=1.5)

    assert venue.called("submit_many") == [[close, other]]
    assert venue.called("submit_order") == [opening]
    assert [event.client_order_id for event in heard(spent, OrderAccepted)] == ["a", "b"]
    assert [event.client_order_id for event in heard(spent, OrderRejected)] == ["c"]


# ---- changes ---------------------------------------------------------------------------------------------


def modify(**changes) -> ModifyOrder:
    order = make_order(purpose=Purpose.PROTECT, leave_by=NOW + SECOND_NS, **changes)
    return ModifyOrder(
        client_order_id=order.client_order_id,
        venue="coinbase",
        venue_order_id="v-1",
        order=order,
        filled_quantity=Decimal(0),
    )


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Rejected("no", code="TOO_LATE"), ModifyRejected),
        (Retryable("?", code="429"), ModifyRejected),
        (Ambiguous("?", code="timeout"), ModifyUnconfirmed),
        (Fatal("?", code="401"), ModifyUnconfirmed),
    ],
)
def test_a_change_is_told_for_what_its_answer_proves(
    venue: FakeVenue, stage: Stage, answer: VenueError, told: type[Event]
) -> None:
    venue.answers["modify_order"].append(answer)

    stage.tell(GATEWAY, modify())
    stage.advance(seconds=0.1)

    assert len(heard(stage, told)) == 1
    assert venue.called("modify_order") == [modify()]


def test_a_change_that_is_through_is_told_with_its_new_name(venue: FakeVenue, stage: Stage) -> None:
    accepted = ModifyAccepted(ts_event=NOW, client_order_id="c", venue="coinbase", venue_order_id="v-2")
    venue.answers["modify_order"].append(accepted)

    stage.tell(GATEWAY, modify())
    stage.advance(seconds=0.1)

    assert heard(stage, ModifyAccepted) == [accepted]


def test_a_change_that_has_waited_too_long_is_not_sent(venue: FakeVenue, stage: Stage) -> None:
    command = modify()
    stage.advance(seconds=2)

    stage.tell(GATEWAY, command)

    assert [event.code for event in heard(stage, ModifyRejected)] == ["waited_too_long"]
    assert venue.called("modify_order") == []


# ---- the breaker's gate ----------------------------------------------------------------------------------


def open_breaker(stage: Stage, state: BreakerState = BreakerState.OPEN) -> None:
    change = BreakerChanged(ts_event=NOW, venue="coinbase", operation=Operation.SUBMIT, state=state)
    stage.tell(GATEWAY, change, sender=BREAKER)


def test_an_open_breaker_stops_openings_without_a_call(venue: FakeVenue, stage: Stage) -> None:
    open_breaker(stage)

    event = answer_to_submit(venue, stage, make_accepted())

    assert isinstance(event, OrderNotSent)
    assert event.reason == "breaker_open"
    assert venue.called("submit_order") == []


def test_an_open_breaker_never_stops_reducing_orders_and_cancels(venue: FakeVenue, stage: Stage) -> None:
    open_breaker(stage)

    event = answer_to_submit(venue, stage, make_accepted(), purpose=Purpose.CLOSE)
    stage.tell(GATEWAY, CancelOrder(client_order_id="c", venue="coinbase", venue_order_id="v"))

    assert isinstance(event, OrderAccepted)
    assert len(venue.called("cancel_order")) == 1


def test_a_half_open_breaker_lets_one_probe_through_at_a_time(venue: FakeVenue, stage: Stage) -> None:
    open_breaker(stage, BreakerState.HALF_OPEN)
    venue.answers["submit_order"].extend([make_accepted(), make_accepted()])
    probe, second = make_order(), make_order(client_order_id="another")

    stage.tell(GATEWAY, probe, second)
    stage.advance(seconds=0.1)

    assert [order.client_order_id for order in venue.called("submit_order")] == [probe.client_order_id]


# ---- cancels and queries ---------------------------------------------------------------------------------

CANCEL = CancelOrder(client_order_id="c", venue="coinbase", venue_order_id="v")
QUERY = QueryOrder(client_order_id="c", venue="coinbase", instrument="BTC-USD", sent_at=NOW)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Rejected("gone", code="UNKNOWN_CANCEL_ORDER"), CancelRejected),
        (Ambiguous("?", code="timeout"), CancelUnconfirmed),
        (Retryable("?", code="429"), CancelUnconfirmed),
    ],
)
def test_a_cancel_that_is_not_confirmed_is_told_as_what_it_is(
    venue: FakeVenue, stage: Stage, answer: VenueError, kind: type
) -> None:
    venue.answers["cancel_order"].append(answer)

    stage.tell(GATEWAY, CANCEL)
    stage.advance(seconds=0.1)

    assert len(heard(stage, kind)) == 1


def test_a_query_that_fails_leaves_the_fate_unknown(venue: FakeVenue, stage: Stage) -> None:
    venue.answers["find_order"].append(Retryable("?", code="503"))

    stage.tell(GATEWAY, QUERY)
    stage.advance(seconds=0.1)

    assert [event.reason for event in heard(stage, QueryFailed)] == ["503"]


def test_an_order_is_not_asked_about_twice_at_a_time(venue: FakeVenue, stage: Stage) -> None:
    venue.takes_s["find_order"] = 5
    venue.answers["find_order"].extend([Retryable("?", code="timeout")] * 2)
    for _ in range(3):
        stage.tell(GATEWAY, QUERY)
        stage.advance(seconds=1)
    assert len(venue.called("find_order")) == 1

    stage.advance(seconds=3)
    stage.tell(GATEWAY, QUERY)

    assert len(venue.called("find_order")) == 2


def test_reads_and_openings_that_hang_hold_up_no_cancel(venue: FakeVenue, stage: Stage) -> None:
    workers = stage.settings.venues["coinbase"].workers
    for method in ("find_order", "submit_order", "cancel_order"):
        venue.takes_s[method] = 5
        venue.answers[method].extend([Ambiguous("?", code="timeout")] * workers)
    for number in range(workers):
        stage.tell(GATEWAY, msgspec.structs.replace(QUERY, client_order_id=f"doubt {number}"))
        stage.tell(GATEWAY, make_order(client_order_id=f"opening {number}"))

    stage.tell(GATEWAY, CANCEL)
    assert len(venue.called("cancel_order")) == 1

    stage.advance(seconds=6 * workers)  # and all of the others get their turn
    assert len(venue.called("find_order") + venue.called("submit_order")) == 2 * workers


def test_openings_of_one_candle_leave_at_once_whatever_is_being_read(venue: FakeVenue, stage: Stage) -> None:
    workers = stage.settings.venues["coinbase"].workers
    venue.takes_s["list_open_orders"] = 5
    for number in range(2 * workers):
        stage.tell(GATEWAY, RequestSnapshot(request_id=number, venue="coinbase", fills_since=NOW))
    assert len(venue.called("list_open_orders")) == workers // 2

    for number in range(workers // 4):
        stage.tell(GATEWAY, make_order(client_order_id=f"opening {number}"))

    assert len(venue.called("submit_order")) == workers // 4


def test_what_became_of_an_order_is_asked_whatever_is_being_read(venue: FakeVenue, stage: Stage) -> None:
    workers = stage.settings.venues["coinbase"].workers
    venue.takes_s["list_open_orders"] = 5
    for number in range(2 * workers):
        stage.tell(GATEWAY, RequestSnapshot(request_id=number, venue="coinbase", fills_since=NOW))

    stage.tell(GATEWAY, QUERY)

    assert len(venue.called("find_order")) == 1


def test_a_long_pause_that_the_venue_asks_for_keeps_no_order_in_doubt(venue: FakeVenue, stage: Stage) -> None:
    pause = Retryable("429", code="429", retry_after_ns=60 * SECOND_NS)
    venue.answers["list_open_orders"].append(pause)
    stage.tell(GATEWAY, RequestSnapshot(request_id=1, venue="coinbase", fills_since=NOW))
    stage.advance(seconds=0.1)

    stage.tell(GATEWAY, QUERY)
    stage.tell(GATEWAY, RequestSnapshot(request_id=2, venue="coinbase", fills_since=NOW))
    stage.advance(seconds=5)

    assert len(venue.called("find_order")) == 1
    assert len(venue.called("list_open_orders")) == 1


def test_an_order_that_waits_too_long_is_not_sent(venue: FakeVenue, stage: Stage) -> None:
    pause = Retryable("429", code="429", retry_after_ns=60 * SECOND_NS)
    venue.answers["list_open_orders"].append(pause)
    stage.tell(GATEWAY, RequestSnapshot(request_id=1, venue="coinbase", fills_since=NOW))
    stage.advance(seconds=0.1)
    order = make_order(leave_by=stage.clock.now().utc_ns + 3 * SECOND_NS)

    stage.tell(GATEWAY, order)
    stage.advance(seconds=2.9)
    assert heard(stage, OrderNotSent) == []
    stage.advance(seconds=0.2)

    (event,) = heard(stage, OrderNotSent)
    assert (event.client_order_id, event.reason) == (order.client_order_id, "waited_too_long")
    stage.advance(seconds=100)
    assert venue.called("submit_order") == []


@pytest.mark.parametrize("step_s", [-3600, 3600])
@pytest.mark.parametrize("purpose", [Purpose.CLOSE, Purpose.OPEN])
def test_no_step_of_our_clock_lets_an_order_leave_later_or_a_close_not_at_all(
    venue: FakeVenue, stage: Stage, purpose: Purpose, step_s: float
) -> None:
    pause = Retryable("429", code="429", retry_after_ns=60 * SECOND_NS)  # a close waits a second at most
    venue.answers["list_open_orders"].append(pause)
    venue.answers["submit_order"].append(make_accepted())
    stage.tell(GATEWAY, RequestSnapshot(request_id=1, venue="coinbase", fills_since=NOW))
    stage.advance(seconds=0.1)
    now = stage.clock.now()
    end = {"leave_by": now.utc_ns + 3 * SECOND_NS, "leave_by_ns": now.monotonic_ns + 3 * SECOND_NS}

    stage.tell(GATEWAY, make_order(purpose=purpose, **end))
    stage.clock.step(step_s)
    stage.advance(seconds=3.5)

    is_close = purpose is Purpose.CLOSE
    assert len(venue.called("submit_order")) == is_close
    assert len(heard(stage, OrderNotSent)) == (not is_close)


def test_an_order_that_comes_too_late_is_not_sent_however_free_the_way(venue: FakeVenue, stage: Stage) -> None:
    stage.tell(GATEWAY, make_order(leave_by=stage.clock.now().utc_ns - 1))

    assert [event.reason for event in heard(stage, OrderNotSent)] == ["waited_too_long"]
    assert venue.called("submit_order") == []


# ---- fills, snapshots, the private stream ----------------------------------------------------------------


def test_grown_totals_make_it_read_the_exact_fills_once(venue: FakeVenue, stage: Stage) -> None:
    venue.answers["list_fills"].append((make_fill(),))
    report = make_report(OrderStatus.FILLED, "0.01", fees="1")

    venue.hear(venue.private, report)
    venue.hear(venue.private, report)
    stage.advance(seconds=0.1)

    assert heard(stage, OrderReported) == [report, report]
    assert [event.fills for event in heard(stage, FillsReported)] == [(make_fill(),)]
    assert len(venue.called("list_fills")) == 1


@pytest.mark.parametrize(
    ("status", "total", "reads"),
    [
        (OrderStatus.CANCELED, None, 1),
        (OrderStatus.FILLED, None, 1),
        (OrderStatus.FILLED, Decimal(0), 1),
        (OrderStatus.CANCELED, Decimal(0), 0),
        (OrderStatus.OPEN, None, 0),
    ],
)
def test_an_end_without_its_total_makes_it_read_the_exact_fills_once(
    status: OrderStatus, total: Decimal | None, reads: int, venue: FakeVenue, stage: Stage
) -> None:
    venue.answers["list_fills"].append((make_fill(),))
    report = msgspec.structs.replace(make_report(status), cumulative_quantity=total)

    venue.hear(venue.private, report)
    venue.hear(venue.private, report)
    stage.advance(seconds=0.1)

    assert len(venue.called("list_fills")) == reads


def test_a_failed_read_of_fills_is_repeated_with_growing_pauses(venue: FakeVenue, stage: Stage) -> None:
    venue.answers["list_fills"].extend([Retryable("?", code="503")] * 6 + [(make_fill(),)])

    venue.hear(venue.private, make_report(OrderStatus.FILLED, "0.01", fees="1"))
    stage.advance(seconds=1)
    assert 2 <= len(venue.called("list_fills")) <= 5

    stage.advance(seconds=8)
    assert len(heard(stage, FillsReported)) == 1
    assert len(venue.called("list_fills")) == 7


def streamed(*fills: Fill) -> FillsReported:
    return FillsReported(ts_event=NOW, venue="coinbase", fills=fills)


def test_fills_of_the_stream_are_told_as_they_are_and_not_read_again(venue: FakeVenue, stage: Stage) -> None:
    first, second = streamed(make_fill("0.004", "f-1")), streamed(make_fill("0.006", "f-2"))

    venue.hear(venue.private, first)
    venue.hear(venue.private, make_report(OrderStatus.FILLED, "0.01", fees="1"))
    venue.hear(venue.private, second)
    stage.advance(seconds=5)

    assert heard(stage, FillsReported) == [first, second]
    assert venue.called("list_fills") == []


def test_a_fill_that_the_stream_tells_twice_explains_a_total_once(venue: FakeVenue, stage: Stage) -> None:
    half = streamed(make_fill("0.005"))

    venue.hear(venue.private, half)
    venue.hear(venue.private, make_report(OrderStatus.FILLED, "0.01", fees="1"), half)
    stage.advance(seconds=1)

    assert len(venue.called("list_fills")) == 1


def test_what_the_stream_leaves_out_is_read_once_it_has_had_its_time(venue: FakeVenue, stage: Stage) -> None:
    venue.hear(venue.private, streamed(make_fill("0.004", "f-1")))
    venue.hear(venue.private, make_report(OrderStatus.FILLED, "0.01", fees="1"))
    stage.advance(seconds=0.3)
    assert venue.called("list_fills") == []

    stage.advance(seconds=0.3)
    assert len(venue.called("list_fills")) == 1


def test_reads_take_over_at_once_where_the_stream_that_tells_fills_is_gone(venue: FakeVenue, stage: Stage) -> None:
    venue.hear(venue.private, StreamWhole(ts_event=NOW, venue="coinbase"), streamed(make_fill("0.004", "f-1")))
    venue.hear(venue.private, make_report(OrderStatus.PARTIALLY_FILLED, "0.007"))

    venue.hear(venue.private, StreamGap(ts_event=NOW, venue="coinbase", expected=1, got=3))
    assert len(venue.called("list_fills")) == 1

    venue.answers["find_order"].append(make_report(OrderStatus.FILLED, "0.01"))
    stage.tell(GATEWAY, QueryOrder(client_order_id="c", venue="coinbase", instrument="BTC-USD", sent_at=NOW))
    stage.advance(seconds=0.1)
    assert len(venue.called("list_fills")) == 2


def test_the_venues_clock_is_told_on_as_its_private_side_shows_it(venue: FakeVenue, stage: Stage) -> None:
    seen = VenueClockSeen(ts_event=NOW, venue="coinbase", utc_ns=NOW, told_ns=START.monotonic_ns, height=7)

    venue.hear(venue.private, seen)

    assert heard(stage, VenueClockSeen) == [seen]


def test_funding_of_the_private_stream_is_told_on_as_it_is(venue: FakeVenue, stage: Stage) -> None:
    paid = FundingPayment(instrument="BTC-USD", paid_at=NOW, amount=Decimal("-1.5"), currency="USDC")
    told = FundingReported(ts_event=NOW, venue="coinbase", payments=(paid,))

    venue.hear(venue.private, told)

    assert heard(stage, FundingReported) == [told]


def test_a_snapshot_reads_fills_last_so_that_they_explain_the_balances(venue: FakeVenue, stage: Stage) -> None:
    stage.tell(GATEWAY, RequestSnapshot(request_id=7, venue="coinbase", fills_since=NOW))
    stage.advance(seconds=0.1)

    assert [event.request_id for event in heard(stage, VenueSnapshot)] == [7]
    assert [name for name, _ in venue.calls if name.startswith("list_")] == [
        "list_open_orders",
        "list_balances",
        "list_positions",
        "list_fills",
        "list_funding",
    ]


def test_a_snapshot_that_fails_is_told_and_not_taken_for_an_empty_account(venue: FakeVenue, stage: Stage) -> None:
    venue.answers["list_balances"].append(Retryable("?", code="timeout"))

    stage.tell(GATEWAY, RequestSnapshot(request_id=7, venue="coinbase", fills_since=NOW))
    stage.advance(seconds=0.1)

    assert [event.reason for event in heard(stage, SnapshotFailed)] == ["timeout"]
    assert heard(stage, VenueSnapshot) == []


def test_an_answer_that_is_too_large_to_be_one_is_told_at_once(venue: FakeVenue, stage: Stage) -> None:
    venue.answers["list_open_orders"].append(Retryable("501 rows where 500 may be", code="oversize"))

    stage.tell(GATEWAY, RequestSnapshot(request_id=7, venue="coinbase", fills_since=NOW))
    stage.advance(seconds=0.1)

    assert [event.reason for event in heard(stage, SnapshotFailed)] == ["oversize"]
    assert alarms(stage) == ["an answer is too large to be one: 501 rows where 500 may be"]


def test_fills_are_told_even_where_the_rest_of_the_account_cannot_be_read(venue: FakeVenue, stage: Stage) -> None:
    venue.answers["list_open_orders"].append(Retryable("?", code="timeout"))
    venue.answers["list_fills"].append((make_fill(),))

    stage.tell(GATEWAY, RequestSnapshot(request_id=7, venue="coinbase", fills_since=NOW))
    stage.advance(seconds=0.1)

    assert [event.fills for event in heard(stage, FillsReported)] == [(make_fill(),)]


def test_two_fills_of_unknown_orders_are_asked_about_side_by_side(venue: FakeVenue, stage: Stage) -> None:
    whose = {"client_order_id": "", "venue": "coinbase", "instrument": "BTC-USD", "sent_at": NOW}
    venue.takes_s["find_order"] = 1.0
    for venue_order_id in ("v-1", "v-1", "v-2"):
        stage.tell(GATEWAY, QueryOrder(**whose, venue_order_id=venue_order_id))

    assert [query.venue_order_id for query in venue.called("find_order")] == ["v-1", "v-2"]


def test_the_private_stream_is_live_only_while_it_is_whole(venue: FakeVenue, stage: Stage) -> None:
    stage.received[Role.ORDER_ROUTER].clear()

    venue.hear(venue.private, StreamWhole(ts_event=NOW, venue="coinbase"))
    venue.hear(venue.private, StreamGap(ts_event=NOW, venue="coinbase", expected=1, got=3))

    assert [event.is_live for event in heard(stage, PrivateStreamChanged)] == [True, False]


# ---- instruments and the budget --------------------------------------------------------------------------


def test_router_and_portfolio_are_told_the_instruments_and_again_after_a_restart(
    venue: FakeVenue, stage: Stage
) -> None:
    assert LOADED in stage.received[Role.ORDER_ROUTER]
    assert LOADED in stage.received[Role.PORTFOLIO]

    stage.actor(GATEWAY).peer_appeared(str(Role.ORDER_ROUTER))
    stage.settle()

    assert stage.received[Role.ORDER_ROUTER].count(LOADED) == 2


def test_instruments_that_cannot_be_loaded_are_asked_for_again(venue: FakeVenue) -> None:
    venue.answers["load_instruments"].appendleft(Retryable("?", code="503"))
    stage = venue.stage = Stage(kits={"coinbase": venue.kit()})
    stage.cast(ExchangeGateway, GATEWAY)

    stage.advance(seconds=2)

    assert LOADED in stage.received[Role.ORDER_ROUTER]


def test_a_halt_at_the_venue_is_noticed_and_so_is_its_end(venue: FakeVenue, stage: Stage) -> None:
    halted = make_instrument(is_tradable=False)
    halt = msgspec.structs.replace(LOADED, ts_event=NOW + 1, instruments=(halted,))
    venue.answers["load_instruments"].extend([halt, halt, msgspec.structs.replace(LOADED, ts_event=NOW + 2)])

    stage.advance(seconds=60)
    assert [event.instruments for event in heard(stage, InstrumentsLoaded)[1:]] == [(halted,)]
    stage.advance(seconds=10)

    assert [event.ts_event for event in heard(stage, InstrumentsLoaded)] == [NOW, NOW + 1, NOW + 2]


COARSE = msgspec.structs.replace(LOADED, instruments=(make_instrument(lot_size=Decimal("0.001")),))


def refuse(venue: FakeVenue, stage: Stage, code: str, seconds: float = 0.1) -> None:
    venue.answers["submit_order"].append(Rejected("no", code=code))
    stage.tell(GATEWAY, make_order())
    stage.advance(seconds=seconds)


def test_a_refused_order_has_the_listing_read_at_once(venue: FakeVenue, stage: Stage) -> None:
    venue.answers["load_instruments"].append(COARSE)

    refuse(venue, stage, "INVALID_SIZE_PRECISION")

    assert heard(stage, InstrumentsLoaded) == [LOADED, COARSE]


def test_an_order_that_fails_after_it_was_taken_has_the_listing_read_at_once(venue: FakeVenue, stage: Stage) -> None:
    venue.answers["load_instruments"].append(COARSE)

    venue.hear(venue.private, make_report(OrderStatus.REJECTED, "0"))
    stage.advance(seconds=0.1)

    assert heard(stage, InstrumentsLoaded) == [LOADED, COARSE]


def test_refusals_without_end_are_no_storm_of_listings(venue: FakeVenue, stage: Stage) -> None:
    for _ in range(100):
        refuse(venue, stage, "INSUFFICIENT_FUND", 0.5)
    before = len(venue.called("load_instruments"))

    refuse(venue, stage, "INVALID_SIZE_PRECISION")

    assert before <= 8
    assert len(venue.called("load_instruments")) == before + 1  # another reason doesn't wait for the first


def stepped(lot: str, step: str) -> InstrumentStatus:
    return InstrumentStatus(
        ts_event=NOW,
        venue="coinbase",
        instrument="BTC-USD",
        status=TradingStatus.TRADING,
        lot_size=Decimal(lot),
        quote_step=Decimal(step),
    )


def test_other_steps_on_the_stream_have_the_listing_read_at_once(venue: FakeVenue, stage: Stage) -> None:
    lot, counts = str(make_instrument().lot_size), []

    for told in (stepped(lot, "0.01"), stepped("0.1", "0.01"), stepped(lot, "0.01"), stepped(lot, "0.1")):
        stage.tell(GATEWAY, told)
        stage.advance(seconds=2)
        counts.append(len(venue.called("load_instruments")))

    assert counts == [1, 2, 2, 3]


def test_a_doubt_during_a_reading_is_looked_into_after_it(venue: FakeVenue, stage: Stage) -> None:
    """What is being read may be from before the change."""
    listings = stage.actor(GATEWAY).listings
    listings.doubt("one")
    listings.doubt("two")
    stage.advance(seconds=0.5)

    assert len(venue.called("load_instruments")) == 3


def test_a_product_that_the_venue_does_not_list_is_an_alarm(venue: FakeVenue) -> None:
    venue.answers["load_instruments"].appendleft(Fatal("not listed: FOO-USD", code="unknown_product"))
    stage = venue.stage = Stage(kits={"coinbase": venue.kit()})
    stage.cast(ExchangeGateway, GATEWAY)

    stage.advance(seconds=0.1)

    alarms = [message for message in stage.received[Role.MONITOR] if isinstance(message, AlarmRaised)]
    assert [alarm.text for alarm in alarms] == ["not listed: FOO-USD"]


def test_a_429_holds_calls_back_for_as_long_as_the_venue_asked_but_cancels_only_for_a_moment(
    venue: FakeVenue, stage: Stage
) -> None:
    """EX-12"""
    venue.answers["find_order"].append(Retryable("?", code="429", retry_after_ns=30 * 10**9))
    venue.answers["cancel_order"].append(Ambiguous("?", code="timeout"))
    stage.tell(GATEWAY, QUERY)
    stage.advance(seconds=0.1)

    stage.tell(GATEWAY, make_order())
    stage.tell(GATEWAY, CANCEL)
    assert venue.called("cancel_order") == []

    stage.advance(seconds=1)
    assert len(venue.called("cancel_order")) == 1

    stage.advance(seconds=28)
    assert venue.called("submit_order") == []

    stage.advance(seconds=1)
    assert len(venue.called("submit_order")) == 1


def test_what_is_left_of_the_budgets_is_published(venue: FakeVenue, stage: Stage) -> None:
    stage.advance(seconds=2)
    venue.answers["submit_order"].append(make_accepted())
    stage.tell(GATEWAY, make_order())
    stage.advance(seconds=0.51)

    reported = [event for event in stage.received[Role.MONITOR] if isinstance(event, BudgetsReported)]
    [line] = reported[-1].lines
    assert (reported[-1].venue, line.name, line.burst) == ("coinbase", "requests", line.per_second)
    assert 0 <= line.left <= line.burst


def test_a_venue_with_several_limits_is_asked_when_all_can_pay(venue: FakeVenue) -> None:
    actions = BucketTerms(
        name="actions",
        per_second=1,
        burst=2,
        costs={RequestKind.CANCEL: Cost(0, 1)},
        only=frozenset({RequestKind.CANCEL}),
    )
    kit = venue.kit()._replace(order_rules=Batches, budgets=lambda settings: (*one_budget(settings), actions))
    stage = venue.stage = Stage(kits={"coinbase": kit})
    stage.cast(ExchangeGateway, GATEWAY)
    stage.advance(seconds=0.1)
    venue.last["cancel_order"], venue.last["cancel_many"] = canceled("a"), [canceled("a")] * 2

    for name in ("a", "b", "c", "d", "e"):
        stage.tell(GATEWAY, cancel(name))
    asked = [len(venue.called("cancel_order")), len(venue.called("cancel_many"))]
    stage.advance(seconds=4)

    assert asked == [2, 0]
    assert sum(1 for name, _ in venue.calls if name.startswith("cancel")) == 5, "a batch costs as many as it holds"


def test_when_the_budget_is_short_cancels_go_before_openings(venue: FakeVenue, stage: Stage) -> None:
    rate = int(stage.settings.venues["coinbase"].requests_per_second)
    for number in range(2 * rate):
        stage.tell(GATEWAY, make_order(client_order_id=f"opening {number}"))
    openings = len(venue.called("submit_order"))
    assert openings < 2 * rate

    stage.tell(GATEWAY, CANCEL)

    assert len(venue.called("cancel_order")) == 1
    assert len(venue.called("submit_order")) == openings


def test_when_the_budget_is_short_fills_behind_totals_go_before_openings(venue: FakeVenue, stage: Stage) -> None:
    rate = int(stage.settings.venues["coinbase"].requests_per_second)
    venue.answers["submit_order"].extend([make_accepted()] * 3 * rate)
    for number in range(3 * rate):
        stage.tell(GATEWAY, make_order(client_order_id=f"opening {number}"))
    venue.answers["list_fills"].append(Listing.of([make_fill()]))
    venue.hear(venue.private, make_report(OrderStatus.FILLED, "0.01", fees="1"))

    stage.advance(seconds=1)

    assert len(venue.called("list_fills")) == 1
    assert len(venue.called("submit_order")) < 3 * rate


def test_a_cancel_under_way_is_not_sent_a_second_time_beside_itself(venue: FakeVenue, stage: Stage) -> None:
    command = CancelOrder(client_order_id="o-1", venue="coinbase", venue_order_id="v-1")
    venue.takes_s["cancel_order"] = 1
    venue.answers["cancel_order"].extend([Rejected("no", code="NOT_NOW"), Rejected("no", code="NOT_NOW")])

    stage.tell(GATEWAY, command)
    stage.tell(GATEWAY, command)
    stage.advance(seconds=2)
    assert venue.called("cancel_order") == [command]

    stage.tell(GATEWAY, command)
    stage.advance(seconds=2)
    assert venue.called("cancel_order") == [command, command]


# ---- rows that can't be read -----------------------------------------------------------------------------

UNREAD = Unread(kind="fill", reason="?", row_id="odd", instrument="BTC-USD")


def test_what_cannot_be_read_of_a_snapshot_travels_with_it(venue: FakeVenue, stage: Stage) -> None:
    venue.answers["list_fills"].append(Listing.of([make_fill()], [UNREAD]))

    stage.tell(GATEWAY, RequestSnapshot(request_id=1, venue="coinbase", fills_since=NOW))
    stage.advance(seconds=0.1)

    [snapshot] = heard(stage, VenueSnapshot)
    assert (snapshot.fills, snapshot.unread) == ((make_fill(),), (UNREAD,))


def test_what_no_order_can_spend_travels_with_a_snapshot(venue: FakeVenue, stage: Stage) -> None:
    balances = Listing.of([])
    balances.unspendable = (Unspendable("USD", "VAULT", Decimal("90000")),)
    venue.answers["list_balances"].append(balances)

    stage.tell(GATEWAY, RequestSnapshot(request_id=1, venue="coinbase", fills_since=NOW))
    stage.advance(seconds=0.1)

    assert [snapshot.unspendable for snapshot in heard(stage, VenueSnapshot)] == [balances.unspendable]


def test_fills_that_were_asked_for_and_cannot_be_read_are_told(venue: FakeVenue, stage: Stage) -> None:
    venue.answers["list_fills"].append(Listing.of([], [UNREAD]))

    venue.hear(venue.private, make_report(OrderStatus.FILLED, "0.01"))
    stage.advance(seconds=1)

    assert [event.rows for event in heard(stage, RowsUnread)] == [(UNREAD,)]
    assert heard(stage, FillsReported) == []


def test_orders_that_the_stream_tells_unreadably_are_told_on(venue: FakeVenue, stage: Stage) -> None:
    told = RowsUnread(ts_event=NOW, venue="coinbase", rows=(UNREAD,))

    venue.hear(venue.private, told)

    assert heard(stage, RowsUnread) == [told]


def test_the_venue_is_asked_for_a_price_that_the_stream_cannot_tell(venue: FakeVenue, stage: Stage) -> None:
    touch = TouchReported(
        ts_event=NOW,
        venue="coinbase",
        instrument="BTC-USD",
        bid_price=Decimal("58000"),
        ask_price=Decimal("58001"),
        last_price=None,
    )
    venue.answers["read_touch"].extend([Retryable("?", code="503"), touch])
    venue.takes_s["read_touch"] = 1

    for _ in range(2):
        stage.tell(GATEWAY, RequestTouch(venue="coinbase", instrument="BTC-USD"))
        stage.tell(GATEWAY, RequestTouch(venue="coinbase", instrument="BTC-USD"))
        stage.advance(seconds=2)

    assert venue.called("read_touch") == ["BTC-USD", "BTC-USD"]
    assert heard(stage, TouchReported) == [touch]


def test_a_price_that_the_portfolio_asks_for_is_its_own_and_waits_behind_what_is_urgent(
    venue: FakeVenue, stage: Stage
) -> None:
    told = TouchReported(
        ts_event=NOW, venue="coinbase", instrument="DOGE-USD", bid_price=None, ask_price=None, last_price=None
    )
    venue.answers["read_touch"].append(told)

    stage.tell(GATEWAY, RequestTouch(venue="coinbase", instrument="DOGE-USD"), sender=Role.PORTFOLIO)
    stage.advance(seconds=1)

    assert stage.received[Role.PORTFOLIO][-1] == told
    assert heard(stage, TouchReported) == []


def test_unknown_fees_are_told_once_and_asked_for_again(venue: FakeVenue) -> None:
    unknown = msgspec.structs.replace(LOADED, taker_fee_ratio=Decimal("0.012"), is_fee_known=False)
    venue.answers["load_instruments"].clear()
    venue.answers["load_instruments"].extend([unknown, unknown, LOADED])

    stage = venue.stage = Stage(kits={"coinbase": venue.kit()})
    stage.cast(ExchangeGateway, GATEWAY)
    stage.advance(seconds=5)

    assert heard(stage, InstrumentsLoaded) == [unknown, LOADED]
    alarms = [told for told in stage.received[Role.MONITOR] if isinstance(told, AlarmRaised)]
    assert [alarm.text for alarm in alarms] == ["fees unknown: reckoning with 1.2 % for takers"] == overs(stage)


def test_a_snapshot_also_lists_the_fills_of_the_orders_it_names(venue: FakeVenue, stage: Stage) -> None:
    old, new = make_fill(fill_id="f-old"), make_fill(fill_id="f-new")
    venue.answers["list_fills"].extend([Listing.of([new]), Listing.of([old], [UNREAD])])

    stage.tell(GATEWAY, RequestSnapshot(request_id=7, venue="coinbase", fills_since=NOW, fills_of=("v-1",)))
    stage.advance(seconds=0.1)

    (snapshot,) = heard(stage, VenueSnapshot)
    assert snapshot.fills == (new, old)
    assert snapshot.unread == (UNREAD,)
    assert venue.called("list_fills") == [NOW, 0]


@pytest.mark.parametrize(
    ("instrument", "text"),
    [
        (
            make_instrument(kind=InstrumentKind.PERPETUAL),
            "no order of ours can be in a perpetual there: shown, and no position is opened in it",
        ),
        (
            make_instrument("ETH-BTC"),
            "priced in BTC, and limits are in dollars: shown, and no position is opened in it",
        ),
    ],
)
def test_what_is_never_opened_is_told_to_a_person_once(venue: FakeVenue, instrument: Instrument, text: str) -> None:
    loaded = msgspec.structs.replace(LOADED, instruments=(instrument,))
    venue.answers["load_instruments"].clear()
    venue.answers["load_instruments"].extend([loaded, msgspec.structs.replace(loaded, ts_event=1)])

    stage = venue.stage = Stage(kits={"coinbase": venue.kit()})
    stage.cast(ExchangeGateway, GATEWAY)
    stage.advance(seconds=90)

    alarms = [told for told in stage.received[Role.MONITOR] if isinstance(told, AlarmRaised)]
    assert [(alarm.subject, alarm.text) for alarm in alarms] == [(instrument.key, text)]


# ---- calls that hang, and a venue that is silent ---------------------------------------------------------


def alarms(stage: Stage) -> list[str]:
    return [message.text for message in stage.received[Role.MONITOR] if isinstance(message, AlarmRaised)]


def overs(stage: Stage) -> list[str]:
    return [message.text for message in stage.received[Role.MONITOR] if isinstance(message, AlarmOver)]


def test_calls_that_hang_are_replaced_and_leave_their_orders_in_doubt(venue: FakeVenue, stage: Stage) -> None:
    workers = stage.settings.venues["coinbase"].workers
    for method in ("submit_order", "cancel_order", "find_order", "list_open_orders"):
        venue.takes_s[method] = 10_000
    for number in range(workers):
        stage.tell(GATEWAY, make_order(client_order_id=f"close {number}", purpose=Purpose.CLOSE))
    assert len(venue.called("submit_order")) == workers

    stage.advance(seconds=stage.settings.protection.within_s / 2 + 1)
    venue.takes_s["cancel_order"] = 0
    stage.tell(GATEWAY, CANCEL)
    stage.advance(seconds=0.1)

    assert {event.reason for event in heard(stage, OrderUnconfirmed)} == {"overdue"}
    assert len(heard(stage, OrderUnconfirmed)) == workers
    assert len(venue.called("cancel_order")) == 1
    assert alarms(stage) == ["the call hangs beyond its deadline: its worker was replaced"]
    failed = [event for event in stage.received[BREAKER] if isinstance(event, OperationEnded)]
    assert [(event.succeeded, event.reason) for event in failed[:workers]] == [(False, "overdue")] * workers


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_few_workers_leave_one_to_a_cancel(workers: int) -> None:
    venue = FakeVenue()
    venue.answers["load_instruments"].append(LOADED)
    settings = Settings(venues={"coinbase": VenueSettings(workers=workers)})
    stage = venue.stage = Stage(settings, kits={"coinbase": venue.kit()})
    stage.cast(ExchangeGateway, GATEWAY)
    venue.takes_s["find_order"] = 10_000
    for number in range(5):
        stage.tell(GATEWAY, msgspec.structs.replace(QUERY, client_order_id=f"doubt {number}"))

    stage.tell(GATEWAY, CANCEL)

    assert len(venue.called("cancel_order")) == 1


def test_a_venue_that_answers_nothing_is_an_alarm_whatever_was_asked(venue: FakeVenue, stage: Stage) -> None:
    venue.answers["list_open_orders"].extend([Retryable("?", code="timeout")] * 3)
    venue.answers["list_fills"].extend([Retryable("?", code="timeout")] * 3)

    stage.tell(GATEWAY, RequestSnapshot(request_id=1, venue="coinbase", fills_since=NOW))
    stage.advance(seconds=0.1)
    assert alarms(stage) == []
    stage.tell(GATEWAY, RequestSnapshot(request_id=2, venue="coinbase", fills_since=NOW))
    stage.advance(seconds=0.1)

    assert alarms(stage) == ["cannot be reached: no answer in time"]

    for reading in ("list_open_orders", "list_balances", "list_fills"):
        venue.answers[reading].clear()
        venue.answers[reading].append(Listing())
    stage.tell(GATEWAY, RequestSnapshot(request_id=3, venue="coinbase", fills_since=NOW))
    stage.advance(seconds=5)
    assert overs(stage) == alarms(stage)


def test_a_pause_of_a_day_is_kept_for_a_minute_with_an_alarm(venue: FakeVenue, stage: Stage) -> None:
    venue.answers["list_open_orders"].append(Retryable("?", code="429", retry_after_ns=86_400 * SECOND_NS))
    stage.tell(GATEWAY, RequestSnapshot(request_id=1, venue="coinbase", fills_since=NOW))
    stage.advance(seconds=0.1)

    stage.tell(GATEWAY, RequestSnapshot(request_id=2, venue="coinbase", fills_since=NOW))
    stage.advance(seconds=59)
    assert len(venue.called("list_open_orders")) == 1
    stage.advance(seconds=2)

    assert len(venue.called("list_open_orders")) == 2
    assert alarms(stage) == ["the venue wants a pause of 86400 s, and gets one of 60"]


# ---- credentials -----------------------------------------------------------------------------------------


def denied(code: str = "401", fate: type[VenueError] = Fatal) -> VenueError:
    error = fate("refused", code=code)
    error.denied_with = code
    return error


def test_refused_credentials_are_one_alarm_and_stop_openings_until_they_are_taken(
    venue: FakeVenue, stage: Stage
) -> None:
    stage.received[Role.MONITOR].clear()
    snapshot = RequestSnapshot(request_id=7, venue="coinbase", fills_since=0)
    venue.answers["list_open_orders"].extend([denied()] * 3)
    venue.answers["list_fills"].extend([denied()] * 3)
    venue.answers["load_instruments"].extend([LOADED] * 5)

    for _ in range(3):
        stage.tell(GATEWAY, snapshot)
        stage.advance(seconds=12)
    refusals = [event.refusal for event in heard(stage, VenueAccessChanged)]
    assert refusals[-1] == "the venue refuses our credentials for reading (401)"
    for reading in ("list_open_orders", "list_balances", "list_fills"):
        venue.answers[reading].clear()
        venue.answers[reading].append(Listing())
    stage.advance(seconds=60)
    stage.tell(GATEWAY, snapshot)
    stage.advance(seconds=60)

    assert heard(stage, VenueAccessChanged)[-1].refusal == ""
    alarms = [told.text for told in stage.received[Role.MONITOR] if isinstance(told, AlarmRaised)]
    assert alarms == [f"{refusals[-1]}: no openings until it takes them; is the key right, and the clock?"]
    assert overs(stage) == alarms


def test_reads_pause_while_credentials_are_refused_and_the_newest_question_is_enough(
    venue: FakeVenue, stage: Stage
) -> None:
    venue.answers["list_open_orders"].extend([denied()] * 50)
    venue.answers["list_fills"].extend([denied()] * 50)

    for number in range(60):
        stage.tell(GATEWAY, RequestSnapshot(request_id=number + 1, venue="coinbase", fills_since=0))
        stage.advance(seconds=1)

    assert len(venue.called("list_open_orders")) <= 5


def test_cancels_go_on_while_credentials_are_refused(venue: FakeVenue, stage: Stage) -> None:
    venue.answers["cancel_order"].extend([denied()] * 50)

    for _ in range(20):
        stage.tell(GATEWAY, CANCEL)
        stage.advance(seconds=1)

    assert len(venue.called("cancel_order")) >= 10


def test_a_key_that_may_not_trade_keeps_reads_going(venue: FakeVenue, stage: Stage) -> None:
    venue.answers["submit_order"].append(denied("403", Rejected))
    stage.tell(GATEWAY, make_order())
    stage.advance(seconds=0.1)
    assert len(heard(stage, OrderRejected)) == 1

    stage.tell(GATEWAY, RequestSnapshot(request_id=7, venue="coinbase", fills_since=0))
    stage.advance(seconds=0.5)
    assert venue.called("list_open_orders") != []
    assert heard(stage, VenueAccessChanged)[-1].refusal == "the venue refuses our credentials for trading (403)"


def test_a_name_that_is_not_listed_is_told_once_and_the_others_are_loaded(venue: FakeVenue) -> None:
    left_out = Unread(kind="instrument", instrument="DOGE-USD", reason="not listed")
    partly = msgspec.structs.replace(LOADED, left_out=(left_out,))
    venue.answers["load_instruments"].clear()
    venue.answers["load_instruments"].extend([partly, msgspec.structs.replace(partly, ts_event=NOW + 1), LOADED])
    stage = venue.stage = Stage(kits={"coinbase": venue.kit()})
    stage.cast(ExchangeGateway, GATEWAY)

    stage.advance(seconds=61)
    alarms = [m for m in stage.received[Role.MONITOR] if isinstance(m, AlarmRaised)]
    assert [(alarm.subject, alarm.text) for alarm in alarms] == [
        ("coinbase:DOGE-USD", "left out, everything else goes on: not listed")
    ]
    assert [event.left_out for event in heard(stage, InstrumentsLoaded)] == [(left_out,)]

    stage.advance(seconds=61)  # and it is listed again
    assert [event.left_out for event in heard(stage, InstrumentsLoaded)] == [(left_out,), ()]
    assert overs(stage) == [alarms[0].text]


def test_a_key_that_is_bad_from_the_start_is_one_alarm(venue: FakeVenue) -> None:
    venue.answers["load_instruments"].clear()
    venue.answers["load_instruments"].extend([denied()] * 50)
    stage = venue.stage = Stage(kits={"coinbase": venue.kit()})
    stage.cast(ExchangeGateway, GATEWAY)
    stage.advance(seconds=1)
    for _ in range(10):
        venue.hear(venue.private, VenueComplained(ts_event=NOW, venue="coinbase", text="authentication failure"))
        stage.advance(seconds=12)

    alarms = [told.text for told in stage.received[Role.MONITOR] if isinstance(told, AlarmRaised)]
    assert alarms == [
        "the venue refuses our credentials for reading (401): no openings until it takes them; "
        "is the key right, and the clock?"
    ]


def test_a_new_gateway_takes_back_what_the_one_before_it_said_of_our_credentials(
    venue: FakeVenue, stage: Stage
) -> None:
    stage.cast(ExchangeGateway, GATEWAY)

    assert [event.refusal for event in heard(stage, VenueAccessChanged)][-1:] == [""]


def test_what_it_says_happened_is_stamped_by_the_venues_clock(venue: FakeVenue) -> None:
    """Else a refusal of now and a stamp of the venue's would seem an hour apart to whoever compares them."""
    venue.clock_ahead_s = 3600.0
    venue.stage = stage = Stage(kits={"coinbase": venue.kit()})
    stage.cast(ExchangeGateway, GATEWAY)
    stage.advance(seconds=0.1)
    venue.answers["submit_order"].append(Rejected("no", code="INSUFFICIENT_FUND"))

    stage.tell(GATEWAY, make_order())
    stage.advance(seconds=0.1)

    (refused,) = heard(stage, OrderRejected)
    assert refused.ts_event == pytest.approx(stage.clock.now().utc_ns + 3600 * SECOND_NS, abs=SECOND_NS)


def test_a_name_whose_row_was_odd_for_a_moment_is_back_a_moment_later(venue: FakeVenue) -> None:
    """A position there can be neither closed nor covered without its grid."""
    odd = Unread(kind="instrument", instrument="BTC-USD", reason="unreadable")
    left_out = msgspec.structs.replace(LOADED, instruments=(), left_out=(odd,))
    venue.answers["load_instruments"].clear()
    venue.answers["load_instruments"].extend([left_out, left_out, LOADED])
    venue.stage = stage = Stage(kits={"coinbase": venue.kit()})

    stage.cast(ExchangeGateway, GATEWAY)
    stage.advance(seconds=1.5)

    assert [len(event.instruments) for event in heard(stage, InstrumentsLoaded)] == [0, 1]
