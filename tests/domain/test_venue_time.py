import pytest

from domain.effects import Instant
from domain.settings import SECOND_NS
from domain.stream_health import LONGEST_ROUND_TRIP_NS, READ_CLOCK_EVERY_NS, ClockReading
from domain.venue_time import VAGUE_NS, VenueTime
from tests.builders import MONO, UTC

HOUR_NS = 3_600 * SECOND_NS


def at(passed_ns: int, step_ns: int = 0, asleep_ns: int = 0) -> Instant:
    return Instant(MONO + passed_ns, UTC + passed_ns + step_ns + asleep_ns, asleep_ns)


@pytest.fixture
def time() -> VenueTime:
    """Ours is an hour behind, as was read within 0.2 s."""
    time = VenueTime()
    assert time.clock_read(ClockReading(UTC + HOUR_NS, at(0), at(SECOND_NS // 5)))
    return time


def test_without_a_reading_our_wall_clock_stands_in() -> None:
    assert VenueTime().utc_ns(at(7)) == UTC + 7


def test_a_reading_was_taken_half_a_round_trip_ago(time: VenueTime) -> None:
    assert time.utc_ns(at(SECOND_NS)) == UTC + HOUR_NS + SECOND_NS - SECOND_NS // 10


@pytest.mark.parametrize("step_ns", [HOUR_NS, -HOUR_NS])
def test_no_step_of_ours_changes_it(time: VenueTime, step_ns: int) -> None:
    assert time.utc_ns(at(SECOND_NS, step_ns)) == time.utc_ns(at(SECOND_NS))


def test_it_goes_on_while_the_machine_sleeps(time: VenueTime) -> None:
    assert time.utc_ns(at(SECOND_NS, asleep_ns=HOUR_NS)) == time.utc_ns(at(SECOND_NS)) + HOUR_NS


def test_a_reading_that_took_too_long_changes_nothing(time: VenueTime) -> None:
    slow = ClockReading(UTC, at(0), at(LONGEST_ROUND_TRIP_NS + 1))

    assert not time.clock_read(slow)
    assert time.utc_ns(at(SECOND_NS)) > UTC + HOUR_NS


def test_a_stamp_to_the_second_counts_only_where_it_shows_more_than_its_own_error(time: VenueTime) -> None:
    known = time.utc_ns(at(SECOND_NS))

    time.hint(known - VAGUE_NS, at(SECOND_NS), at(SECOND_NS))
    assert time.utc_ns(at(SECOND_NS)) == known
    time.hint(known - HOUR_NS, at(SECOND_NS), at(SECOND_NS))
    assert time.utc_ns(at(SECOND_NS)) == known - HOUR_NS


def test_the_clock_is_read_once_a_minute_and_when_ours_have_parted(time: VenueTime) -> None:
    assert VenueTime().is_clock_due(at(0))
    assert not time.is_clock_due(at(SECOND_NS))
    assert time.is_clock_due(at(SECOND_NS // 5 + READ_CLOCK_EVERY_NS))
    assert time.is_clock_due(at(SECOND_NS, step_ns=HOUR_NS))
