"""One instrument's book by the rules of dYdX: sizes are absolute, levels have no numbers, sides may cross.

Order is only kept per order, not per level, so a bid may arrive before the asks that it took have left. Then
the older level of a crossing pair is taken out, and doubted: in a moment the venue says itself what became of
it. When it never does, its word was lost, and only a new snapshot helps.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from domain.market.order_book import Level, OrderBook, Top
from domain.numbers import ZERO

_Place = tuple[bool, Decimal]  # (is_bid, price)


class UncrossedBook:
    """Never crossed to the outside. Times are CLOCK_MONOTONIC nanoseconds."""

    def __init__(self) -> None:
        self._book = OrderBook()
        self._changes = 0
        self._changed: dict[_Place, int] = {}  # level changed since the snapshot -> number of its last change
        self._doubted: dict[_Place, int] = {}  # level taken out without the venue's word -> when

    @property
    def is_whole(self) -> bool:
        """Tell whether it has a snapshot, and no doubt about what came since."""
        return self._book.is_whole and not self._doubted

    @property
    def has_snapshot(self) -> bool:
        return self._book.is_whole

    @property
    def doubted_since_ns(self) -> int | None:
        """Return since when the oldest doubt waits for the venue's word; None without any."""
        return min(self._doubted.values(), default=None)

    def replace(self, levels: Sequence[Level], now_ns: int) -> None:
        """Take a snapshot."""
        self._changed.clear()
        self._doubted.clear()
        self._book.replace(levels, 0)
        self._uncross(now_ns)

    def change(self, levels: Sequence[Level], now_ns: int) -> None:
        """Set levels to their new absolute sizes, in order; without a snapshot that means nothing."""
        if not self._book.is_whole:
            return
        for level in levels:
            place = level.is_bid, level.price
            self._changes += 1
            self._doubted.pop(place, None)
            if level.quantity:
                self._changed[place] = self._changes
            else:
                self._changed.pop(place, None)
        self._book.change(levels, 0)
        self._uncross(now_ns)

    def invalidate(self) -> None:
        """Stop believing the book until its next snapshot."""
        self._book.invalidate()
        self._doubted.clear()

    def levels(self, most: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return up to `most` bids and asks, best first; none while there is any doubt."""
        return self._book.levels(most) if self.is_whole else ((), ())

    def top(self) -> Top | None:
        """Return the best bid and ask, or None while a side is empty or there is no snapshot."""
        return self._book.top()

    def _uncross(self, now_ns: int) -> None:
        while (top := self._book.top()) is not None and top.is_crossed:
            bid, ask = (True, top.bid_price), (False, top.ask_price)
            older = bid if self._changed.get(bid, 0) < self._changed.get(ask, 0) else ask
            self._book.change([Level(*older, ZERO)], 0)
            self._changed.pop(older, None)
            self._doubted[older] = now_ns
