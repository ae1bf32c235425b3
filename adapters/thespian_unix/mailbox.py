"""What an actor has received and not yet handled, in three lanes. It decides who is next; it does no I/O.

It needs no bound of its own: each sender has at most its window on the way (`outgoing`).
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from adapters.thespian_unix.lanes import BULK, NORMAL, URGENT

# How many messages from better lanes may go before a waiting one. Long enough that a cancel storm or a burst
# of fills is through at once, short enough that the worse lane keeps a few percent.
NORMAL_PATIENCE = 32
BULK_PATIENCE = 64


class Entry(NamedTuple):
    source: Any  # who sent it; compared by identity
    sequence: int  # by which of the pair's sequences it is acknowledged
    content: Any


class Mailbox:
    def __init__(self) -> None:
        self._lanes: tuple[deque[Entry], deque[Entry], deque[Entry]] = (deque(), deque(), deque())
        self._passed = [0, 0, 0]  # lane -> messages of better lanes taken while it waited

    def __len__(self) -> int:
        urgent, normal, bulk = self._lanes
        return len(urgent) + len(normal) + len(bulk)

    def __iter__(self) -> Any:
        for lane in self._lanes:
            yield from lane

    def put(self, entry: Entry, lane: int, overtakes: bool) -> None:
        if lane == URGENT and not overtakes and self._lanes[NORMAL]:
            self._pull_forward(entry.source)
        self._lanes[lane].append(entry)

    def take(self) -> Entry | None:
        """Remove and return the next message, or None."""
        urgent, normal, bulk = self._lanes
        passed = self._passed
        if bulk and (passed[BULK] >= BULK_PATIENCE or not (normal or urgent)):
            passed[BULK] = 0
            return bulk.popleft()
        if normal and (passed[NORMAL] >= NORMAL_PATIENCE or not urgent):
            passed[NORMAL] = 0
            passed[BULK] += 1 if bulk else 0
            return normal.popleft()
        if not urgent:
            return None
        passed[NORMAL] += 1 if normal else 0
        passed[BULK] += 1 if bulk else 0
        return urgent.popleft()

    def _pull_forward(self, source: Any) -> None:
        """Let everything that `source` has waiting in NORMAL ride ahead of its urgent message."""
        normal = self._lanes[NORMAL]
        mine = [entry for entry in normal if entry.source is source]
        if mine:
            others = [entry for entry in normal if entry.source is not source]
            normal.clear()
            normal.extend(others)
            self._lanes[URGENT].extend(mine)
