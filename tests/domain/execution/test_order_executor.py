import itertools
from decimal import Decimal

import pytest

from domain.instant import SECOND_NS
from domain.instrument import InstrumentKind, Side
from domain.ledger.order_ids import mint_client_order_id
from domain.messages.halts import RaiseHalt
from domain.messages.journal import IntentDenied, IntentDone
from domain.messages.orders import (
    CancelOrder,
    OrderNotSent,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OrderType,
    OrderUnconfirmed,
    PrivateStreamChanged,
    Purpose,
    SubmitOrder,
    TimeInForce,
)
from domain.messages.system import BreakerChanged, BreakerState, Operation, WindDown
from domain.settings import Settings, VenueSettings
from tests.builders import UTC, make_instrument
from tests.order_builders import (
    BTC,
    TimedOrderManager,
    make_accepted,
    make_fill,
    make_intent,
    make_report,
)

S = OrderStatus


@pytest.fixture
def manager() -> TimedOrderManager:
    return TimedOrderManager().ready()


def only_denial(manager: TimedOrderManager) -> str:
    (denial,) = manager.journaled(IntentDenied)
    return denial.reason


def sold(manager: TimedOrderManager, status: OrderStatus, quantity: str = "0", attempt: int = 1) -> OrderReported:
    """What the venue reports of the close's attempt."""
    order = mint_client_order_id("close", 0, attempt)
    return make_report(status, quantity, client_order_id=order, venue_order_id=f"v-close-{attempt}", side=Side.SELL)


def bracket(status: OrderStatus, quantity: str = "0") -> OrderReported:
    return make_report(status, quantity, side=Side.SELL)


# ---- openings --------------------------------------------------------------------------------------------


def test_an_opening_decided_unaware_of_another_one_there_is_denied(manager: TimedOrderManager) -> None:
    seen = manager.manager.ledger.last_seq  # by two portfolios, one of which died in between
    manager.hear(make_intent(intent_id="i-1", known_seq=seen))

    manager.hear(make_intent(intent_id="i-2", known_seq=seen))

    assert len(manager.sent(SubmitOrder)) == 1
    assert only_denial(manager) == "outdated"


def test_a_restarted_desk_still_knows_what_an_opening_should_have_known(manager: TimedOrderManager) -> None:
    seen = manager.manager.ledger.last_seq
    manager.hear(make_intent(intent_id="i-1", known_seq=seen))
    next_run = manager.restarted().ready()

    next_run.hear(make_intent(intent_id="i-2", known_seq=seen))

    assert only_denial(next_run) == "outdated"


def test_an_opening_decided_in_the_light_of_the_others_passes(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(intent_id="i-1", known_seq=manager.manager.ledger.last_seq))
    manager.hear(make_accepted(client_order_id=mint_client_order_id("i-1", 0, 1)))

    manager.hear(make_intent(intent_id="i-2", known_seq=manager.manager.ledger.last_seq))

    assert len(manager.sent(SubmitOrder)) == 2


def test_an_opening_is_an_ioc_limit_inside_the_collar(manager: TimedOrderManager) -> None:
    """TC-E03"""
    manager.hear(make_intent(origin_read_ns=17))

    (order,) = manager.sent(SubmitOrder)
    assert (order.order_type, order.time_in_force) == (OrderType.LIMIT, TimeInForce.IOC)
    assert (order.limit_price, order.quantity) == (Decimal("64128.10"), Decimal("0.01"))
    assert order.origin_read_ns == 17


def deny_halted(manager: TimedOrderManager) -> None:
    manager.hear(RaiseHalt(scope="coinbase:BTC-USD", reason="r"))


def deny_stale(manager: TimedOrderManager) -> None:
    manager.advance(3.1)


def deny_gapped(manager: TimedOrderManager) -> None:
    manager.quote(is_whole=False)


def deny_clock(manager: TimedOrderManager) -> None:
    manager.quote(clock_offset_ns=None)


def deny_late(manager: TimedOrderManager) -> None:
    manager.quote(lag_ns=2 * SECOND_NS + 1)


def deny_crossed(manager: TimedOrderManager) -> None:
    manager.quote("64000.10", "64000.10")


