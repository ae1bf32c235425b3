"""One moment as two clocks show it, and how long a second, an hour, a day is in nanoseconds."""

from __future__ import annotations

from typing import NamedTuple

SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS
DAY_NS = 24 * HOUR_NS


class Instant(NamedTuple):
    """One reading of the clocks: intervals use `monotonic_ns`, the journal `utc_ns`.

    CLOCK_MONOTONIC is the same for all processes of a machine; it never steps, and stands while the machine sleeps.
    """

    monotonic_ns: int
    utc_ns: int
    asleep_ns: int = 0  # slept since the machine started (CLOCK_BOOTTIME less CLOCK_MONOTONIC); 0 where unknown
