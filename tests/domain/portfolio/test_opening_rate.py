from domain.instant import DAY_NS, HOUR_NS, SECOND_NS, Instant
from domain.messages.journal import IntentAccepted
from domain.messages.orders import Purpose
from domain.portfolio.opening_rate import OpeningRate
from tests.builders import MONO, UTC
from tests.order_builders import make_intent

MINUTE_NS = 60 * SECOND_NS


def at(passed_ns: int, step_ns: int = 0, asleep_ns: int = 0) -> Instant:
    return Instant(MONO + passed_ns, UTC + passed_ns + asleep_ns + step_ns, asleep_ns)


def accepted(stamp: int, purpose: Purpose = Purpose.OPEN) -> IntentAccepted:
    return IntentAccepted(ts_event=stamp, intent=make_intent(purpose))


def test_openings_are_counted_by_their_age_when_heard_of() -> None:
    rate = OpeningRate()
    for stamp in (UTC - 2 * HOUR_NS, UTC - MINUTE_NS, UTC - 2 * DAY_NS):
        rate.hear(accepted(stamp), at(0))
    rate.hear(accepted(UTC, Purpose.CLOSE), at(0))

    assert (rate.within(HOUR_NS, at(0)), rate.within(DAY_NS, at(0))) == (1, 2)
    assert (rate.within(HOUR_NS, at(HOUR_NS)), rate.within(DAY_NS, at(DAY_NS))) == (0, 0)


def test_no_step_of_our_clock_makes_them_older_or_younger() -> None:
    rate = OpeningRate()
    rate.hear(accepted(UTC), at(0))

    for step_ns in (2 * HOUR_NS, -2 * HOUR_NS):
        assert rate.within(HOUR_NS, at(MINUTE_NS, step_ns)) == 1
        assert rate.within(HOUR_NS, at(HOUR_NS, step_ns)) == 0


def test_sleep_makes_them_older() -> None:
    rate = OpeningRate()
    rate.hear(accepted(UTC), at(0))

    assert rate.within(HOUR_NS, at(0, asleep_ns=HOUR_NS)) == 0


def test_one_stamped_in_the_future_counts_as_new() -> None:
    rate = OpeningRate()
    rate.hear(accepted(UTC + DAY_NS), at(0))

    assert (rate.within(HOUR_NS, at(0)), rate.within(HOUR_NS, at(HOUR_NS))) == (1, 0)