def deny_drifted(manager: TimedOrderManager) -> None:
    manager.quote("64130.00", "64130.10")


def deny_wide(manager: TimedOrderManager) -> None:
    manager.quote("63400.00", "64600.10")


def deny_private_stream(manager: TimedOrderManager) -> None:
    manager.hear(PrivateStreamChanged(ts_event=UTC, venue="coinbase", is_live=False))


def deny_breaker(manager: TimedOrderManager) -> None:
    manager.hear(BreakerChanged(ts_event=UTC, venue="coinbase", operation=Operation.SUBMIT, state=BreakerState.OPEN))


def deny_winding_down(manager: TimedOrderManager) -> None:
    manager.hear(WindDown(deadline_ns=manager.now.monotonic_ns + SECOND_NS))


def deny_not_tradable(manager: TimedOrderManager) -> None:
    manager.load(make_instrument(BTC, is_tradable=False))


def deny_not_offered(manager: TimedOrderManager) -> None:
    manager.load(make_instrument(BTC, kind=InstrumentKind.PERPETUAL))


def deny_not_in_dollars(manager: TimedOrderManager) -> None:
    manager.load(make_instrument(BTC, quote="ETH"))


def deny_halted_by_its_stream(manager: TimedOrderManager) -> None:
    manager.quote(halted=(BTC,))


@pytest.mark.parametrize(
    ("obstacle", "reason"),
    [
        (deny_halted, "halted"),
        (deny_private_stream, "venue_not_ready"),
        (deny_breaker, "breaker_open"),
        (deny_winding_down, "winding_down"),
        (deny_stale, "stale_quote"),
        (deny_gapped, "gapped_quote"),
        (deny_crossed, "crossed_quote"),
        (deny_clock, "unknown_clock_offset"),
        (deny_late, "late_quote"),
        (deny_not_tradable, "not_tradable"),
        (deny_not_offered, "not_offered"),
        (deny_not_in_dollars, "not_in_dollars"),
        (deny_halted_by_its_stream, "not_tradable"),
        (deny_drifted, "price_drift"),
        (deny_wide, "price_deviation"),
    ],
)
def test_each_gate_denies_an_opening_and_sends_nothing(manager: TimedOrderManager, obstacle, reason: str) -> None:
    obstacle(manager)

    manager.hear(make_intent())

    assert only_denial(manager) == reason
    assert manager.sent(SubmitOrder) == []


GATES_IN_ORDER = (
    (deny_winding_down, "winding_down"),
    (deny_halted, "halted"),
    (deny_breaker, "breaker_open"),
    (deny_private_stream, "venue_not_ready"),
    (deny_gapped, "gapped_quote"),
    (deny_not_offered, "not_offered"),
)


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(GATES_IN_ORDER, 2)))
def test_of_two_gates_the_first_gives_the_reason(manager: TimedOrderManager, first, second) -> None:
    (earlier, reason), (later, _) = first, second
    later(manager)
    earlier(manager)

    manager.hear(make_intent(quantity=Decimal("1001")))  # which the last gates would refuse

    assert only_denial(manager) == reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"expires_at": UTC}, "expired"),
        ({"instrument": "DOGE-USD"}, "no_instrument"),
        ({"quantity": Decimal("0.000000001")}, "off_grid"),
        ({"quantity": Decimal("0.00000001")}, "below_minimum"),
        ({"quantity": Decimal("1001")}, "above_maximum"),
    ],
)
def test_an_intent_that_cannot_be_sent_as_it_is_is_denied(manager: TimedOrderManager, changes, reason: str) -> None:
    manager.hear(make_intent(**changes))

    assert only_denial(manager) == reason


def test_a_half_open_breaker_leaves_the_choice_of_the_probe_to_the_gateway(manager: TimedOrderManager) -> None:
    manager.hear(
        BreakerChanged(ts_event=UTC, venue="coinbase", operation=Operation.SUBMIT, state=BreakerState.HALF_OPEN)
    )

    manager.hear(make_intent())

    assert len(manager.sent(SubmitOrder)) == 1


