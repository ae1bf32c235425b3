"""How many requests a call makes: paid for where calls are started, counted where requests leave.

A call is one question for whoever asks it, and several requests for the venue: pages, a second try, another way to
the same answer. Each call has a ticket for so many requests; with what exceeds it, its worker waits its turn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from domain.instant import SECOND_NS
from domain.messages.budgets import BudgetLine
from domain.resilience.budgets import Budgets, RequestKind

if TYPE_CHECKING:  # whose kits have a budget of ours
    from adapters.clock import Clock

_here = threading.local()  # .ticket: of the call that this thread runs


class SharedBudget:
    """A `RequestBudget`: the limits of a venue, which an actor and its workers share."""

    def __init__(self, budgets: Budgets, clock: Clock, pause: Callable[[float], None]) -> None:
        """Args:
        pause: lets a worker wait so many seconds.
        """
        self._budgets = budgets
        self._clock = clock
        self._pause = pause
        self._lock = threading.Lock()

    def take(
        self,
        now_ns: int,
        is_reducing: bool,
        longest_pause_ns: int | None,
        requests: int,
        kind: RequestKind = RequestKind.READ,
        orders: int = 1,
    ) -> int:
        with self._lock:
            return self._budgets.take(now_ns, is_reducing, longest_pause_ns, requests, kind, orders)

    def ticket(
        self, paid: int, is_reducing: bool, longest_pause_ns: int | None, kind: RequestKind = RequestKind.READ
    ) -> Ticket:
        return Ticket(self, paid, is_reducing, longest_pause_ns, kind)

    def charge(self, requests: int, kind: RequestKind) -> None:
        with self._lock:
            self._budgets.charge(requests, kind)

    def lines(self, now_ns: int) -> tuple[BudgetLine, ...]:
        with self._lock:
            return self._budgets.lines(now_ns)

    def hold(self, now_ns: int, wait_ns: int | None) -> None:
        with self._lock:
            self._budgets.hold(now_ns, wait_ns)

    def let_go(self, now_ns: int) -> None:
        with self._lock:
            self._budgets.let_go(now_ns)

    def await_turn(self, deadline_ns: int, is_reducing: bool, longest_pause_ns: int | None, kind: RequestKind) -> bool:
        """Block until one more request is paid for. Returns False, at once, where that is after the deadline."""
        while True:
            now_ns = self._clock.now().monotonic_ns
            wait_ns = self.take(now_ns, is_reducing, longest_pause_ns, 1, kind, 0)
            if not wait_ns:
                return True
            if now_ns + wait_ns >= deadline_ns:
                return False
            self._pause(wait_ns / SECOND_NS)


class Ticket:
    """What one call may send.

    Attributes:
        paid: requests that the budget was asked for.
        made: requests that were sent.
    """

    def __init__(
        self, budget: SharedBudget, paid: int, is_reducing: bool, longest_pause_ns: int | None, kind: RequestKind
    ) -> None:
        self.paid = paid
        self.made = 0
        self._budget = budget
        self._how = is_reducing, longest_pause_ns, kind

    def run(self, call: Callable[[], Any]) -> Any:
        """Run the call on this thread, under this ticket."""
        _here.ticket = self
        try:
            return call()
        finally:
            _here.ticket = None

    def settle(self) -> None:
        """Pay what is owed at the end, or get back what was not used; a call counts for one at least."""
        self._budget.charge(max(self.made, 1) - self.paid, self._how[-1])

    def await_turn(self, deadline_ns: int) -> bool:
        if self.made >= self.paid:
            if not self._budget.await_turn(deadline_ns, *self._how):
                return False
            self.paid += 1
        return True


def await_turn(deadline_ns: int) -> bool:
    """Block until the call of this thread may send one more request. Returns False where that is too late."""
    ticket = getattr(_here, "ticket", None)
    return ticket is None or ticket.await_turn(deadline_ns)


def count() -> None:
    """Note that the call of this thread sends a request."""
    ticket = getattr(_here, "ticket", None)
    if ticket is not None:
        ticket.made += 1
