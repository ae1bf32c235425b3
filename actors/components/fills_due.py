"""Whose fills must be read: orders whose totals grew, or that ended and did not say what they filled."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from domain.effects import WakeupKey, WakeupKind
from domain.messages.base import Event
from domain.messages.orders import FINAL, Fill, FillKind, OrderReported, OrderStatus

_TOTALS_KEPT = 1_000  # of the newest orders; forgetting one costs a read of fills already known
_ENDED = None  # an end was heard that told no total


class FillsWakeup(WakeupKind):
    READ = "read"


READ_FILLS = WakeupKey(FillsWakeup.READ)


class FillsDue:
    """Remembers the newest totals, so that one told again costs no second read."""

    def __init__(self) -> None:
        self._totals: dict[str, Decimal | None] = {}  # venue_order_id -> cumulative quantity last heard
        self._wanted: dict[str, None] = {}  # venue_order_ids, in the order in which they came
        # venue_order_id -> fill_id -> quantity, of what the stream has told itself
        self._streamed: dict[str, dict[str, Decimal]] = {}

    def is_due(self, event: Event) -> bool:
        """Return whether this word tells of fills that nobody has read."""
        if not isinstance(event, OrderReported) or not event.venue_order_id:
            return False  # without the venue's name of the order, reconciliation will read them
        is_unsaid = event.status in FINAL and event.cumulative_quantity is None
        if not (event.cumulative_quantity or is_unsaid or event.status is OrderStatus.FILLED):
            return False
        said = _ENDED if is_unsaid else event.cumulative_quantity
        if event.venue_order_id in self._totals and self._totals[event.venue_order_id] == said:
            return False
        self._totals[event.venue_order_id] = said
        if len(self._totals) > _TOTALS_KEPT:
            del self._totals[next(iter(self._totals))]
        return True

    def heard(self, fills: Iterable[Fill]) -> None:
        """Take in what the stream has told: what a total says beyond it must be read."""
        for fill in fills:
            if fill.kind is FillKind.FILL:
                self._streamed.setdefault(fill.venue_order_id, {})[fill.fill_id] = fill.quantity
        while len(self._streamed) > _TOTALS_KEPT:
            del self._streamed[next(iter(self._streamed))]

    @property
    def is_any_wanted(self) -> bool:
        return bool(self._wanted)

    def want(self, venue_order_ids: Iterable[str]) -> None:
        self._wanted.update(dict.fromkeys(venue_order_ids))

    def take(self) -> tuple[str, ...]:
        """Return whose fills are to be read now; from then on they are wanted no more, nor those that have come by now."""
        wanted, self._wanted = tuple(self._wanted), {}
        return tuple(name for name in wanted if not self._has_come(name))

    def _has_come(self, venue_order_id: str) -> bool:
        total, streamed = self._totals.get(venue_order_id), self._streamed.get(venue_order_id, {})
        return total is not None and total > 0 and sum(streamed.values()) >= total
