import pytest

from domain.instant import SECOND_NS, Instant
from domain.stamps import LAST_NS
from domain.streams.health import FUTURE_NS, LONGEST_ROUND_TRIP_NS, READ_CLOCK_EVERY_NS, ClockReading
from domain.streams.venue_time import DOUBTED_EVERY_NS, OUTVOTED_AFTER_NS, VAGUE_NS, VenueTime
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

    differ = [time.differs(known - ns, at(SECOND_NS), at(SECOND_NS)) for ns in (VAGUE_NS, HOUR_NS)]

    assert (differ, time.utc_ns(at(SECOND_NS))) == ([False, True], known)


def test_the_clock_is_read_once_a_minute_and_when_ours_have_parted(time: VenueTime) -> None:
    assert VenueTime().is_clock_due(at(0))
    assert not time.is_clock_due(at(SECOND_NS))
    assert time.is_clock_due(at(SECOND_NS // 5 + READ_CLOCK_EVERY_NS))
    assert time.is_clock_due(at(SECOND_NS, step_ns=HOUR_NS))


def test_no_stamp_can_be_later_than_what_was_read_of_the_clock_whatever_ours_shows() -> None:
    time = VenueTime()
    time.clock_read(ClockReading(UTC + HOUR_NS, at(0), at(0)))

    assert time.latest_ns(at(SECOND_NS)) == UTC + HOUR_NS + SECOND_NS + FUTURE_NS


def test_a_refused_stamp_has_the_clock_read_soon_and_no_more_often_than_that() -> None:
    time = VenueTime()
    time.clock_read(ClockReading(UTC, at(0), at(0)))

    time.refused(UTC + HOUR_NS, at(SECOND_NS))

    assert [time.is_clock_due(at(ns)) for ns in (SECOND_NS, DOUBTED_EVERY_NS)] == [False, True]


def test_stamps_that_all_say_the_same_outvote_our_clock_only_where_the_venues_cannot_be_read() -> None:
    read, unread = VenueTime(), VenueTime()
    read.clock_read(ClockReading(UTC, at(0), at(0)))

    for time in (read, unread):
        for ns in (0, OUTVOTED_AFTER_NS):
            time.refused(at(ns).utc_ns + HOUR_NS, at(ns))

    now = at(OUTVOTED_AFTER_NS)
    assert (read.utc_ns(now), unread.utc_ns(now)) == (now.utc_ns, now.utc_ns + HOUR_NS)
    assert unread.is_clock_due(now)


def test_one_stamp_on_time_acquits_our_clock() -> None:
    time = VenueTime()
    time.refused(UTC + HOUR_NS, at(0))
    time.believed()

    time.refused(UTC + HOUR_NS + OUTVOTED_AFTER_NS, at(OUTVOTED_AFTER_NS))

    assert time.utc_ns(at(OUTVOTED_AFTER_NS)) == at(OUTVOTED_AFTER_NS).utc_ns


@pytest.mark.parametrize("absurd_ns", [-1, 0, LAST_NS, 2**63, 2**70])
def test_a_reading_that_can_be_no_time_is_of_no_use(absurd_ns: int) -> None:
    time = VenueTime()

    assert not time.clock_read(ClockReading(absurd_ns, at(0), at(0)))
    assert time.utc_ns(at(0)) == UTC


def test_a_stamp_may_be_as_far_ahead_of_a_reading_as_that_lags() -> None:
    time = VenueTime()
    time.clock_read(ClockReading(UTC, at(0), at(0), lags_ns=3 * SECOND_NS))

    assert time.latest_ns(at(0)) == UTC + 3 * SECOND_NS + FUTURE_NS
