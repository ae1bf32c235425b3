"""The one reader of the system's time."""

from __future__ import annotations

import time
from typing import Protocol

from domain.instant import Instant

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)  # runs on while the machine sleeps; Linux only
_TOGETHER_NS = 1_000_000
_TRIES = 3


class SystemClock:
    """CLOCK_MONOTONIC, UTC and how long the machine has slept, read one after the other.

    A process that was stopped between two of them would see its clocks part, so it looks again.
    """

    def now(self) -> Instant:
        for _ in range(_TRIES):
            monotonic_ns, utc_ns = time.monotonic_ns(), time.time_ns()
            asleep_ns = time.clock_gettime_ns(_BOOTTIME) - monotonic_ns if _BOOTTIME is not None else 0
            if time.monotonic_ns() - monotonic_ns < _TOGETHER_NS:
                break
        return Instant(monotonic_ns, utc_ns, max(0, asleep_ns))


class Clock(Protocol):
    def now(self) -> Instant: ...
