"""Openings that a venue refused, and for how long none is sent there again: the more in a row, the longer.

Each signal is a decision of its own, so nothing else keeps an account without money from being asked with every
candle. One reason in one instrument pauses that; in two of them it is the venue's or the account's, and pauses all
there. A fold of the journal, in the venue's time: a restart goes on pausing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from domain.instant import SECOND_NS
from domain.ledger.account import Portfolio
from domain.messages.denials import Denial, DenialReason
from domain.messages.journal import InstrumentDefined, JournalEvent, OrderClosed, OrderFilled
from domain.messages.orders import OrderStatus, Purpose

FIRST_PAUSE_NS = 2 * SECOND_NS  # doubled with each refusal
LONGEST_PAUSE_NS = 5 * 60 * SECOND_NS
_AHEAD_NS = 10 * SECOND_NS  # a refusal from later than this was stamped by a clock that was wrong
_REASONS_KEPT = 100
_VENUES_WORD = ("rejected:", "reported")  # evidence; else it was never sent, or is gone without a word


@dataclass
class _Row:
    """Refusals in a row for one reason."""

    instruments: set[str] = field(default_factory=set)
    count: int = 0
    newest: int = 0  # UTC ns

    def has(self, instrument: str) -> bool:
        return len(self.instruments) > 1 or instrument in self.instruments

    def is_pausing(self, venue_now: int) -> bool:
        pause_ns = min(FIRST_PAUSE_NS << min(self.count - 1, 20), LONGEST_PAUSE_NS)
        return -_AHEAD_NS <= venue_now - self.newest < pause_ns


@dataclass
class RefusedOpenings:
    """The rows of each venue and reason. One ends with an opening there that the venue takes, or another grid."""

    _rows: dict[tuple[str, str], _Row] = field(default_factory=dict)  # (venue, evidence) ->

    def hear(self, event: JournalEvent, books: Portfolio) -> None:
        """Take in what is about to be booked."""
        match event:
            case OrderClosed() | OrderFilled():
                live = books.orders.get(event.client_order_id)
                if live is None or live.order.purpose is not Purpose.OPEN:
                    return
                about = live.order.venue, live.order.instrument
                if isinstance(event, OrderFilled) or event.status is not OrderStatus.REJECTED:
                    self._end(*about)
                elif event.evidence.startswith(_VENUES_WORD):
                    self._add(*about, event)
            case InstrumentDefined():
                self._end(event.venue, event.instrument)

    def stop(self, venue: str, instrument: str, venue_now: int) -> Denial:
        """Return why no opening is to be sent there now, in one word; empty when one may.

        Args:
            venue_now: UTC ns by the venue's clock.
        """
        rows = (row for (where, _), row in self._rows.items() if where == venue and row.has(instrument))
        return DenialReason.REFUSED_LATELY if any(row.is_pausing(venue_now) for row in rows) else ""

    def pauses(self, venue: str, venue_now: int) -> Iterator[tuple[str, str]]:
        """Yield the scope of each pause at a venue, and what was refused, for people."""
        for (where, evidence), row in self._rows.items():
            if where == venue and row.is_pausing(venue_now):
                scope = venue if len(row.instruments) > 1 else f"{venue}:{min(row.instruments)}"
                times = f"{row.count} times in a row" if row.count > 1 else "once"
                yield scope, f"an opening was refused {times}, the next try comes later: {evidence}"

    def _add(self, venue: str, instrument: str, event: OrderClosed) -> None:
        key = venue, event.evidence
        if key not in self._rows and len(self._rows) >= _REASONS_KEPT:
            del self._rows[next(iter(self._rows))]
        row = self._rows.setdefault(key, _Row())
        row.instruments.add(instrument)
        row.count += 1
        row.newest = event.ts_event

    def _end(self, venue: str, instrument: str) -> None:
        for key in [key for key, row in self._rows.items() if key[0] == venue and row.has(instrument)]:
            del self._rows[key]
