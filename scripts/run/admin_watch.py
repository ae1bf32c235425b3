"""When the actor system's admin is hung: it makes no supervisor and delivers no dead letter, and nobody else notices."""

from __future__ import annotations

from enum import Enum

ASK_EVERY_S = 1.0
STOPPED_AFTER_S = 3.0  # without an answer
HUNG_AFTER_S = 12.0
_WE_SLEPT_S = 1.0  # between two looks: then it was the machine, or we, who stood still


class AdminVerdict(Enum):
    FINE = "fine"
    ASK = "ask"  # send it a question
    CONTINUE = "continue"  # somebody may have stopped its process
    HUNG = "hung"


class AdminWatch:
    """One question at a time; the answer is all that counts. Times are of one monotonic clock, in seconds."""

    def __init__(self, now_s: float) -> None:
        self._looked_s = now_s
        self._asked_s: float | None = None  # the question that isn't answered yet
        self._next_s = now_s + ASK_EVERY_S
        self._is_continued = False

    def answered(self) -> None:
        self._asked_s = None
        self._is_continued = False

    def look(self, now_s: float) -> AdminVerdict:
        stood_still_s, self._looked_s = now_s - self._looked_s, now_s
        if self._asked_s is None:
            if now_s < self._next_s:
                return AdminVerdict.FINE
            self._asked_s, self._next_s = now_s, now_s + ASK_EVERY_S
            return AdminVerdict.ASK
        if stood_still_s > _WE_SLEPT_S:
            self._asked_s += stood_still_s
        silent_s = now_s - self._asked_s
        if silent_s > HUNG_AFTER_S:
            return AdminVerdict.HUNG
        if silent_s > STOPPED_AFTER_S and not self._is_continued:
            self._is_continued = True
            return AdminVerdict.CONTINUE
        return AdminVerdict.FINE
