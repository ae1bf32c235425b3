"""What one receiver still has to get from us: queued, on the way, acknowledged. It does no I/O.

A window bounds what is on the way and not yet handled, per sequence, so a slow receiver's mailbox is bounded,
and an urgent message finds its own window open however much market data is stuck. Behind the window a queue
per lane is bounded too; what it refuses comes back to its sender as Busy. What was on the way when the
receiver died and was never acknowledged, it never handled (or died while at it).
"""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

from adapters.thespian_unix.framing import frame, lane_in, tag_number
from adapters.thespian_unix.lanes import LANES, NORMAL, URGENT


class Limits(NamedTuple):
    window: int = 256  # messages on the way, per sequence
    window_bytes: int = 4 << 20  # a single message may be larger
    queued: int = 8192  # messages waiting behind the window, per lane
    queued_bytes: int = 64 << 20  # per lane; a single message may be larger


class Outgoing:
    def __init__(self, limits: Limits = Limits()) -> None:
        self._limits = limits
        # What the caller wants back if it is never handled, and what goes on the wire. (Plain tuples: a named
        # one costs as much as all the rest of `offer`'s bookkeeping.)
        self._queues: tuple[deque[tuple[Any, bytes]], ...] = tuple(deque() for _ in LANES)
        self._queued_bytes = [0, 0, 0]
        self._unhandled: tuple[deque[tuple[Any, int]], ...] = tuple(deque() for _ in LANES)  # content, bytes
        self._unhandled_bytes = [0, 0, 0]
        self._handled = [0, 0, 0]  # totals that the receiver acknowledged
        # All lanes together; counted, since they are asked for with every message.
        self.queued = 0
        self.unhandled = 0

    @property
    def unhandled_bytes(self) -> int:
        return sum(self._unhandled_bytes)

    def offer(self, content: Any, payload: bytes, lane: int, overtakes: bool, is_vital: bool = False) -> bool:
        """Take a message into the queue, or refuse it because that is full.

        Args:
            is_vital: Thespian's own messages, which nobody could send again, may use twice the room.
        """
        # An urgent message that may not pass its sender's normal ones waits with them; on the wire it is
        # urgent again.
        waits_behind = lane == URGENT and not overtakes and self._queues[NORMAL]
        sequence = NORMAL if waits_behind else lane
        queue = self._queues[sequence]
        if queue:
            room = 2 if is_vital else 1
            is_full = len(queue) >= self._limits.queued * room
            is_heavy = self._queued_bytes[sequence] + len(payload) > self._limits.queued_bytes * room
            if is_full or is_heavy:
                return False
        framed = frame(tag_number(lane, overtakes, sequence), payload)
        queue.append((content, framed))
        self.queued += 1
        self._queued_bytes[sequence] += len(framed)
        return True

    def release(self) -> tuple[Any, bytes] | None:
        """Move the next message from the queue onto its way, if a window is open.

        Returns:
            The content and its frame; None if nothing is queued or may go now.
        """
        for lane, queue in enumerate(self._queues):
            if queue and self._is_open(lane) and not (lane == NORMAL and self._waits_for_urgent(queue)):
                content, framed = parcel = queue.popleft()
                size = len(framed)
                self.queued -= 1
                self.unhandled += 1
                self._queued_bytes[lane] -= size
                self._unhandled[lane].append((content, size))
                self._unhandled_bytes[lane] += size
                return parcel
        return None

    def acknowledge(self, totals: tuple[int, int, int]) -> None:
        """Forget what the receiver has handled."""
        for lane, total in enumerate(totals):
            unhandled = self._unhandled[lane]
            news = max(0, min(total - self._handled[lane], len(unhandled)))
            self.unhandled -= news
            for _ in range(news):
                self._unhandled_bytes[lane] -= unhandled.popleft()[1]
            self._handled[lane] = max(total, self._handled[lane])

    def abandon(self) -> tuple[list[Any], list[Any]]:
        """Return what was on the way and what was queued, and forget both: the receiver is gone."""
        on_the_way = [content for lane in self._unhandled for content, _size in lane]
        queued = self.withdraw()
        for lane in LANES:
            self._unhandled[lane].clear()
            self._unhandled_bytes[lane] = 0
        self.unhandled = 0
        return on_the_way, queued

    def withdraw(self) -> list[Any]:
        """Return what is queued, and forget it."""
        queued = self.waiting()
        for lane in LANES:
            self._queues[lane].clear()
            self._queued_bytes[lane] = 0
        self.queued = 0
        return queued

    def waiting(self) -> list[Any]:
        """Return what is queued, for status reports."""
        return [content for lane in self._queues for content, _frame in lane]

    def _waits_for_urgent(self, normal: deque[tuple[Any, bytes]]) -> bool:
        """Return whether the next of these is urgent, and earlier urgent ones still wait for their window."""
        return bool(self._queues[URGENT]) and lane_in(normal[0][1]) == URGENT

    def _is_open(self, lane: int) -> bool:
        on_the_way = self._unhandled[lane]
        if not on_the_way:
            return True
        is_light = self._unhandled_bytes[lane] < self._limits.window_bytes
        return is_light and len(on_the_way) < self._limits.window
