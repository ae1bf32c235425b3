"""The road of one gateway's questions to its venue and back: queue, budget, workers, and what is odd on the way."""

from __future__ import annotations

from typing import Any

from actors.components.answer_watch import AnswerWatch
from actors.components.venue_calls import LEAST_WORKERS, Call, VenueCalls
from actors.runtime.base_actor import BaseActor
from adapters.ports import VenueKit
from domain.effects import Role, WakeupKey, WakeupKind
from domain.errors import VenueError
from domain.messages.budgets import BudgetsReported
from domain.messages.system import VenueAccessChanged
from domain.resilience.access import READING, Access
from domain.resilience.budgets import Budgets
from domain.settings import VenueSettings


class LineWakeup(WakeupKind):
    SEND = "send"
    ACCESS = "access"


SEND = WakeupKey(LineWakeup.SEND)
ACCESS = WakeupKey(LineWakeup.ACCESS)


class VenueLine:
    """Puts blocking calls on workers when it is their turn."""

    def __init__(self, actor: BaseActor, venue: str, settings: VenueSettings, kit: VenueKit) -> None:
        workers = max(settings.workers, LEAST_WORKERS)
        budgets = Budgets(kit.budgets(settings), actor.clock.now().monotonic_ns)
        self._budget = budget = kit.request_budget(budgets, actor.clock, actor.toolbox.pause)
        self._actor = actor
        self._executor = actor.toolbox.executor(workers)
        self._calls = VenueCalls(self._executor, budget, workers)
        self._watch = AnswerWatch(actor, venue)
        self._venue = venue
        self._access = Access()
        self._refusal = ""  # as told
        self._alarmed = ""  # of a refusal that has not been disproven
        actor.watch(self._executor.fileno(), self._collect)

    def make(self, call: Call) -> None:
        """Run a blocking call on a worker when it is its turn, and hand what came of it to its `answered`."""
        self._calls.add(call)
        self.send()

    def report(self) -> None:
        """Tell the monitor what is left of the budgets."""
        now = self._actor.clock.now()
        lines = self._budget.lines(now.monotonic_ns)
        self._actor.tell(Role.MONITOR, BudgetsReported(ts_event=now.utc_ns, venue=self._venue, lines=lines))

    def send(self) -> None:
        """Give up what hangs, send what may leave; called at each SEND, too."""
        for call, error in self._calls.give_up_hung(self._actor.clock.now()):
            self._watch.hung(error)
            call.answered(error)
        due_ns = self._calls.send(self._actor.clock.now())
        if due_ns is not None:
            self._actor.wake_at(due_ns, SEND)

    def _collect(self) -> None:
        for call, result in self._calls.collect(self._actor.clock.now()):
            self._watch.ended(result)
            self._heed_access(call, result)
            call.answered(result)
        self.send()

    @property
    def refusal(self) -> str:
        """Return why no opening can be made there, as the person has been told; empty where it can."""
        return self._refusal

    def announce_access(self) -> None:
        """Tell the router whether the venue takes our credentials."""
        now = self._actor.clock.now()
        self._refusal = self._access.refusal(now.monotonic_ns)
        self._actor.tell(
            Role.ORDER_ROUTER,
            VenueAccessChanged(ts_event=now.utc_ns, venue=self._venue, refusal=self._refusal),
        )

    def look_at_access(self) -> None:
        """Look whether a refusal is due to be tested; called at each ACCESS, too."""
        now_ns = self._actor.clock.now().monotonic_ns
        if self._access.refusal(now_ns) != self._refusal:
            self.announce_access()
        next_try_ns = self._access.next_try_ns()
        if next_try_ns is not None and next_try_ns > now_ns:
            self._actor.wake_at(next_try_ns, ACCESS)

    def _heed_access(self, call: Call, result: Any) -> None:
        now = self._actor.clock.now()
        before_ns = self._access.next_try_ns()
        # What anybody may ask proves no key when it is answered; refused to ours, it tells all the same.
        if call.proves or (isinstance(result, VenueError) and result.denied_with):
            self._access.ended(call.proves or READING, result, now.monotonic_ns)
        after_ns = self._access.next_try_ns()
        if after_ns == before_ns:
            return
        if after_ns is None:
            self._actor.alarm_over(self._venue, self._alarmed)
            self._alarmed = ""
        elif pause_ns := self._access.pause_ns(now.monotonic_ns):
            self._calls.hold(now, pause_ns)
        self.look_at_access()
        if self._refusal and not self._alarmed:
            self._alarmed = f"{self._refusal}: no openings until it takes them; is the key right, and the clock?"
            self._actor.alarm(self._venue, self._alarmed)
