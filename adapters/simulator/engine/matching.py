"""One product's book: who trades with whom, in price-time priority.

Knows no account, fee, trigger or clock; those are `exchange.py`'s.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from domain.instrument import Instrument, Side
from domain.messages.orders import TimeInForce
from domain.numbers import ZERO, divide


@dataclass(slots=True)
class BookOrder:
    """An order as the book sees it. `leaves` falls as it trades."""

    order_id: str
    owner: str  # two orders of one owner never trade with each other
    side: Side
    leaves: Decimal  # base units
    limit_price: Decimal | None = None  # None: any price
    budget: Decimal | None = None  # quote currency left to spend, instead of a quantity

    @property
    def resting_price(self) -> Decimal:
        """Return where it rests; what takes any price never does."""
        if self.limit_price is None:
            raise ValueError(f"{self.order_id} has no price to rest at")
        return self.limit_price


class Execution(NamedTuple):
    """One trade between a resting order and the order that arrived."""

    trade_id: int  # rises by one per product
    price: Decimal
    quantity: Decimal
    aggressor: Side
    maker_id: str
    taker_id: str


class Outcome(NamedTuple):
    executions: tuple[Execution, ...]
    rests: bool
    met_own_order: bool = False


class Level(NamedTuple):
    price: Decimal
    quantity: Decimal


@dataclass
class OrderBook:
    """Resting orders of one product. `version` rises with every change."""

    instrument: Instrument
    version: int = 0
    next_trade_id: int = 1
    _levels: dict[Side, dict[Decimal, dict[str, BookOrder]]] = field(
        # side -> price -> order id -> order, oldest first
        default_factory=lambda: {Side.BUY: {}, Side.SELL: {}}
    )
    _prices: dict[Side, list[Decimal]] = field(
        default_factory=lambda: {Side.BUY: [], Side.SELL: []}  # ascending
    )
    _resting: dict[str, BookOrder] = field(default_factory=dict)  # order id -> order

    def submit(
        self, order: BookOrder, time_in_force: TimeInForce = TimeInForce.GTC, post_only: bool = False
    ) -> Outcome:
        """Trade what can be traded now and, for GTC and GTD, rest the remainder.

        A post-only order that would trade, a fill-or-kill order that cannot be filled whole, and whatever is
        left when an order meets one of its own owner, are gone: nothing of them rests.
        """
        if post_only and self.would_trade(order):
            return Outcome((), rests=False)
        if time_in_force is TimeInForce.FOK and self.tradable(order) < order.leaves:
            return Outcome((), rests=False)
        executions, met_own = self._trade(order)
        may_rest = time_in_force in (TimeInForce.GTC, TimeInForce.GTD)
        rests = bool(may_rest and order.leaves and not met_own)
        if rests:
            self._rest(order)
        return Outcome(executions, rests, met_own)

    def cross(self, taker_id: str, maker_id: str, side: Side, quantity: Decimal, price: Decimal) -> Execution:
        """Return a trade that was agreed on beside the book; its number is the book's next."""
        execution = Execution(self.next_trade_id, price, quantity, side, maker_id, taker_id)
        self.next_trade_id += 1
        return execution

    def cancel(self, order_id: str) -> BookOrder | None:
        """Take a resting order out; None when it isn't there."""
        order = self._resting.pop(order_id, None)
        if order is not None:
            self._remove(order)
        return order

    def trim(self, order_id: str, most: Decimal) -> bool:
        """Let a resting order offer no more than `most`; False when it doesn't rest."""
        order = self._resting.get(order_id)
        if order is not None and order.leaves > most:
            order.leaves = most
            self.version += 1
        return order is not None

    def find(self, order_id: str) -> BookOrder | None:
        """Return a resting order, or None when it doesn't rest (any more)."""
        return self._resting.get(order_id)

    def best_price(self, side: Side) -> Decimal | None:
        prices = self._prices[side]
        if not prices:
            return None
        return prices[-1] if side is Side.BUY else prices[0]

    def best(self, side: Side) -> Level | None:
        price = self.best_price(side)
        return None if price is None else Level(price, self._quantity_at(side, price))

    def levels(self, side: Side) -> Iterator[Level]:
        """Yield the levels of one side, best first."""
        prices = self._prices[side]
        for price in reversed(prices) if side is Side.BUY else prices:
            yield Level(price, self._quantity_at(side, price))

    def count(self, side: Side, price: Decimal) -> int:
        """Return how many orders rest at one price."""
        return len(self._levels[side].get(price, ()))

    def would_trade(self, order: BookOrder) -> bool:
        best = self.best_price(order.side.opposite)
        return best is not None and _reaches(order, best)

    def tradable(self, order: BookOrder) -> Decimal:
        """Return how much of the order could trade now, in base units."""
        total = ZERO
        for price, resting in self._opposite(order):
            if total >= order.leaves or not _reaches(order, price) or resting.owner == order.owner:
                break
            total += resting.leaves
        return min(total, order.leaves)

    def cost(self, side: Side, quantity: Decimal) -> Decimal:
        """Return what `quantity` would cost in quote currency if it took what rests now."""
        notional = ZERO
        for level in self.levels(side.opposite):
            taken = min(quantity, level.quantity)
            notional += taken * level.price
            quantity -= taken
        return notional

    def _trade(self, order: BookOrder) -> tuple[tuple[Execution, ...], bool]:
        executions: list[Execution] = []
        while order.leaves:
            best = self.best_price(order.side.opposite)
            if best is None or not _reaches(order, best):
                break
            resting = next(iter(self._levels[order.side.opposite][best].values()))
            if resting.owner == order.owner:
                return tuple(executions), True
            quantity = min(order.leaves, resting.leaves)
            if order.budget is not None:
                quantity = min(quantity, self.instrument.round_quantity(divide(order.budget, best)))
                if not quantity:
                    break
                order.budget -= quantity * best
            order.leaves -= quantity
            resting.leaves -= quantity
            self.version += 1
            executions.append(
                Execution(self.next_trade_id, best, quantity, order.side, resting.order_id, order.order_id)
            )
            self.next_trade_id += 1
            if not resting.leaves:
                self.cancel(resting.order_id)
        return tuple(executions), False

    def _opposite(self, order: BookOrder) -> Iterator[tuple[Decimal, BookOrder]]:
        side = order.side.opposite
        for level in self.levels(side):
            for resting in self._levels[side][level.price].values():
                yield level.price, resting

    def _rest(self, order: BookOrder) -> None:
        price = order.resting_price
        levels = self._levels[order.side]
        if price not in levels:
            levels[price] = {}
            insort(self._prices[order.side], price)
        levels[price][order.order_id] = order
        self._resting[order.order_id] = order
        self.version += 1

    def _remove(self, order: BookOrder) -> None:
        price = order.resting_price
        level = self._levels[order.side][price]
        del level[order.order_id]
        if not level:
            del self._levels[order.side][price]
            self._prices[order.side].remove(price)
        self.version += 1

    def _quantity_at(self, side: Side, price: Decimal) -> Decimal:
        return sum([order.leaves for order in self._levels[side][price].values()], ZERO)


def _reaches(order: BookOrder, price: Decimal) -> bool:
    if order.limit_price is None:
        return True
    return order.limit_price >= price if order.side is Side.BUY else order.limit_price <= price
