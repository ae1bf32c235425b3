"""The queue in front of one venue: who goes first, how many at a time, and what has waited for too long.

Knows workers and the rate budget; refuses to know what a call is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import count
from typing import Any

from adapters.ports import Executor
from domain.clocks import have_parted
from domain.effects import Instant
from domain.errors import VenueError
from domain.outage import Outage
from domain.rate_limit import TokenBucket
from domain.settings import SECOND_NS


class Urgency(IntEnum):
    """Who goes first. Less urgent calls leave workers to the others: what hangs must hold up no cancel."""

    REDUCING = 0  # cancels, closes, protection: may use the budget's reserve
    ASKING = 1  # what became of an order: a position may have to wait for the answer
    OPENING = 2
    READING = 3

    def share(self, workers: int) -> int:
        """Return how many of the workers may be busy when one more of this kind begins."""
        quarters = (4, 3, 3, 2)[self]
        return -(-workers * quarters // 4)

    @property
    def longest_pause_ns(self) -> int | None:
        """Return for how long a venue may keep it waiting by a 429; None as long as it likes."""
        return (SECOND_NS, 5 * SECOND_NS, None, None)[self]


@dataclass(eq=False)
class Call:
    """One request on its way through the budget to a worker and back."""

    run: Callable[[], Any]
    answered: Callable[[Any], None]
    urgency: Urgency = Urgency.READING
    leave_by: Instant | None = None  # one that has not left by then is given up; None = it can wait
    given_up: Callable[[], None] = lambda: None

    def is_overdue(self, now: Instant) -> bool:
        """Tell whether it must not leave any more; an opening that our clocks parted over may be as old as a sleep."""
        if self.leave_by is None:
            return False
        has_slept = self.urgency is Urgency.OPENING and have_parted(self.leave_by, now)
        return has_slept or now.monotonic_ns > self.leave_by.monotonic_ns


class VenueCalls:
    """The calls that wait and those that are under way."""

    def __init__(
        self,
        executor: Executor,
        budget: TokenBucket,
        workers: int,
        unreachable: Callable[[str], None] = lambda words: None,
    ) -> None:
        """Args:
        unreachable: gets the cause when calls keep reaching nobody.
        """
        self._unreachable = unreachable
        self._outage = Outage()
        self._executor = executor
        self._budget = budget
        self._workers = workers
        self._waiting: list[Call] = []  # oldest first
        self._running: dict[str, Call] = {}  # key -> call on a worker
        self._keys = count(1)

    def add(self, call: Call) -> None:
        self._waiting.append(call)

    def send(self, now: Instant) -> int | None:
        """Send what workers and budget allow, the most urgent first, each kind in its order.

        Returns:
            When to call again (monotonic ns); None when only an answer can change anything.
        """
        due_ns = []
        for call in sorted(self._waiting, key=lambda call: call.urgency):
            if call.is_overdue(now):
                self._waiting.remove(call)
                call.given_up()
                continue
            wait_ns = self._wait_ns(call, now)
            if wait_ns == 0:
                self._waiting.remove(call)
                self._start(call)
                continue
            if wait_ns is not None:
                due_ns.append(now.monotonic_ns + wait_ns)
            if call.leave_by:
                due_ns.append(call.leave_by.monotonic_ns + 1)
        return min(due_ns, default=None)

    def _wait_ns(self, call: Call, now: Instant) -> int | None:
        """Return how long `call` has to wait, 0 when it may leave; None: until an answer frees a worker."""
        urgency = call.urgency
        if len(self._running) >= urgency.share(self._workers):
            return None
        is_reducing = urgency is Urgency.REDUCING
        return self._budget.take(now.monotonic_ns, is_reducing, urgency.longest_pause_ns)

    def _start(self, call: Call) -> None:
        key = str(next(self._keys))
        self._running[key] = call
        self._executor.submit(key, call.run)

    def collect(self, now: Instant) -> Iterator[tuple[Call, Any]]:
        """Yield the calls that have ended, with what came of them.

        Raises:
            Exception: what a worker raised that is no venue's error: our bug.
        """
        for key, result in self._executor.collect():
            call = self._running.pop(key)
            if isinstance(result, BaseException) and not isinstance(result, VenueError):
                raise result
            if words := self._outage.ended(result):
                self._unreachable(words)
            if isinstance(result, VenueError) and result.retry_after_ns:
                self._budget.hold(now.monotonic_ns, result.retry_after_ns)
            yield call, result