def test_nothing_opens_before_the_first_comparison_of_a_run(manager: TimedOrderManager) -> None:
    """TC-E80"""
    next_run = manager.restarted()
    next_run.load()
    next_run.quote()
    next_run.hear(PrivateStreamChanged(ts_event=UTC, venue="coinbase", is_live=True))

    next_run.hear(make_intent())

    assert only_denial(next_run) == "venue_not_ready"


def test_an_order_in_doubt_blocks_openings_of_its_instrument(manager: TimedOrderManager) -> None:
    manager.hear(make_intent())
    order = manager.sent(SubmitOrder)[0].client_order_id
    manager.hear(OrderUnconfirmed(ts_event=UTC, client_order_id=order, venue="coinbase", reason="timeout"))

    manager.hear(make_intent(intent_id="i-2"))

    assert only_denial(manager) == "unconfirmed_order"


def test_an_opening_never_crosses_an_order_of_ours(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT, limit_price=Decimal("64100")), make_accepted())

    manager.hear(make_intent(intent_id="i-2"))

    assert only_denial(manager) == "would_cross_own"


def test_an_opening_that_filled_in_part_is_over(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_accepted(), make_report(S.CANCELED, "0.004"))
    manager.read_on()

    assert manager.journaled(IntentDone)[0].filled_quantity == Decimal("0.004")
    assert len(manager.sent(SubmitOrder)) == 1


# ---- several venues --------------------------------------------------------------------------------------


@pytest.fixture
def venues() -> TimedOrderManager:
    settings = Settings(venues={name: VenueSettings(instruments=(BTC,)) for name in ("coinbase", "a", "b")})
    manager = TimedOrderManager(settings)
    return manager.ready().ready("a", "0.005").ready("b", "0.004")


def refusal(order: SubmitOrder) -> OrderRejected:
    return OrderRejected(
        ts_event=UTC, client_order_id=order.client_order_id, venue=order.venue, code="TRADING_DISABLED"
    )


def test_ex03_an_opening_proven_refused_is_tried_once_at_the_next_best_venue(venues: TimedOrderManager) -> None:
    venues.hear(make_intent())
    venues.hear(refusal(venues.sent(SubmitOrder)[0]))

    orders = venues.sent(SubmitOrder)
    assert [order.venue for order in orders] == ["coinbase", "b"]
    assert len({order.client_order_id for order in orders}) == 2


def test_ex04_when_every_venue_refuses_the_plan_ends(venues: TimedOrderManager) -> None:
    venues.hear(make_intent())
    for attempt in range(3):
        venues.hear(refusal(venues.sent(SubmitOrder)[attempt]))

    assert [order.venue for order in venues.sent(SubmitOrder)] == ["coinbase", "b", "a"]
    assert venues.journaled(IntentDone)[0].filled_quantity == 0


def test_ex03_an_opening_in_doubt_is_tried_nowhere_else(venues: TimedOrderManager) -> None:
    venues.hear(make_intent())
    order = venues.sent(SubmitOrder)[0]
    venues.hear(
        OrderUnconfirmed(ts_event=UTC, client_order_id=order.client_order_id, venue="coinbase", reason="timeout")
    )
    venues.advance(60)

    assert {order.venue for order in venues.sent(SubmitOrder)} == {"coinbase"}


def test_an_opening_that_was_accepted_and_then_canceled_is_tried_nowhere_else(venues: TimedOrderManager) -> None:
    venues.hear(make_intent(), make_accepted(), make_report(S.CANCELED))

    assert len(venues.sent(SubmitOrder)) == 1


def test_spot_never_falls_back_to_a_perpetual(venues: TimedOrderManager) -> None:
    for venue in ("a", "b"):
        venues.load(make_instrument(BTC, venue=venue, kind=InstrumentKind.PERPETUAL))
    venues.hear(make_intent())

    venues.hear(refusal(venues.sent(SubmitOrder)[0]))

    assert len(venues.sent(SubmitOrder)) == 1


def test_a_close_never_changes_venue(venues: TimedOrderManager) -> None:
    venues.hold()
    venues.hear(make_intent(Purpose.CLOSE, "close"))
    venues.hear(refusal(venues.sent(SubmitOrder)[1]))
    venues.advance(10)

    assert {order.venue for order in venues.sent(SubmitOrder)} == {"coinbase"}


# ---- protection ------------------------------------------------------------------------------------------


