"""One place on the stage: an actor with what it sees of Thespian, or a probe that keeps what it is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Protocol

from thespian.actors import ActorAddress, ThespianWatch

from actors.runtime.base_actor import BaseActor
from actors.stage.probe import Probe


class System(Protocol):
    """What a cell asks of its stage."""

    def create(self, actor_class: type[BaseActor], parent: ActorAddress | None) -> Cell: ...

    def post(self, sender: ActorAddress, target: ActorAddress, message: Any) -> None: ...

    def schedule(self, cell: Cell, delay: timedelta, payload: Any) -> None: ...

    def handle_dead_letters(self, address: ActorAddress | None) -> None: ...

    def shut_down(self) -> None: ...


class Cell:
    """One actor or probe on the stage, or what is left of it."""

    actor: BaseActor  # while one lives here

    def __init__(self, system: System, name: str, parent: ActorAddress | None, pid: int) -> None:
        self.system = system
        self.name = name
        self.address = ActorAddress(name)
        self.parent = parent
        self.pid = pid
        self.probe: Probe | None = None  # who lives here, where that is no actor
        self.role = ""  # of the last one who lived here
        self.watched: list[int] = []
        self.missed: list[Any] = []  # timers that came due while it hung
        self.is_alive = True
        self.is_hung = False

    def receive(self, message: Any, sender: ActorAddress) -> ThespianWatch | None:
        """Let whoever lives here handle a message; returns what an actor wants to be watched."""
        if self.probe is None:
            return self.actor.receiveMessage(message, sender)
        self.probe.receiveMessage(message, sender)
        return None

    # ---- the part of Thespian that an actor sees -----------------------------------------------------------

    def createActor(self, actor_class: type[BaseActor], *_: Any) -> ActorAddress:
        return self.system.create(actor_class, self.address).address

    def actor_send(self, target: ActorAddress, message: Any) -> None:
        self.system.post(self.address, target, message)

    def wakeupAfter(self, period: timedelta | float, payload: Any = None) -> None:
        delay = period if isinstance(period, timedelta) else timedelta(seconds=period)
        self.system.schedule(self, delay, payload)

    def handleDeadLetters(self, address: ActorAddress, start: bool) -> None:
        self.system.handle_dead_letters(address if start else None)

    def actorSystemShutdown(self) -> None:
        self.system.shut_down()
