"""The actor system of the stage: what Thespian and the operating system are to actors, in virtual time.

It makes cells, carries their mail, fires their timers and looks at their sockets, in due order. It ends and
stops them as signals would, and hands what reached nobody to the dead-letter handler.
"""

from __future__ import annotations

import heapq
import pickle
from collections.abc import Callable, Mapping
from datetime import timedelta
from random import Random
from typing import Any

from thespian.actors import (
    ActorAddress,
    ActorExitRequest,
    ActorSystemMessage,
    ChildActorExited,
    DeadEnvelope,
    WakeupMessage,
    WatchMessage,
)

from actors.runtime.base_actor import BaseActor
from actors.runtime.wiring_messages import ActorAlive, ActorFailed, Envelope, Rewired, StartActor
from actors.stage.cell import Cell
from actors.stage.mail import Letter, Mail
from actors.stage.message_faults import MessageFaults
from actors.stage.probe import Probe
from actors.stage.toolbox import Killed, StageToolbox
from actors.stage.trace import Trace
from adapters.ports import VenueKit
from adapters.thespian_unix.lanes import lane_of, overtakes
from adapters.thespian_unix.messages import Busy
from adapters.thespian_unix.outgoing import Limits

_MOST_DELIVERIES = 1_000_000  # at one moment of virtual time: a ping-pong loop fails instead of hanging
_FIRST_PID = 10_000
OUTSIDE = "probe:outside"  # the name of whoever is no actor: the test


