"""Orders that would reduce a position, refused one after the other: by the venue, by us, or with nothing to send.

Each try is right, and a row of them says that trying alone won't do it. A fold of the journal, so a restart goes on
counting. Stops and closes are counted apart: a venue that takes no stops may well take the close.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from domain.ledger.order import OrderLifecycle
from domain.messages.denials import DenialReason
from domain.messages.halts import HaltKind
from domain.messages.journal import IntentDenied
from domain.messages.orders import Leg, OrderIntent, OrderStatus, Purpose

ROW = 6  # so many in a row are no chance: people are told, openings stop, and tries become rare
_ROW_OF = {Purpose.CLOSE: "closes", Purpose.PROTECT: "stops"}
HALT_FOR = {Purpose.CLOSE: HaltKind.CLOSES_REFUSED, Purpose.PROTECT: HaltKind.STOPS_REFUSED}


class Row(NamedTuple):
    """Refusals since the last one that was not."""

    length: int = 0
    reason: str = ""  # of the newest, in the venue's words where it gave any

    @property
    def is_long(self) -> bool:
        return self.length >= ROW

    def in_words(self, purpose: Purpose) -> str:
        """Return the reason of the halt that a long row of closes or stops raises."""
        return f"{self.length} {_ROW_OF[purpose]} in a row refused: the last one {self.reason}"


_NONE = Row()


@dataclass
class Refusals:
    """The row of each (venue, instrument) and purpose."""

    _rows: dict[tuple[str, str, Purpose], Row] = field(default_factory=dict)

    def of(self, intent: OrderIntent) -> Row:
        return self._rows.get((intent.venue, intent.instrument, intent.purpose), _NONE)

    def ended(self, order: OrderLifecycle) -> None:
        """Take in the proven end of an order. One that worked, and ended by its own terms or our wish, ends the row."""
        body = order.order
        if body.leg is Leg.TARGET:
            return  # without one a position is no less guarded
        if order.status is OrderStatus.REJECTED:
            self._add(body.venue, body.instrument, body.purpose, order.evidence)
        elif body.purpose is Purpose.CLOSE or order.is_cancel_pending:
            self._rows.pop((body.venue, body.instrument, body.purpose), None)

    def denied(self, event: IntentDenied) -> None:
        if event.reason != DenialReason.WINDING_DOWN:  # that says nothing about the position
            self._add(event.venue, event.instrument, event.purpose, event.reason)

    def unsent(self, intent: OrderIntent) -> None:
        """Take in a plan that ended without an order: the venue would not have taken what there was to send."""
        if intent.purpose is Purpose.CLOSE:  # what a stop covers may be gone before it is sent
            self._add(intent.venue, intent.instrument, intent.purpose, "nothing that the venue would take")

    def forget(self, venue: str, instrument: str) -> None:
        """Begin anew: some of the position was sold, or there is none, or the venue's steps and limits are others."""
        for purpose in (Purpose.PROTECT, Purpose.CLOSE):
            self._rows.pop((venue, instrument, purpose), None)

    def resumed(self, scope: str) -> None:
        """Begin anew where a person has cleared a halt."""
        for venue, instrument, purpose in list(self._rows):
            if scope in ("all", venue, f"{venue}:{instrument}"):
                del self._rows[venue, instrument, purpose]

    def _add(self, venue: str, instrument: str, purpose: Purpose, reason: str) -> None:
        if purpose is not Purpose.OPEN:
            key = venue, instrument, purpose
            self._rows[key] = Row(self._rows.get(key, _NONE).length + 1, reason)
