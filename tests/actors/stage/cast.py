"""Small actors and messages for tests of the stage, and of what actors may rely on."""

from __future__ import annotations

from typing import ClassVar

from actors.runtime.base_actor import BaseActor
from domain.effects import Role, Tell, WakeupKey, WakeupKind
from domain.instant import SECOND_NS, Instant
from domain.messages.base import Command, Lane, Message


class Count(Command, kw_only=True):
    number: int


class Tick(Message, kw_only=True):
    """A price: late is bad, lost is no harm."""

    lane: ClassVar[Lane] = Lane.BULK

    price: int


class Halt(Command, kw_only=True):
    lane: ClassVar[Lane] = Lane.URGENT


class Send(Command, kw_only=True):
    """A test to an actor: tell `to` counts, ticks and a halt, in this order."""

    to: str
    counts: int = 0
    ticks: int = 0
    halts: int = 0


class Remind(Command, kw_only=True):
    """A test to an actor: tell the portfolio a count after so long."""

    after_s: float
    number: int


class ReminderWakeup(WakeupKind):
    REMIND = "remind"


class Player(BaseActor):
    """Keeps what it is told, and tells others what the test wants told."""

    def started(self) -> None:
        self.heard: list[tuple[str, Message]] = []  # sender, message
        self.refusals: list[Message] = []

    def receiveMsg_Message(self, message: Message, sender: str) -> None:
        self.heard.append((sender, message))

    def receiveMsg_Send(self, command: Send, sender: str) -> None:
        for number in range(command.counts):
            self.tell(command.to, Count(number=number))
        for price in range(command.ticks):
            self.tell(command.to, Tick(price=price))
        for _ in range(command.halts):
            self.tell(command.to, Halt())

    def receiveMsg_Remind(self, command: Remind, sender: str) -> None:
        due_ns = self.clock.now().monotonic_ns + int(command.after_s * SECOND_NS)
        self.wake_at(due_ns, WakeupKey(ReminderWakeup.REMIND, number=command.number))

    def tick(self, key: WakeupKey, now: Instant) -> list[Tell]:
        return [Tell(str(Role.PORTFOLIO), Count(number=key.number))]

    def refused(self, role: str, message: Message) -> None:
        self.refusals.append(message)


class Echo(BaseActor):
    """Answers every message with itself."""

    def receiveMsg_Message(self, message: Message, sender: str) -> None:
        self.tell(sender, message)


def counts(number: int) -> list[Count]:
    return [Count(number=each) for each in range(number)]