def test_protection_is_one_resting_bracket_on_the_grid(manager: TimedOrderManager) -> None:
    manager.hold()

    manager.hear(make_intent(Purpose.PROTECT, limit_price=Decimal("70000.001"), stop_price=Decimal("61000.001")))

    order = manager.sent(SubmitOrder)[1]
    assert (order.order_type, order.time_in_force) == (OrderType.BRACKET, TimeInForce.GTC)
    assert (order.limit_price, order.stop_price) == (Decimal("70000.01"), Decimal("61000.01"))


def test_protection_never_covers_more_than_is_held(manager: TimedOrderManager) -> None:
    manager.hold("0.005")

    manager.hear(make_intent(Purpose.PROTECT))

    assert manager.sent(SubmitOrder)[1].quantity == Decimal("0.005")


def test_new_protection_waits_for_the_proven_end_of_the_old(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), make_accepted())
    manager.hear(make_intent(Purpose.PROTECT, "i-2"))
    assert len(manager.sent(SubmitOrder)) == 2
    assert [cancel.venue_order_id for cancel in manager.sent(CancelOrder)] == ["v-1"]

    manager.hear(bracket(S.CANCELED, "0.004"))

    assert manager.sent(SubmitOrder)[2].quantity == Decimal("0.006")


def test_refused_protection_is_tried_again_a_moment_later(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT))
    manager.hear(
        OrderNotSent(ts_event=UTC, client_order_id=mint_client_order_id("i-1", 0, 1), venue="coinbase", reason="down")
    )
    assert len(manager.sent(SubmitOrder)) == 2

    manager.advance(0.25)

    assert len(manager.sent(SubmitOrder)) == 3


def test_protection_that_somebody_canceled_is_over(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), make_accepted(), bracket(S.CANCELED))
    manager.advance(30)

    assert [done.intent_id for done in manager.journaled(IntentDone)] == ["held", "i-1"]


# ---- closes ----------------------------------------------------------------------------------------------


@pytest.fixture
def holding(manager: TimedOrderManager) -> TimedOrderManager:
    """A position of 0.01 with a resting bracket, v-1."""
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), make_accepted())
    manager.told.clear()
    return manager


def test_a_close_cancels_the_bracket_and_waits_for_its_proven_end(holding: TimedOrderManager) -> None:
    holding.hear(make_intent(Purpose.CLOSE, "close"))
    holding.advance(0.9)
    assert holding.sent(SubmitOrder) == []
    assert len(holding.sent(CancelOrder)) == 1

    holding.hear(bracket(S.CANCELED))

    (order,) = holding.sent(SubmitOrder)
    assert (order.side, order.quantity, order.limit_price) == (
        Side.SELL, Decimal("0.01"), Decimal("63872.00"),
    )  # fmt: skip


def test_a_close_sells_only_what_the_bracket_left(holding: TimedOrderManager) -> None:
    holding.hear(make_intent(Purpose.CLOSE, "close"), bracket(S.CANCELED, "0.007"))

    assert [order.quantity for order in holding.sent(SubmitOrder)] == [Decimal("0.003")]


def test_a_close_ends_when_the_bracket_filled_first(holding: TimedOrderManager) -> None:
    holding.hear(make_intent(Purpose.CLOSE, "close"), bracket(S.FILLED, "0.01"))

    assert holding.sent(SubmitOrder) == []
    assert [done.intent_id for done in holding.journaled(IntentDone)] == ["held", "i-1", "close"]


def test_two_closes_never_sell_the_same_coins(holding: TimedOrderManager) -> None:
    holding.hear(make_intent(Purpose.CLOSE, "close"), make_intent(Purpose.CLOSE, "other"), bracket(S.CANCELED))

    assert [order.quantity for order in holding.sent(SubmitOrder)] == [Decimal("0.01")]


def test_a_close_in_part_is_followed_by_another_with_a_wider_collar(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.CLOSE, "close"), sold(manager, S.CANCELED, "0.004"))
    manager.advance(0.25)

    orders = manager.sent(SubmitOrder)[1:]
    assert [(order.quantity, order.limit_price) for order in orders] == [
        (Decimal("0.01"), Decimal("63872.00")),
        (Decimal("0.006"), Decimal("63744.00")),
    ]


