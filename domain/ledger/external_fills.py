"""How much of orders that are not ours has traded, by their fills: lists of orders may be older."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from domain.messages.orders import Fill, FillKind
from domain.numbers import ZERO

ORDERS_KEPT = 1_000  # the newest: far more than rest at once


@dataclass
class ExternalFills:
    """A fold of the journal."""

    _filled: dict[tuple[str, str], Decimal] = field(default_factory=dict)  # (venue, venue_order_id) -> base units

    def hear(self, fill: Fill) -> None:
        key, sign = (fill.venue, fill.venue_order_id), -1 if fill.kind is FillKind.REVERSAL else 1
        self._filled[key] = self._filled.pop(key, ZERO) + sign * fill.quantity
        if len(self._filled) > ORDERS_KEPT:
            del self._filled[next(iter(self._filled))]

    def quantity(self, venue: str, venue_order_id: str) -> Decimal:
        """Return how much of an order that is not ours is known to have filled, in base units."""
        return self._filled.get((venue, venue_order_id), ZERO)
