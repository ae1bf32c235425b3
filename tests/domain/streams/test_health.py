import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.instant import SECOND_NS, Instant
from domain.messages.market import InstrumentStatus, TradingStatus, stream_trouble
from domain.streams.health import (
    LONGEST_ROUND_TRIP_NS,
    READ_CLOCK_EVERY_NS,
    WINDOW_NS,
    ClockReading,
    StreamHealth,
    venue_time,
)
from tests.builders import MONO, UTC, make_stream_state


def at(seconds: float, step_ns: int = 0) -> Instant:
    elapsed = int(seconds * SECOND_NS)
    return Instant(MONO + elapsed, UTC + elapsed + step_ns)


def test_the_offset_is_unknown_before_the_first_stamp() -> None:
    assert StreamHealth("coinbase").clock_offset_ns is None


def test_the_offset_is_the_smallest_difference_and_lag_is_what_exceeds_it() -> None:
    health = StreamHealth("coinbase")

    for seconds, took_ns in ((0, 80), (1, 50), (2, 70)):
        health.stamped(at(seconds).utc_ns - took_ns, at(seconds))

    assert health.clock_offset_ns == 50
    assert health.lag_ns == 20


def test_a_venue_clock_that_runs_ahead_gives_a_negative_offset_and_no_lag() -> None:
    health = StreamHealth("coinbase")

    health.stamped(at(0).utc_ns + 2 * SECOND_NS, at(0))

    assert health.clock_offset_ns == -2 * SECOND_NS
    assert health.lag_ns == 0


def test_the_smallest_difference_is_forgotten_after_a_minute() -> None:
    health = StreamHealth("coinbase")
    health.stamped(at(0).utc_ns - 10, at(0))
    health.stamped(at(30).utc_ns - 90, at(30))

    health.stamped(at(61).utc_ns - 100, at(61))

    assert health.clock_offset_ns == 90


def test_a_step_of_our_wall_clock_voids_what_was_learned() -> None:
    health = StreamHealth("coinbase")
    health.stamped(at(0).utc_ns - 10, at(0))

    stepped = at(1, step_ns=3 * SECOND_NS)
    health.stamped(at(1).utc_ns - 10, stepped)

    assert health.clock_offset_ns == 3 * SECOND_NS + 10


# ---- the venue's own clock ---------------------------------------------------------------------------------


def reading(venue_ns: int, seconds: float, took_s: float = 0.2, step_ns: int = 0) -> ClockReading:
    """Return a reading answered `seconds` from the start, after a step of our wall clock if one is given."""
    return ClockReading(venue_ns, at(seconds - took_s), at(seconds, step_ns))


def test_a_stream_that_was_late_from_its_first_stamp_on_is_late_once_the_venues_clock_is_read() -> None:
    health = StreamHealth("coinbase")
    for seconds in (0, 1, 2):
        health.stamped(at(seconds - 5).utc_ns, at(seconds))
    believed_ns = health.lag_ns

    assert health.clock_read(reading(at(2.9).utc_ns, seconds=3))

    assert (believed_ns, health.lag_ns) == (0, 5 * SECOND_NS)


def test_a_late_stream_is_forgiven_with_its_first_stamp_on_time() -> None:
    health = StreamHealth("coinbase")
    health.stamped(at(-5).utc_ns, at(0))
    health.clock_read(reading(at(0.9).utc_ns, seconds=1))

    is_wrong = health.is_from_future(at(2).utc_ns, at(2))
    health.stamped(at(2).utc_ns, at(2))

    assert (is_wrong, health.lag_ns) == (False, 0)


