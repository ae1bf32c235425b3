"""Positions that had to go for want of a stop, counted in a row for each instrument. Folded from the journal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from domain.instrument import InstrumentId
from domain.messages.journal import HaltCleared
from domain.messages.orders import OrderIntent, Purpose

# Why the guard of positions closes one.
UNCOVERED = "uncovered"  # no stop at the venue covers it
TARGET_REACHED = "target_reached"  # before the order that takes the profit was at the venue
STOP_JUMPED = "stop_jumped"  # the price is beyond the stop, and the venue has done nothing


@dataclass
class BareCloses:
    """Each position counts once, however often its close is tried.

    Only a stop that did its work, or stood when the position was given up, ends the row: a venue may take
    each bracket and drop it at once.
    """

    counts: Counter[InstrumentId] = field(default_factory=Counter)
    _counted: set[InstrumentId] = field(default_factory=set)  # whose position is in there

    def accepted(self, intent: OrderIntent, key: InstrumentId, has_stop: bool) -> None:
        if intent.purpose is Purpose.OPEN:
            self._counted.discard(key)
        if intent.purpose is not Purpose.CLOSE:
            return
        reason = intent.reason or intent.signal_id.partition(":")[0]  # the latter in older journals
        if reason == UNCOVERED or (reason == STOP_JUMPED and not has_stop):
            self.counts[key] += key not in self._counted
            self._counted.add(key)
        elif has_stop:
            self.counts.pop(key, None)

    def moved(self, key: InstrumentId) -> None:
        """Note that an opening has come there from elsewhere."""
        self._counted.discard(key)

    def stopped(self, key: InstrumentId) -> None:
        self.counts.pop(key, None)

    def resumed(self, event: HaltCleared) -> None:
        """Begin anew where a person has resumed; a halt that ended by itself is no word of anybody's."""
        if event.reason:
            return
        for key in list(self.counts):
            if event.scope in ("all", key.venue, str(key)):
                del self.counts[key]
