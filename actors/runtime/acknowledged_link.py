"""Acknowledged delivery: what one actor tells another is handled once and in order, whatever the way does to it.

It holds for every message outside the bulk lane between two roles that trade depends on. The rules:

- Numbers run per pair of incarnations and lane. An urgent message also says how many normal ones its sender sent
  before it and is not handled before those: a cancel never comes before its own order.
- A receiver handles each number once, in order, and says how far it is: one cumulative acknowledgement for a batch,
  on the back of whatever it sends that way, else alone after a moment. What it says it has handled, it has.
- A sender keeps a message until it is acknowledged. What takes too long is sent again, the oldest few first, less
  and less often: a hung receiver is not given up. The next incarnation of a receiver gets what the last one left.
- What is kept for one receiver is bounded. Beyond that a message is refused, in the sender's own hands.

A receiver that died may have handled what it had not acknowledged. So its successor may hear it again, and whoever
takes money messages knows them by their ids: intents, orders, fills and journal entries all have one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice

from actors.runtime.wiring_messages import NOTHING_HANDLED, Envelope, Handled
from domain.instant import SECOND_NS
from domain.messages.base import Lane, Message

MOST_KEPT = 4096  # messages per receiver; half of what the local transport queues
MOST_AGAIN = 16  # messages sent again at once
AGAIN_AFTER_NS = SECOND_NS // 4  # well above what a busy receiver takes
AGAIN_AFTER_MOST_NS = 4 * SECOND_NS

_NUMBERED = (Lane.URGENT, Lane.NORMAL)


@dataclass(slots=True)
class Kept:
    """One message until it is acknowledged."""

    order: int  # of sending, over both lanes
    lane: Lane
    number: int
    after: int
    message: Message | None  # None: taken back, only its number must still arrive
    request: int
    reply_to: int


class SendingLink:
    """What one peer has still to acknowledge. It outlives the peer's incarnations."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self.incarnation = 0  # of the peer that the numbers are for; 0 = nobody has appeared yet
        self.due_ns: int | None = None  # when to send again what is not acknowledged by then
        self._most = most
        self._patience_ns = AGAIN_AFTER_NS
        self._sent = [0, 0]  # lane -> last number given out
        self._orders = 0
        self._kept: tuple[deque[Kept], deque[Kept]] = (deque(), deque())

    def __len__(self) -> int:
        urgent, normal = self._kept
        return len(urgent) + len(normal)

    @property
    def is_full(self) -> bool:
        return len(self) >= self._most

    def keep(self, message: Message, now_ns: int, request: int = 0, reply_to: int = 0) -> Kept:
        """Number a message that is about to be sent. Must not be called when `is_full`."""
        kept = Kept(0, message.lane, 0, 0, message, request, reply_to)
        self._number(kept)
        if self.due_ns is None:
            self.due_ns = now_ns + self._patience_ns
        return kept

    def acknowledged(self, handled: Handled, now_ns: int) -> None:
        """Forget what the peer has handled."""
        before = len(self)
        for lane in _NUMBERED:
            kept = self._kept[lane]
            while kept and kept[0].number <= handled[lane]:
                kept.popleft()
        if len(self) < before:
            self._patience_ns = AGAIN_AFTER_NS
            self.due_ns = now_ns + self._patience_ns if len(self) else None

    def take_due(self, now_ns: int) -> list[Kept]:
        """Return what must be sent again now, oldest first."""
        if self.due_ns is None or now_ns < self.due_ns:
            return []
        self._patience_ns = min(2 * self._patience_ns, AGAIN_AFTER_MOST_NS)
        self.due_ns = now_ns + self._patience_ns
        return list(islice(self._in_order(), MOST_AGAIN))

    def begin(self, incarnation: int, now_ns: int, is_wanted: Callable[[Message], bool]) -> list[Kept]:
        """Turn to the peer's new incarnation: return all that is kept and still wanted, with new numbers."""
        left = [kept for kept in self._in_order() if kept.message is not None and is_wanted(kept.message)]
        self.incarnation = incarnation
        self._sent = [0, 0]
        for lane in self._kept:
            lane.clear()
        for kept in left:
            self._number(kept)
        self._patience_ns = AGAIN_AFTER_NS
        self.due_ns = now_ns + self._patience_ns if left else None
        return left

    def take_back(self, lane: Lane, number: int) -> None:
        """Never send this message again; its number alone will arrive, so that the next ones are not waited for."""
        for kept in self._kept[lane]:
            if kept.number == number:
                kept.message = None

    def _number(self, kept: Kept) -> None:
        lane = kept.lane
        self._orders += 1
        self._sent[lane] += 1
        kept.order, kept.number = self._orders, self._sent[lane]
        kept.after = self._sent[Lane.NORMAL] if lane is Lane.URGENT else 0
        self._kept[lane].append(kept)

    def _in_order(self) -> Iterator[Kept]:
        return merge(*map(list, self._kept), key=lambda kept: kept.order)


class ReceivingLink:
    """How far one incarnation of a peer has been heard."""

    def __init__(self, incarnation: int) -> None:
        self.incarnation = incarnation
        self.handled: Handled = NOTHING_HANDLED
        self._told: Handled = NOTHING_HANDLED  # the last acknowledgement sent
        self._is_asked_again = False  # that one seems to be lost
        self._waiting: dict[tuple[int, int], Envelope] = {}  # (lane, number) -> not yet handled

    @property
    def owes(self) -> bool:
        """Tell whether the peer must hear how far it has been handled."""
        return self._is_asked_again or self._told != self.handled

    def acknowledge(self) -> Handled:
        """Return what is to be told now."""
        self._told, self._is_asked_again = self.handled, False
        return self.handled

    def put(self, envelope: Envelope) -> bool:
        """Take what arrived. Returns False for what was here before, or is too far ahead to be kept."""
        key = envelope.lane, envelope.number
        is_new = self.handled[envelope.lane] < envelope.number <= self.handled[envelope.lane] + MOST_KEPT
        if not is_new or key in self._waiting:
            self._is_asked_again = True
            return False
        self._waiting[key] = envelope
        return True

    def next(self) -> Envelope | None:
        """Remove and return the next message whose turn it is; say `done` once it is handled."""
        for lane in _NUMBERED:
            key = lane, self.handled[lane] + 1
            envelope = self._waiting.get(key)
            if envelope is not None and envelope.after <= self.handled[Lane.NORMAL]:
                return self._waiting.pop(key)
        return None

    def done(self, envelope: Envelope) -> None:
        urgent, normal = self.handled
        self.handled = (urgent + 1, normal) if envelope.lane == Lane.URGENT else (urgent, normal + 1)
