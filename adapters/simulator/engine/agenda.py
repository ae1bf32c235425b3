"""What will happen by itself in the simulated world, on all its venues, in the order of time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from domain.instant import SECOND_NS

What = Callable[[int], object]  # is told when it was due, in UTC ns

NEVER_NS = 2**63
# What happens again and again happens so much in a longer step, spread over all of it: after an hour of sleep, who asks
# a venue must not wait until it has made up an hour.
LONGEST_FULL_NS = 20 * SECOND_NS


class Agenda:
    """The world's clock. What is due at the same moment happens in the order it was put down.

    Attributes:
        goal_ns: up to when the step goes that is being made.
        pace: how much of what happens again and again shall happen in it, above 0 and up to 1.
    """

    def __init__(self, start_ns: int) -> None:
        self.now_ns = start_ns  # never goes back
        self.goal_ns = start_ns
        self.pace = 1.0
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

    def advance(self, now_ns: int, is_full: bool = False) -> None:
        """Do everything that is due up to `now_ns`.

        Args:
            is_full: at the full pace, however long that takes.
        """
        if now_ns - self.now_ns > LONGEST_FULL_NS and not is_full:
            self.goal_ns, self.pace = now_ns, LONGEST_FULL_NS / (now_ns - self.now_ns)
        try:
            while self.next_due_ns <= now_ns:
                self.step()
        finally:
            if now_ns >= self.goal_ns:  # and not a step within the step
                self.pace = 1.0
        self.now_ns = max(self.now_ns, now_ns)

    def again_ns(self, after_ns: int, draw: Callable[[int, float], int], per_s: float) -> int:
        """Return when something is due again that happens `per_s` times a second.

        Args:
            draw: returns a moment after the first argument, for as many a second as the second one.
        """
        due_ns = draw(after_ns, per_s * self.pace)
        if self.pace < 1 and due_ns > self.goal_ns:  # the step ends before: from there on at the full pace
            return draw(max(after_ns, self.goal_ns), per_s)
        return due_ns
