"""Which alarms of one actor reach the person: all that are news, but never a flood, whatever a venue invents."""

from __future__ import annotations

from enum import Enum, auto
from typing import TypeVar

from domain.instant import SECOND_NS
from domain.resilience.rate_limit import TokenBucket

K = TypeVar("K")
V = TypeVar("V")

_AGAIN_NS = 10 * SECOND_NS  # the same words, which then count as having happened again
_SUBJECT_BURST, _SUBJECT_PER_S = 10, 0.1  # of different words about one subject
_BURST, _PER_S = 100, 1.0  # of all together
_KEPT = 500  # words and subjects remembered; who forgets the oldest repeats itself at worst


class AlarmVerdict(Enum):
    """What becomes of an alarm: told now, left out, or held back because there are too many."""

    TOLD = auto()
    REPEATED = auto()  # it was told a moment ago
    HELD = auto()


class AlarmGate:
    """Counts what it holds back.

    Attributes:
        held_back: alarms that were not told, repetitions left out.
    """

    def __init__(self, now_ns: int, subject_per_s: float = _SUBJECT_PER_S) -> None:
        self.held_back = 0
        self._subject_per_s = subject_per_s
        self._told_ns: dict[tuple[str, str], int] = {}  # (subject, text) -> when; the newest last
        self._buckets: dict[str, TokenBucket] = {}  # subject -> how much may be said about it
        self._all = TokenBucket(_PER_S, _BURST, 0, now_ns)

    def judge(self, subject: str, text: str, now_ns: int, is_new: bool = True) -> AlarmVerdict:
        """Args:
        is_new: it is not one that was held back before.
        """
        words = subject, text
        told_ns = self._told_ns.get(words)
        if told_ns is not None and now_ns - told_ns < _AGAIN_NS:
            return AlarmVerdict.REPEATED
        bucket = self._buckets.get(subject) or TokenBucket(self._subject_per_s, _SUBJECT_BURST, 0, now_ns)
        _keep(self._buckets, subject, bucket)
        if bucket.take(now_ns) or self._all.take(now_ns):
            self.held_back += is_new
            return AlarmVerdict.HELD
        _keep(self._told_ns, words, now_ns)
        return AlarmVerdict.TOLD

    def ended(self, subject: str, text: str) -> None:
        """Let the same words through at once: what they told of is over, and would be something new."""
        self._told_ns.pop((subject, text), None)


def _keep(kept: dict[K, V], key: K, value: V) -> None:
    """Set the newest entry, and forget the oldest of too many."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > _KEPT:
        del kept[next(iter(kept))]
