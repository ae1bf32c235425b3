"""The actors in this process, on one thread, under virtual time: the harness of the tests.

The actor classes are the product's own. A stand-in for Thespian's `_myRef` is the whole seam: it delivers messages
(each pickled once, as between processes), fires wakeups, tells parents of dead children and keeps dead letters.
Roles that nobody plays are probes: `received[role]` keeps what they were told.

    stage = Stage()
    stage.cast(OrderRouter, Role.ORDER_ROUTER)      # one actor, everybody else a probe
    stage.tell(Role.ORDER_ROUTER, intent)
    stage.advance(seconds=5)
    assert stage.received[Role.EXCHANGE_GATEWAY.at("coinbase")] == [...]

    stage = Stage(kits={"coinbase": ...}, seed=7)   # seed: interleave senders at random, reproducibly
    stage.boot()                                    # the real supervisor starts everybody
    stage.advance(seconds=20)
    stage.crash(Role.ORDER_ROUTER)                  # kill -9: mail lost, parent told
"""

from __future__ import annotations

import heapq
import pickle
import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from thespian.actors import (
    ActorAddress,
    ActorExitRequest,
    ChildActorExited,
    DeadEnvelope,
    ThespianWatch,
    WakeupMessage,
    WatchMessage,
)

from actors.correspondence import ACKNOWLEDGE, Correspondence
from actors.shell import Shell
from actors.stage_parts import Killed, StageParts, VirtualClock
from actors.wiring import ActorFailed, Envelope, Heir, LauncherAsked, LauncherTold, Peer, Rewired, StartActor
from adapters.ports import VenueKit
from domain.effects import Role
from domain.messages import Message
from domain.numbers import use_exact_decimals
from domain.settings import SECOND_NS, Settings

_POLL_NS = SECOND_NS // 25  # how often virtual sockets are looked at
_MOST_DELIVERIES = 1_000_000  # at one moment of virtual time: a ping-pong loop fails instead of hanging


class _Cell:
    """One actor on the stage, or what is left of it."""

    def __init__(self, stage: Stage, name: str, parent: ActorAddress | None, pid: int) -> None:
        self.stage = stage
        self.address = ActorAddress(name)
        self.parent = parent
        self.pid = pid
        self.actor: Shell | None = None
        self.watched: list[int] = []
        self.is_alive = True

    # ---- the part of Thespian that an actor sees -----------------------------------------------------------

    def createActor(self, actor_class: type[Shell], *_: Any) -> ActorAddress:
        return self.stage.create(actor_class, self.address).address

    def actor_send(self, target: ActorAddress, message: Any) -> None:
        self.stage.post(self.address, target, message)

    def wakeupAfter(self, period: timedelta | float, payload: Any = None) -> None:
        delay = period if isinstance(period, timedelta) else timedelta(seconds=period)
        self.stage.schedule(self, delay, payload)

    def handleDeadLetters(self, address: ActorAddress, start: bool) -> None:
        self.stage.dead_letter_handler = address if start else None

    def actorSystemShutdown(self) -> None:
        self.stage.is_shut_down = True


