"""The rules of Thespian, kept once for all actors.

What Thespian does and what the base actor makes of it:

- A handler that raises is run again with the same message. The guard catches everything, reports ActorFailed,
  ignores further messages and ends its process, so no message is ever handled twice.
- Wakeups cannot be cancelled, and those that came due while the actor was busy arrive newest first. The base actor
  keeps its own heap of wake-ups behind one of Thespian; one of an older generation is ignored.
- The watch list is dropped after every message. The base actor returns it on every path, and closes nothing that is on it.
- A restarted peer has a new address. Peers are kept by role; what is not for this incarnation is dropped and counted.
- What cannot be pickled comes back as poison; whoever waits for it would wait for ever, so the actor fails.
- A message to a dying actor may vanish. What trade depends on is kept until it is acknowledged (`reliable_delivery.py`).
- Its ask() takes any message for the answer. Ours are numbered, have a deadline, and late answers are dropped.

Subclasses write `receiveMsg_<Class>(message, sender)` where `sender` is the role that spoke, `started()`, and
`tick(key, now)` for what their machine asked to be woken for. What comes within a message (effects, events of a
stream, verbs) is told apart by `match`.
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from thespian.actors import (
    Actor,
    ActorAddress,
    ActorExitRequest,
    PoisonMessage,
    ThespianWatch,
    WakeupMessage,
    WatchMessage,
)

from actors.runtime.handlers import Handlers
from actors.runtime.herald import Herald, HeraldWakeup
from actors.runtime.reliable_delivery import DeliveryWakeup, ReliableDelivery
from actors.runtime.request_reply import Requests, Then
from actors.runtime.root_logger import follow_root_logger
from actors.runtime.wakeups import ActorWakeup, Wakeups
from actors.runtime.wiring_messages import (
    ActorAlive,
    ActorFailed,
    ActorIdentified,
    ActorStarted,
    Envelope,
    InheritedChild,
    Peer,
    Rewired,
    RollCalled,
    StartActor,
)
from adapters.clock import Clock
from adapters.ports import Toolbox
from domain.effects import Effect, Role, Tell, WakeAt, WakeupKey
from domain.instant import SECOND_NS, Instant
from domain.messages.base import Message, build_decoders
from domain.messages.system import ActorReported, Unanswered
from domain.numbers import use_exact_decimals
from domain.reports.histogram import Histogram
from domain.settings import Settings

log = logging.getLogger(__name__)

_ANSWER_WITHIN_S = 5.0
_DIE = "actor:die"
_DIE_AFTER_NS = SECOND_NS // 5  # time for ActorFailed to leave


class BaseActor(Actor):
    """An actor around a machine: decode, ask the machine, perform its effects in order."""

    # From the first message on.
    settings: Settings
    toolbox: Toolbox
    clock: Clock
    inherited: dict[str, InheritedChild]  # role -> child of a dead supervisor; only a later supervisor gets any

    def __init__(self) -> None:
        super().__init__()
        self.role = ""
        self.incarnation = 0
        self.peers: dict[str, Peer] = {}  # role -> who plays it now
        self.counters: Counter[str] = Counter()
        self.hops = Histogram()  # ns from a peer's send to our handler
        self.latency = Histogram()  # ns from frame to order request; only a gateway fills it
        self.lag_ns = 0  # how late the last wake-up was: the length of the mailbox in time
        self._questions = Requests()
        self._asked: Envelope | None = None  # the question that is being handled
        self._refusals: list[tuple[str, Message]] = []  # told once the handler is through
        self._wakeups = Wakeups()
        self._generation = 0
        self._armed_ns: int | None = None
        self._is_ringing = False
        self._watches: dict[int, Callable[[], None]] = {}  # fd -> what to do when it is readable
        self._to_close: list[Callable[[], None]] = []  # what is watched no more
        self._handlers = Handlers(self)
        self._failed = False

    # ---- for subclasses ----------------------------------------------------------------------------------

    def started(self) -> None:
        """Rebuild state and begin. Settings, parts, clock and peers are there."""

    def peer_appeared(self, role: str) -> None:
        """A role is played by a new incarnation: tell it again what it must know."""

    def refused(self, role: str, message: Message) -> None:
        """A message to `role` was not taken and never will be: there is no room. Whoever sends money says what then."""

    def survives_restart(self, role: str, message: Message) -> bool:
        """Tell whether what one player of `role` may or may not have handled is for the next one, just as it is.

        It is, unless doing it twice does harm, or the subclass asks anew about everything when a player is replaced.
        """
        return True

    def tick(self, key: WakeupKey, now: Instant) -> list[Effect]:
        return []

    def stopping(self) -> None:
        """Close what is open, except descriptors that are watched: Thespian still polls them while it drains its
        last sends, and the end of the process closes them a moment later."""

    def report(self) -> None:
        """Add what the monitor should know; called at each reporting interval."""

    def alarm(self, subject: str, text: str, is_theirs: bool = False) -> None:
        """Tell the person, never in a flood; `is_theirs`: a venue made it, so it is in the way of nothing about money."""
        self._herald.alarm(subject, text, is_theirs)

    def alarm_over(self, subject: str, text: str) -> None:
        """Tell the person that what an alarm told of has ended; no text: nothing has."""
        self._herald.over(subject, text)

    # ---- speaking ----------------------------------------------------------------------------------------

    def tell(self, role: str, message: Message) -> bool:
        """Send to whoever plays `role`, or to whoever will. Returns False, and counts, when it is not sent or kept."""
        return self._tell(role, message)

    def ask(self, role: str, message: Message, then: Then, within_s: float = _ANSWER_WITHIN_S) -> None:
        """Send a question. `then` is called once: with the answer, or with Unanswered at the deadline."""
        number = self._questions.ask(role, then)
        self.wake_at(
            self.clock.now().monotonic_ns + int(within_s * SECOND_NS), WakeupKey(ActorWakeup.DEADLINE, number=number)
        )
        self._tell(role, message, request=number)

    def answer(self, message: Message) -> None:
        """Answer the question that is being handled; nothing when it is none."""
        if self._asked is not None:
            self._tell(self._asked.sender, message, reply_to=self._asked.request)

    def _tell(self, role: str, message: Message, request: int = 0, reply_to: int = 0) -> bool:
        now_ns = self.clock.now().monotonic_ns
        peer = self.peers.get(role)
        return self._delivery.tell(role, peer, message, now_ns, request, reply_to)

    def _refuse(self, role: str, message: Message) -> None:
        self._refusals.append((role, message))

    def _post(self, peer: Peer, envelope: Envelope) -> None:
        self.send(peer.address, envelope)

    def perform(self, effects: Iterable[Effect]) -> None:
        """Do what a machine asked for, in order."""
        for effect in effects:
            self.perform_one(effect)

    def perform_one(self, effect: Effect) -> None:
        if self._herald.takes(effect):
            return
        match effect:
            case Tell():
                self.tell(effect.to, effect.message)
            case WakeAt():
                self.wake_at(effect.due_ns, effect.key)
            case _:
                raise TypeError(f"{self.role} cannot perform {effect!r}")

    def wake_at(self, due_ns: int, key: WakeupKey) -> None:
        """Call `tick(key, now)` at `due_ns`; the same pair is armed once."""
        self._wakeups.set(due_ns, key)
        self._arm()

    def watch(self, fd: int, ready: Callable[[], None]) -> None:
        """Call `ready()` whenever `fd` is readable, until `unwatch` or `discard`."""
        self._watches[fd] = ready

    def unwatch(self, fd: int) -> None:
        """Stop watching `fd`, which stays open."""
        self._watches.pop(fd, None)

    def discard(self, fd: int, close: Callable[[], None]) -> None:
        """Stop watching `fd`, and close it once Thespian has forgotten it, too: with the next message.

        Thespian keeps the old watch list until this handler returns. Were the number free before that, a socket
        of Thespian's own could get it, and the stock base dies of a descriptor that it knows twice.
        """
        self.unwatch(fd)
        self._to_close.append(close)

    # ---- hearing -----------------------------------------------------------------------------------------

    def receiveMessage(self, message: Any, sender: ActorAddress) -> ThespianWatch | None:
        while self._to_close:
            self._guarded(self._to_close.pop())
        if isinstance(message, ActorExitRequest):
            self._guarded(self.stopping)
            return None
        if not self._failed:
            self._guarded(self._dispatch, message, sender)
        elif isinstance(message, WakeupMessage):
            self.toolbox.die()
        return ThespianWatch(list(self._watches)) if self._watches else None

    def _guarded(self, step: Callable[..., None], *args: Any) -> None:
        try:
            step(*args)
            while self._refusals:
                self.refused(*self._refusals.pop(0))
        except Exception:
            self._fail(traceback.format_exc())

    def _fail(self, error: str) -> None:
        """Report the failure, ignore further messages, exit: Thespian would run this one again on half-done state."""
        self._failed = True
        self._watches.clear()
        log.error("actor_failed role=%s incarnation=%s\n%s", self.role, self.incarnation, error)
        self._tell_supervisor(ActorFailed(self.role, self.incarnation, error))
        if self._asked is not None:
            reason, now = error.strip().rpartition("\n")[2], self.clock.now()
            self.answer(Unanswered(ts_event=now.utc_ns, role=self.role, request=self._asked.request, reason=reason))
        self.wakeupAfter(timedelta(microseconds=_DIE_AFTER_NS // 1000), _DIE)

    def _dispatch(self, message: Any, sender: ActorAddress) -> None:
        match message:
            case Envelope():
                self._open(message)
            case PoisonMessage():
                raise ValueError(f"unsendable: {message.poisonMessage}: {message.details}")
            case WakeupMessage():
                self._ring(message.payload)
            case WatchMessage():
                for fd in message.ready:
                    ready = self._watches.get(fd)
                    if ready is not None:
                        ready()
            case StartActor():
                self._start(message)
            case Rewired():
                self._rewire(message.peers)
            case RollCalled():
                self._rewire({**self.peers, Role.SUPERVISOR: message.supervisor})
                self._tell_supervisor(ActorStarted(self.role, self.incarnation))
            case _:
                self._handle(message, sender)

    def _open(self, envelope: Envelope) -> None:
        if envelope.to != self.role or envelope.to_incarnation != self.incarnation:
            self.counters["misdelivered"] += 1
            return
        now_ns = self.clock.now().monotonic_ns
        if envelope.message is not None:
            self.hops.record(now_ns - envelope.sent_ns)
        for due, message in self._delivery.hear(envelope, now_ns):
            if due.reply_to:
                self._questions.answered(due.reply_to, message)
                continue
            self._asked = due if due.request else None
            self._handle(message, due.sender)
            self._asked = None

    def _handle(self, message: Any, sender: Any) -> None:
        kind = type(message)
        if (handler := self._handlers[kind]) is None:
            self.counters["unhandled"] += 1
            log.warning("unhandled role=%s message=%s sender=%s", self.role, kind.__name__, sender)
            return
        handler(message, sender)

    def _start(self, start: StartActor) -> None:
        use_exact_decimals()
        build_decoders()
        follow_root_logger()
        self.role, self.incarnation = start.role, start.incarnation
        self.settings, self.toolbox = start.settings, start.toolbox
        self.toolbox.settle(self.role)
        self.inherited = start.inherited
        self.clock = self.toolbox.clock()
        self._herald = Herald(self.role, self.clock, self.counters, self.tell, self.wake_at)
        self.peers = dict(start.peers)
        self._delivery = ReliableDelivery(
            self.role, self.incarnation, self._post, self.wake_at, self.survives_restart, self._refuse, self.counters
        )
        if (orphaned := self.toolbox.orphaned_fd()) is not None:
            self.watch(orphaned, self.orphaned)
        self._tell_supervisor(ActorIdentified(self.role, self.incarnation, self.toolbox.pid()))
        self.started()
        self._schedule_report()
        self._tell_supervisor(ActorStarted(self.role, self.incarnation))

    def _tell_supervisor(self, message: Any) -> None:
        supervisor = self.peers.get(Role.SUPERVISOR)
        if supervisor is not None and self.role != Role.SUPERVISOR:
            self.send(supervisor.address, message)

    def orphaned(self) -> None:
        """The launcher is gone and nobody could stop us any more: end."""
        self.toolbox.die()

    def _rewire(self, peers: dict[str, Peer]) -> None:
        before, self.peers = self.peers, dict(peers)
        now_ns = self.clock.now().monotonic_ns
        for role, peer in peers.items():
            if role != self.role and (role not in before or before[role].incarnation != peer.incarnation):
                self._delivery.appeared(role, peer, now_ns)
                self.peer_appeared(role)

    # ---- wake-ups ----------------------------------------------------------------------------------------

    def _arm(self) -> None:
        due_ns = self._wakeups.next_due_ns
        if self._is_ringing or due_ns is None:
            return
        if self._armed_ns is not None and self._armed_ns <= due_ns:
            return
        self._armed_ns = due_ns
        self._generation += 1
        delay_ns = max(0, due_ns - self.clock.now().monotonic_ns)
        self.wakeupAfter(timedelta(microseconds=-(-delay_ns // 1000)), self._generation)

    def _ring(self, generation: int) -> None:
        """Serve every wake-up that is due, oldest first."""
        if generation != self._generation:
            return
        self._armed_ns, self._is_ringing = None, True
        now = self.clock.now()
        for due_ns, key in self._wakeups.take_due(now.monotonic_ns):
            self.lag_ns = now.monotonic_ns - due_ns
            match key.kind:
                case ActorWakeup.REPORT:
                    self._report()
                case ActorWakeup.DEADLINE:
                    self._questions.give_up(key.number, "timeout", now.utc_ns)
                case HeraldWakeup():
                    self._herald.look_again()
                case DeliveryWakeup():
                    self._delivery.tick(key, self.peers, now.monotonic_ns)
                case _:
                    self.perform(self.tick(key, now))
        self._is_ringing = False
        self._arm()

    # ---- reporting ---------------------------------------------------------------------------------------

    def _schedule_report(self) -> None:
        due_ns = self.clock.now().monotonic_ns + int(self.settings.system.report_every_s * SECOND_NS)
        self.wake_at(due_ns, WakeupKey(ActorWakeup.REPORT))

    def _report(self) -> None:
        self._tell_supervisor(ActorAlive(self.role, self.incarnation))
        self.report_now()
        self._schedule_report()

    def report_now(self) -> None:
        """Tell the monitor how this actor is; totals since this incarnation began."""
        self.report()
        self.counters["late_answers"] = self._questions.late
        self.tell(
            Role.MONITOR,
            ActorReported(
                ts_event=self.clock.now().utc_ns,
                role=self.role,
                incarnation=self.incarnation,
                counters=dict(self.counters),
                lag_ns=self.lag_ns,
                hops=self.hops.snapshot(),
                latency=self.latency.snapshot(),
            ),
        )

    def receiveMsg_Busy(self, busy: Any, sender: Any) -> None:
        """The transport's queue to a peer is full: the message comes back instead of vanishing."""
        self.counters["busy"] += 1
        envelope = busy.message
        if isinstance(envelope, Envelope) and envelope.message is not None:
            self._delivery.take_back(envelope)
            self.refused(envelope.to, envelope.message)

    def receiveMsg_ReportNow(self, command: Any, sender: str) -> None:
        self.report_now()
