"""The stage keeps the promises that tests on it rely on: workers are few, and the dead stay dead."""

from __future__ import annotations

from collections.abc import Callable

from actors.shell import Shell
from actors.stage import Stage
from domain.messages import Command

CLERK = "clerk"


class Work(Command, kw_only=True):
    name: str
    takes_s: float


class Clerk(Shell):
    """Has two workers, and notes which calls began and which ended."""

    def started(self) -> None:
        self.executor = self.parts.executor(2)
        self.began: list[str] = []
        self.ended: list[str] = []
        self.watch(self.executor.fileno(), self._collect)

    def receiveMsg_Work(self, command: Work, sender: str) -> None:
        self.executor.submit(command.name, self._call(command))

    def _call(self, command: Work) -> Callable[[], None]:
        def run() -> None:
            self.began.append(command.name)
            self.clock.spend(command.takes_s)

        return run

    def _collect(self) -> None:
        self.ended.extend(key for key, _ in self.executor.collect())


def stage_at_work() -> tuple[Stage, Clerk]:
    stage = Stage()
    clerk = stage.cast(Clerk, CLERK)
    for name, takes_s in (("slow", 5.0), ("quick", 1.0), ("third", 1.0)):
        stage.tell(CLERK, Work(name=name, takes_s=takes_s))
    return stage, clerk


def test_a_call_waits_for_a_worker_and_takes_its_time() -> None:
    stage, clerk = stage_at_work()
    assert clerk.began == ["slow", "quick"]

    stage.advance(seconds=1)
    assert clerk.began == ["slow", "quick", "third"]
    assert clerk.ended == ["quick"]

    stage.advance(seconds=4)
    assert clerk.ended == ["quick", "third", "slow"]


def test_the_calls_of_a_dead_actor_that_had_not_begun_never_happen() -> None:
    stage, clerk = stage_at_work()

    stage.crash(CLERK)
    stage.advance(seconds=10)

    assert clerk.began == ["slow", "quick"]
    assert clerk.ended == []
