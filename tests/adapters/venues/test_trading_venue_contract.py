"""What every trading venue promises, told by the fates of orders. Run against the simulated Coinbase."""

from decimal import Decimal

import pytest

from domain.errors import Ambiguous, Fatal, Rejected, Retryable, VenueError
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.messages.orders import (
    CancelOrder,
    OrderAccepted,
    OrderNotFound,
    OrderReported,
    OrderStatus,
    QueryOrder,
    SubmitOrder,
    TimeInForce,
)
from tests.builders import UTC
from tests.simulated_coinbase import SimulatedCoinbase, order


@pytest.fixture
def venue() -> SimulatedCoinbase:
    return SimulatedCoinbase()


def taker(venue: SimulatedCoinbase, side: Side = Side.BUY, quantity: str = "0.01") -> SubmitOrder:
    price = venue.touch(side) + side.sign * Decimal("100")
    return order(
        f"taker-{side}",
        side=side,
        quantity=Decimal(quantity),
        limit_price=price,
        time_in_force=TimeInForce.IOC,
    )


def query(command: SubmitOrder, venue_order_id: str = "") -> QueryOrder:
    return QueryOrder(
        client_order_id=command.client_order_id,
        venue="coinbase",
        instrument="BTC-USD",
        sent_at=UTC,
        venue_order_id=venue_order_id,
    )


def fate(venue: SimulatedCoinbase, command: SubmitOrder, timeout_s: float = 5) -> VenueError:
    with pytest.raises(VenueError) as raised:
        venue.client.submit_order(command, timeout_s)
    return raised.value


# ---- placing -------------------------------------------------------------------------------------------


def test_an_accepted_order_rests_at_the_venue_under_our_id(venue: SimulatedCoinbase) -> None:
    accepted = venue.client.submit_order(order(), 5)

    (held,) = venue.orders
    assert accepted == OrderAccepted(
        ts_event=UTC,
        client_order_id=order().client_order_id,
        venue="coinbase",
        venue_order_id=held.order_id,
    )
    assert held.asked.client_order_id == order().client_order_id


def test_the_moment_of_sending_is_known_afterwards(venue: SimulatedCoinbase) -> None:
    assert venue.client.sent_ns(order().client_order_id) is None

    venue.client.submit_order(order(), 5)

    assert venue.client.sent_ns(order().client_order_id) == venue.clock.now().monotonic_ns


def test_the_same_order_again_is_the_same_order(venue: SimulatedCoinbase) -> None:
    first = venue.client.submit_order(order(), 5)

    second = venue.client.submit_order(order(is_resubmission=True), 5)

    assert venue.client.resubmits_safely
    assert second.venue_order_id == first.venue_order_id
    assert len(venue.orders) == 1


def test_a_refusal_carries_the_venues_own_word(venue: SimulatedCoinbase) -> None:
    error = fate(venue, order(quantity=Decimal("100")))

    assert (type(error), error.code, error.venue) == (Rejected, "INSUFFICIENT_FUND", "coinbase")
    assert venue.orders == []


def test_what_the_venue_cannot_express_is_refused_before_it_is_sent(venue: SimulatedCoinbase) -> None:
    error = fate(venue, order(time_in_force=TimeInForce.IOC, post_only=True))

    assert (type(error), error.code) == (Rejected, "unsupported_order")
    assert venue.transport.requests == []


# ---- the fates of a create -----------------------------------------------------------------------------


def test_a_refused_connection_is_retryable_because_nothing_was_sent(venue: SimulatedCoinbase) -> None:
    venue.transport.is_refusing = True

    error = fate(venue, order())

    assert (type(error), error.code) == (Retryable, "refused")


def test_a_throttled_create_may_be_sent_again_after_the_named_time(venue: SimulatedCoinbase) -> None:
    venue.inject("429", "submit", retry_after=2.5)

    error = fate(venue, order())

    assert (type(error), error.retry_after_ns) == (Retryable, 2_500_000_000)
    assert venue.orders == []
    venue.client.submit_order(order(), 5)


