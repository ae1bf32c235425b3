"""Spot positions below zero: more was sold than was ours by the books, so other coins of the account are gone.

However that came, nothing is bought back or guarded by buying: nobody has decided that. The instrument halts,
and a person is told.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from domain.instant import Instant
from domain.instrument import InstrumentId, Side
from domain.ledger.outbox import Outbox
from domain.market.latest_quotes import LatestQuotes
from domain.messages.halts import HaltKind
from domain.numbers import ZERO, plain
from domain.reconciliation.ownership import Ownership
from domain.reconciliation.unmatched_fills import UnmatchedFills


class Oversold:
    """Looks after every movement; after a restart at all that the journal tells of."""

    def __init__(self, outbox: Outbox, quotes: LatestQuotes, unmatched: UnmatchedFills) -> None:
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._ownership = Ownership(outbox.ledger, quotes)
        self._unmatched = unmatched
        self._moves: Counter[str] = Counter()  # venue -> movements that have been looked at
        self._suspects: set[InstrumentId] = set()
        self._told: dict[InstrumentId, Decimal] = {}  # the position that was told of

    def review(self, now: Instant) -> None:
        """Halt where too much was sold, once it is certain; once for each time that it becomes more."""
        if self._moves != self._ledger.balance_moves:
            self._moves = self._ledger.balance_moves.copy()
            positions = self._ledger.books.positions
            self._suspects = {
                key for key, one in positions.items() if one.quantity < 0 and self._ownership.base_of(*key)
            }
        for key in sorted(self._suspects):
            quantity = self._ledger.books.position(key).quantity
            if quantity >= self._told.get(key, ZERO) or self._may_be_explained(key):
                continue
            self._told[key] = quantity
            reason = f"sold {plain(-quantity)} more than our books had: the coins were not of this position"
            self._outbox.halt(str(key), HaltKind.OVERSOLD, reason, now.utc_ns)

    def _may_be_explained(self, key: InstrumentId) -> bool:
        """Tell whether fills are to come that may turn out to be the purchase behind the sale; no sale is that."""
        waiting = self._ledger.unexplained.values()
        return self._unmatched.has_any(*key, Side.BUY) or any(
            InstrumentId.of(it.order) == key and it.order.side is Side.BUY and it.id not in self._ledger.standing
            for it in waiting
        )
