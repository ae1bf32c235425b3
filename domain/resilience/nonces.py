"""Numbers that may each be signed once: they rise strictly, whatever the clock does.

A venue that takes the time as a nonce refuses one that it has seen, and keeps only the highest: a clock that steps back,
two requests in one millisecond, or a restart must never lead to one again.
"""

from __future__ import annotations


class Nonces:
    """Milliseconds of UTC where the clock is ahead of what was given out, else the next number."""

    def __init__(self, last: int) -> None:
        """Args:
        last: no lower one, nor it, is given out again.
        """
        self._last = last

    def next(self, utc_ms: int) -> int:
        """Return a number that was never given out."""
        self._last = max(self._last + 1, utc_ms)
        return self._last
