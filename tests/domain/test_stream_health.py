import pytest

from domain.effects import Instant
from domain.market_data import InstrumentStatus, TradingStatus
from domain.settings import SECOND_NS
from domain.stream_health import StreamHealth, stream_trouble
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


def test_what_the_venue_has_halted_is_told_until_it_trades_again() -> None:
    health = StreamHealth("coinbase")

    def told(instrument: str, status: TradingStatus) -> tuple[str, ...]:
        health.told_status(
            InstrumentStatus(ts_event=UTC, venue="coinbase", instrument=instrument, status=status)
        )
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
