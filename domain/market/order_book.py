"""The resting bids and asks of one instrument, from a snapshot and absolute changes.

Holds no opinion on sequence numbers: whoever reads the stream says when the book is suspect (`invalidate`).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct


class Level(Struct, frozen=True, gc=False):
    """The whole quantity at one price; zero removes the level."""

    is_bid: bool
    price: Decimal
    quantity: Decimal


class Top(Struct, frozen=True, gc=False):
    """The best of both sides."""

    bid_price: Decimal
    bid_quantity: Decimal
    ask_price: Decimal
    ask_quantity: Decimal

    @property
    def is_crossed(self) -> bool:
        return self.bid_price >= self.ask_price


class _Ladder:
    """One side: quantities by price, and the prices in order (an insertion is one memmove)."""

    def __init__(self) -> None:
        self.quantities: dict[Decimal, Decimal] = {}  # price -> quantity
        self.prices: list[Decimal] = []  # rising

    def set(self, price: Decimal, quantity: Decimal) -> None:
        if price in self.quantities:
            if not quantity:
                del self.quantities[price]
                del self.prices[bisect_left(self.prices, price)]
                return
        elif quantity:
            insort(self.prices, price)
        else:
            return  # venues also remove levels that we never held
        self.quantities[price] = quantity

    def best(self, most: int, is_bid: bool) -> tuple[Level, ...]:
        prices = self.prices[: -most - 1 : -1] if is_bid else self.prices[:most]
        return tuple(Level(is_bid, price, self.quantities[price]) for price in prices)

    def replace(self, levels: Iterable[Level]) -> None:
        named = {level.price: level.quantity for level in levels}  # named twice: the last word counts
        self.quantities = {price: quantity for price, quantity in named.items() if quantity}
        self.prices = sorted(self.quantities)


class OrderBook:
    """One instrument's book. Not whole until its first snapshot, and after `invalidate` until the next.

    Attributes:
        ts_event: UTC nanoseconds of the newest change it has seen.
    """

    def __init__(self) -> None:
        self.is_whole = False
        self.ts_event = 0
        self._bids = _Ladder()
        self._asks = _Ladder()

    def replace(self, levels: Iterable[Level], ts_event: int) -> None:
        """Take a snapshot: whatever was known before is forgotten."""
        levels = tuple(levels)
        self._bids.replace(level for level in levels if level.is_bid)
        self._asks.replace(level for level in levels if not level.is_bid)
        self.ts_event = max(self.ts_event, ts_event)
        self.is_whole = True

    def change(self, levels: Iterable[Level], ts_event: int) -> None:
        """Set levels to their new absolute quantities. A book that is not whole ignores it."""
        if not self.is_whole:
            return
        for level in levels:
            (self._bids if level.is_bid else self._asks).set(level.price, level.quantity)
        self.ts_event = max(self.ts_event, ts_event)

    def invalidate(self) -> None:
        """Stop believing the book until its next snapshot."""
        self.is_whole = False

    def levels(self, most: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return up to `most` bids and asks, best first; none while the book is not whole."""
        if not self.is_whole:
            return (), ()
        return self._bids.best(most, is_bid=True), self._asks.best(most, is_bid=False)

    def top(self) -> Top | None:
        """Return the best bid and ask, or None while a side is empty or the book is not whole."""
        bids, asks = self._bids.prices, self._asks.prices
        if not (self.is_whole and bids and asks):
            return None
        bid, ask = bids[-1], asks[0]
        return Top(bid, self._bids.quantities[bid], ask, self._asks.quantities[ask])
