"""What one role was told, and what a test may claim about it.

A claim that does not hold raises AssertionError and tells all of it: what was wanted, what was missing, and
everything that did arrive, with sender and time. A pattern is a message (compared as a whole), a class of
messages, or a function of a message.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, NoReturn

from actors.stage.trace import shown
from domain.messages.base import Message

Pattern = Message | type[Message] | Callable[[Any], bool]

_MOST_LISTED = 40


class Heard(NamedTuple):
    """One message that reached a probe."""

    number: int  # receive order, over all probes of the stage
    at_s: float  # since the stage opened
    sender: str
    to: str
    message: Message

    def __str__(self) -> str:
        return f"{self.at_s:9.3f} s  {self.sender} -> {self.to}  {shown(self.message)}"


def fits(message: Message, pattern: Pattern) -> bool:
    if isinstance(pattern, type):
        return isinstance(message, pattern)
    return message == pattern if isinstance(pattern, Message) else pattern(message)


def listed(heard: Sequence[Heard]) -> str:
    """Return a line for each, the newest last."""
    left_out = len(heard) - _MOST_LISTED
    head = [f"    ... {left_out} before that"] if left_out > 0 else []
    return "\n".join([*head, *(f"  {one}" for one in heard[-_MOST_LISTED:])])


class Inbox:
    """Everything that one probe was told, in receive order."""

    def __init__(self, role: str, heard: Sequence[Heard] = ()) -> None:
        self.role = role
        self.heard = list(heard)

    @property
    def messages(self) -> list[Message]:
        return [one.message for one in self.heard]

    def __len__(self) -> int:
        return len(self.heard)

    def of(self, pattern: Pattern) -> list[Message]:
        """Return what fits."""
        return [message for message in self.messages if fits(message, pattern)]

    def sent_by(self, sender: str) -> Inbox:
        """Return what came from this role only."""
        return Inbox(self.role, [one for one in self.heard if one.sender == sender])

    # ---- claims ------------------------------------------------------------------------------------------

    def assert_exactly(self, *wanted: Pattern) -> None:
        """Claim that these arrived in this order, and nothing else."""
        for place, (one, pattern) in enumerate(zip(self.heard, wanted), 1):
            if not fits(one.message, pattern):
                self._fail(f"message {place} should be {_named(pattern)}, and is {shown(one.message)}")
        numbers = f"{len(wanted)} messages wanted, {len(self.heard)} came"
        if len(self.heard) < len(wanted):
            self._fail(f"{numbers}: missing from {_named(wanted[len(self.heard)])} on")
        if len(self.heard) > len(wanted):
            self._fail(f"{numbers}: too many from {shown(self.heard[len(wanted)].message)} on")

    def assert_in_order(self, *wanted: Pattern) -> None:
        """Claim that these arrived in this relative order; others may lie between them."""
        found: list[Heard] = []
        rest = iter(self.heard)
        for pattern in wanted:
            one = next((one for one in rest if fits(one.message, pattern)), None)
            if one is None:
                self._fail("wanted in this order:\n" + "\n".join([*map(str, found), self._missing(pattern)]))
            found.append(one)

    def assert_once(self, *wanted: Pattern) -> None:
        """Claim that each of these arrived exactly once, in any order; others may have come, too."""
        for pattern in wanted:
            times = [one.at_s for one in self.heard if fits(one.message, pattern)]
            if len(times) != 1:
                when = f"{len(times)} times, at {_seconds(times)}" if times else "never"
                self._fail(f"wanted exactly once, came {when}: {_named(pattern)}")

    def assert_contains(self, *wanted: Pattern) -> None:
        """Claim that these arrived, each as often as it is named, in any order; others may have come, too."""
        left = self.messages
        for pattern in sorted(wanted, key=lambda pattern: not isinstance(pattern, Message)):
            place = next((place for place, message in enumerate(left) if fits(message, pattern)), None)
            if place is None:
                self._fail(f"missing: {_named(pattern)}")
            del left[place]

    def assert_no_twins(self, key: Callable[[Any], Hashable] = lambda message: message) -> None:
        """Claim that no two messages are the same, or have the same `key(message)`."""
        seen: dict[Hashable, Heard] = {}
        for one in self.heard:
            twin = seen.setdefault(key(one.message), one)
            if twin is not one:
                self._fail(f"came at {twin.at_s:.3f} s and again at {one.at_s:.3f} s: {shown(one.message)}")

    def _missing(self, pattern: Pattern) -> str:
        times = [one.at_s for one in self.heard if fits(one.message, pattern)]
        early = f", though earlier, at {_seconds(times)}" if times else ""
        return f"  MISSING after that{early}: {_named(pattern)}"

    def _fail(self, problem: str) -> NoReturn:
        told = f"told {len(self.heard)} messages:\n{listed(self.heard)}" if self.heard else "told nothing"
        raise AssertionError(f"{self.role}: {problem}\n{self.role} was {told}")


def _named(pattern: Pattern) -> str:
    return shown(pattern) if isinstance(pattern, Message) else getattr(pattern, "__name__", repr(pattern))


def _seconds(times: Sequence[float]) -> str:
    return ", ".join(f"{at_s:.3f} s" for at_s in times)
