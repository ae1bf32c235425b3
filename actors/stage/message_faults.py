"""What may happen to letters between actors: they are lost, doubled, late or overtaken, as a seed says."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

from actors.runtime.wiring_messages import Envelope
from actors.stage.mail import Letter
from actors.stage.toolbox import VirtualClock
from domain.instant import SECOND_NS
from domain.messages.base import Message


@dataclass(frozen=True)
class Disturbance:
    """What happens to the letters of some pairs and some kinds. Probabilities lie within 0..1."""

    lose: float = 0.0
    double: float = 0.0
    late: float = 0.0
    late_by: tuple[float, float] = (0.05, 1.0)  # seconds, least and most
    reorder: float = 0.0  # the pair's next letter passes it
    between: tuple[str, str] | None = None  # roles, both ways; None = everybody
    to: str | None = None
    kinds: tuple[type[Message], ...] = ()  # none = all, mere acknowledgements too
    when: Callable[[Any], bool] | None = None  # a message -> is it touched?
    counts: Counter[str] = field(default_factory=Counter)  # what was done so far, by word

    def touches(self, letter: Envelope) -> bool:
        if self.between is not None and {letter.sender, letter.to} != set(self.between):
            return False
        if self.to is not None and letter.to != self.to:
            return False
        if self.kinds and not isinstance(letter.message, self.kinds):
            return False
        return self.when is None or (letter.message is not None and self.when(letter.message))


@dataclass(frozen=True)
class Copy:
    """How one copy of a letter travels."""

    note: str = ""  # what is unusual about it
    delay_ns: int = 0
    is_passed: bool = False  # by the next letter of its pair


class MessageFaults:
    """The disturbances of a stage, and the letters they hold up. The first that fits decides."""

    def __init__(
        self, clock: VirtualClock, send: Callable[[Letter], None], note: Callable[[Letter, str], None]
    ) -> None:
        """Args:
        send: lets a letter go its ordinary way.
        note: adds to the trace what became of a letter.
        """
        self.is_bad = False  # something may be disturbed
        self._clock = clock
        self._send = send
        self._note = note
        self._disturbances: list[tuple[Disturbance, Random]] = []
        self._late: list[tuple[int, int, Letter]] = []  # heap of (due_ns, number, letter)
        self._numbers = count()
        self._passed: dict[tuple[str, str], list[Letter]] = {}  # pair -> what its next letter passes

    def add(self, disturbance: Disturbance, seed: int) -> None:
        self._disturbances.append((disturbance, Random(seed)))
        self.is_bad = True

    def clear(self) -> None:
        self._disturbances.clear()
        self.is_bad = False

    def carry(self, letter: Letter, envelope: Envelope) -> None:
        """Send what is left of a letter, when its time has come."""
        passed = self._passed.pop((letter.sender_name, letter.target_name), ())
        copies = self._fate(envelope)
        if not copies:
            self._note(letter, "lost")
        for copy in copies:
            if copy.note:
                self._note(letter, copy.note)
            if copy.delay_ns:
                due_ns = self._clock.elapsed_ns + copy.delay_ns
                heapq.heappush(self._late, (due_ns, next(self._numbers), letter))
            elif copy.is_passed:
                self._passed.setdefault((letter.sender_name, letter.target_name), []).append(letter)
            else:
                self._send(letter)
        for each in passed:
            self._send(each)

    def let_pass(self) -> bool:
        """Send what waits for its pair's next letter, since none comes; return False if nothing does."""
        passed, self._passed = self._passed, {}
        for letters in passed.values():
            for letter in letters:
                self._send(letter)
        return bool(passed)

    def bring_late(self) -> None:
        """Send what was held up until now."""
        while self._late and self._late[0][0] <= self._clock.elapsed_ns:
            self._send(heapq.heappop(self._late)[2])

    def next_due_ns(self) -> int | None:
        return self._late[0][0] if self._late else None

    def _fate(self, envelope: Envelope) -> list[Copy]:
        """Return the copies that arrive: usually one, none when it is lost."""
        for disturbance, random in self._disturbances:
            if disturbance.touches(envelope):
                return _copies(disturbance, random)
        return [Copy()]


def _copies(disturbance: Disturbance, random: Random) -> list[Copy]:
    if random.random() < disturbance.lose:
        disturbance.counts["lost"] += 1
        return []
    first = _copy(disturbance, random)
    if random.random() >= disturbance.double:
        return [first]
    disturbance.counts["doubled"] += 1
    second = _copy(disturbance, random)
    return [first, Copy(f"doubled {second.note}".strip(), second.delay_ns, second.is_passed)]


def _copy(disturbance: Disturbance, random: Random) -> Copy:
    if random.random() < disturbance.late:
        disturbance.counts["late"] += 1
        delay_ns = int(random.uniform(*disturbance.late_by) * SECOND_NS)
        return Copy(f"late by {delay_ns / SECOND_NS:.3f} s", delay_ns)
    if random.random() < disturbance.reorder:
        disturbance.counts["reordered"] += 1
        return Copy("held back", is_passed=True)
    return Copy()
