"""The stage on real processes: the words of `actors.stage.stage`, in real time, on an actor system of its own.

    with open_stage(on="processes") as stage:
        stage.cast(MyActor, "my_actor")
        stage.tell("my_actor", Hello())
        stage.wait_for("portfolio", Greeting, within_s=2)

Disturbances, seeds and limits are for the stage of one thread: they need mail and time that a test can hold up. At
the end of the `with` everything is shut down; a process that is left over fails the test.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from thespian.actors import Actor, ActorAddress, ActorExitRequest, ActorSystem, DeadEnvelope

from actors.runtime.base_actor import BaseActor
from actors.runtime.wiring_messages import (
    ActorIdentified,
    ActorStarted,
    Envelope,
    LauncherAsked,
    Peer,
    Rewired,
    StartActor,
)
from actors.stage.base import TEST, StageBase
from actors.stage.probe import INCARNATION, Probe
from actors.stage.stage import Stage
from adapters.clock import SystemClock
from adapters.thespian_unix.register import register
from adapters.thespian_unix.system_base import NAME
from domain.effects import Role
from domain.messages.base import Message
from domain.numbers import use_exact_decimals
from domain.settings import Settings
from scripts.run.logs import log_definitions
from scripts.run.processes import adopt_orphans, descendants
from scripts.run.toolbox import ProcessToolbox

_LISTEN_S = 0.02
_UP_WITHIN_S = 10.0
_GONE_WITHIN_S = 3.0
_NOTICED_WITHIN_S = 0.5
_LAST_LOG_LINES = 20

_numbers = count()


def open_stage(on: str = "thread", settings: Settings | None = None) -> StageBase:
    """Return a stage: `on` "thread" (virtual time) or on "processes" (real time), for the same scenario."""
    stages: dict[str, Callable[[Settings | None], StageBase]] = {"thread": Stage, "processes": ProcessStage}
    return stages[on](settings)


class Usher(Actor):
    """The test's contact inside: says by which address actors know it, and brings it the dead letters."""

    test: ActorAddress

    def receiveMessage(self, message: Any, sender: ActorAddress) -> None:
        if isinstance(message, DeadEnvelope):
            self.send(self.test, Buried(message.deadMessage))
        elif not isinstance(message, ActorExitRequest):
            self.test = sender
            self.handleDeadLetters()
            self.send(sender, sender)


class Buried:
    """A letter that reached nobody."""

    def __init__(self, message: Any) -> None:
        self.message = message


