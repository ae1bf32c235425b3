"""The actors in this process, on one thread, under virtual time: the test kit, for strategies too.

The actor classes are the product's own. A stand-in for Thespian's `_myRef` is the whole seam: it delivers
messages (each pickled once, as between processes, in the lanes and queues of the local transport), fires
wakeups, tells parents of dead children and keeps dead letters. Roles that nobody plays are probes:
`inbox(role)` tells who told them what and when.

    stage = Stage()
    stage.cast(OrderRouter, Role.ORDER_ROUTER)      # one actor, everybody else a probe
    stage.tell(Role.ORDER_ROUTER, intent)
    stage.wait_for("exchange_gateway:coinbase", SubmitOrder, within_s=5)
    stage.inbox("exchange_gateway:coinbase").assert_in_order(SubmitOrder, CancelOrder)

    stage = Stage(kits={"coinbase": ...}, seed=7)   # seed: any order that processes can make, reproducibly
    stage.boot()                                    # the real supervisor starts everybody
    stage.disturb(lose=0.05, double=0.05, between=(Role.PORTFOLIO, Role.ORDER_ROUTER))
    stage.advance(seconds=20)
    stage.crash(Role.ORDER_ROUTER)                  # kill -9: mail lost, parent told
    stage.hang(Role.PORTFOLIO)                      # SIGSTOP: found out by its missing heartbeat

The same words on real processes: `scripts/rehearsal.py`. Many seeds at once: `actors/stage/exploration.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from thespian.actors import ActorAddress

from actors.runtime.base_actor import BaseActor
from actors.runtime.wiring_messages import Envelope, InheritedChild, LauncherAsked, Peer, Rewired, StartActor
from actors.stage.base import TEST, StageBase
from actors.stage.cell import Cell
from actors.stage.message_faults import Disturbance
from actors.stage.probe import INCARNATION, Probe
from actors.stage.system import VirtualSystem
from actors.stage.toolbox import MemoryJournal, StageToolbox, VirtualClock
from actors.stage.trace import Trace
from adapters.ports import VenueKit
from adapters.thespian_unix.outgoing import Limits
from domain.effects import Role
from domain.instant import SECOND_NS
from domain.messages.base import Message
from domain.numbers import use_exact_decimals
from domain.settings import Settings


class Stage(StageBase):
    """A whole actor system in one thread."""

    def __init__(
        self,
        settings: Settings | None = None,
        kits: Mapping[str, VenueKit] | None = None,
        seed: int | None = None,
        limits: Limits = Limits(),
        look_every_s: float = 0.04,
    ) -> None:
        """Args:
        kits: venue -> factories of its client and streams, e.g. over an in-memory simulator.
        seed: None delivers in the order sent; a number interleaves the actors as processes may.
        limits: of the mail from one actor to another; what is beyond comes back as Busy.
        look_every_s: how long a frame may lie in a virtual socket while nothing else happens. A look costs as
            much as a message, and most find nothing.
        """
        use_exact_decimals()
        super().__init__(settings or Settings())
        self.seed = seed
        self.system = VirtualSystem(kits or {}, seed, limits, round(look_every_s * SECOND_NS))
        self.dead = self.system.dead
        self.failures = self.system.failures
        self.readables = self.system.readables
        self._incarnations: dict[str, int] = defaultdict(int)
        self._peers: dict[str, Peer] = {}
        self._outside = self._probe("outside").address

    @property
    def toolbox(self) -> StageToolbox:
        return self.system.toolbox

    @property
    def clock(self) -> VirtualClock:
        return self.system.clock

    @property
    def journal(self) -> MemoryJournal:
        """Return the order journal, which outlives the router."""
        return self.toolbox.memory_journal

    @property
    def trace(self) -> Trace:
        return self.system.trace

    @property
    def is_shut_down(self) -> bool:
        return self.system.is_shut_down

    # ---- setting up --------------------------------------------------------------------------------------

    def cast(self, actor_class: type[BaseActor], role: str, settings: Settings | None = None) -> BaseActor:
        """Let `actor_class` play `role`, and return the actor; roles that nobody plays are probes."""
        place = self.system.probes.get(f"probe:{role}")
        probe = place.probe if place is not None else None
        before = INCARNATION if probe is not None and probe.has_heard else 0
        self._incarnations[role] = max(before, self._incarnations[role]) + 1
        cell = self.system.create(actor_class, None)
        self._peers[role] = Peer(cell.address, self._incarnations[role])
        start = StartActor(role, self._incarnations[role], settings or self.settings, self.toolbox, self._all_peers())
        self.post(self._outside, cell.address, start)
        self._rewire()
        self.settle()
        return cell.actor

    def _rewire(self) -> None:
        for peer in list(self._peers.values()):
            self.post(self._outside, peer.address, Rewired(self._all_peers()))

    def boot(self) -> None:
        """Start the supervisor, who starts everybody; returns when all are up."""
        self._start_supervisor({})
        self.advance(seconds=0.1)

    def succeed_supervisor(self) -> None:
        """Do what the launcher does when the supervisor has died: a new one inherits the children."""
        [roster] = [told.message for told in self.told if told.kind == "roster"][-1:]
        self._start_supervisor(roster.children)

    def _start_supervisor(self, inherited: dict[str, InheritedChild]) -> None:
        from actors.supervisor import Supervisor

        role = str(Role.SUPERVISOR)
        self._incarnations[role] += 1
        cell = self.system.create(Supervisor, None)
        self._peers[role] = Peer(cell.address, self._incarnations[role])
        start = StartActor(role, self._incarnations[role], self.settings, self.toolbox, {}, inherited)
        self.post(self._outside, cell.address, start)
        self.ask("hello")

    def _all_peers(self) -> dict[str, Peer]:
        unplayed = self.roles() - self._peers.keys()
        probes = {role: Peer(self._probe(role).address, INCARNATION) for role in unplayed}
        return {**probes, **self._peers}

    def _probe(self, role: str) -> Cell:
        name = f"probe:{role}"
        if name not in self.system.probes:
            address = ActorAddress(name)
            post = partial(self.post, address)
            self.system.seat(role, Probe(role, self.clock, post, self.hear, self.overhear))
        return self.system.probes[name]

    # ---- acting ------------------------------------------------------------------------------------------

    def tell(self, role: str, *messages: Message, sender: str = TEST) -> None:
        """Send as `sender`, all at once, and let everything settle. Disturbances spare what the test says."""
        if sender not in self.roles() and not self.is_played(sender):
            self._probed.add(sender)
            self._rewire()
        address, incarnation = self._who_plays(role)
        now_ns = self.clock.now().monotonic_ns
        for message in messages:
            self.post(self._outside, address, Envelope(role, incarnation, sender, 1, now_ns, message))
        self.settle()

    def post(self, sender: ActorAddress, target: ActorAddress, message: Any) -> None:
        """Send anything at all, from anybody; `settle` delivers it."""
        self.system.post(sender, target, message)

    def ask(self, verb: str, deadline_s: float = 3.0, **about: str) -> None:
        """Speak to the supervisor as the launcher does; answers are kept in `told`."""
        deadline_ns = self.clock.now().monotonic_ns + int(deadline_s * SECOND_NS)
        supervisor = self._peers[Role.SUPERVISOR].address
        self.post(self._outside, supervisor, LauncherAsked(len(self.told) + 1, verb, deadline_ns=deadline_ns, **about))
        self.settle()

    def crash(self, role: str) -> None:
        """kill -9: its mail is dead-lettered, its parent is told, nobody else."""
        self.system.crash_pid(self.pid(role))

    def hang(self, role: str) -> None:
        """SIGSTOP, for actors and probes: no mail, no timer; its mail queues up, and beyond, Busy comes."""
        self.system.hang(self._place_of(role))

    def resume(self, role: str) -> None:
        self.system.resume(self._place_of(role))
        self.settle()

    def disturb(self, seed: int | None = None, **how: Any) -> Disturbance:
        """Let letters between actors be lost, doubled, late or overtaken from now on, until `calm()`.

        Args:
            seed: draws them; by default the stage's own.
            how: the fields of `Disturbance`: probabilities, and which letters it touches.

        Returns:
            What counts how many it touched.
        """
        disturbance = Disturbance(**how)
        self.system.message_faults.add(disturbance, seed if seed is not None else self.seed or 0)
        return disturbance

    def calm(self) -> None:
        """End all disturbances; what is on its way late still arrives."""
        self.system.message_faults.clear()

    def advance(self, seconds: float) -> None:
        """Let time pass: every timer, call and socket has its turn, in due order."""
        self._passes_until(lambda: False, seconds)
        self.settle()

    def settle(self) -> None:
        """Deliver everything that is under way; no time passes."""
        self.system.settle()

    def _passes_until(self, condition: Callable[[], bool], within_s: float) -> bool:
        end_ns = self.clock.elapsed_ns + int(within_s * SECOND_NS)
        self.settle()
        while not condition():
            if not self.system.step(end_ns):
                self.clock.elapsed_ns = end_ns
                return condition()
        return True

    # ---- looking -----------------------------------------------------------------------------------------

    def now_s(self) -> float:
        return self.clock.elapsed_ns / SECOND_NS

    def actor(self, role: str) -> BaseActor:
        """Return the live instance that plays `role`."""
        return self._cell_of(role).actor

    def actors(self) -> list[BaseActor]:
        """Return everybody who lives."""
        return [cell.actor for cell in self.system.living.values()]

    def pid(self, role: str) -> int:
        return self._cell_of(role).pid

    def is_played(self, role: str) -> bool:
        """Tell whether a live actor plays `role`."""
        return any(actor.role == role for actor in self.actors())

    def context(self) -> str:
        lines = [f"{role} hangs, and {waiting} letters wait for it" for role, waiting in self.system.hung()]
        lines += [f"a handler raised:\n{failure.strip()}" for failure in self.failures]
        return "\n".join([*lines, f"what happened, {self.trace.length} lines in all:", self.trace.told()])

    def _cell_of(self, role: str) -> Cell:
        for cell in self.system.living.values():
            if cell.actor.role == role:
                return cell
        raise LookupError(f"nobody plays {role}")

    def _place_of(self, role: str) -> Cell:
        """Return where `role` is played, by an actor or a probe."""
        return self._cell_of(role) if self.is_played(role) else self.system.probes[f"probe:{role}"]

    def _who_plays(self, role: str) -> Peer:
        cell = self._cell_of(role)
        return Peer(cell.address, cell.actor.incarnation)
