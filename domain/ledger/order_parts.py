"""Which name of an order at its venue a fill belongs to, where the venue has given it several, one after the other.

Totals begin at nothing under each: an exact fill replaces only what was booked from totals under its own name.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from domain.messages.replacements import OrderReplaced

_KEPT = 10_000  # names; far more than may still fill


@dataclass
class OrderParts:
    """The names that are not an order's first."""

    _later: dict[tuple[str, str], None] = field(default_factory=dict)  # (venue, venue_order_id), the oldest first

    def hear(self, event: OrderReplaced) -> None:
        if event.is_renamed:
            self._later[event.venue, event.venue_order_id] = None
            if len(self._later) > _KEPT:
                del self._later[next(iter(self._later))]

    def key(self, client_order_id: str, venue: str, venue_order_id: str) -> str:
        """Return what the executions of that part are booked under."""
        is_later = (venue, venue_order_id) in self._later
        return f"{client_order_id} {venue_order_id}" if is_later else client_order_id
