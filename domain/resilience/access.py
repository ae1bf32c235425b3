"""Whether a venue takes our credentials. A refusal is no hiccup: it is told once, and tried again at growing pauses.

A key may be good for reading and not for trading, so the two are judged apart. What the venue answers to a call
of one kind proves that kind; a call that can be read also proves a key that had been refused as a whole (401).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from domain.errors import Rejected, VenueError
from domain.instant import SECOND_NS
from domain.resilience.rate_limit import LONGEST_PAUSE_NS

FIRST_PAUSE_NS = 5 * SECOND_NS
UNAUTHORIZED = "401"

READING, TRADING = "reading", "trading"


@dataclass
class Denial:
    """One kind of call that the venue refuses to us. Monotonic nanoseconds."""

    code: str
    pause_ns: int
    until_ns: int  # not tried before, but for what reduces risk


class Access:
    """What is known of one venue's mind."""

    def __init__(self) -> None:
        self._denials: dict[str, Denial] = {}  # READING or TRADING ->

    def ended(self, kind: str, result: Any, now_ns: int) -> None:
        """Take in how a call ended. What the venue never saw, or could not answer, proves nothing."""
        if isinstance(result, VenueError) and result.denied_with:
            self._deny(kind, result.denied_with, now_ns)
        elif isinstance(result, Rejected) or not isinstance(result, VenueError):
            self._denials.pop(kind, None)
            if kind == READING and self._denials.get(TRADING, _NONE).code == UNAUTHORIZED:
                del self._denials[TRADING]

    def refusal(self, now_ns: int) -> str:
        """Return why no opening can be made, in words; empty where it may be tried.

        Only a trade can prove what was refused to trades alone, so after each pause one is let through.
        """
        for kind, denial in self._denials.items():
            if kind == READING or denial.code == UNAUTHORIZED or now_ns < denial.until_ns:
                return f"the venue refuses our credentials for {kind} ({denial.code})"
        return ""

    def pause_ns(self, now_ns: int) -> int:
        """Return for how long nothing that can wait shall be asked."""
        waits = [
            denial.until_ns - now_ns
            for kind, denial in self._denials.items()
            if kind == READING or denial.code == UNAUTHORIZED
        ]
        return max([0, *waits])

    def next_try_ns(self) -> int | None:
        """Return when the refusal is to be looked at again; None when there is none."""
        return max((denial.until_ns for denial in self._denials.values()), default=None)

    def _deny(self, kind: str, code: str, now_ns: int) -> None:
        known = self._denials.get(kind)
        if known and now_ns < known.until_ns:
            known.code = code  # of a call that could not wait, or had left before
            return
        pause_ns = min(2 * known.pause_ns, LONGEST_PAUSE_NS) if known else FIRST_PAUSE_NS
        self._denials[kind] = Denial(code, pause_ns, now_ns + pause_ns)


_NONE = Denial("", 0, 0)
