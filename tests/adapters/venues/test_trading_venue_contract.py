"""What every trading venue promises, told by the fates of orders: one specification, held against each row of the table.

What a venue lacks it declares, and denies before anything is sent. What only bytes on a wire can do to it is in
`coinbase/test_wire_contract.py`.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest
from msgspec.structs import replace

from domain.errors import Ambiguous, Fatal, Rejected, Retryable, VenueError
from domain.execution.order_rules import OrderRulebook
from domain.instrument import InstrumentKind, Side
from domain.messages.orders import (
    OrderAccepted,
    OrderNotFound,
    OrderReported,
    OrderStatus,
    OrderType,
    Purpose,
    SubmitOrder,
    TimeInForce,
    VenueMoment,
)
from domain.settings import Settings
from tests.adapters.venues.contract import NAME, ROWS, Candidate, of, with_faults
from tests.builders import UTC

READS = ("5xx", "429", "malformed", "timeout_before_accept", "refuse")


@pytest.fixture
def venue(request: pytest.FixtureRequest) -> Candidate:
    row = ROWS[request.param]
    return row.make(row)


def fate(venue: Candidate, command: SubmitOrder, timeout_s: float = 5) -> VenueError:
    with pytest.raises(VenueError) as raised:
        venue.client.submit_order(command, timeout_s)
    return raised.value


# ---- placing -------------------------------------------------------------------------------------------


@of()
def test_an_accepted_order_rests_at_the_venue_under_our_id(venue: Candidate) -> None:
    """TC-E10"""
    command = venue.order()

    accepted = venue.client.submit_order(command, 5)

    (held,) = venue.orders
    assert accepted == OrderAccepted(
        ts_event=UTC,
        client_order_id=command.client_order_id,
        venue=venue.client.venue,
        venue_order_id=held.order_id,
    )
    assert held.asked.client_order_id == command.wire_id


@of()
def test_the_moment_of_sending_is_known_afterwards(venue: Candidate) -> None:
    assert venue.client.sent_ns(venue.order().client_order_id) is None

    venue.client.submit_order(venue.order(), 5)

    assert venue.client.sent_ns(venue.order().client_order_id) == venue.seat.clock.now().monotonic_ns


@of()
def test_the_same_order_again_makes_no_second_one(venue: Candidate) -> None:
    first = venue.client.submit_order(venue.order(), 5)
    again = venue.order(is_resubmission=True)

    assert venue.client.resubmits_safely == venue.row.resubmits_safely
    if venue.row.resubmits_safely:
        assert venue.client.submit_order(again, 5).venue_order_id == first.venue_order_id
    else:
        assert type(fate(venue, again)) is Rejected
    assert len(venue.orders) == 1


@of()
def test_a_refusal_carries_the_venues_own_word(venue: Candidate) -> None:
    """EX-10"""
    error = fate(venue, venue.order(quantity=Decimal(100)))

    assert (type(error), error.code, error.venue) == (Rejected, venue.row.too_dear, venue.client.venue)
    assert venue.orders == []


# ---- what a venue is able to do, and what it denies ------------------------------------------------------


def able(venue: Candidate, order_type: OrderType, time_in_force: TimeInForce) -> bool:
    return order_type in venue.row.able.order_types and time_in_force in venue.row.able.times_in_force


def guarding(venue: Candidate, order_type: OrderType, **changes) -> SubmitOrder:
    """Return an order to sell what is held: at a loss, at a gain, or whichever comes first."""
    stop, limit = {
        OrderType.STOP: (60_000, 59_000),
        OrderType.TAKE_PROFIT: (70_000, 69_000),
        OrderType.BRACKET: (60_000, 70_000),
        OrderType.LIMIT: (None, 70_000),
    }[order_type]
    return venue.order(
        order_type.value,
        side=Side.SELL,
        purpose=Purpose.PROTECT,
        order_type=order_type,
        limit_price=Decimal(limit),
        stop_price=stop and Decimal(stop),
        **{"expires_at": UTC + 10**12, **changes},
    )


@of()
@pytest.mark.parametrize("order_type", OrderType)
def test_an_order_of_a_kind_that_it_has_rests_and_any_other_is_denied_unsent(
    venue: Candidate, order_type: OrderType
) -> None:
    """TC-E20 to TC-E27, TC-E72"""
    venue.client.submit_order(venue.taker(), 5)
    sent = len(venue.requests)

    if able(venue, order_type, TimeInForce.GTC):
        accepted = venue.client.submit_order(guarding(venue, order_type), 5)
        [listed] = venue.client.list_open_orders(5)
        assert (listed.venue_order_id, listed.order_type) == (accepted.venue_order_id, order_type)
        assert listed.stop_price == guarding(venue, order_type).stop_price
        assert listed.leaves_quantity == listed.quantity == Decimal("0.01")
    else:
        error = fate(venue, guarding(venue, order_type))
        assert (type(error), error.code) == (Rejected, "unsupported_order")
        assert len(venue.requests) == sent


@of()
@pytest.mark.parametrize("time_in_force", TimeInForce)
def test_a_time_in_force_that_it_has_is_taken_and_any_other_is_denied_unsent(
    venue: Candidate, time_in_force: TimeInForce
) -> None:
    """TC-E73"""
    command = replace(venue.taker(), time_in_force=time_in_force, expires_at=UTC + 10**12)

    if able(venue, OrderType.LIMIT, time_in_force):
        assert venue.client.submit_order(command, 5).venue_order_id
    else:
        assert fate(venue, command).code == "unsupported_order"
        assert venue.requests == []


@of()
def test_post_only_never_takes_and_is_denied_unsent_where_there_is_no_such_order(venue: Candidate) -> None:
    """TC-E60, TC-E70"""
    crossing = replace(venue.taker(), time_in_force=TimeInForce.GTC, post_only=True)

    error = fate(venue, crossing)

    assert type(error) is Rejected
    assert (error.code == "unsupported_order") != venue.row.able.has_post_only
    assert venue.client.list_fills(0, 5) == ()
    if venue.row.able.has_post_only:
        assert venue.client.submit_order(venue.order(post_only=True), 5).venue_order_id


@of()
def test_reduce_only_takes_no_more_than_the_position_and_is_denied_unsent_where_there_is_no_such_order(
    venue: Candidate,
) -> None:
    """TC-E61, TC-E71"""
    venue.client.submit_order(venue.taker(quantity="0.01"), 5)
    sent = len(venue.requests)
    closing = venue.taker(Side.SELL, "0.03", reduce_only=True)

    if venue.row.able.has_reduce_only:
        venue.client.submit_order(closing, 5)
        assert sum(fill.side.sign * fill.quantity for fill in venue.client.list_fills(0, 5)) == 0
    else:
        assert fate(venue, closing).code == "unsupported_order"
        assert len(venue.requests) == sent


@of()
def test_an_order_that_ends_at_once_is_never_post_only(venue: Candidate) -> None:
    error = fate(venue, venue.order(time_in_force=TimeInForce.IOC, post_only=True))

    assert (type(error), error.code) == (Rejected, "unsupported_order")
    assert venue.requests == []


@of()
@pytest.mark.parametrize("order_type", [OrderType.STOP, OrderType.TAKE_PROFIT, OrderType.BRACKET])
def test_an_order_that_waits_for_no_price_is_never_sent(venue: Candidate, order_type: OrderType) -> None:
    error = fate(venue, replace(guarding(venue, order_type), stop_price=None))

    assert (type(error), error.code) == (Rejected, "unsupported_order")
    assert venue.requests == []


@of()
def test_an_order_without_an_id_is_never_sent(venue: Candidate) -> None:
    error = fate(venue, replace(venue.order(), client_order_id="", venue_client_id=""))

    assert (type(error), error.code) == (Rejected, "unsupported_order")
    assert venue.requests == []


@of()
def test_the_router_is_told_what_the_client_takes(venue: Candidate) -> None:
    name, able_to = venue.client.venue, venue.row.able
    book = OrderRulebook(Settings(), {name: lambda settings: venue.row.rules})

    for kind, order_type, time_in_force in product(InstrumentKind, OrderType, TimeInForce):
        takes = kind in able_to.kinds and able(venue, order_type, time_in_force)
        assert book.takes(name, kind, order_type, time_in_force) == takes
    listed = venue.client.load_instruments((NAME,), 5).instruments
    assert {each.kind for each in listed} <= able_to.kinds


@of()
def test_our_name_of_an_order_is_the_same_whenever_it_is_asked_for_and_its_end_is_never_before_it_left(
    venue: Candidate,
) -> None:
    rules, command = venue.row.rules, venue.order()

    assert rules.venue_client_id(command.client_order_id, 1) == command.wire_id
    assert rules.venue_client_id(venue.order("i-2").client_order_id, 2) != command.wire_id
    sent_by = VenueMoment(utc_ns=UTC)
    assert rules.lifetime(command, sent_by).accept_until.utc_ns > UTC


# ---- the fates of a create -----------------------------------------------------------------------------


@of()
def test_a_refused_connection_is_retryable_because_nothing_was_sent(venue: Candidate) -> None:
    venue.stop_listening()

    error = fate(venue, venue.order())

    assert (type(error), error.code) == (Retryable, "refused")


@of()
def test_a_throttled_create_may_be_sent_again_after_the_named_time(venue: Candidate) -> None:
    """F04"""
    venue.inject("429", "submit", retry_after=2.5)

    error = fate(venue, venue.order())

    assert (type(error), error.retry_after_ns, error.is_throttled) == (Retryable, 2_500_000_000, True)
    assert venue.orders == []
    venue.client.submit_order(venue.order(), 5)


@of()
def test_a_timeout_after_acceptance_is_ambiguous_and_then_found(venue: Candidate) -> None:
    """EX-11, TC-E74"""
    command = venue.order()
    venue.inject("timeout_after_accept", "submit")

    error = fate(venue, command, timeout_s=2)

    assert (type(error), error.code) == (Ambiguous, "timeout")
    found = venue.client.find_order(venue.query(command), 5)
    assert isinstance(found, OrderReported)
    assert (found.status, found.venue_order_id) == (OrderStatus.OPEN, venue.orders[0].order_id)
    assert found.client_order_id == command.client_order_id  # our own, however the venue spells it


@of()
def test_a_timeout_before_acceptance_looks_the_same_and_finding_nothing_is_no_proof(venue: Candidate) -> None:
    command = venue.order()
    venue.inject("timeout_before_accept", "submit")

    error = fate(venue, command, timeout_s=2)

    assert (type(error), error.code) == (Ambiguous, "timeout")
    began = venue.seat.clock.now()
    assert venue.client.find_order(venue.query(command), 5) == OrderNotFound(
        ts_event=began.utc_ns,
        client_order_id=command.client_order_id,
        venue=venue.client.venue,
        listing_began_at=began.utc_ns,
        listing_began_ns=began.monotonic_ns,
        is_proof=False,
    )


@with_faults("5xx", "5xx_after_accept", "malformed", "refuse")
def test_whatever_else_goes_wrong_after_sending_is_ambiguous(venue: Candidate, kind: str) -> None:
    """F05, EX-13"""
    venue.inject(kind, "submit")

    assert type(fate(venue, venue.order())) is Ambiguous


@of()
def test_an_ambiguous_order_sent_again_is_placed_exactly_once(venue: Candidate) -> None:
    venue.inject("5xx_after_accept", "submit")
    fate(venue, venue.order())

    again = venue.order(is_resubmission=True)
    if venue.row.resubmits_safely:
        venue.client.submit_order(again, 5)
    else:
        fate(venue, again)

    assert len(venue.orders) == 1


@with_faults("429", "reject")
def test_a_definite_answer_to_a_resubmission_is_about_that_send(venue: Candidate, kind: str) -> None:
    venue.inject(kind, "submit")

    expected = {"429": Retryable, "reject": Rejected}[kind]
    assert type(fate(venue, venue.order(is_resubmission=True))) is expected


# ---- cancelling ----------------------------------------------------------------------------------------


@of()
def test_a_resting_order_can_be_cancelled(venue: Candidate) -> None:
    """TC-E40"""
    accepted = venue.client.submit_order(venue.order(), 5)

    venue.client.cancel_order(venue.cancel(venue.order(), accepted.venue_order_id), 5)

    found = venue.client.find_order(venue.query(venue.order(), accepted.venue_order_id), 5)
    assert found.status is OrderStatus.CANCELED


@of()
def test_an_order_that_it_has_not_named_is_cancelled_by_our_id_or_the_wish_is_not_sent(venue: Candidate) -> None:
    venue.client.submit_order(venue.order(), 5)
    sent, wish = len(venue.requests), venue.cancel(venue.order(), "")

    if venue.row.able.cancels_by_client_id:
        venue.client.cancel_order(wish, 5)
        assert venue.client.list_open_orders(5) == ()
    else:
        with pytest.raises(Rejected):
            venue.client.cancel_order(wish, 5)
        assert len(venue.requests) == sent


@of()
def test_several_are_placed_in_one_request_each_with_its_own_fate_or_the_wish_is_not_sent(venue: Candidate) -> None:
    commands = [venue.order("one"), venue.order("too dear", quantity=Decimal(100)), venue.order("other")]

    if venue.row.able.most_submits > 1:
        first, refused, second = venue.client.submit_many(commands, 5)
        assert len(venue.requests) == 1
        assert [first.venue_order_id, second.venue_order_id] == [held.order_id for held in venue.orders]
        assert (type(refused), refused.code) == (Rejected, venue.row.too_dear)
    else:
        with pytest.raises(Rejected):
            venue.client.submit_many(commands, 5)
        assert venue.requests == []


@of(lambda row: row.able.most_submits > 1)
def test_a_request_for_several_that_is_lost_leaves_all_of_them_in_doubt(venue: Candidate) -> None:
    venue.inject("5xx_after_accept", "submit")

    with pytest.raises(Ambiguous):
        venue.client.submit_many([venue.order("one"), venue.order("other")], 5)

    assert len(venue.orders) == 2


@of(lambda row: row.able.most_cancels > 1)
def test_several_are_cancelled_in_one_request_and_each_has_its_own_fate(venue: Candidate) -> None:
    """TC-E43, TC-E78"""
    done = venue.client.submit_order(venue.taker(), 5)
    resting = [venue.order(f"rests {number}") for number in range(2)]
    accepted = [venue.client.submit_order(order, 5) for order in resting]
    before = len(venue.requests)

    first, refused, second = venue.client.cancel_many(
        [
            venue.cancel(resting[0], accepted[0].venue_order_id),
            venue.cancel(venue.taker(), done.venue_order_id),
            venue.cancel(resting[1], accepted[1].venue_order_id),
        ],
        5,
    )

    assert len(venue.requests) == before + 1
    assert [first.client_order_id, second.client_order_id] == [order.client_order_id for order in resting]
    assert isinstance(refused, Rejected)
    assert refused.code == venue.row.is_done
    for order, answer in zip(resting, accepted, strict=True):
        found = venue.client.find_order(venue.query(order, answer.venue_order_id), 5)
        assert found.status is OrderStatus.CANCELED


@of()
def test_cancelling_what_is_done_is_refused_with_the_reason(venue: Candidate) -> None:
    """TC-E44"""
    accepted = venue.client.submit_order(venue.taker(), 5)

    with pytest.raises(Rejected) as refusal:
        venue.client.cancel_order(venue.cancel(venue.taker(), accepted.venue_order_id), 5)

    assert refusal.value.code == venue.row.is_done


@with_faults("429", "5xx", "timeout_after_accept", "malformed")
def test_an_unanswered_cancel_is_ambiguous_even_when_throttled(venue: Candidate, kind: str) -> None:
    """F04, TC-E75"""
    accepted = venue.client.submit_order(venue.order(), 5)
    venue.inject(kind, "cancel")

    with pytest.raises(Ambiguous):
        venue.client.cancel_order(venue.cancel(venue.order(), accepted.venue_order_id), 2)


# ---- finding and listing -------------------------------------------------------------------------------


@with_faults(*READS)
def test_a_read_that_fails_leaves_the_question_open(venue: Candidate, kind: str) -> None:
    where = "list" if venue.row.has_wire else "query"  # Coinbase finds by a list what it has not named to us
    venue.inject(kind, where)

    with pytest.raises(Retryable):
        venue.client.find_order(venue.query(venue.order()), 2)


@with_faults(*READS)
@pytest.mark.parametrize("where", ["accounts", "fills", "list"])
def test_no_list_that_fails_passes_for_an_empty_one(venue: Candidate, kind: str, where: str) -> None:
    """F23"""
    venue.inject(kind, where)

    with pytest.raises(Retryable):
        match where:
            case "accounts":
                venue.client.list_balances(2)
            case "fills":
                venue.client.list_fills(0, 2)
            case "list":
                venue.client.list_open_orders(2)


@of()
def test_an_order_is_found_on_whatever_page_it_is(venue: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    venue.page(2, monkeypatch)
    commands = [venue.order(f"order-{number}") for number in range(7)]
    for command in commands:
        venue.client.submit_order(replace(command, accept_until=None), 5)
        venue.advance(1)

    found = venue.client.find_order(venue.query(commands[0]), 5)

    assert found.client_order_id == commands[0].client_order_id


@pytest.mark.parametrize("name", ROWS)
def test_a_young_order_that_cannot_be_read_yet_is_not_found_and_then_found(name: str) -> None:
    """EX-08"""
    venue = ROWS[name].make(ROWS[name], read_lag_max_s=10.0)
    accepted = venue.client.submit_order(venue.order(), 5)

    early = venue.client.find_order(venue.query(venue.order(), accepted.venue_order_id), 5)
    venue.advance(10)
    late = venue.client.find_order(venue.query(venue.order(), accepted.venue_order_id), 5)

    assert (type(early), type(late)) == (OrderNotFound, OrderReported)


@of()
def test_whose_order_one_is_can_be_asked_by_the_venues_own_id(venue: Candidate) -> None:
    command = venue.order()
    accepted = venue.client.submit_order(command, 5)

    found = venue.client.find_order(
        replace(venue.query(command, accepted.venue_order_id), client_order_id="", venue_client_id=""), 5
    )

    assert found.client_order_id == command.client_order_id


@of()
def test_open_orders_are_listed_with_those_of_others(venue: Candidate) -> None:
    """TC-E84"""
    ours, theirs = venue.order("ours"), venue.order("theirs")
    venue.client.submit_order(ours, 5)
    others = {"client_order_id": "web:7", "venue_client_id": "", "symbol": venue.row.symbol.replace("BTC", "ETH")}
    venue.client.submit_order(replace(theirs, **others, quantity=Decimal("0.1"), limit_price=Decimal(1000)), 5)
    venue.client.submit_order(venue.taker(), 5)

    listed = venue.client.list_open_orders(5)

    assert {report.client_order_id for report in listed} == {ours.client_order_id, "web:7"}
    assert {report.instrument for report in listed} == {"BTC-USD", "ETH-USD"}


@of()
def test_fills_are_exact_and_explain_the_account(venue: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    """TC-E85"""
    venue.page(1, monkeypatch)
    before = cash(venue)
    accepted = venue.client.submit_order(venue.taker(quantity="0.1"), 5)
    venue.advance(0.5)
    venue.client.submit_order(venue.taker(Side.SELL, quantity="0.04"), 5)

    fills = venue.client.list_fills(UTC, 5)
    bought = venue.client.list_fills(UTC, 5, [accepted.venue_order_id])

    paid = sum(-fill.side.sign * fill.quantity * fill.price - fill.fee for fill in fills)
    assert cash(venue) == before + paid
    assert sum(fill.side.sign * fill.quantity for fill in fills) == held(venue) == Decimal("0.06")
    assert [fill.ts_event for fill in fills] == sorted(fill.ts_event for fill in fills)
    assert len({fill.fill_id for fill in fills}) == len(fills)
    assert {fill.side for fill in bought} == {Side.BUY}
    assert sum(fill.quantity for fill in bought) == Decimal("0.1")


def cash(venue: Candidate) -> Decimal:
    wallets = {(each.wallet, each.currency): each.total for each in venue.client.list_balances(5)}
    return wallets[venue.row.cash]


def held(venue: Candidate) -> Decimal:
    """Return how much of the instrument there is: coins, or a position."""
    if venue.row.is_margined:
        return sum(each.quantity for each in venue.client.list_positions(5) if each.instrument == NAME)
    return next(each.total for each in venue.client.list_balances(5) if each.currency == "BTC")


@of()
def test_positions_and_funding_are_told_where_there_are_any(venue: Candidate) -> None:
    """TC-E86, TC-E87"""
    venue.client.submit_order(venue.taker(), 5)

    positions, funding = venue.client.list_positions(5), venue.client.list_funding(0, 5)

    assert tuple(funding) == ()
    if venue.row.is_margined:
        [position] = positions
        [fill] = venue.client.list_fills(0, 5)
        assert (position.instrument, position.quantity, position.entry_price) == (NAME, Decimal("0.01"), fill.price)
        assert position.mark_price > 0
    else:
        assert positions is None


@of(lambda row: row.is_margined)
def test_a_short_is_a_position_below_zero(venue: Candidate) -> None:
    venue.client.submit_order(venue.taker(Side.SELL), 5)

    [position] = venue.client.list_positions(5)

    assert position.quantity == Decimal("-0.01")
    assert position.liquidation_price > position.mark_price


@of()
def test_balances_show_what_open_orders_hold(venue: Candidate) -> None:
    venue.client.submit_order(venue.order(), 5)

    (held,) = [each for each in venue.client.list_balances(5) if (each.wallet, each.currency) == venue.row.cash]

    assert held.total == Decimal("10000")
    assert held.hold > 0
    assert venue.row.is_margined or held.hold >= Decimal("300")


@of()
def test_instruments_come_with_grid_limits_and_our_fees(venue: Candidate) -> None:
    loaded = venue.client.load_instruments(("ETH-USD", "BTC-USD"), 5)

    assert [each.name for each in loaded.instruments] == ["ETH-USD", "BTC-USD"]
    assert all(each.is_tradable and each.tick_size > 0 for each in loaded.instruments)
    assert (loaded.taker_fee_ratio, loaded.maker_fee_ratio) == venue.row.fee_ratios
    for each in loaded.instruments:
        is_margined = each.max_leverage is not None and each.maintenance_ratio is not None
        assert is_margined == (each.kind is InstrumentKind.PERPETUAL)


@of()
def test_the_venue_tells_what_a_product_costs_now(venue: Candidate) -> None:
    touch = venue.client.read_touch("BTC-USD", 5)

    assert (touch.venue, touch.instrument) == (venue.client.venue, "BTC-USD")
    assert 0 < touch.bid_price < touch.ask_price
    assert touch.last_price > 0


@of()
def test_a_product_that_is_not_listed_takes_only_itself(venue: Candidate) -> None:
    loaded = venue.client.load_instruments(("BTC-USD", "DOGE-USD"), 5)

    assert [each.name for each in loaded.instruments] == ["BTC-USD"]
    assert [(each.instrument, each.reason) for each in loaded.left_out] == [("DOGE-USD", "not listed")]
    with pytest.raises(Fatal, match="DOGE-USD"):
        venue.client.load_instruments(("DOGE-USD",), 5)
