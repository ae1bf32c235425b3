"""The simulated chain's clock: when each block was made. Pure, and the same in every life of the world.

Blocks are 0.5 to 2 s apart, as the chain's are. A block's time follows from its number alone, so heights
rise from one life of the simulator to the next, and a trade's block never changes.
"""

from __future__ import annotations

from functools import lru_cache
from random import Random

from domain.instant import SECOND_NS

GENESIS_NS = 1_698_364_800 * SECOND_NS  # when the chain that we copy began
PERIOD_NS = 1_250_000_000
_JITTER_MS = 750
_MILLISECOND_NS = 1_000_000


class BlockClock:
    """Heights and UTC nanoseconds, both ways."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.time_ns = lru_cache(maxsize=4_096)(self._time_ns)

    def height(self, now_ns: int) -> int:
        """Return the newest block made by `now_ns`."""
        candidate = (now_ns - GENESIS_NS) // PERIOD_NS
        return candidate if self.time_ns(candidate) <= now_ns else candidate - 1

    def height_of(self, event_ns: int) -> int:
        """Return the block that holds what happened at `event_ns`: the first one not made before it."""
        before = self.height(event_ns)
        return before if self.time_ns(before) == event_ns else before + 1

    def _time_ns(self, height: int) -> int:
        """Return when a block was made; whole milliseconds, as the venue tells them."""
        jitter_ms = Random(f"{self._seed}:block:{height}").randrange(_JITTER_MS)
        return GENESIS_NS + height * PERIOD_NS + jitter_ms * _MILLISECOND_NS
