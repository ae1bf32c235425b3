"""What an actor asked to be woken for, given back in the order it is due, and asked for."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple


class Wakeup(NamedTuple):
    due_s: float  # CLOCK_MONOTONIC
    number: int
    delay: Any  # as the actor gave it, timedelta or seconds; its WakeupMessage says it again
    payload: Any


class Wakeups:
    def __init__(self) -> None:
        self._wakeups: list[Wakeup] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._wakeups)

    def __iter__(self) -> Iterator[Wakeup]:
        return iter(sorted(self._wakeups))

    def add(self, due_s: float, delay: Any, payload: Any) -> None:
        heappush(self._wakeups, Wakeup(due_s, next(self._numbers), delay, payload))

    def next_due_s(self) -> float | None:
        return self._wakeups[0].due_s if self._wakeups else None

    def take_due(self, now_s: float) -> Wakeup | None:
        """Remove and return the first wake-up that is due, or None."""
        if self._wakeups and self._wakeups[0].due_s <= now_s:
            return heappop(self._wakeups)
        return None
