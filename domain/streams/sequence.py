"""The numbers that a venue puts on the messages of one connection: each is one more than the last, or some were lost."""

from __future__ import annotations

from enum import Enum, auto


class SequenceVerdict(Enum):
    """How a number follows those before it."""

    IN_ORDER = auto()
    LATE = auto()  # its number has passed already: a repeat, or overtaken
    AFTER_GAP = auto()  # messages before it were lost


_IN_ORDER = SequenceVerdict.IN_ORDER


class SequenceCheck:
    """Judges each number as it arrives.

    Args:
        first: with what a connection begins; None = with any number.
    """

    def __init__(self, first: int | None = None) -> None:
        self._first = first
        self.expected = first  # the next number; None = any

    def restart(self) -> None:
        """Begin with a new connection, which counts by itself."""
        self.expected = self._first

    def arrive(self, number: int) -> SequenceVerdict:
        """Return how `number` fits; after a gap the count goes on from it, a late one changes nothing."""
        expected = self.expected
        if number == expected or expected is None:
            self.expected = number + 1
            return _IN_ORDER
        if number < expected:
            return SequenceVerdict.LATE
        self.expected = number + 1
        return SequenceVerdict.AFTER_GAP