class ProcessStage(StageBase):
    """A whole actor system, one process per actor."""

    def __init__(self, settings: Settings | None = None) -> None:
        use_exact_decimals()
        super().__init__(settings or Settings())
        register()
        adopt_orphans()  # Thespian's admin detaches itself, and so do children of whom a test kills
        self._began_s = time.monotonic()
        self._clock = SystemClock()
        self._directory = tempfile.TemporaryDirectory(prefix="nzeza-stage-")
        self._log = Path(self._directory.name) / "nzeza.log"
        self._toolbox = ProcessToolbox(Path(self._directory.name), "normal", os.getpid(), "stage", "stage")
        self._peers: dict[str, Peer] = {}
        self._pids: dict[str, int] = {}  # role -> process
        self._incarnations: dict[str, int] = defaultdict(int)
        self._probes: dict[str, Probe] = {}
        self._others = set(descendants())  # processes that are none of ours
        self._ours: dict[int, int] = {}  # pid -> pidfd
        self._hung: set[int] = set()
        self._system = ActorSystem(
            NAME,
            {"Admin Port": f"stage-{os.getpid()}-{next(_numbers)}"},
            logDefs=log_definitions(self._log, "warning"),
            transientUnique=True,
        )
        self._usher = self._system.createActor(Usher)
        self._outside = self._system.ask(self._usher, "where am I?", _UP_WITHIN_S)
        self._count_ours()

    # ---- setting up --------------------------------------------------------------------------------------

    def cast(self, actor_class: type[BaseActor], role: str, settings: Settings | None = None) -> None:
        """Let `actor_class` play `role` in a process of its own; returns when it is up."""
        self._incarnations[role] = max(self._incarnations[role], role in self._probes) + 1
        self._peers[role] = Peer(self._system.createActor(actor_class), self._incarnations[role])
        start = StartActor(role, self._incarnations[role], settings or self.settings, self._toolbox, self._all_peers())
        self._system.tell(self._peers[role].address, start)
        self._rewire()
        self.wait_until(lambda: self._has_started(role), _UP_WITHIN_S, f"{role} is up")

    def boot(self) -> None:
        """Start the supervisor, who starts everybody; returns when all are up."""
        from actors.supervisor import Supervisor

        supervisor = self._system.createActor(Supervisor)
        self._peers[Role.SUPERVISOR] = Peer(supervisor, 1)
        self._system.tell(supervisor, StartActor(str(Role.SUPERVISOR), 1, self.settings, self._toolbox, {}))
        self._system.tell(supervisor, LauncherAsked(1, "hello"))
        self.wait_until(lambda: "running" in [told.kind for told in self.told], _UP_WITHIN_S, "all are up")

    def _has_started(self, role: str) -> bool:
        identity = role, self._incarnations[role]
        return any(
            isinstance(message, ActorStarted) and (message.role, message.incarnation) == identity
            for message in self.overheard
        )

    def _all_peers(self) -> dict[str, Peer]:
        probes = {role: Peer(self._outside, INCARNATION) for role in self.roles() - self._peers.keys()}
        return {**probes, **self._peers}

    def _rewire(self) -> None:
        for peer in self._peers.values():
            self._system.tell(peer.address, Rewired(self._all_peers()))

    # ---- acting ------------------------------------------------------------------------------------------

    def tell(self, role: str, *messages: Message, sender: str = TEST) -> None:
        if sender not in self.roles() and sender not in self._peers:
            self._probed.add(sender)
            self._rewire()
        peer = self._peer(role)
        for message in messages:
            now_ns = self._clock.now().monotonic_ns
            envelope = Envelope(role, peer.incarnation, sender, INCARNATION, now_ns, message)
            self._system.tell(peer.address, envelope)

    def crash(self, role: str) -> None:
        self._signal(role, signal.SIGKILL)

    def hang(self, role: str) -> None:
        self._signal(role, signal.SIGSTOP)
        self._hung.add(self.pid(role))

    def resume(self, role: str) -> None:
        self._signal(role, signal.SIGCONT)
        self._hung.discard(self.pid(role))

    def advance(self, seconds: float) -> None:
        self._passes_until(lambda: False, seconds)

    def _signal(self, role: str, number: signal.Signals) -> None:
        self._count_ours()
        signal.pidfd_send_signal(self._ours[self.pid(role)], number)

    # ---- looking -----------------------------------------------------------------------------------------

    def now_s(self) -> float:
        return time.monotonic() - self._began_s

    def pid(self, role: str) -> int:
        return self._pids[role]

    def is_played(self, role: str) -> bool:
        """Tell whether a process that plays `role` is there."""
        return role in self._pids and self._is_alive(self._pids[role])

    def context(self) -> str:
        lines = [f"{role} is process {pid}{self._state(pid)}" for role, pid in sorted(self._pids.items())]
        log = self._log.read_text(encoding="utf-8").splitlines() if self._log.exists() else []
        return "\n".join([*lines, *log[-_LAST_LOG_LINES:]])

    def _state(self, pid: int) -> str:
        if not self._is_alive(pid):
            return ", which has ended"
        return ", which hangs" if pid in self._hung else ""

    def _peer(self, role: str) -> Peer:
        if role not in self._peers:
            raise LookupError(f"nobody plays {role}")
        return self._peers[role]

    def _passes_until(self, condition: Callable[[], bool], within_s: float) -> bool:
        give_up_s = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > give_up_s:
                return False
            self._listen(min(_LISTEN_S, max(0.001, give_up_s - time.monotonic())))
        return True

    def _listen(self, within_s: float) -> None:
        message = self._system.listen(within_s)
        if isinstance(message, Envelope):
            sender = self._peers.get(message.sender)
            self._probe(message.to).receiveMessage(message, sender.address if sender is not None else self._outside)
        elif isinstance(message, Buried):
            self.dead.append(message.message)
        elif message is not None:
            self.overhear(message)

    def overhear(self, message: Any) -> None:
        super().overhear(message)
        if isinstance(message, ActorIdentified):
            self._pids[message.role] = message.pid
        elif getattr(message, "kind", "") == "roster":
            self._pids[Role.SUPERVISOR] = message.message.supervisor_pid
            for role, inherited in message.message.children.items():
                self._pids[role] = inherited.line.pid
                self._peers[role] = Peer(inherited.address, inherited.line.incarnation)
        self._count_ours()

    def _probe(self, role: str) -> Probe:
        if role not in self._probes:
            self._probes[role] = Probe(role, self._clock, self._post, self.hear, self.overhear)
        return self._probes[role]

    def _post(self, address: ActorAddress | None, letter: Envelope) -> None:
        if address is not None:
            self._system.tell(address, letter)

    # ---- ending ------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Shut down.

        Raises:
            AssertionError: a process was left over; it is gone now.
        """
        self._count_ours()
        for pid in self._hung:
            self._send_signal(pid, signal.SIGCONT)
        self._bury_the_dead()
        asking = threading.Thread(target=self._system.shutdown, daemon=True)
        asking.start()
        give_up_s = time.monotonic() + _GONE_WITHIN_S
        left = list(self._ours)
        while left and time.monotonic() < give_up_s:
            left = [pid for pid in left if self._is_alive(pid)]
            time.sleep(_LISTEN_S if left else 0)
        roles = {pid: role for role, pid in self._pids.items()}
        for pid in left:
            self._send_signal(pid, signal.SIGKILL)
            select.select([self._ours[pid]], [], [], _GONE_WITHIN_S)
        asking.join(_GONE_WITHIN_S)
        self._bury_the_dead()
        for pidfd in self._ours.values():
            os.close(pidfd)
        self._directory.cleanup()
        if left:
            names = [f"{roles.get(pid, 'process')} {pid}" for pid in left]
            raise AssertionError(f"left over: {', '.join(names)}")

    def _count_ours(self) -> None:
        for pid in descendants():
            if pid not in self._others and pid not in self._ours:
                try:
                    self._ours[pid] = os.pidfd_open(pid)
                except ProcessLookupError:
                    continue  # it has ended since we looked

    def _send_signal(self, pid: int, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._ours[pid], number)

    def _bury_the_dead(self) -> None:
        """Wait until parents have noticed: a death in the middle of a shutdown can hold it up for 10 s."""
        give_up_s = time.monotonic() + _NOTICED_WITHIN_S
        dead = [pid for pid in self._ours if not self._is_alive(pid)]
        while dead and time.monotonic() < give_up_s:
            for pid in dead:
                with contextlib.suppress(ChildProcessError):  # it is somebody else's child
                    os.waitpid(pid, os.WNOHANG)
            dead = [pid for pid in dead if Path(f"/proc/{pid}").exists()]
            time.sleep(_LISTEN_S if dead else 0)

    def _is_alive(self, pid: int) -> bool:
        pidfd = self._ours.get(pid)
        return pidfd is not None and not select.select([pidfd], [], [], 0)[0]
