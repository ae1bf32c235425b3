"""Alarms that an actor set, given back in the order they are due, and set."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple


class Alarm(NamedTuple):
    due_s: float  # CLOCK_MONOTONIC
    number: int
    delay: Any  # as the actor gave it, timedelta or seconds; its WakeupMessage says it again
    payload: Any


class Wakeups:
    def __init__(self) -> None:
        self._alarms: list[Alarm] = []
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._alarms)

    def __iter__(self) -> Iterator[Alarm]:
        return iter(sorted(self._alarms))

    def add(self, due_s: float, delay: Any, payload: Any) -> None:
        heappush(self._alarms, Alarm(due_s, next(self._numbers), delay, payload))

    def next_due_s(self) -> float | None:
        return self._alarms[0].due_s if self._alarms else None

    def take_due(self, now_s: float) -> Alarm | None:
        """Remove and return the first alarm that is due, or None."""
        if self._alarms and self._alarms[0].due_s <= now_s:
            return heappop(self._alarms)
        return None
