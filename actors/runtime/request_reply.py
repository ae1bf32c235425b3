"""What an actor has asked and nobody has answered yet. Every question ends once: with its answer, or without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from domain.messages.base import Message
from domain.messages.system import Unanswered

Then = Callable[[Any], None]  # takes the answer, or Unanswered


class _Question(NamedTuple):
    role: str
    then: Then


class Requests:
    """Questions are numbered within one incarnation, so an answer to an earlier one can't be mistaken."""

    def __init__(self) -> None:
        self.late = 0  # answers to what was given up already
        self._open: dict[int, _Question] = {}
        self._last = 0

    def ask(self, role: str, then: Then) -> int:
        """Return the number under which the answer must come."""
        self._last += 1
        self._open[self._last] = _Question(role, then)
        return self._last

    def answered(self, number: int, answer: Message) -> None:
        question = self._open.pop(number, None)
        if question is None:
            self.late += 1
        else:
            question.then(answer)

    def give_up(self, number: int, reason: str, now_ns: int) -> None:
        """End a question without its answer, if that has not come; the asker hears why."""
        question = self._open.pop(number, None)
        if question is not None:
            question.then(Unanswered(ts_event=now_ns, role=question.role, request=number, reason=reason))
