from domain.clocks import (
    PARTED_NS,
    deadline,
    describe_parting,
    have_parted,
    is_past,
    is_void,
    passed_ns,
)
from domain.instant import SECOND_NS, Instant
from tests.builders import MONO, UTC

BEFORE = Instant(MONO, UTC, asleep_ns=7)
MINUTE_NS = 60 * SECOND_NS


def test_clocks_that_moved_alike_have_not_parted_however_long_ago() -> None:
    assert not have_parted(BEFORE, Instant(MONO + MINUTE_NS, UTC + MINUTE_NS + PARTED_NS, 7))


def test_a_step_in_either_direction_parts_them() -> None:
    for step_ns in (PARTED_NS + 1, -PARTED_NS - 1):
        assert have_parted(BEFORE, Instant(MONO + MINUTE_NS, UTC + MINUTE_NS + step_ns, 7))


def test_a_sleep_parts_them_and_its_time_has_passed() -> None:
    awake = Instant(MONO + SECOND_NS, UTC + SECOND_NS + MINUTE_NS, 7 + MINUTE_NS)

    assert have_parted(BEFORE, awake)
    assert passed_ns(BEFORE, awake) == SECOND_NS + MINUTE_NS
    assert describe_parting(BEFORE, awake) == "the machine slept for 60.0 s"


def test_where_nobody_counts_sleep_the_person_is_told_of_both() -> None:
    later = Instant(MONO, UTC - MINUTE_NS, 7)

    assert describe_parting(BEFORE, later) == "our clock was set by -60.0 s, or the machine slept"


def test_a_deadline_holds_by_the_monotonic_clock_whatever_the_wall_clock_shows() -> None:
    end = deadline(UTC + MINUTE_NS, MONO + MINUTE_NS, BEFORE)

    for step_ns in (0, -3600 * SECOND_NS, 3600 * SECOND_NS):
        assert not is_past(end, Instant(MONO + MINUTE_NS - 1, UTC + step_ns))
        assert is_past(end, Instant(MONO + MINUTE_NS, UTC + step_ns))


def test_what_takes_risk_is_void_when_the_clocks_part() -> None:
    end = deadline(UTC + MINUTE_NS, MONO + MINUTE_NS, BEFORE)

    assert not is_void(end, BEFORE)
    assert is_void(end, Instant(MONO, UTC - 3600 * SECOND_NS)) and is_void(end, Instant(MONO, UTC + 3600 * SECOND_NS))


def test_a_deadline_told_by_the_wall_clock_alone_lasts_for_what_is_left_when_it_is_heard() -> None:
    assert deadline(UTC + MINUTE_NS, 0, BEFORE) == Instant(MONO + MINUTE_NS, UTC + MINUTE_NS)