def test_a_timeout_after_acceptance_is_ambiguous_and_then_found(venue: SimulatedCoinbase) -> None:
    venue.inject("timeout_after_accept", "submit")

    error = fate(venue, order(), timeout_s=2)

    assert (type(error), error.code) == (Ambiguous, "timeout")
    found = venue.client.find_order(query(order()), 5)
    assert isinstance(found, OrderReported)
    assert (found.status, found.venue_order_id) == (OrderStatus.OPEN, venue.orders[0].order_id)


def test_a_timeout_before_acceptance_looks_the_same_and_finding_nothing_is_no_proof(
    venue: SimulatedCoinbase,
) -> None:
    venue.inject("timeout_before_accept", "submit")

    error = fate(venue, order(), timeout_s=2)

    assert (type(error), error.code) == (Ambiguous, "timeout")
    began = venue.clock.now()
    assert venue.client.find_order(query(order()), 5) == OrderNotFound(
        ts_event=began.utc_ns,
        client_order_id=order().client_order_id,
        venue="coinbase",
        listing_began_at=began.utc_ns,
        listing_began_ns=began.monotonic_ns,
        is_proof=False,
    )


@pytest.mark.parametrize("kind", ["5xx", "5xx_after_accept", "malformed", "refuse"])
def test_whatever_else_goes_wrong_after_sending_is_ambiguous(venue: SimulatedCoinbase, kind: str) -> None:
    venue.inject(kind, "submit")

    assert type(fate(venue, order())) is Ambiguous


def test_an_ambiguous_order_sent_again_is_placed_exactly_once(venue: SimulatedCoinbase) -> None:
    venue.inject("5xx_after_accept", "submit")
    fate(venue, order())

    venue.client.submit_order(order(is_resubmission=True), 5)

    assert len(venue.orders) == 1


@pytest.mark.parametrize(("kind", "expected"), [("429", Retryable), ("reject", Rejected)])
def test_a_definite_answer_to_a_resubmission_is_about_that_send(
    venue: SimulatedCoinbase, kind: str, expected: type
) -> None:
    venue.inject(kind, "submit")

    assert type(fate(venue, order(is_resubmission=True))) is expected


def test_one_401_is_answered_with_a_fresh_token(venue: SimulatedCoinbase) -> None:
    venue.inject("401", "submit")

    venue.client.submit_order(order(), 5)

    tokens = [request.headers["Authorization"] for request in venue.transport.requests]
    assert len(set(tokens)) == 2
    assert len(venue.orders) == 1


def test_a_second_401_is_fatal(venue: SimulatedCoinbase) -> None:
    venue.inject("401", "submit", count=2)

    assert type(fate(venue, order())) is Fatal


# ---- cancelling ----------------------------------------------------------------------------------------


def cancel(venue_order_id: str) -> CancelOrder:
    return CancelOrder(client_order_id=order().client_order_id, venue="coinbase", venue_order_id=venue_order_id)


def test_a_resting_order_can_be_cancelled(venue: SimulatedCoinbase) -> None:
    accepted = venue.client.submit_order(order(), 5)

    venue.client.cancel_order(cancel(accepted.venue_order_id), 5)

    found = venue.client.find_order(query(order(), accepted.venue_order_id), 5)
    assert found.status is OrderStatus.CANCELED


def test_cancelling_what_is_done_is_refused_with_the_reason(venue: SimulatedCoinbase) -> None:
    accepted = venue.client.submit_order(taker(venue), 5)

    with pytest.raises(Rejected) as refusal:
        venue.client.cancel_order(cancel(accepted.venue_order_id), 5)

    assert refusal.value.code == "ORDER_IS_FULLY_FILLED"


@pytest.mark.parametrize("kind", ["429", "5xx", "timeout_after_accept", "malformed"])
def test_an_unanswered_cancel_is_ambiguous_even_when_throttled(venue: SimulatedCoinbase, kind: str) -> None:
    accepted = venue.client.submit_order(order(), 5)
    venue.inject(kind, "cancel")

    with pytest.raises(Ambiguous):
        venue.client.cancel_order(cancel(accepted.venue_order_id), 2)


