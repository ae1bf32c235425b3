"""What will happen by itself in the simulated world, on all its venues, in the order of time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

What = Callable[[int], object]  # is told when it was due, in UTC ns

NEVER_NS = 2**63


class Agenda:
    """The world's clock. What is due at the same moment happens in the order it was put down."""

    def __init__(self, start_ns: int) -> None:
        self.now_ns = start_ns  # never goes back
        self._items: list[tuple[int, int, What]] = []  # (due_ns, tie breaker, what)
        self._numbers = count()

    @property
    def next_due_ns(self) -> int:
        return self._items[0][0] if self._items else NEVER_NS

    def at(self, due_ns: int, what: What) -> None:
        heapq.heappush(self._items, (due_ns, next(self._numbers), what))

    def step(self) -> None:
        """Do the next thing, whenever it is due."""
        due_ns, _, what = heapq.heappop(self._items)
        self.now_ns = max(self.now_ns, due_ns)
        what(due_ns)

    def advance(self, now_ns: int) -> None:
        """Do everything that is due up to `now_ns`."""
        while self.next_due_ns <= now_ns:
            self.step()
        self.now_ns = max(self.now_ns, now_ns)
