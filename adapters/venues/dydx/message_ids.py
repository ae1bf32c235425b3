"""The numbers on the messages of one dYdX connection, and which of them are truly missing.

One counter numbers all channels. But the answer to a subscription has the number of the moment at which it
was asked for, and arrives when its snapshot has been fetched: others overtake it. So a missing number is no
loss while an answer is still to come that may carry it.
"""

from __future__ import annotations

from domain.streams.sequence import SequenceVerdict


class MessageIds:
    """Judges each number as it arrives; the first one of a connection may be any.

    Attributes:
        newest: the highest number so far; -1 before any.
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin with a new connection, which counts by itself."""
        self.newest = -1
        self._missing: set[int] = set()
        self._unanswered = 0

    def asked(self) -> None:
        """Note that a subscription was asked for: its answer may be overtaken."""
        self._unanswered += 1

    def arrive(self, message_id: int, is_answer: bool) -> SequenceVerdict:
        """Return how a number fits.

        Args:
            is_answer: to a subscription, be it a snapshot or an error.
        """
        if is_answer:
            self._unanswered = max(0, self._unanswered - 1)
        if message_id in self._missing:
            self._missing.remove(message_id)
            return SequenceVerdict.IN_ORDER if is_answer else SequenceVerdict.AFTER_GAP
        if message_id <= self.newest:
            return SequenceVerdict.LATE
        skipped = range(self.newest + 1 if self.newest >= 0 else message_id, message_id)
        self.newest = message_id
        if len(skipped) + len(self._missing) > self._unanswered:
            self._missing.clear()
            return SequenceVerdict.AFTER_GAP
        self._missing.update(skipped)
        return SequenceVerdict.IN_ORDER
