"""Fills that nobody ordered: what a venue takes of a position for want of margin, ours or the other side's."""

from __future__ import annotations

from domain.instant import Instant
from domain.instrument import InstrumentId
from domain.ledger.outbox import Outbox
from domain.messages.halts import HaltKind
from domain.messages.journal import PositionForced
from domain.messages.orders import Fill, FillCause
from domain.numbers import plain
from domain.reconciliation.opening_balances import OpeningBalances
from domain.reconciliation.unmatched_fills import UnmatchedFills


class ForcedFills:
    """Books them, and stops openings there: the position was more at risk than we had reckoned."""

    def __init__(self, outbox: Outbox, opening: OpeningBalances, unmatched: UnmatchedFills) -> None:
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._opening = opening
        self._unmatched = unmatched

    def take(self, fill: Fill, now: Instant) -> bool:
        """Book a fill if it is such a one that nobody has booked yet; return whether it was."""
        fills = self._ledger.fills
        if (
            fill.cause is FillCause.TRADE
            or not self._opening.is_after(fill)
            or self._ledger.order_of(fill.venue, fill.venue_order_id) is not None
            or fills.find(fill.venue, fill.fill_id) is not None
            or fills.is_forgotten(fill)
        ):
            return False
        self._unmatched.forget(fill, now)  # where it was told as somebody's trade before
        self._outbox.record(PositionForced(ts_event=fill.ts_event, fill=fill))
        key, what = str(InstrumentId.of(fill)), f"{fill.cause.lower()} by the venue"
        self._outbox.alarm(key, f"{what}: {fill.side} {plain(fill.quantity)} at {plain(fill.price)}", now.utc_ns)
        self._outbox.halt(key, HaltKind.FORCED.of(fill.cause.lower()), what, now.utc_ns)
        return True