class Stage:
    """A whole actor system in one thread."""

    def __init__(
        self,
        settings: Settings | None = None,
        kits: Mapping[str, VenueKit] | None = None,
        seed: int | None = None,
    ) -> None:
        """Args:
        kits: venue -> factories of its client and streams, e.g. over an in-memory simulator.
        seed: None delivers in the order sent; a number interleaves the senders, keeping each pair's order.
        """
        use_exact_decimals()
        self.settings = settings or Settings()
        self.received: dict[str, list[Message]] = defaultdict(list)  # role nobody plays -> what it was told
        self.told: list[LauncherTold] = []  # what the supervisor told the launcher
        self.failures: list[str] = []  # tracebacks of handlers that raised
        self.overheard: list[Any] = []  # wiring messages to probes, such as ActorFailed
        self.dead: list[Any] = []  # dead letters while nobody handles them
        self.readables: dict[int, Callable[[], bool]] = {}  # virtual fd -> has it something to read?
        self.is_shut_down = False
        self.dead_letter_handler: ActorAddress | None = None
        self.parts = StageParts(
            kits or {},
            seed or 0,
            self.readables.__setitem__,
            lambda: self.current_pid,
            self.crash_pid,
            lambda pid: self._by_pid[pid].is_alive,
        )
        self.current_pid = 0
        self._chooser = random.Random(seed) if seed is not None else None
        self._cells: dict[str, _Cell] = {}  # address text -> cell
        self._by_pid: dict[int, _Cell] = {}
        self._streams: dict[tuple[str, str], deque[tuple[int, ActorAddress, bytes | Any]]] = {}
        self._posted = 0
        self._timers: list[tuple[int, int, _Cell, timedelta, Any]] = []
        self._peers: dict[str, Peer] = {}
        self._incarnations: dict[str, int] = defaultdict(int)
        self._probes: dict[str, Correspondence] = {}  # role nobody plays -> how far it has been heard
        self._outside = self._probe_address("outside")

    @property
    def clock(self) -> VirtualClock:
        return self.parts.virtual_clock

    @property
    def journal(self):
        """Return the order journal, which outlives the router."""
        return self.parts.memory_journal

    # ---- setting up --------------------------------------------------------------------------------------

    def cast(self, actor_class: type[Shell], role: str, settings: Settings | None = None) -> Shell:
        """Let `actor_class` play `role`; roles that nobody plays are probes."""
        self._incarnations[role] += 1
        cell = self.create(actor_class, None)
        self._peers[role] = Peer(cell.address, self._incarnations[role])
        part = StartActor(
            role, self._incarnations[role], settings or self.settings, self.parts, self._all_peers(role)
        )
        self.post(self._outside, cell.address, part)
        self._rewire()
        self.settle()
        return cell.actor

    def boot(self) -> None:
        """Start the supervisor, who starts everybody; returns when all are up."""
        self._start_supervisor({})
        self.advance(seconds=0.1)

    def succeed_supervisor(self) -> None:
        """Do what the launcher does when the supervisor has died: a new one inherits the children."""
        [roster] = [told.message for told in self.told if told.kind == "roster"][-1:]
        self._start_supervisor(roster.children)

    def _start_supervisor(self, heirs: dict[str, Heir]) -> None:
        from actors.supervisor import Supervisor

        role = str(Role.SUPERVISOR)
        self._incarnations[role] += 1
        cell = self.create(Supervisor, None)
        self._peers[role] = Peer(cell.address, self._incarnations[role])
        part = StartActor(role, self._incarnations[role], self.settings, self.parts, {}, heirs)
        self.post(self._outside, cell.address, part)
        self.ask("hello")

    def _all_peers(self, role: str) -> dict[str, Peer]:
        roles = {str(kind) for kind in Role} | {
            kind.at(venue)
            for venue in self.settings.venues
            for kind in (Role.PRICE_FEED, Role.EXCHANGE_GATEWAY, Role.CIRCUIT_BREAKER)
        }
        probes = {name: Peer(self._probe_address(name), 1) for name in roles - self._peers.keys()}
        return {**probes, **self._peers}

    def _rewire(self) -> None:
        for peer in list(self._peers.values()):
            self.post(self._outside, peer.address, Rewired(self._all_peers("")))

    def _probe_address(self, role: str) -> ActorAddress:
        return ActorAddress(f"probe:{role}")

    # ---- acting ------------------------------------------------------------------------------------------

    def tell(self, role: str, *messages: Message, sender: str = "test") -> None:
        """Send as `sender`, all at once, and let everything settle."""
        address, incarnation = self._who_plays(role)
        now_ns = self.clock.now().monotonic_ns
        for message in messages:
            self.post(self._outside, address, Envelope(role, incarnation, sender, 1, now_ns, message))
        self.settle()

    def ask(self, verb: str, deadline_s: float = 3.0, role: str = "") -> None:
        """Speak to the supervisor as the launcher does; answers are kept in `told`."""
        deadline_ns = self.clock.now().monotonic_ns + int(deadline_s * SECOND_NS)
        supervisor = self._peers[Role.SUPERVISOR].address
        self.post(self._outside, supervisor, LauncherAsked(len(self.told) + 1, verb, deadline_ns, role))
        self.settle()

    def actor(self, role: str) -> Shell:
        """Return the live instance that plays `role`."""
        return self._cell_of(role).actor

    def actors(self) -> list[Shell]:
        """Return everybody who lives."""
        return [cell.actor for cell in self._cells.values() if cell.is_alive]

    def is_played(self, role: str) -> bool:
        """Tell whether a live actor plays `role`."""
        return any(cell.is_alive and cell.actor.role == role for cell in self._cells.values())

    def crash(self, role: str) -> None:
        """kill -9: its mail is lost or dead-lettered, its parent is told, nobody else."""
        self.crash_pid(self._cell_of(role).pid)

    def crash_pid(self, pid: int) -> None:
        cell = self._by_pid[pid]
        if cell.is_alive:
            cell.is_alive = False
            cell.actor = None
            cell.watched = []
            if cell.parent is not None:
                self.post(cell.address, cell.parent, ChildActorExited(cell.address))

    def advance(self, seconds: float) -> None:
        """Let time pass: every timer, call and socket has its turn, in due order."""
        end_ns = self.clock.elapsed_ns + int(seconds * SECOND_NS)
        self.settle()
        while (next_ns := self._next_event_ns()) <= end_ns:
            self.clock.elapsed_ns = max(self.clock.elapsed_ns, next_ns)
            self._fire_timers()
            self._look_at_sockets()
            self.settle()
        self.clock.elapsed_ns = end_ns
        self.settle()

    def settle(self) -> None:
        """Deliver everything that is under way; no time passes."""
        for _ in range(_MOST_DELIVERIES):
            if not self._deliver_one():
                return
        raise RuntimeError("a message storm: the actors never come to rest")

    # ---- the actor system --------------------------------------------------------------------------------

    def create(self, actor_class: type[Shell], parent: ActorAddress | None) -> _Cell:
        number = len(self._cells) + 1
        cell = _Cell(self, f"{actor_class.__name__}#{number}", parent, 10_000 + number)
        self._cells[_text(cell.address)] = self._by_pid[cell.pid] = cell
        cell.actor = actor_class()
        cell.actor._myRef = cell
        return cell

    def post(self, sender: ActorAddress, target: ActorAddress, message: Any) -> None:
        if isinstance(message, ActorFailed):
            self.failures.append(message.error)
        self._posted += 1
        blob = pickle.dumps(message)
        stream = self._streams.setdefault((_text(sender), _text(target)), deque())
        stream.append((self._posted, sender, blob))

    def schedule(self, cell: _Cell, delay: timedelta, payload: Any) -> None:
        self._posted += 1
        due_ns = self.clock.elapsed_ns + max(0, delay // timedelta(microseconds=1)) * 1000
        heapq.heappush(self._timers, (due_ns, self._posted, cell, delay, payload))

    def _deliver_one(self) -> bool:
        if not self._streams:
            return False
        if self._chooser is None:
            key = min(self._streams, key=lambda pair: self._streams[pair][0][0])
        else:
            key = self._chooser.choice(sorted(self._streams))
        stream = self._streams[key]
        _, sender, blob = stream.popleft()
        if not stream:
            del self._streams[key]
        self._deliver(sender, key[1], pickle.loads(blob))
        return True

    def _deliver(self, sender: ActorAddress, target: str, message: Any) -> None:
        cell = self._cells.get(target)
        if cell is None:
            self._hear_as_probe(sender, message)
        elif not cell.is_alive:
            self._bury(cell.address, message)
        else:
            self._hand_over(cell, sender, message)

    def _hand_over(self, cell: _Cell, sender: ActorAddress, message: Any) -> None:
        before, self.current_pid = self.current_pid, cell.pid
        try:
            answer = cell.actor.receiveMessage(message, sender)
        except Killed:
            self.crash_pid(cell.pid)
        finally:
            self.current_pid = before
        if cell.is_alive:
            cell.watched = answer.filenos if isinstance(answer, ThespianWatch) else []
            if isinstance(message, ActorExitRequest):
                self.crash_pid(cell.pid)

    def _hear_as_probe(self, sender: ActorAddress, message: Any) -> None:
        if isinstance(message, LauncherTold):
            self.told.append(message)
        elif isinstance(message, Envelope):
            self._hear_letter(sender, message)
        else:
            self.overheard.append(message)

    def _hear_letter(self, sender: ActorAddress, letter: Envelope) -> None:
        """Hear once and acknowledge at once, as far as it is the probe's to acknowledge."""
        now_ns = self.clock.now().monotonic_ns
        probe = self._probes.get(letter.to)
        if probe is None:
            probe = self._probes[letter.to] = Correspondence(
                letter.to,
                incarnation=1,
                post=lambda peer, envelope: self.post(self._outside, peer.address, envelope),
                wake_at=lambda due_ns, key: None,
                is_for_heir=lambda role, message: True,
                refuse=lambda role, message: None,
                counters=Counter(),
            )
        for due in probe.hear(letter, now_ns):
            self.received[letter.to].append(due.message)
        probe.tick(ACKNOWLEDGE, {letter.sender: Peer(sender, letter.sender_incarnation)}, now_ns)

    def _bury(self, address: ActorAddress, message: Any) -> None:
        if isinstance(message, (DeadEnvelope, ChildActorExited, WakeupMessage, Rewired)):
            return
        letter = DeadEnvelope(address, message)
        handler = self._cells.get(_text(self.dead_letter_handler)) if self.dead_letter_handler else None
        if handler is not None and handler.is_alive:
            self.post(self._outside, handler.address, letter)
        else:
            self.dead.append(message)

    def _fire_timers(self) -> None:
        while self._timers and self._timers[0][0] <= self.clock.elapsed_ns:
            _, _, cell, delay, payload = heapq.heappop(self._timers)
            if cell.is_alive:
                self._hand_over(cell, cell.address, WakeupMessage(delay, payload))

    def _look_at_sockets(self) -> None:
        for cell in list(self._cells.values()):
            ready = [fd for fd in cell.watched if fd in self.readables and self.readables[fd]()]
            if ready:
                self._hand_over(cell, cell.address, WatchMessage(ready))

    def _next_event_ns(self) -> int:
        """Return the elapsed_ns of what happens next: a timer, an answer, or a look at the sockets."""
        times = [self._timers[0][0]] if self._timers else []
        watched = {fd for cell in self._cells.values() for fd in cell.watched}
        for executor in self.parts.executors:
            # What nobody waits for (its owner is dead or has gone deaf) never happens.
            due_ns = executor.next_due_ns() if executor.fileno() in watched else None
            if due_ns is not None:
                times.append(due_ns)
        if watched:
            times.append((self.clock.elapsed_ns // _POLL_NS + 1) * _POLL_NS)
        return min(times, default=2**63)

    def _cell_of(self, role: str) -> _Cell:
        for cell in self._cells.values():
            if cell.is_alive and cell.actor.role == role:
                return cell
        raise LookupError(f"nobody plays {role}")

    def _who_plays(self, role: str) -> Peer:
        cell = self._cell_of(role)
        return Peer(cell.address, cell.actor.incarnation)


def _text(address: ActorAddress) -> str:
    return str(address.addressDetails)
