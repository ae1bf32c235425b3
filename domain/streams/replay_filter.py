"""What a stream has told already: a subscription begins with a snapshot that repeats the newest of it."""

from __future__ import annotations

from collections.abc import Hashable

KEPT = 5_000  # more than any venue's snapshot replays


class ReplayFilter:
    """Remembers the newest trades of one instrument by what tells them apart."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._told: dict[Hashable, None] = {}  # in order of arrival

    def is_new(self, key: Hashable) -> bool:
        """Tell whether `key` is heard for the first time, and remember it."""
        if key in self._told:
            return False
        self._told[key] = None
        if len(self._told) > self._kept:
            del self._told[next(iter(self._told))]
        return True
