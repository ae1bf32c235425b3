"""The one reader of the system's time."""

from __future__ import annotations

import time

from domain.effects import Instant


class SystemClock:
    """CLOCK_MONOTONIC and UTC, read one after the other."""

    def now(self) -> Instant:
        return Instant(monotonic_ns=time.monotonic_ns(), utc_ns=time.time_ns())