# ---- finding and listing -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["5xx", "429", "malformed", "timeout_before_accept", "refuse"])
def test_a_read_that_fails_leaves_the_question_open(venue: SimulatedCoinbase, kind: str) -> None:
    venue.inject(kind, "list")

    with pytest.raises(Retryable):
        venue.client.find_order(query(order()), 2)


def test_an_order_is_found_on_whatever_page_it_is(venue: SimulatedCoinbase, monkeypatch) -> None:
    monkeypatch.setattr("adapters.venues.coinbase.client._PAGE", 2)
    for number in range(7):
        venue.client.submit_order(order(f"order-{number}"), 5)
        venue.clock.advance(1)

    found = venue.client.find_order(query(order("order-0")), 5)

    assert found.client_order_id == "order-0"


def test_a_young_order_that_cannot_be_read_yet_is_not_found_and_then_found() -> None:
    venue = SimulatedCoinbase(read_lag_max_s=10.0)
    accepted = venue.client.submit_order(order(), 5)

    early = venue.client.find_order(query(order(), accepted.venue_order_id), 5)
    venue.clock.advance(10)
    late = venue.client.find_order(query(order(), accepted.venue_order_id), 5)

    assert (type(early), type(late)) == (OrderNotFound, OrderReported)


def test_open_orders_are_listed_with_those_of_others(venue: SimulatedCoinbase) -> None:
    venue.client.submit_order(order("ours"), 5)
    venue.client.submit_order(order("theirs", symbol="ETH-USD", limit_price=Decimal("1000")), 5)
    venue.client.submit_order(taker(venue), 5)

    listed = venue.client.list_open_orders(5)

    assert {report.client_order_id for report in listed} == {"ours", "theirs"}


def test_fills_are_exact_and_explain_the_balances(venue: SimulatedCoinbase, monkeypatch) -> None:
    monkeypatch.setattr("adapters.venues.coinbase.client._PAGE", 1)
    accepted = venue.client.submit_order(taker(venue, quantity="0.1"), 5)
    venue.clock.advance(0.5)
    venue.client.submit_order(taker(venue, Side.SELL, quantity="0.04"), 5)

    fills = venue.client.list_fills(UTC, 5)
    bought = venue.client.list_fills(UTC, 5, [accepted.venue_order_id])

    balances = {balance.currency: balance for balance in venue.client.list_balances(5)}
    base = sum(fill.side.sign * fill.quantity for fill in fills)
    cash = sum(-fill.side.sign * fill.quantity * fill.price - fill.fee for fill in fills)
    assert balances["BTC"].total == base == Decimal("0.06")
    assert balances["USD"].total == Decimal("10000") + cash
    assert [fill.ts_event for fill in fills] == sorted(fill.ts_event for fill in fills)
    assert len({fill.fill_id for fill in fills}) == len(fills)
    assert {fill.side for fill in bought} == {Side.BUY}
    assert sum(fill.quantity for fill in bought) == Decimal("0.1")


def test_balances_show_what_open_orders_hold(venue: SimulatedCoinbase) -> None:
    venue.client.submit_order(order(), 5)

    (usd,) = [each for each in venue.client.list_balances(5) if each.currency == "USD"]

    assert usd.total == Decimal("10000")
    assert usd.hold >= Decimal("300")


def test_instruments_come_with_grid_limits_and_our_fees(venue: SimulatedCoinbase) -> None:
    loaded = venue.client.load_instruments(("ETH-USD", "BTC-USD"), 5)

    assert [each.name for each in loaded.instruments] == ["ETH-USD", "BTC-USD"]
    assert all(each.is_tradable and each.tick_size > 0 for each in loaded.instruments)
    assert (loaded.taker_fee_ratio, loaded.maker_fee_ratio) == (Decimal("0.006"), Decimal("0.004"))


