"""When an actor wants to be woken for what: a heap, oldest first. It sleeps on nothing itself."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from domain.effects import WakeupKey, WakeupKind


class ActorWakeup(WakeupKind):
    """Of each actor itself, whatever it does."""

    REPORT = "report"
    DEADLINE = "deadline"  # of the question


class Wakeups:
    """Wake-ups cannot be cancelled: whoever wakes it asks "still due?"."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, WakeupKey]] = []  # (due_ns, order of setting, key)
        self._pending: set[tuple[int, WakeupKey]] = set()  # what is in the heap
        self._sequence = 0

    @property
    def next_due_ns(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def set(self, due_ns: int, key: WakeupKey) -> None:
        """Remember `key` for `due_ns`; the same pair once."""
        if (due_ns, key) in self._pending:
            return
        self._sequence += 1
        self._pending.add((due_ns, key))
        heapq.heappush(self._heap, (due_ns, self._sequence, key))

    def take_due(self, now_ns: int) -> Iterator[tuple[int, WakeupKey]]:
        """Remove and yield what is due, also what is set meanwhile."""
        while self._heap and self._heap[0][0] <= now_ns:
            due_ns, _, key = heapq.heappop(self._heap)
            self._pending.discard((due_ns, key))
            yield due_ns, key
