"""The actors that the transport benchmark measures. Importable, since both bases pickle classes by name."""

from __future__ import annotations

import os
import time
from typing import Any, NamedTuple

from thespian.actors import Actor, ChildActorExited, WakeupMessage


class Load:
    """A message of about the size of a quote."""

    __slots__ = ("number", "body")

    def __init__(self, number: int, body: bytes = b"q" * 200) -> None:
        self.number, self.body = number, body

    def __getstate__(self) -> tuple[int, bytes]:
        return self.number, self.body

    def __setstate__(self, state: tuple[int, bytes]) -> None:
        self.number, self.body = state

    def __str__(self) -> str:
        return "Load"


class Hops(NamedTuple):
    peer: Any
    round_trips: int


class Flow(NamedTuple):
    consumer: Any
    messages: int
    window: int


class Burst(NamedTuple):
    consumer: Any
    messages: int


class Timers(NamedTuple):
    delays_s: tuple[float, ...]


class Expect(NamedTuple):
    messages: int
    credit_every: int  # messages; 0 for none


class Credit(NamedTuple):
    messages: int


class Start(NamedTuple):
    pass


class Report(NamedTuple):
    asker: Any


class Wired(NamedTuple):
    peer: Any


class Serving(NamedTuple):
    process: int
    since_s: float  # CLOCK_MONOTONIC


class Echo(Actor):
    """Sends back what it gets."""

    def receiveMessage(self, message: Any, sender: Any) -> None:
        if isinstance(message, Load):
            self.send(sender, message)
        elif message == "pid":
            self.send(sender, os.getpid())


class Pinger(Actor):
    """Measures round trips to an Echo, and reports half of each in seconds."""

    _sent_s: float

    def receiveMessage(self, message: Any, sender: Any) -> None:
        if isinstance(message, Hops):
            self._asker, self._hops, self._halves = sender, message, []
        elif isinstance(message, Load):
            self._halves.append((time.perf_counter() - self._sent_s) / 2)
            if len(self._halves) == self._hops.round_trips:
                self.send(self._asker, self._halves)
                return
        else:
            return
        self._sent_s = time.perf_counter()
        self.send(self._hops.peer, Load(len(self._halves)))


class Producer(Actor):
    """Sends as credit allows, or all at once; the consumer reports."""

    def receiveMessage(self, message: Any, sender: Any) -> None:
        if isinstance(message, Flow):
            self._flow, self._sent = message, 0
            self._send(message.window)
        elif isinstance(message, Credit):
            self._send(message.messages)
        elif isinstance(message, Burst):
            for number in range(message.messages):
                self.send(message.consumer, Load(number))

    def _send(self, credit: int) -> None:
        for number in range(self._sent, min(self._sent + credit, self._flow.messages)):
            self.send(self._flow.consumer, Load(number))
            self._sent += 1


class Consumer(Actor):
    """Tells its asker when everything it expects was handled."""

    def receiveMessage(self, message: Any, sender: Any) -> None:
        if isinstance(message, Expect):
            self._expected, self._asker, self._handled = message, sender, 0
            self.send(sender, "ready")
        elif isinstance(message, Load):
            self._handled += 1
            every = self._expected.credit_every
            if every and self._handled % every == 0:
                self.send(sender, Credit(every))
            if self._handled == self._expected.messages:
                self.send(self._asker, "done")


class Sleeper(Actor):
    """Measures how late its alarms are, in seconds, one after the other."""

    _due_s: float

    def receiveMessage(self, message: Any, sender: Any) -> None:
        if isinstance(message, Timers):
            self._asker, self._timers, self._late = sender, message, []
        elif isinstance(message, WakeupMessage):
            self._late.append(time.perf_counter() - self._due_s)
            if len(self._late) == len(self._timers.delays_s):
                self.send(self._asker, self._late)
                return
        else:
            return
        delay_s = self._timers.delays_s[len(self._late)]
        self._due_s = time.perf_counter() + delay_s
        self.wakeupAfter(delay_s)


class Supervisor(Actor):
    """Replaces its child as soon as it hears of its end, and tells a caller where the new one is."""

    def receiveMessage(self, message: Any, sender: Any) -> None:
        if isinstance(message, Start):
            self._caller = self.createActor(Caller)
            self.send(self._caller, Report(sender))
            self._start()
        elif isinstance(message, ChildActorExited) and message.childAddress == self._child:
            self._start()
        elif isinstance(message, int):
            self.send(self._caller, Wired(sender))

    def _start(self) -> None:
        self._child = self.createActor(Echo)
        self.send(self._child, "pid")  # its answer says that it is up


class Caller(Actor):
    """Reports when the actor that it was wired to has answered."""

    def receiveMessage(self, message: Any, sender: Any) -> None:
        if isinstance(message, Report):
            self._asker = message.asker
        elif isinstance(message, Wired):
            self.send(message.peer, "pid")
        elif isinstance(message, int):
            self.send(self._asker, Serving(message, time.monotonic()))
