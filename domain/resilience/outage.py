"""When a venue can't be reached: how often in a row, and why, in words for a person. Tells of it from the third try."""

from __future__ import annotations

from typing import Any

from domain.errors import Ambiguous, Retryable

EXHAUSTED = "exhausted"  # this machine has no room for a connection: nothing of the venue's
_TRIES = 3  # one or two happen to everybody

CAUSES = {  # transport word -> in words
    "dns": "its name is not found; is there a network?",
    "refused": "the connection was refused",
    "unreachable": "there is no way to it; is there a network?",
    EXHAUSTED: "this machine has no room for a connection; are its open files, ports or memory used up?",
    "timeout": "no answer in time",
    "tls": "no safe connection (TLS)",
    "reset": "the connection was reset",
    "unreadable": "its answers can't be read",
    "rejected": "it refused the stream",
    "handshake": "it speaks no websocket",
}

_HELD_BACK = "it failed too often, and is not tried before its breaker allows it"  # of failures before our time


class Outage:
    """The attempts at one venue, by one road, since the last that reached it."""

    def __init__(self) -> None:
        self._failures = 0
        self._code = ""  # why the last of them failed
        self._told = ""  # the cause that a person knows of, and that has not ended
        self._over = ""  # the one that has ended, until that is told

    def reached(self) -> None:
        self._failures, self._code = 0, ""
        self._ends()

    def take_over(self) -> str:
        """Return what was told and is over, once."""
        over, self._over = self._over, ""
        return over

    def failed(self, code: str) -> str:
        """Note an attempt that reached nobody. Returns what to tell a person; empty while it may be nothing."""
        self._failures += 1
        self._code = code
        if self._failures < _TRIES:
            return ""
        words = _words(code)
        if words != self._told:
            self._ends()
            self._told = words
        return words

    def held_back(self) -> str:
        """Note that nobody may try now, since tries failed. Returns what to tell a person who doesn't know yet."""
        if self._told:
            return ""
        self._told = _words(self._code or _HELD_BACK)
        return self._told

    def ended(self, result: Any) -> str:
        """Note how a call ended; whatever the venue said itself, a refusal too, has reached it."""
        if isinstance(result, (Retryable, Ambiguous)) and result.code in CAUSES:
            return self.failed(result.code)
        self.reached()
        return ""

    def _ends(self) -> None:
        self._over, self._told = self._told or self._over, ""


def _words(code: str) -> str:
    return f"cannot be reached: {CAUSES.get(code, code)}"
