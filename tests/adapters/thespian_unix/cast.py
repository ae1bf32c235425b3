"""Actors that the tests on real processes use. Each does what the word or class it is sent says."""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Any, NamedTuple

from thespian.actors import (
    Actor,
    ChildActorExited,
    DeadEnvelope,
    PoisonMessage,
    ThespianWatch,
    WakeupMessage,
    WatchMessage,
)

from adapters.thespian_unix.messages import Busy


class Numbered:
    """A message with a number, a lane and a load."""

    def __init__(self, number: int, lane: int = 1, overtakes: bool = False, load: bytes = b"") -> None:
        self.number, self.lane, self.overtakes, self.load = number, lane, overtakes, load


class Flood(NamedTuple):
    target: Any
    count: int
    lane: int = 1
    load: bytes = b""


class Forward(NamedTuple):
    target: Any
    messages: list[Any]


class Hatch(NamedTuple):
    order: Any  # to the new child


class Sleep(NamedTuple):
    seconds: float
    tell: Any = None  # who gets a Numbered when it begins


class Wakeups(NamedTuple):
    delays_s: list[float]


class FromThreads(NamedTuple):
    target: Any
    threads: int
    each: int


class Watch(NamedTuple):
    ready: int  # how many always readable descriptors


class Undumpable:
    """Pickles nowhere."""

    def __reduce__(self) -> tuple:
        raise OverflowError("too large")


class Unpicklable:
    """Pickles here, and not there."""

    def __reduce__(self) -> tuple:
        return _refuse, ()


def _refuse() -> None:
    raise RuntimeError("not here")


class Worker(Actor):
    """Keeps the numbers it handled, and tells them when asked."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[int] = []
        self.wakeups: list[float] = []
        self.busy: list[int] = []
        self.exited = 0
        self.poison = 0
        self.letters: list[tuple[Any, Any]] = []
        self.watched = 0
        self.pairs: list[socket.socket] = []
        self.child: Any = None

    def receiveMessage(self, message: Any, sender: Any) -> Any:
        match message:
            case Numbered():
                self.numbers.append(message.number)
            case Sleep():
                if message.tell:
                    self.send(message.tell, Numbered(0))
                time.sleep(message.seconds)
            case Busy():
                self.busy.append(message.message.number)
            case Flood():
                for number in range(message.count):
                    self.send(message.target, Numbered(number, message.lane, load=message.load))
            case Forward():
                for each in message.messages:
                    self.send(message.target, each)
            case Wakeups():
                for delay_s in message.delays_s:
                    self.wakeupAfter(delay_s, delay_s)
                time.sleep(max(message.delays_s) + 0.01)
            case WakeupMessage():
                self.wakeups.append(message.payload)
            case FromThreads():
                self._send_from_threads(message)
            case Watch():
                self.pairs = [side for _ in range(message.ready) for side in socket.socketpair()]
                for side in self.pairs[1::2]:
                    side.send(b"never read")
            case WatchMessage():
                self.watched += 1
            case ChildActorExited():
                self.exited += 1
            case DeadEnvelope():
                self.letters.append((message.deadAddress, message.deadMessage))
            case "collect dead letters":
                self.handleDeadLetters()
                self.send(sender, "yes")
            case PoisonMessage():
                self.poison += 1
            case "tell yourself what can't be pickled":
                self.send(self.myAddress, Undumpable())
            case Hatch():
                self.send(self.createActor(Worker), message.order)
            case "make child":
                self.child = self.createActor(Worker)
                self.send(sender, self.child)
            case "open socket":
                self.pairs = list(socket.socketpair())
                self.send(sender, "open")
            case "close socket":
                self.pairs[0].close()
                self.pairs[1].settimeout(2)
                try:
                    self.send(sender, self.pairs[1].recv(1))
                except TimeoutError:
                    self.send(sender, "no end of file")
            case "pid" | "numbers" | "wakeups" | "busy" | "exited" | "poison" | "letters" | "watched":
                self.send(sender, os.getpid() if message == "pid" else getattr(self, message))
            case "resident":
                self.send(sender, _resident_bytes())
            case "change what was sent to yourself":
                numbers = [1]
                self.send(self.myAddress, numbers)
                numbers.append(2)
            case list():
                self.numbers = message
            case "descriptors":
                self.send(sender, [os.readlink(f"/proc/self/fd/{name}") for name in _descriptors()])
            case bytes():
                self.send(sender, message)
        return ThespianWatch([side.fileno() for side in self.pairs[::2]]) if self.pairs else None

    def _send_from_threads(self, message: FromThreads) -> None:
        def send(first: int) -> None:
            for number in range(first, first + message.each):
                self.send(message.target, Numbered(number))

        for thread in range(message.threads):
            threading.Thread(target=send, args=(thread * message.each,)).start()


def _resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def _descriptors() -> list[str]:
    return [name for name in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{name}")]
