"""The queue in front of one venue: who goes first, how many at a time, and what has waited or hung for too long.

Knows workers and the rate budget; refuses to know what a call is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from itertools import count, islice
from typing import Any

from actors.components.batches import Batch, fates
from adapters.ports import Executor
from domain.clocks import have_parted
from domain.errors import Ambiguous, VenueError
from domain.instant import SECOND_NS, Instant
from domain.resilience.access import READING
from domain.resilience.budgets import RequestBudget, RequestKind, Ticket

LEAST_WORKERS = 2  # with fewer, a question that hangs holds up a cancel
_GRACE_NS = SECOND_NS  # after its deadline, a call hangs where its own deadline does not reach


class Urgency(IntEnum):
    """Who goes first. Less urgent calls leave workers to the others: what hangs must hold up no cancel."""

    REDUCING = 0  # cancels, closes, protection: may use the budget's reserve
    ASKING = 1  # what became of an order: a position may have to wait for the answer
    OPENING = 2
    READING = 3

    def share(self, workers: int) -> int:
        """Return how many of the workers may be busy when one more of this kind begins.

        Whatever their number, one is left to what reduces risk, if need be one more than there are.
        """
        if self is Urgency.REDUCING:
            return max(workers, LEAST_WORKERS)
        quarters = (4, 3, 3, 2)[self]
        return max(1, min(workers * quarters // 4, workers - 1))

    @property
    def longest_pause_ns(self) -> int | None:
        """Return for how long a venue may keep it waiting by a 429; None as long as it likes."""
        return (SECOND_NS, 5 * SECOND_NS, None, None)[self]


@dataclass(eq=False)
class Call:
    """One question on its way through the budget to a worker and back."""

    run: Callable[[], Any]
    answered: Callable[[Any], None]
    urgency: Urgency = Urgency.READING
    leave_by: Instant | None = None  # one that has not left by then is given up; None = it can wait
    given_up: Callable[[], None] = lambda: None
    requests: int = 0  # that it usually makes; 0 = as many as others of its urgency
    proves: str = READING  # which credentials its answer is about; empty: anybody may ask it
    replaces: str = ""  # of those with the same word here that wait, the newest is enough
    kind: RequestKind = RequestKind.READ  # as which it counts there
    batch: Batch | None = None  # None: it always has a request of its own
    within_s: float | None = None  # once it runs, it ends by then, or hangs; None = it knows no deadline

    @property
    def price(self) -> int:
        """Return for how many requests the budget is asked; what it makes besides is paid for as it goes."""
        return self.requests or (1, 2, 1, 2)[self.urgency]

    def is_overdue(self, now: Instant) -> bool:
        """Tell whether it must not leave any more; an opening that our clocks parted over may be as old as a sleep."""
        if self.leave_by is None:
            return False
        has_slept = self.urgency is Urgency.OPENING and have_parted(self.leave_by, now)
        return has_slept or now.monotonic_ns > self.leave_by.monotonic_ns


@dataclass(eq=False)
class _Running:
    calls: tuple[Call, ...]
    ticket: Ticket
    hangs_ns: int | None  # monotonic; from then on nobody waits for it


class VenueCalls:
    """The calls that wait and those that are under way."""

    def __init__(self, executor: Executor, budget: RequestBudget, workers: int) -> None:
        self._executor = executor
        self._budget = budget
        self._workers = workers
        self._waiting: list[Call] = []  # oldest first
        self._running: dict[str, _Running] = {}  # key -> call on a worker
        self._keys = count(1)

    def add(self, call: Call) -> None:
        if call.replaces:
            self._waiting = [each for each in self._waiting if each.replaces != call.replaces]
        self._waiting.append(call)

    def give_up_hung(self, now: Instant) -> list[tuple[Call, VenueError]]:
        """Replace the workers whose calls hang, and return these calls with what is known of them: nothing."""
        hung = [
            key
            for key, running in self._running.items()
            if running.hangs_ns is not None and now.monotonic_ns >= running.hangs_ns
        ]
        ended: list[tuple[Call, VenueError]] = []
        for key in hung:
            running = self._running.pop(key)
            running.ticket.settle()
            self._executor.replace(key)
            error = Ambiguous("the call hangs beyond its deadline", code="overdue")
            ended += [(call, error) for call in running.calls]
        return ended

    def hold(self, now: Instant, wait_ns: int) -> None:
        """Let what can wait do so: until then the venue would only refuse it."""
        self._budget.hold(now.monotonic_ns, wait_ns)

    def send(self, now: Instant) -> int | None:
        """Send what workers and budget allow, the most urgent first, each kind in its order.

        Returns:
            When to call again, or to look for calls that hang (monotonic ns); None when only an answer can change
            anything.
        """
        due_ns = []
        for call in sorted(self._waiting, key=lambda call: call.urgency):
            if call not in self._waiting:
                continue  # it shares an earlier one's request
            if call.is_overdue(now):
                self._waiting.remove(call)
                call.given_up()
                continue
            calls = self._beside(call, now)
            wait_ns = self._wait_ns(calls, now)
            if wait_ns and len(calls) > 1:
                calls = (call,)
                wait_ns = self._wait_ns(calls, now)
            if wait_ns == 0:
                self._start(calls, now)
                continue
            if wait_ns is not None:
                due_ns.append(now.monotonic_ns + wait_ns)
            if call.leave_by:
                due_ns.append(call.leave_by.monotonic_ns + 1)
        due_ns += [each.hangs_ns for each in self._running.values() if each.hangs_ns is not None]
        return min(due_ns, default=None)

    def _wait_ns(self, calls: tuple[Call, ...], now: Instant) -> int | None:
        """Return how long a request has to wait, 0 when it may leave; None: until an answer frees a worker."""
        call, urgency = calls[0], calls[0].urgency
        if len(self._running) >= urgency.share(self._workers):
            return None
        is_reducing = urgency is Urgency.REDUCING
        how = is_reducing, urgency.longest_pause_ns, call.price, call.kind
        return self._budget.take(now.monotonic_ns, *how, orders=len(calls))

    def _beside(self, call: Call, now: Instant) -> tuple[Call, ...]:
        """Return the calls that leave in one request with this one, itself first, the others as they came."""
        if call.batch is None:
            return (call,)
        others = (it for it in self._waiting if it.batch and it.batch.key == call.batch.key and it is not call)
        return (call, *islice((it for it in others if not it.is_overdue(now)), call.batch.most - 1))

    def _start(self, calls: tuple[Call, ...], now: Instant) -> None:
        for each in calls:
            self._waiting.remove(each)
        key, call = str(next(self._keys)), calls[0]
        run = call.run
        if call.batch and len(calls) > 1:
            run = partial(call.batch.run, [it.batch.item for it in calls if it.batch])
        is_reducing = call.urgency is Urgency.REDUCING
        ticket = self._budget.ticket(call.price, is_reducing, call.urgency.longest_pause_ns, call.kind)
        hangs_ns = None
        if call.within_s is not None:
            hangs_ns = now.monotonic_ns + int(call.within_s * SECOND_NS) + _GRACE_NS
        self._running[key] = _Running(calls, ticket, hangs_ns)
        self._executor.submit(key, partial(ticket.run, run))

    def collect(self, now: Instant) -> Iterator[tuple[Call, Any]]:
        """Yield the calls that have ended, with what came of them.

        Raises:
            Exception: what a worker raised that is no venue's error: our bug.
        """
        for key, result in self._executor.collect():
            running = self._running.pop(key, None)
            if running is None:
                continue  # given up
            running.ticket.settle()
            if isinstance(result, BaseException) and not isinstance(result, VenueError):
                raise result
            self._heed(result, now)
            yield from zip(running.calls, fates(result, len(running.calls)), strict=True)

    def _heed(self, result: Any, now: Instant) -> None:
        """Slow down when the venue wants it, and no more when it answers."""
        if not isinstance(result, VenueError):
            self._budget.let_go(now.monotonic_ns)
        elif result.is_throttled:
            self._budget.hold(now.monotonic_ns, result.retry_after_ns)