def test_a_close_gives_up_after_its_widest_collar_and_says_what_it_filled(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.CLOSE, "close"))
    for attempt in range(1, 7):
        manager.hear(sold(manager, S.CANCELED, "0.001", attempt))
        manager.quote()
        manager.advance(2.5)

    orders = [order for order in manager.sent(SubmitOrder)[1:] if not order.is_resubmission]
    assert len(orders) == 6
    assert orders[-1].limit_price == Decimal("60800.00")
    assert manager.journaled(IntentDone)[1].filled_quantity == Decimal("0.006")


def test_the_attempts_of_a_close_come_at_growing_intervals_but_never_rarely(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.CLOSE, "close"))
    sent_at = [manager.now.utc_ns]
    for attempt in range(1, 6):
        manager.hear(sold(manager, S.CANCELED, "0", attempt))
        while len(manager.sent(SubmitOrder)) < 2 + attempt:
            manager.advance(0.25)
        sent_at.append(manager.now.utc_ns)

    gaps_s = [(later - earlier) / SECOND_NS for earlier, later in itertools.pairwise(sent_at)]
    assert gaps_s == [0.25, 0.5, 1, 2, 2.5]


def test_a_close_in_doubt_has_no_second_attempt(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.CLOSE, "close"))
    manager.advance(300)

    opening, close, *same = manager.sent(SubmitOrder)
    assert {order.client_order_id for order in same} == {close.client_order_id}
    assert opening.client_order_id != close.client_order_id


def test_a_close_passes_a_halt_an_open_breaker_and_a_venue_that_is_not_ready(manager: TimedOrderManager) -> None:
    manager.hold()
    for obstacle in (deny_halted, deny_breaker, deny_private_stream, deny_gapped):
        obstacle(manager)

    manager.hear(make_intent(Purpose.CLOSE, "close"))

    assert manager.sent(SubmitOrder)[1].purpose is Purpose.CLOSE


def test_a_close_without_a_quote_is_measured_from_the_price_it_was_decided_at(manager: TimedOrderManager) -> None:
    manager.hold()
    next_run = manager.restarted()
    next_run.load()

    next_run.hear(make_intent(Purpose.CLOSE, "close", reference_price=Decimal("50000")))

    (order,) = next_run.sent(SubmitOrder)
    assert order.limit_price == Decimal("49900")


def test_a_close_waits_for_our_own_opening_in_flight_that_it_would_cross(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(intent_id="i-1"), make_intent(Purpose.CLOSE, "close"))
    assert len(manager.sent(SubmitOrder)) == 2

    manager.hear(make_report(S.CANCELED))

    assert manager.sent(SubmitOrder)[2].intent_id == "close"


def test_the_stop_stays_while_a_close_waits_for_something_else(holding: TimedOrderManager) -> None:
    holding.hear(make_intent(intent_id="more"))

    holding.hear(make_intent(Purpose.CLOSE, "close"))
    assert holding.sent(CancelOrder) == []

    more = mint_client_order_id("more", 0, 1)
    holding.hear(make_report(S.CANCELED, client_order_id=more, venue_order_id="v-more"))
    assert [cancel.venue_order_id for cancel in holding.sent(CancelOrder)] == ["v-1"]


def test_an_opening_in_doubt_that_has_filled_in_part_keeps_no_close_waiting(manager: TimedOrderManager) -> None:
    manager.hear(make_intent())
    order = manager.sent(SubmitOrder)[0].client_order_id
    manager.hear(OrderUnconfirmed(ts_event=UTC, client_order_id=order, venue="coinbase", reason="timeout"))
    manager.hear(make_report(S.PARTIALLY_FILLED, "0.004"))

    manager.hear(make_intent(Purpose.CLOSE, "close", quantity=Decimal("0.004")))

    assert manager.sent(SubmitOrder)[1].quantity == Decimal("0.004")  # what never rests has had its moment


def in_doubt(order: SubmitOrder) -> OrderUnconfirmed:
    return OrderUnconfirmed(ts_event=UTC, client_order_id=order.client_order_id, venue=order.venue, reason="timeout")