def test_a_stream_that_becomes_late_is_not_believed_again_when_it_has_been_late_for_a_minute() -> None:
    health = StreamHealth("coinbase")
    health.stamped(at(0).utc_ns, at(0))
    health.clock_read(reading(at(0.9).utc_ns, seconds=1))

    for seconds in (10, 11 + WINDOW_NS // SECOND_NS):
        health.stamped(at(seconds - 5).utc_ns, at(seconds))

    assert health.lag_ns == 5 * SECOND_NS


def test_the_newest_reading_counts_wherever_a_venues_clock_has_gone() -> None:
    health = StreamHealth("coinbase")
    health.clock_read(reading(at(0.9).utc_ns, seconds=1))
    health.stamped(at(-5).utc_ns, at(1))

    health.clock_read(reading(at(-3.1).utc_ns, seconds=2))

    assert health.lag_ns == SECOND_NS


@pytest.mark.parametrize(
    "vague",
    [
        reading(at(0).utc_ns, seconds=1, took_s=LONGEST_ROUND_TRIP_NS / SECOND_NS + 0.001),
        reading(at(0).utc_ns, seconds=1, step_ns=SECOND_NS),
    ],
    ids=["slow", "our clock stepped meanwhile"],
)
def test_a_reading_that_tells_too_little_changes_nothing(vague: ClockReading) -> None:
    health = StreamHealth("coinbase")
    health.stamped(at(-5).utc_ns, at(0))

    assert not health.clock_read(vague)

    assert health.lag_ns == 0
    assert health.is_clock_due(at(1))


def test_a_step_of_our_wall_clock_voids_the_reading_too() -> None:
    health = StreamHealth("coinbase")
    health.clock_read(reading(at(0).utc_ns, seconds=0.1))

    health.stamped(at(1).utc_ns, at(1, step_ns=5 * SECOND_NS))

    assert health.lag_ns == 0
    assert health.is_clock_due(at(1))


def test_a_step_of_the_venues_clock_voids_the_reading_too() -> None:
    health = StreamHealth("coinbase")
    health.clock_read(reading(at(0).utc_ns, seconds=0.1))
    health.stamped(at(0).utc_ns, at(0))

    health.forget_clock()

    assert health.is_clock_due(at(1))


def test_what_came_before_a_step_makes_no_price_late_after_it() -> None:
    health = StreamHealth("coinbase")
    health.stamped(at(0).utc_ns, at(0))

    health.forget_clock()
    health.learn_clock(at(10).utc_ns, at(1))

    assert health.lag_ns == 0


def test_a_price_is_never_early() -> None:
    health = StreamHealth("coinbase")
    health.stamped(at(0).utc_ns, at(0))

    health.learn_clock(at(60).utc_ns, at(61))

    assert health.lag_ns == 0


def test_the_venues_clock_is_read_once_a_minute() -> None:
    health = StreamHealth("coinbase")
    assert health.is_clock_due(at(0))

    health.clock_read(reading(at(0).utc_ns, seconds=0))

    due_s = READ_CLOCK_EVERY_NS / SECOND_NS
    assert [health.is_clock_due(at(seconds)) for seconds in (due_s - 1, due_s)] == [False, True]


@given(
    skew_ms=st.integers(-100_000, 100_000),
    delay_ms=st.integers(0, 10_000),
    there_ms=st.integers(0, 500),
    back_ms=st.integers(0, 500),
    reads_before=st.integers(0, 3),
)
def test_whatever_the_skew_a_constant_delay_is_told_to_half_the_round_trip(
    skew_ms: int, delay_ms: int, there_ms: int, back_ms: int, reads_before: int
) -> None:
    health, late_after_s = StreamHealth("coinbase"), 2.0
    health.connected()
    health.is_whole = True

    for second in range(4):
        now = at(second)
        if second == reads_before:
            read_ns = at(second - back_ms / 1000).utc_ns + skew_ms * 1_000_000
            assert health.clock_read(reading(read_ns, second, (there_ms + back_ms) / 1000))
        health.proven_alive(now.monotonic_ns)
        health.stamped(now.utc_ns + (skew_ms - delay_ms) * 1_000_000, now)

    trouble = stream_trouble(health.state(now), now, silent_after_s=3.0, late_after_s=late_after_s)
    doubt_ms = (there_ms + back_ms) / 2 + 0.001
    if delay_ms > late_after_s * 1000 + doubt_ms:
        assert trouble == "late_quote"
    if delay_ms < late_after_s * 1000 - doubt_ms:
        assert trouble == ""


# ---- the stream itself -------------------------------------------------------------------------------------


def test_what_the_venue_has_halted_is_told_until_it_trades_again() -> None:
    health = StreamHealth("coinbase")

    def told(instrument: str, status: TradingStatus) -> tuple[str, ...]:
        health.on_status(InstrumentStatus(ts_event=UTC, venue="coinbase", instrument=instrument, status=status))
        return health.state(at(0)).halted

    assert told("BTC-USD", TradingStatus.TRADING) == ()
    assert told("BTC-USD", TradingStatus.HALTED) == ("BTC-USD",)
    assert told("ETH-USD", TradingStatus.UNKNOWN) == ("BTC-USD", "ETH-USD")
    health.broken()
    assert told("BTC-USD", TradingStatus.CLOSED) == ("ETH-USD", "BTC-USD")
    assert told("BTC-USD", TradingStatus.TRADING) == ("ETH-USD",)


def test_a_broken_stream_is_neither_connected_nor_whole() -> None:
    health = StreamHealth("coinbase")
    health.connected()
    health.is_whole = True
    health.proven_alive(MONO)

    health.broken()

    state = health.state(at(1))
    assert (state.is_connected, state.is_whole, state.alive_ns) == (False, False, MONO)


@pytest.mark.parametrize(
    ("changes", "trouble"),
    [
        ({}, ""),
        ({"is_whole": False}, "gapped_quote"),
        ({"is_connected": False}, "stale_quote"),
        ({"alive_ns": MONO - 2 * SECOND_NS - 1}, "stale_quote"),
        ({"alive_ns": MONO - 2 * SECOND_NS}, ""),
        ({"clock_offset_ns": None}, "unknown_clock_offset"),
        ({"lag_ns": 3 * SECOND_NS + 1}, "late_quote"),
    ],
)
def test_a_stream_in_trouble_says_why_no_price_of_it_may_be_traded_on(changes: dict, trouble: str) -> None:
    state = make_stream_state(**changes)

    assert stream_trouble(state, at(0), silent_after_s=2.0, late_after_s=3.0) == trouble


@pytest.mark.parametrize("step_s", [3600, 0.6, -0.6, -3600])
def test_what_was_told_before_our_clocks_parted_is_old(step_s: float) -> None:
    state = make_stream_state()

    trouble = stream_trouble(state, at(1, round(step_s * SECOND_NS)), silent_after_s=2.0, late_after_s=3.0)

    assert trouble == "stale_quote"


def test_a_stream_tells_no_offset_from_when_our_clocks_parted_until_the_next_stamp() -> None:
    health = StreamHealth("coinbase")
    health.stamped(at(0).utc_ns - 10, at(0))
    stepped = at(1, step_ns=3600 * SECOND_NS)

    between = health.state(stepped).clock_offset_ns
    health.stamped(at(1).utc_ns - 10, stepped)

    assert (between, health.state(stepped).clock_offset_ns) == (None, 3600 * SECOND_NS + 10)


def test_the_venues_time_runs_on_by_the_monotonic_clock() -> None:
    state = make_stream_state(clock_offset_ns=5 * SECOND_NS)

    assert venue_time(state, at(2, step_ns=-3600 * SECOND_NS)) == UTC - 3 * SECOND_NS
    assert venue_time(make_stream_state(clock_offset_ns=None), at(2)) is None


def test_our_clock_is_as_wrong_as_the_venues_says_and_not_more_than_a_stamp_allows() -> None:
    health = StreamHealth("dydx")
    unread = health.clock_error_ns

    health.clock_read(reading(at(-3.1).utc_ns, seconds=0))  # the newest block is three seconds old
    lagging = health.state(at(0)).clock_error_ns
    health.stamped(at(0).utc_ns, at(0))

    assert (unread, lagging, health.state(at(0)).clock_error_ns) == (0, 3 * SECOND_NS, 0)
