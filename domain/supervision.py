"""Who is restarted when: backoff, budget, and what to do when the budget is spent.

Pure: exits and hellos come in, starts and kills go out. An incarnation is a number per role that rises with every
start, so that whatever an earlier life still says can be told apart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.effects import Instant, WakeAt
from domain.settings import SECOND_NS, SupervisionSettings
from domain.system_messages import ActorLine

BUDGET_WINDOW_NS = 60 * SECOND_NS


class StartChild(NamedTuple):
    role: str
    incarnation: int


class KillChild(NamedTuple):
    """End this process; its exit will be reported as usual. pid 0: it never said who it was."""

    role: str
    incarnation: int
    pid: int


class RewireAll(NamedTuple):
    """Tell everybody who plays what now."""


class GiveUp(NamedTuple):
    """The restart budget of `role` is spent: stop trading and tell the person."""

    role: str


SupervisionEffect = StartChild | KillChild | RewireAll | GiveUp | WakeAt


@dataclass
class _Child:
    role: str
    incarnation: int = 0
    pid: int = 0
    state: str = "down"  # starting, up, down, given_up
    restarts: int = 0
    up_ns: int = 0
    backoff_s: float = 0.0
    exits_ns: deque[int] = field(default_factory=deque)  # within the budget's window


class Supervision:
    """The restart policy for all children of the supervisor."""

    def __init__(self, settings: SupervisionSettings, roles: Sequence[str]) -> None:
        self.settings = settings
        self.children = {role: _Child(role) for role in roles}  # in starting order
        self.is_ending = False

    def begin(self, now: Instant) -> list[SupervisionEffect]:
        return [effect for child in self.children.values() for effect in self._start(child, now)]

    def identified(self, role: str, incarnation: int, pid: int) -> None:
        """A child said which process it is, before it has rebuilt its state."""
        child = self.children[role]
        if child.incarnation == incarnation:
            child.pid = pid

    def started(self, role: str, incarnation: int, now: Instant) -> list[SupervisionEffect]:
        """A child has rebuilt its state and takes messages."""
        child = self.children[role]
        if child.incarnation != incarnation or child.state != "starting":
            return []
        child.state, child.up_ns = "up", now.monotonic_ns
        return [RewireAll()]

    def failed(self, role: str, incarnation: int) -> list[SupervisionEffect]:
        """A child reported that a handler raised: it has gone deaf and waits to be replaced."""
        child = self.children[role]
        if child.incarnation != incarnation:
            return []
        return [KillChild(role, incarnation, child.pid)]

    def exited(self, role: str, incarnation: int, now: Instant) -> list[SupervisionEffect]:
        """A child's process is gone. Thespian says so twice on some ways out: the second is old news."""
        child = self.children[role]
        if child.incarnation != incarnation or child.state not in ("starting", "up"):
            return []
        was_stable = child.state == "up" and (
            now.monotonic_ns - child.up_ns >= self.settings.stable_after_s * SECOND_NS
        )
        child.state, child.pid = "down", 0
        if self.is_ending:
            return []
        child.exits_ns.append(now.monotonic_ns)
        while child.exits_ns[0] < now.monotonic_ns - BUDGET_WINDOW_NS:
            child.exits_ns.popleft()
        if len(child.exits_ns) > self.settings.restarts_per_minute:
            child.state = "given_up"
            return [RewireAll(), GiveUp(role)]
        if was_stable or not child.backoff_s:
            child.backoff_s = self.settings.backoff_first_s
        else:
            child.backoff_s = min(2 * child.backoff_s, self.settings.backoff_cap_s)
        due_ns = now.monotonic_ns + int(child.backoff_s * SECOND_NS)
        return [RewireAll(), WakeAt(due_ns, f"restart:{incarnation}:{role}")]

    def tick(self, key: str, now: Instant) -> list[SupervisionEffect]:
        reason, incarnation, role = key.split(":", 2)
        child = self.children[role]
        if child.incarnation != int(incarnation) or self.is_ending:
            return []
        if reason == "restart" and child.state == "down":
            child.restarts += 1
            return self._start(child, now)
        if reason == "hello" and child.state == "starting":
            kill = KillChild(role, child.incarnation, child.pid)
            return [kill, *self.exited(role, child.incarnation, now)]
        return []

    def lines(self) -> dict[str, ActorLine]:
        return {
            role: ActorLine(
                pid=child.pid, incarnation=child.incarnation, restarts=child.restarts, state=child.state
            )
            for role, child in self.children.items()
        }

    def _start(self, child: _Child, now: Instant) -> list[SupervisionEffect]:
        child.incarnation += 1
        child.state = "starting"
        due_ns = now.monotonic_ns + int(self.settings.hello_within_s * SECOND_NS)
        return [
            StartChild(child.role, child.incarnation),
            WakeAt(due_ns, f"hello:{child.incarnation}:{child.role}"),
        ]