def test_the_venue_tells_what_a_product_costs_now(venue: SimulatedCoinbase) -> None:
    touch = venue.client.read_touch("BTC-USD", 5)

    assert (touch.venue, touch.instrument) == ("coinbase", "BTC-USD")
    assert 0 < touch.bid_price < touch.ask_price
    assert touch.last_price > 0


def test_a_product_that_is_not_listed_takes_only_itself(venue: SimulatedCoinbase) -> None:
    loaded = venue.client.load_instruments(("BTC-USD", "DOGE-USD"), 5)

    assert [each.name for each in loaded.instruments] == ["BTC-USD"]
    assert [(each.instrument, each.reason) for each in loaded.left_out] == [("DOGE-USD", "not listed")]
    with pytest.raises(Fatal, match="DOGE-USD"):
        venue.client.load_instruments(("DOGE-USD",), 5)


def test_one_odd_row_of_the_account_hides_no_other(venue: SimulatedCoinbase) -> None:
    venue.client.submit_order(order(limit_price=venue.touch(Side.BUY) + 100), 5)
    venue.clock.advance(20)
    for where, ask in (
        ("fills", lambda: venue.client.list_fills(0, 5)),
        ("accounts", lambda: venue.client.list_balances(5)),
        ("list", lambda: venue.client.list_open_orders(5)),
    ):
        before = ask()
        venue.inject("odd_row", where)

        listed = ask()

        assert (tuple(listed), len(listed.unread)) == (tuple(before), 1), where


# ---- what only the wire shows ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 503])
@pytest.mark.parametrize("size", [0, 1_000_000])
def test_a_venue_that_echoes_all_that_we_sent_gives_no_token_away(
    venue: SimulatedCoinbase, status: int, size: int
) -> None:
    venue.inject("echo", "submit", status=status, size=size)

    error = fate(venue, order())

    assert type(error) is (Rejected if status == 400 else Ambiguous)
    sent = next(iter(venue.transport.requests)).headers["Authorization"].removeprefix("Bearer ")
    told = f"{error} {error.code} {error.raw.decode()}"
    assert not any(part in told for part in sent.split("."))
    assert "[secret]" in told or size
    assert max(len(str(error)), len(error.code)) <= 200
    assert len(error.raw) <= 256


def test_a_refusal_of_twenty_megabytes_is_not_read_and_proves_nothing(venue: SimulatedCoinbase) -> None:
    venue.inject("echo", "submit", status=400, size=20_000_000)

    error = fate(venue, order())

    assert (type(error), error.code, error.raw) == (Ambiguous, "unreadable", b"")


@pytest.mark.parametrize(("says", "asked_s"), [("86400", 86_400), ("0", None), ("soon", None), ("2.5", 2.5)])
def test_a_pause_is_told_as_the_venue_says_it(venue: SimulatedCoinbase, says: str, asked_s) -> None:
    venue.inject("retry_after", "submit", says=says)

    error = fate(venue, order())

    asked_ns = None if asked_s is None else int(asked_s * SECOND_NS)
    assert (type(error), error.is_throttled, error.retry_after_ns) == (Retryable, True, asked_ns)


def test_an_answer_that_drips_on_is_ambiguous_and_its_order_found(venue: SimulatedCoinbase) -> None:
    venue.inject("drip", "submit", seconds=30.0)

    error = fate(venue, order())

    assert (type(error), error.code) == (Ambiguous, "timeout")
    assert len(venue.orders) == 1


@pytest.mark.parametrize(("stray", "is_accepted"), [("", True), ("{}", False)])
def test_an_interim_answer_is_skipped_unless_it_shifts_what_follows(
    venue: SimulatedCoinbase, stray: str, is_accepted: bool
) -> None:
    venue.inject("informational", "submit", interim=102, stray=stray)

    if is_accepted:
        assert venue.client.submit_order(order(), 5).venue_order_id
    else:
        assert fate(venue, order()).code == "unreadable"
    assert len(venue.orders) == 1
