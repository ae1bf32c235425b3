"""Who is restarted when: backoff, budget, hangs, and what to do when the budget is spent.

Pure: exits, hellos and signs of life come in, starts and kills go out. An incarnation is a number per role that rises
with every start, so that whatever an earlier life still says can be told apart. A new supervisor inherits the children
of a dead one: those that answer are kept, the rest are replaced.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.effects import Role, WakeAt, WakeupKey, WakeupKind
from domain.instant import SECOND_NS, Instant
from domain.messages.system import ActorLine
from domain.settings import SupervisionSettings

BUDGET_WINDOW_NS = 60 * SECOND_NS
PULSE_NS = SECOND_NS // 2  # between two looks for hung children
ROLL_CALL_NS = SECOND_NS  # an inherited child that was up answers by then, or hangs like its late supervisor
DISPENSABLE = frozenset({Role.RECORDER})  # history is not needed to trade
FALTERING_S = 30.0  # between two tries of such a role
INCARNATIONS_PER_GENERATION = 1_000_000  # no role is restarted so often under one supervisor


class ChildWakeup(WakeupKind):
    """Of the incarnation of a role, but for the pulse."""

    PULSE = "pulse"
    HELLO = "hello"
    REBUILD = "rebuild"
    ROLL_CALL = "roll_call"
    RESTART = "restart"


PULSE = WakeupKey(ChildWakeup.PULSE)


class StartChild(NamedTuple):
    """Start a process for the role; it is this incarnation."""

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


class Falter(NamedTuple):
    """The restart budget of a role that nobody needs to trade is spent: tell the person, go on without it."""

    role: str
    again_s: float  # it is tried again so often


class CallRoll(NamedTuple):
    """Ask an inherited child whether it is there; it answers as if it had just started."""

    role: str
    incarnation: int


SupervisionEffect = StartChild | KillChild | RewireAll | GiveUp | Falter | CallRoll | WakeAt


@dataclass
class _Child:
    role: str
    incarnation: int = 0
    pid: int = 0
    state: str = "down"  # starting, up, down, given_up
    restarts: int = 0
    up_ns: int = 0
    heard_ns: int = 0  # last sign of life
    backoff_s: float = 0.0
    is_rebuilding: bool = False  # its process is known, and reads what it must know
    within_ns: int = 0  # in what time it answers, says hello, or is rebuilt
    due_ns: int = 0  # until when it has that
    cpu_ns: int = 0  # processor time used while it did
    is_wanted_exit: bool = False
    exits_ns: deque[int] = field(default_factory=deque)  # within the budget's window


class Supervision:
    """The restart policy for all children of the supervisor."""

    def __init__(self, settings: SupervisionSettings, roles: Sequence[str], generation: int = 1) -> None:
        """Args:
        generation: of the supervisor itself; it keeps the incarnations of all generations apart.
        """
        self.settings = settings
        self._first_incarnation = (generation - 1) * INCARNATIONS_PER_GENERATION
        self.children = {role: _Child(role) for role in roles}  # in starting order
        self.is_ending = False
        self._looked_ns = 0  # when the last pulse was

    def begin(self, now: Instant, inherited: Mapping[str, ActorLine] | None = None) -> list[SupervisionEffect]:
        """Start everybody; children of an earlier supervisor are first asked whether they are there."""
        self._looked_ns = now.monotonic_ns
        effects: list[SupervisionEffect] = [WakeAt(now.monotonic_ns + PULSE_NS, PULSE)]
        for role, child in self.children.items():
            line = inherited.get(role) if inherited else None
            if line is None:
                effects += self._start(child, now)
            else:
                effects += self._inherit(child, line, now)
        return effects

    def _inherit(self, child: _Child, line: ActorLine, now: Instant) -> list[SupervisionEffect]:
        child.incarnation, child.pid, child.restarts = line.incarnation, line.pid, line.restarts
        if not line.pid:
            child.restarts += 1
            return self._start(child, now)
        child.state, child.heard_ns = "starting", now.monotonic_ns
        child.is_rebuilding = line.state == "starting"  # it says when it has its state back
        if child.is_rebuilding:
            answer_due = self._expect_hello(child, now)
        else:
            answer_due = self._expect(child, ChildWakeup.ROLL_CALL, ROLL_CALL_NS, now)
        return [CallRoll(child.role, child.incarnation), answer_due]

    def identified(self, role: str, incarnation: int, pid: int, now: Instant) -> None:
        """Note which process a child is: we saw it born, or it said so before it read on."""
        child = self.children[role]
        if child.incarnation == incarnation:
            child.pid, child.is_rebuilding, child.heard_ns = pid, True, now.monotonic_ns

    def rebuilding(self) -> list[tuple[str, int]]:
        """Return role and pid of each child that comes up: it cannot speak meanwhile."""
        return [(child.role, child.pid) for child in self.children.values() if child.is_rebuilding and child.pid]

    def used_cpu(self, role: str, cpu_ns: int, now: Instant) -> None:
        """Take processor time as a sign of life: a child that comes up uses some, however busy the machine."""
        child = self.children[role]
        if cpu_ns != child.cpu_ns:
            child.cpu_ns, child.heard_ns = cpu_ns, now.monotonic_ns

    def started(self, role: str, incarnation: int, now: Instant) -> list[SupervisionEffect]:
        """A child has rebuilt its state and takes messages."""
        child = self.children[role]
        if child.incarnation != incarnation or child.state != "starting":
            return []
        child.state, child.is_rebuilding = "up", False
        child.up_ns = child.heard_ns = now.monotonic_ns
        return [RewireAll()]

    def heard(self, role: str, incarnation: int, now: Instant) -> None:
        """A child gave a sign of life."""
        child = self.children[role]
        if child.incarnation == incarnation:
            child.heard_ns = now.monotonic_ns

    def replace(self, role: str) -> list[SupervisionEffect]:
        """Restart a child because a person asked for it; that costs nothing of its budget."""
        child = self.children[role]
        if child.state != "up":
            return []
        child.is_wanted_exit = True
        return [KillChild(role, child.incarnation, child.pid)]

    def failed(self, role: str, incarnation: int) -> list[SupervisionEffect]:
        """A child reported that a handler raised: it ignores further messages and waits to be replaced."""
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
        child.state, child.pid, child.is_rebuilding = "down", 0, False
        if self.is_ending:
            return []
        if child.is_wanted_exit:
            child.is_wanted_exit = False
            child.restarts += 1
            return [RewireAll(), *self._start(child, now)]
        child.exits_ns.append(now.monotonic_ns)
        while child.exits_ns[0] < now.monotonic_ns - BUDGET_WINDOW_NS:
            child.exits_ns.popleft()
        effects: list[SupervisionEffect] = [RewireAll()]
        if len(child.exits_ns) > self.settings.restarts_per_minute:
            if role not in DISPENSABLE:
                child.state = "given_up"
                return [*effects, GiveUp(role)]
            if child.backoff_s < FALTERING_S:
                effects.append(Falter(role, FALTERING_S))
            child.backoff_s = FALTERING_S
        elif was_stable or not child.backoff_s:
            child.backoff_s = self.settings.backoff_first_s
        elif child.backoff_s < FALTERING_S:
            child.backoff_s = min(2 * child.backoff_s, self.settings.backoff_cap_s)
        due_ns = now.monotonic_ns + int(child.backoff_s * SECOND_NS)
        return [*effects, WakeAt(due_ns, WakeupKey(ChildWakeup.RESTART, role, incarnation))]

    def tick(self, key: WakeupKey, now: Instant) -> list[SupervisionEffect]:
        self._excuse(now)
        if key == PULSE:
            return [*self._kill_hung(now), WakeAt(now.monotonic_ns + PULSE_NS, PULSE)]
        reason, role, incarnation, _ = key
        child = self.children[role]
        if child.incarnation != incarnation or self.is_ending:
            return []
        if reason is ChildWakeup.RESTART and child.state == "down":
            child.restarts += 1
            return self._start(child, now)
        if reason is not ChildWakeup.RESTART and child.state == "starting":
            if now.monotonic_ns < child.due_ns:
                return [WakeAt(child.due_ns, key)]
            if reason is ChildWakeup.HELLO and child.is_rebuilding:
                return [self._expect(child, ChildWakeup.REBUILD, int(self.settings.rebuild_within_s * SECOND_NS), now)]
            kill = KillChild(role, child.incarnation, child.pid)
            # The end of a known process is noticed, and its successor must not meet it alive.
            return [kill] if child.pid else [kill, *self.exited(role, child.incarnation, now)]
        return []

    def _excuse(self, now: Instant) -> None:
        """Give everybody the time for which we slept ourselves: a machine that was stopped whole has no hung child."""
        asleep_ns = now.monotonic_ns - self._looked_ns
        self._looked_ns = now.monotonic_ns
        if asleep_ns < 2 * PULSE_NS:
            return
        for child in self.children.values():
            child.heard_ns = min(child.heard_ns + asleep_ns, now.monotonic_ns)
            child.due_ns = min(child.due_ns + asleep_ns, now.monotonic_ns + child.within_ns)

    def _kill_hung(self, now: Instant) -> list[SupervisionEffect]:
        silent_since_ns = now.monotonic_ns - int(self.settings.hung_after_s * SECOND_NS)
        return [
            KillChild(child.role, child.incarnation, child.pid)
            for child in self.children.values()
            if (child.state == "up" or child.is_rebuilding) and child.heard_ns < silent_since_ns
        ]

    @property
    def awaited(self) -> list[str]:
        """Return the roles without which the system is not up; one that falters and nobody needs is none."""
        return [
            role
            for role, child in self.children.items()
            if child.state != "up" and not (role in DISPENSABLE and child.exits_ns)
        ]

    def lines(self) -> dict[str, ActorLine]:
        return {
            role: ActorLine(pid=child.pid, incarnation=child.incarnation, restarts=child.restarts, state=child.state)
            for role, child in self.children.items()
        }

    def _start(self, child: _Child, now: Instant) -> list[SupervisionEffect]:
        child.incarnation = max(child.incarnation, self._first_incarnation) + 1
        child.state, child.is_rebuilding = "starting", False
        return [StartChild(child.role, child.incarnation), self._expect_hello(child, now)]

    def _expect_hello(self, child: _Child, now: Instant) -> WakeAt:
        return self._expect(child, ChildWakeup.HELLO, int(self.settings.hello_within_s * SECOND_NS), now)

    def _expect(self, child: _Child, what: ChildWakeup, within_ns: int, now: Instant) -> WakeAt:
        child.within_ns, child.due_ns = within_ns, now.monotonic_ns + within_ns
        return WakeAt(child.due_ns, WakeupKey(what, child.role, child.incarnation))