def test_a_spot_close_does_not_wait_for_a_bracket_in_doubt(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT))
    manager.hear(in_doubt(manager.sent(SubmitOrder)[-1]))

    manager.hear(make_intent(Purpose.CLOSE, "close"))

    order = manager.sent(SubmitOrder)[-1]
    assert (order.intent_id, order.quantity) == ("close", Decimal("0.01"))
    assert manager.order().is_cancel_pending


def test_two_closes_beside_a_bracket_in_doubt_never_sell_the_same_coins(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT))
    manager.hear(in_doubt(manager.sent(SubmitOrder)[-1]))

    manager.hear(make_intent(Purpose.CLOSE, "close"), make_intent(Purpose.CLOSE, "other"))

    assert [order.intent_id for order in manager.sent(SubmitOrder)] == ["held", "i-1", "close"]


def test_where_both_could_fill_a_close_waits_for_a_bracket_in_doubt(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.load(make_instrument(BTC, kind=InstrumentKind.PERPETUAL))  # as it was opened by an older version
    manager.hear(make_intent(Purpose.PROTECT))
    manager.hear(in_doubt(manager.sent(SubmitOrder)[-1]))

    manager.hear(make_intent(Purpose.CLOSE, "close"))
    manager.advance(5)

    assert "close" not in [order.intent_id for order in manager.sent(SubmitOrder)]


def test_new_protection_waits_for_old_protection_in_doubt(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT))
    manager.hear(in_doubt(manager.sent(SubmitOrder)[-1]))

    manager.hear(make_intent(Purpose.PROTECT, "i-2"))
    manager.advance(4)

    assert "i-2" not in [order.intent_id for order in manager.sent(SubmitOrder)]


def test_a_close_begun_before_a_restart_goes_on_when_nothing_is_in_its_way(holding: TimedOrderManager) -> None:
    holding.hear(make_intent(Purpose.CLOSE, "close"))

    next_run = holding.restarted()
    next_run.advance(1)
    assert next_run.sent(SubmitOrder) == []
    next_run.hear(bracket(S.CANCELED))
    next_run.advance(0.25)

    assert [order.intent_id for order in next_run.sent(SubmitOrder)] == ["close"]


def test_dust_is_not_sold(manager: TimedOrderManager) -> None:
    manager.hold("0.00002")
    manager.load(make_instrument(BTC, min_notional=Decimal("10")))

    manager.hear(make_intent(Purpose.CLOSE, "close"))

    assert len(manager.sent(SubmitOrder)) == 1
    assert manager.journaled(IntentDone)[1].intent_id == "close"


def sell_down_to(manager: TimedOrderManager, quantity: str) -> None:
    """Let the bracket sell all but `quantity` of 0.01."""
    sold = Decimal("0.01") - Decimal(quantity)
    manager.fills(make_fill(str(sold), "f-p", side=Side.SELL, price="70000"))


@pytest.mark.parametrize("quantity", ["0.00015624", "0.00000001"])  # worth 9.99936 and less at a minimum of 10
def test_no_stop_makes_way_for_a_close_that_the_venue_would_not_take(holding: TimedOrderManager, quantity: str) -> None:
    holding.load(make_instrument(BTC, min_notional=Decimal("10")))
    sell_down_to(holding, quantity)

    holding.hear(make_intent(Purpose.CLOSE, "close", quantity=Decimal(quantity)))

    assert holding.sent(CancelOrder) == []
    assert "close" not in holding.manager.ledger.open_plans


def test_what_is_worth_the_minimum_at_the_price_is_sold_at_a_limit_that_is_worth_it(holding: TimedOrderManager) -> None:
    holding.load(make_instrument(BTC, min_notional=Decimal("10")))
    sell_down_to(holding, "0.0001563")  # 10.0032 at the bid, 9.9832 at the limit that others begin with

    holding.hear(make_intent(Purpose.CLOSE, "close", quantity=Decimal("0.0001563")))
    holding.hear(bracket(S.CANCELED, "0.0098437"))

    order = holding.sent(SubmitOrder)[-1]
    assert (order.purpose, order.limit_price) == (Purpose.CLOSE, Decimal("63979.53"))
    assert order.quantity * order.limit_price >= 10
