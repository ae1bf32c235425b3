"""What two readings of our clocks prove about the time between them.

The wall clock may be set at any moment, and the monotonic one stands while the machine sleeps. Both move alike
as long as neither happens; where they have parted, what was believed before is old, or its stamps are wrong.
"""

from __future__ import annotations

from domain.instant import SECOND_NS, Instant

# Moving apart by this is a step or a sleep: daemons that slew the wall clock slew the monotonic one as well.
PARTED_NS = SECOND_NS // 2


def ahead_ns(at: Instant) -> int:
    """Return the wall clock less the monotonic one; it changes by steps and sleep only."""
    return at.utc_ns - at.monotonic_ns


def have_parted(before: Instant, now: Instant) -> bool:
    """Tell whether the wall clock was set, or the machine slept, between two readings."""
    return abs(ahead_ns(now) - ahead_ns(before)) > PARTED_NS


def passed_ns(before: Instant, now: Instant) -> int:
    """Return how much time has passed, sleep included where it is known."""
    return now.monotonic_ns + now.asleep_ns - before.monotonic_ns - before.asleep_ns


def describe_error(error_ns: int, venue: str) -> str:
    """Return in words that our clock is not a venue's; `error_ns` is ours less the venue's."""
    direction = "ahead of" if error_ns > 0 else "behind"
    return f"our clock is {abs(error_ns) / SECOND_NS:.0f} s {direction} {venue}'s"


def describe_parting(before: Instant, now: Instant) -> str:
    """Return in words what came between two readings that have parted."""
    asleep_ns = now.asleep_ns - before.asleep_ns
    if asleep_ns > PARTED_NS:
        return f"the machine slept for {asleep_ns / SECOND_NS:.1f} s"
    return f"our clock was set by {(ahead_ns(now) - ahead_ns(before)) / SECOND_NS:+.1f} s, or the machine slept"


def deadline(utc_ns: int, monotonic_ns: int, now: Instant) -> Instant:
    """Return a deadline as both clocks show it; of one told by the wall clock alone, what is left of it now counts."""
    return Instant(monotonic_ns or now.monotonic_ns + utc_ns - now.utc_ns, utc_ns)


def is_past(end: Instant, now: Instant) -> bool:
    """Tell whether a deadline is over, by the clock that nobody can set."""
    return now.monotonic_ns >= end.monotonic_ns


def is_void(end: Instant, now: Instant) -> bool:
    """Tell whether what was decided to take risk until a deadline holds no more: it is past, or the clocks parted."""
    return is_past(end, now) or have_parted(end, now)
