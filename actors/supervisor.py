"""Starts, wires, watches and restarts every other actor; the policy is `domain.resilience.supervision`'s."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from typing import Any

from thespian.actors import ActorAddress, ActorExitRequest, ChildActorExited

from actors.roster import actor_class, roles_of
from actors.runtime.base_actor import BaseActor
from actors.runtime.wiring_messages import (
    ActorAlive,
    ActorFailed,
    ActorIdentified,
    ActorRebuilding,
    ActorStarted,
    InheritedChild,
    LauncherAsked,
    LauncherTold,
    Peer,
    Rewired,
    RollCalled,
    Roster,
    StartActor,
)
from domain.effects import Effect, Role, WakeAt, WakeupKey, WakeupKind
from domain.instant import Instant
from domain.messages.base import Message
from domain.messages.halts import HaltKind, RaiseHalt, ResumeTrading, TradingResumed
from domain.messages.system import (
    ActorLine,
    ReportNow,
    RequestStatus,
    ResetBreakerMetrics,
    RosterReported,
    StatusReported,
    TotalsKept,
    Unanswered,
    WindDown,
    WindDownCompleted,
)
from domain.resilience.supervision import (
    CallRoll,
    Falter,
    GiveUp,
    KillChild,
    RewireAll,
    StartChild,
    Supervision,
    SupervisionEffect,
)

log = logging.getLogger(__name__)

_STATUS_WITHIN_S = 1.0
_RESUME_WITHIN_S = 2.0
_WIRE_AFTER_NS = 2_000_000  # several children come up together: one table for all


class SupervisorWakeup(WakeupKind):
    WIRE = "wire"


_WIRE = WakeupKey(SupervisorWakeup.WIRE)


class Supervisor(BaseActor):
    """The parent of all actors, and the launcher's only contact."""

    def started(self) -> None:
        self.launcher: ActorAddress | None = None  # of the process outside
        self.addresses: dict[str, ActorAddress] = {}  # role -> address of its current incarnation
        self.up: set[str] = set()  # roles whose current incarnation takes messages
        self.winding_down: WindDown | None = None
        self.kept: TotalsKept | None = None  # the monitor's memory across its restarts
        self.has_announced = False
        self.errors: dict[str, str] = {}  # role -> the last line of its newest traceback
        self.peers[Role.SUPERVISOR] = Peer(self.myAddress, self.incarnation)
        self.adopted: set[str] = set()  # roles whose players are children of an earlier supervisor
        self.exit_fds: dict[str, int] = {}  # role -> descriptor that tells of its player's end
        self.machine = Supervision(self.settings.supervision, roles_of(self.settings), generation=self.incarnation)
        for role, inherited in self.inherited.items():
            self.addresses[role] = inherited.address
        lines = {role: inherited.line for role, inherited in self.inherited.items()}
        self._carry_out(self.machine.begin(self.clock.now(), lines))

    def orphaned(self) -> None:
        """The launcher is gone: end the whole system, the admin included."""
        self.machine.is_ending = True
        if (fd := self.toolbox.orphaned_fd()) is not None:
            self.unwatch(fd)
        self.actorSystemShutdown()

    def stopping(self) -> None:
        self.machine.is_ending = True
        for role in self.adopted:  # Thespian ends only those that it knows as our children
            self.send(self.addresses[role], ActorExitRequest(recursive=False))

    def report(self) -> None:
        own = ActorLine(
            pid=self.toolbox.pid(),
            incarnation=self.incarnation,
            restarts=self.incarnation - 1,
            state="up",
        )
        actors = {str(Role.SUPERVISOR): own, **self.machine.lines()}
        self.tell(Role.MONITOR, RosterReported(ts_event=self.clock.now().utc_ns, actors=actors))

    # ---- children ----------------------------------------------------------------------------------------

    def _carry_out(self, effects: Iterable[SupervisionEffect]) -> None:
        for effect in effects:
            self._carry_out_one(effect)

    def _carry_out_one(self, effect: SupervisionEffect) -> None:
        match effect:
            case StartChild(role, incarnation):
                self.up.discard(role)
                self.adopted.discard(role)
                self._create(role, incarnation)
                self.send(
                    self.addresses[role],
                    StartActor(role, incarnation, self.settings, self.toolbox, self._wired()),
                )
            case KillChild(role, _, pid):
                if pid:
                    self.toolbox.kill(pid)
                else:
                    self.send(self.addresses[role], ActorExitRequest(recursive=False))
            case CallRoll(role, _):
                self.adopted.add(role)
                self._watch_exit(role)
                self.send(self.addresses[role], RollCalled(self.peers[Role.SUPERVISOR]))
            case RewireAll():
                self.wake_at(self.clock.now().monotonic_ns + _WIRE_AFTER_NS, _WIRE)
            case GiveUp(role):
                self._escalate(role)
            case Falter(role, again_s):
                log.error("faltered role=%s", role)
                reason = self.errors.get(role, "its process was killed")
                self.alarm(role, f"keeps failing ({reason}); trading goes on, it is tried every {again_s:g} s")
            case WakeAt(due_ns, key):
                self.wake_at(due_ns, key)

    def _escalate(self, role: str) -> None:
        """Halt openings, also for the next run; tell the person; and the launcher, who winds everything down."""
        log.error("gave_up role=%s", role)
        reason = self.errors.get(role, "its process was killed")
        self.tell(Role.ORDER_ROUTER, RaiseHalt(scope="all", reason=f"{role} gave up", kind=HaltKind.GAVE_UP.of(role)))
        self.alarm(role, f"was restarted too often and given up: {reason}")
        self._tell_launcher("gave_up", f"{role} was restarted too often and given up: {reason}")

    def tick(self, key: WakeupKey, now: Instant) -> list[Effect]:
        if key == _WIRE:
            self._publish_wiring()
            return []
        for role, pid in self.machine.rebuilding():
            self.machine.used_cpu(role, self.toolbox.cpu_ns(pid), now)
        self._carry_out(self.machine.tick(key, now))
        return []

    def _wired(self) -> dict[str, Peer]:
        lines = self.machine.lines()
        peers = {role: Peer(self.addresses[role], lines[role].incarnation) for role in self.up}
        return {Role.SUPERVISOR: self.peers[Role.SUPERVISOR], **peers}

    def _publish_wiring(self) -> None:
        self._rewire(self._wired())
        for role in self.up:
            self.send(self.addresses[role], Rewired(self.peers))
        self.report()
        self._tell_roster()
        if not self.has_announced and not self.machine.awaited:
            self.has_announced = True
            self._tell_launcher("running", None)

    def receiveMsg_ActorIdentified(self, message: ActorIdentified, sender: Any) -> None:
        self.machine.identified(message.role, message.incarnation, message.pid, self.clock.now())
        self._watch_exit(message.role)
        self._tell_roster()  # should we die now, the next supervisor knows which process to end

    def _create(self, role: str, incarnation: int) -> None:
        """Start a child's process, and know which one it is from the first moment.

        Thespian tells nobody when a child dies before it has connected, and one that hangs there would outlive
        the request to exit.
        """
        before = self.toolbox.children()
        self.addresses[role] = self.createActor(actor_class(role))
        for pid in self.toolbox.children() - before:
            self.machine.identified(role, incarnation, pid, self.clock.now())
            self._watch_exit(role)

    def _watch_exit(self, role: str) -> None:
        """Notice a player's end by itself: an adopted one is reported to nobody by Thespian."""
        line = self.machine.lines()[role]
        self._forget_exit(role)
        fd = self.toolbox.exit_fd(line.pid)
        if fd is None:
            self._ended(role, line.incarnation)
            return
        self.exit_fds[role] = fd
        self.watch(fd, partial(self._ended, role, line.incarnation))

    def _forget_exit(self, role: str) -> None:
        fd = self.exit_fds.pop(role, None)
        if fd is not None:
            self.discard(fd, partial(self.toolbox.close_fd, fd))

    def _ended(self, role: str, incarnation: int) -> None:
        self._forget_exit(role)
        self.up.discard(role)
        self._carry_out(self.machine.exited(role, incarnation, self.clock.now()))

    def receiveMsg_ActorAlive(self, message: ActorAlive, sender: Any) -> None:
        self.machine.heard(message.role, message.incarnation, self.clock.now())

    def receiveMsg_ActorRebuilding(self, message: ActorRebuilding, sender: Any) -> None:
        self.machine.heard(message.role, message.incarnation, self.clock.now())
        self._tell_launcher("rebuilding", message)

    def receiveMsg_ActorStarted(self, message: ActorStarted, sender: Any) -> None:
        effects = self.machine.started(message.role, message.incarnation, self.clock.now())
        if effects:
            # The local address of createActor is replaced by the one the child speaks from.
            self.addresses[message.role] = sender
            self.up.add(message.role)
        self._carry_out(effects)

    def receiveMsg_ActorFailed(self, message: ActorFailed, sender: Any) -> None:
        log.error("child_failed role=%s incarnation=%s", message.role, message.incarnation)
        self.counters["actor_failures"] += 1
        self.errors[message.role] = message.error.strip().rpartition("\n")[2]
        self._carry_out(self.machine.failed(message.role, message.incarnation))

    def receiveMsg_ChildActorExited(self, message: ChildActorExited, sender: Any) -> None:
        lines = self.machine.lines()
        for role, address in self.addresses.items():
            if address == message.childAddress:
                self._ended(role, lines[role].incarnation)

    # ---- the launcher ------------------------------------------------------------------------------------

    def _tell_launcher(self, kind: str, message: Any, request_id: int = 0) -> None:
        if self.launcher is not None:
            self.send(self.launcher, LauncherTold(kind, message, request_id))

    def _tell_roster(self) -> None:
        children = {role: InheritedChild(self.addresses[role], line) for role, line in self.machine.lines().items()}
        self._tell_launcher("roster", Roster(self.toolbox.pid(), children))

    def receiveMsg_LauncherAsked(self, message: LauncherAsked, sender: Any) -> None:
        self.launcher = sender
        match message.verb:
            case "hello":
                self._tell_roster()
            case "status" | "metrics":
                self._tell_launcher("alive", None)
                answered = partial(self._status_answered, message.request_id)
                request = RequestStatus(with_metrics=message.verb == "metrics")
                self.ask(Role.MONITOR, request, answered, _STATUS_WITHIN_S)
            case "resume":
                resumed = partial(self._resumed, message.request_id)
                command = ResumeTrading(scope=message.scope, still=message.text, still_kind=message.kind)
                self.ask(Role.ORDER_ROUTER, command, resumed, _RESUME_WITHIN_S)
            case "reset_metrics":
                for role in self.up:
                    if role.startswith(Role.CIRCUIT_BREAKER):
                        self.tell(role, ResetBreakerMetrics())
            case "alarm":
                self.alarm("launcher", message.text)
            case "alarm_over":
                self.alarm_over("launcher", message.text)
            case "halt":
                self.tell(Role.ORDER_ROUTER, RaiseHalt(scope="all", reason=message.text, kind=message.kind))
            case "restart":
                self._restart(message)
            case "stop":
                self.winding_down = WindDown(deadline_ns=message.deadline_ns)
                self.tell(Role.PORTFOLIO, self.winding_down)
                self.tell(Role.ORDER_ROUTER, self.winding_down)

    def _restart(self, message: LauncherAsked) -> None:
        effects = self.machine.replace(message.role) if message.role in self.machine.children else []
        if effects:
            self._carry_out(effects)
            self._tell_launcher("restarting", message.role, message.request_id)
        else:
            self._tell_launcher("refused", f"no actor plays {message.role!r} now", message.request_id)

    def survives_restart(self, role: str, message: Message) -> bool:
        return not isinstance(message, (WindDown, TotalsKept))  # those are told to whoever appears

    def peer_appeared(self, role: str) -> None:
        if self.winding_down is not None and role in (Role.PORTFOLIO, Role.ORDER_ROUTER):
            self.tell(role, self.winding_down)
        if self.kept is not None and role == Role.MONITOR:
            self.tell(role, self.kept)

    def receiveMsg_TotalsKept(self, kept: TotalsKept, sender: str) -> None:
        self.kept = kept

    def _resumed(self, request_id: int, answer: TradingResumed | Unanswered) -> None:
        if isinstance(answer, Unanswered):
            self._tell_launcher("refused", f"the order router did not answer ({answer.reason})", request_id)
        else:
            self._tell_launcher("resumed", answer, request_id)

    def _status_answered(self, request_id: int, answer: StatusReported | Unanswered) -> None:
        if isinstance(answer, Unanswered):
            self.counters["unanswered"] += 1  # the launcher asks again anyhow
        else:
            self._tell_launcher("status", answer, request_id)

    def receiveMsg_WindDownCompleted(self, message: WindDownCompleted, sender: str) -> None:
        for role in self.up:
            self.tell(role, ReportNow())
        self.report()
        self._tell_launcher("wound_down", message)
