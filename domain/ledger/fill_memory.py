"""Which fills are booked, and up to when all of a venue's fills are known. Folded from the journal.

A venue lists fills again and again. How long they are remembered is bounded by time, not by how much was
traded since: as long as the venue may list them again, and an hour more.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from dataclasses import dataclass, field

from domain.messages.journal import FillContradicted, FillsCovered
from domain.messages.orders import Fill

KEPT_NS = 3_600 * 1_000_000_000  # longer than the venue may list them
RETIRED_KEPT = 500_000  # of eight bytes each; at least the newest so many, at most twice as many


@dataclass
class FillMemory:
    """The fills of all venues that may still be listed."""

    covered: dict[str, int] = field(default_factory=dict)  # venue -> UTC ns up to which every fill is known
    forgotten: dict[str, int] = field(default_factory=dict)  # venue -> up to which they were known, and are not
    contradicted: set[tuple[str, str]] = field(default_factory=set)  # (venue, fill_id) told with other numbers
    _fills: dict[str, dict[str, Fill]] = field(default_factory=dict)  # venue -> fill_id -> as it was first told

    def book(self, fill: Fill) -> None:
        self._fills.setdefault(fill.venue, {}).setdefault(fill.fill_id, fill)

    def find(self, venue: str, fill_id: str) -> Fill | None:
        return self._fills.get(venue, {}).get(fill_id)

    def is_forgotten(self, fill: Fill) -> bool:
        """Tell whether a fill that nobody knows is so old that it was known once."""
        return fill.ts_event <= self.forgotten.get(fill.venue, 0)

    def contradict(self, event: FillContradicted) -> None:
        self.contradicted.add((event.first.venue, event.first.fill_id))

    def cover(self, event: FillsCovered) -> None:
        """Move on, and forget what can't be listed again."""
        venue = event.venue
        self.covered[venue] = event.until
        if event.forget_before <= self.forgotten.get(venue, 0):
            return
        self.forgotten[venue] = event.forget_before
        fills = self._fills.get(venue, {})
        for fill_id in [it for it, fill in fills.items() if fill.ts_event <= event.forget_before]:
            del fills[fill_id]
            self.contradicted.discard((venue, fill_id))


def same_numbers(one: Fill, other: Fill) -> bool:
    """Tell whether two tellings of one fill would be booked alike."""
    return _numbers(one) == _numbers(other)


def _numbers(fill: Fill) -> tuple[object, ...]:
    about = fill.venue_order_id, fill.instrument, fill.side, fill.kind, fill.cause
    return *about, fill.quantity, fill.price, fill.fee, fill.fee_currency


@dataclass
class RetiredOrders:
    """Ids of orders of ours that ended so long ago that nothing else is kept of them.

    A venue may still name them, and they must not pass for somebody else's. Of each id 64 bits are kept: that
    two of a million are alike is less likely than one in ten million.
    """

    _young: array[int] = field(default_factory=lambda: array("Q"))  # sorted
    _old: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, client_order_id: str) -> None:
        if len(self._young) >= RETIRED_KEPT:
            self._old, self._young = self._young, array("Q")
        insort(self._young, _short(client_order_id))

    def __contains__(self, client_order_id: str) -> bool:
        short = _short(client_order_id)
        return any(_has(ids, short) for ids in (self._young, self._old))


def _has(ids: array[int], short: int) -> bool:
    at = bisect_left(ids, short)
    return at < len(ids) and ids[at] == short


def _short(client_order_id: str) -> int:
    """Return the last 64 bits: the first ones are the same in all of our ids."""
    digits = client_order_id.replace("-", "")[-16:]
    try:
        return int(digits, 16)
    except ValueError:
        return 0