class VirtualSystem:
    def __init__(self, kits: Mapping[str, VenueKit], seed: int | None, limits: Limits, look_every_ns: int) -> None:
        self.trace = Trace(lambda name: (self.cells.get(name) or self._elsewhere(name)).role or name)
        self.failures: list[str] = []  # tracebacks of handlers that raised
        self.dead: list[Any] = []  # dead letters while nobody handles them
        self.readables: dict[int, Callable[[], bool]] = {}  # virtual fd -> has it something to read?
        self.is_shut_down = False
        self._look_every_ns = look_every_ns  # at virtual sockets, while nothing else happens
        self.toolbox = StageToolbox(
            kits,
            seed or 0,
            self.readables.__setitem__,
            lambda: self._current_pid,
            self.crash_pid,
            lambda pid: self._by_pid[pid].is_alive,
        )
        self.clock = self.toolbox.virtual_clock
        self.cells: dict[str, Cell] = {}  # every actor that ever lived, by name
        self.living: dict[str, Cell] = {}
        self.probes: dict[str, Cell] = {}  # by name, too
        self.message_faults = MessageFaults(self.clock, self._send, self._trace)
        self._mail = Mail(limits, Random(seed) if seed is not None else None)
        self._by_pid: dict[int, Cell] = {}
        self._current_pid = 0  # whose handler is running
        self._numbers = 0
        self._timers: list[tuple[int, int, Cell, timedelta, Any]] = []
        self._dead_letter_handler: Cell | None = None

    # ---- what cells ask for ------------------------------------------------------------------------------

    def create(self, actor_class: type[BaseActor], parent: ActorAddress | None) -> Cell:
        number = len(self._by_pid) + 1
        cell = Cell(self, f"{actor_class.__name__}#{number}", parent, _FIRST_PID + number)
        self.cells[cell.name] = self.living[cell.name] = self._by_pid[cell.pid] = cell
        cell.actor = actor_class()
        cell.actor._myRef = cell
        return cell

    def post(self, sender: ActorAddress, target: ActorAddress, message: Any) -> None:
        if isinstance(message, ActorFailed):
            self.failures.append(message.error)
        elif isinstance(message, StartActor):
            self.cells[target.addressDetails].role = message.role
        letter = Letter(
            sender,
            sender.addressDetails,
            target.addressDetails,
            pickle.dumps(message),
            lane_of(message),
            overtakes(message),
            isinstance(message, ActorSystemMessage),
        )
        if self.message_faults.is_bad and isinstance(message, Envelope) and letter.sender_name != OUTSIDE:
            self.message_faults.carry(letter, message)
        else:
            self._send(letter)

    def schedule(self, cell: Cell, delay: timedelta, payload: Any) -> None:
        self._numbers += 1
        due_ns = self.clock.elapsed_ns + max(0, delay // timedelta(microseconds=1)) * 1000
        heapq.heappush(self._timers, (due_ns, self._numbers, cell, delay, payload))

    def handle_dead_letters(self, address: ActorAddress | None) -> None:
        self._dead_letter_handler = self.cells[str(address.addressDetails)] if address else None

    def shut_down(self) -> None:
        self.is_shut_down = True

    # ---- what a test asks for ----------------------------------------------------------------------------

    def seat(self, role: str, probe: Probe) -> Cell:
        """Give a probe its place."""
        cell = Cell(self, f"probe:{role}", None, 0)
        cell.role, cell.probe = role, probe
        self.probes[cell.name] = cell
        return cell

    def crash_pid(self, pid: int) -> None:
        """kill -9: its mail is dead-lettered, its parent is told, nobody else."""
        cell = self._by_pid[pid]
        if cell.is_alive:
            self._note(cell, "crashes")
            del self.living[cell.name]
            cell.is_alive = False
            del cell.actor
            cell.watched = []
            for letter in self._mail.close(cell.name):
                self._to_dead_letters(cell, letter)
            if cell.parent is not None:
                self.post(cell.address, cell.parent, ChildActorExited(cell.address))

    def hang(self, cell: Cell) -> None:
        """SIGSTOP."""
        self._note(cell, "hangs")
        cell.is_hung = True
        self._mail.hold(cell.name)

    def resume(self, cell: Cell) -> None:
        """SIGCONT: it finds its mail and its overdue timers."""
        self._note(cell, "goes on")
        cell.is_hung = False
        self._mail.resume(cell.name)
        for timer in cell.missed:
            heapq.heappush(self._timers, timer)
        cell.missed = []
        self._fire_timers()

    def hung(self) -> list[tuple[str, int]]:
        """Return who hangs and how many letters wait for it."""
        cells = (*self.living.values(), *self.probes.values())
        return [(cell.role, self._mail.waiting_for(cell.name)) for cell in cells if cell.is_hung]

    def settle(self) -> None:
        """Deliver everything that is under way; no time passes."""
        for _ in range(_MOST_DELIVERIES):
            entry = self._mail.take()
            if entry is not None:
                self._deliver(entry.content)
                self._mail.settle(entry)
            elif not self.message_faults.let_pass():
                return
        raise RuntimeError(f"a message storm: the actors never come to rest\n{self.trace.told()}")

    def step(self, end_ns: int) -> bool:
        """Go to the next thing that happens by then, and let it happen. Returns False when nothing does."""
        next_ns = self._next_event_ns()
        if next_ns > end_ns:
            return False
        self.clock.elapsed_ns = max(self.clock.elapsed_ns, next_ns)
        self.message_faults.bring_late()
        self._fire_timers()
        self._look_at_sockets()
        self.settle()
        return True

    # ---- mail --------------------------------------------------------------------------------------------

    def _send(self, letter: Letter) -> None:
        cell = self.cells.get(letter.target_name) or self._elsewhere(letter.target_name)
        if not cell.is_alive:
            self._to_dead_letters(cell, letter)
        elif not self._mail.send(letter):
            message = pickle.loads(letter.payload)
            self._trace(letter, message, "refused")
            busy = Busy(cell.address, message)
            self._mail.put_own(Letter(cell.address, cell.name, letter.sender_name, pickle.dumps(busy)))

    def _deliver(self, letter: Letter) -> None:
        message = pickle.loads(letter.payload)
        cell = self.cells.get(letter.target_name) or self._elsewhere(letter.target_name)
        if type(message) is not ActorAlive:  # so many that nothing else would be left to read
            self._trace(letter, message)
        self._hand_over(cell, letter.sender, message)

    def _hand_over(self, cell: Cell, sender: ActorAddress, message: Any) -> None:
        before, self._current_pid = self._current_pid, cell.pid
        try:
            answer = cell.receive(message, sender)
        except Killed:
            self.crash_pid(cell.pid)
        finally:
            self._current_pid = before
        if cell.is_alive:
            cell.watched = answer.filenos if answer is not None else []
            if isinstance(message, ActorExitRequest):
                self.crash_pid(cell.pid)

    def _to_dead_letters(self, cell: Cell, letter: Letter) -> None:
        message = pickle.loads(letter.payload)
        if isinstance(message, (DeadEnvelope, ChildActorExited, WakeupMessage, Rewired)):
            return
        self._trace(letter, message, "died")
        handler = self._dead_letter_handler
        if handler is not None and handler.is_alive:
            self.post(ActorAddress(OUTSIDE), handler.address, DeadEnvelope(cell.address, message))
        else:
            self.dead.append(message)

    # ---- time --------------------------------------------------------------------------------------------

    def _fire_timers(self) -> None:
        while self._timers and self._timers[0][0] <= self.clock.elapsed_ns:
            timer = heapq.heappop(self._timers)
            _, _, cell, delay, payload = timer
            if cell.is_hung:
                cell.missed.append(timer)
            elif cell.is_alive:
                self._hand_over(cell, cell.address, WakeupMessage(delay, payload))

    def _look_at_sockets(self) -> None:
        looks = self.readables
        for cell in [cell for cell in self.living.values() if cell.watched and not cell.is_hung]:
            ready = [fd for fd in cell.watched if fd in looks and looks[fd]()]
            if ready:
                self._hand_over(cell, cell.address, WatchMessage(ready))

    def _next_event_ns(self) -> int:
        """Return the elapsed_ns of what happens next: a timer, a letter, an answer, a look at the sockets."""
        times = [self._timers[0][0]] if self._timers else []
        late_ns = self.message_faults.next_due_ns()
        if late_ns is not None:
            times.append(late_ns)
        watched = {fd for cell in self.living.values() if not cell.is_hung for fd in cell.watched}
        for executor in self.toolbox.executors:
            # What nobody waits for (its owner is dead or ignores its messages) never happens.
            due_ns = executor.next_due_ns() if executor.fileno() in watched else None
            if due_ns is not None:
                times.append(due_ns)
        if watched:
            times.append((self.clock.elapsed_ns // self._look_every_ns + 1) * self._look_every_ns)
        return min(times, default=2**63)

    # ---- telling -----------------------------------------------------------------------------------------

    def _trace(self, letter: Letter, message: Any, note: str = "") -> None:
        self.trace.add(self.clock.elapsed_ns, letter.sender_name, letter.target_name, message, note)

    def _note(self, cell: Cell, what: str) -> None:
        self.trace.add(self.clock.elapsed_ns, "", cell.name, None, what)

    def _elsewhere(self, name: str) -> Cell:
        """Return a probe's place, or that of an address that nobody lives at: its mail is dead."""
        if name not in self.probes:
            cell = self.probes[name] = Cell(self, name, None, 0)
            cell.is_alive = False
        return self.probes[name]
