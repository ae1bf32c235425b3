"""The road of one gateway's questions to its venue and back: queue, budget, workers, and what is odd on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors.answer_watch import AnswerWatch
from actors.shell import Shell
from actors.venue_calls import LEAST_WORKERS, Call, VenueCalls
from adapters.ports import VenueKit
from domain.rate_limit import TokenBucket
from domain.settings import VenueSettings

SEND = "line:send"  # alarm key


class VenueLine:
    """Puts blocking calls on workers when it is their turn."""

    def __init__(self, shell: Shell, venue: str, settings: VenueSettings, kit: VenueKit) -> None:
        workers = max(settings.workers, LEAST_WORKERS)
        burst = max(2, int(settings.requests_per_second))
        now_ns = shell.clock.now().monotonic_ns
        bucket = TokenBucket(settings.requests_per_second, burst, burst // 4, now_ns)
        budget = kit.request_budget(bucket, shell.clock, shell.parts.pause)
        self._shell = shell
        self._executor = shell.parts.executor(workers)
        self._calls = VenueCalls(self._executor, budget, workers)
        self._watch = AnswerWatch(shell, venue)
        shell.watch(self._executor.fileno(), self._collect)

    def call(self, run: Callable, answered: Callable, **how: Any) -> None:
        """Run a blocking call on a worker when it is its turn, and hand what came of it to `answered`.

        Args:
            how: of a `Call`.
        """
        self._calls.add(Call(run, answered, **how))
        self.send()

    def send(self) -> None:
        """Give up what hangs, send what may leave; called at each SEND, too."""
        for call, error in self._calls.give_up_hung(self._shell.clock.now()):
            self._watch.hung(error)
            call.answered(error)
        due_ns = self._calls.send(self._shell.clock.now())
        if due_ns is not None:
            self._shell.wake_at(due_ns, SEND)

    def _collect(self) -> None:
        for call, result in self._calls.collect(self._shell.clock.now()):
            self._watch.ended(result)
            call.answered(result)
        self.send()
