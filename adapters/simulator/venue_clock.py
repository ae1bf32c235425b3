"""The clock of the simulated venues. Theirs is right, as at real ones, whatever is done to the machine's."""

from __future__ import annotations

import time

_PASSING = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # the first runs on while the machine sleeps


class VenueClock:
    """UTC when it is made, and from then on what time has passed: it never goes back and never steps."""

    def __init__(self, utc_at_boot_ns: int | None = None) -> None:
        """Start by the machine's clock, or go on as the clock that had this `utc_at_boot_ns`."""
        if utc_at_boot_ns is None:
            utc_at_boot_ns = time.time_ns() - time.clock_gettime_ns(_PASSING)
        self.utc_at_boot_ns = utc_at_boot_ns

    def now_ns(self) -> int:
        return self.utc_at_boot_ns + time.clock_gettime_ns(_PASSING)
