"""What an actor has received and not yet handled, in three lanes. It decides who is next; it does no I/O.

It needs no bound of its own: each sender has at most its window on the way (`outgoing`).
"""

from __future__ import annotations

from collections import Counter, deque
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
    is_pulled: bool = False  # a NORMAL one that rides in the URGENT lane


class Mailbox:
    def __init__(self) -> None:
        self._lanes: tuple[deque[Entry], deque[Entry], deque[Entry]] = (deque(), deque(), deque())
        self._passed = [0, 0, 0]  # lane -> messages of better lanes taken while it waited
        self._pulled: Counter[Any] = Counter()  # source -> its NORMAL messages that ride in the URGENT lane

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
        entry = None
        if normal and not urgent:
            entry = normal.popleft()
        elif normal and passed[NORMAL] >= NORMAL_PATIENCE:
            entry = self._take_first_that_may()
        if entry is not None:
            passed[NORMAL] = 0
        elif urgent:
            entry = urgent.popleft()
            passed[NORMAL] += 1 if normal else 0
            if entry.is_pulled:
                self._forget_pulled(entry.source)
        else:
            return None
        passed[BULK] += 1 if bulk else 0
        return entry

    def _take_first_that_may(self) -> Entry | None:
        """Remove and return the first NORMAL message whose sender has no earlier one riding ahead."""
        normal = self._lanes[NORMAL]
        for position, entry in enumerate(normal):
            if entry.source not in self._pulled:
                del normal[position]
                return entry
        return None

    def _pull_forward(self, source: Any) -> None:
        """Let everything that `source` has waiting in NORMAL ride ahead of its urgent message."""
        normal = self._lanes[NORMAL]
        mine = [entry._replace(is_pulled=True) for entry in normal if entry.source is source]
        if mine:
            others = [entry for entry in normal if entry.source is not source]
            normal.clear()
            normal.extend(others)
            self._lanes[URGENT].extend(mine)
            self._pulled[source] += len(mine)

    def _forget_pulled(self, source: Any) -> None:
        self._pulled[source] -= 1
        if not self._pulled[source]:
            del self._pulled[source]
