"""An account of perpetuals: one collateral, signed positions, and how much of it stands behind them (cross margin).

Cash is kept raw, as both venues of perpetuals keep it: a trade moves it by -side x quantity x price - fee. What the
account is worth is that and every position at its mark. An order needs the initial margin of what it may add.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple

from adapters.simulator.engine.ledger import Ledger
from adapters.simulator.engine.market import ProductMarket
from adapters.simulator.engine.records import Terms
from adapters.simulator.engine.refusals import Refusal, Refused
from adapters.simulator.engine.venue_order import Fill, NewOrder, VenueOrder
from domain.instrument import Side
from domain.numbers import ZERO, divide


class Ratios(NamedTuple):
    """Shares of a notional that must be there: to open, and to keep."""

    initial: Decimal
    maintenance: Decimal


class Held(NamedTuple):
    """One position. Its entry is the average at which it was added to."""

    quantity: Decimal = ZERO  # signed
    cost: Decimal = ZERO  # of what is held, at the average entry; signed like the quantity

    @property
    def entry_price(self) -> Decimal:
        return divide(self.cost, self.quantity) if self.quantity else ZERO

    def after(self, change: Decimal, price: Decimal) -> Held:
        """Return the position once `change` (signed) has traded at `price`."""
        total = self.quantity + change
        if not total:
            return Held()
        if self.quantity * change >= 0:
            return Held(total, self.cost + change * price)
        if self.quantity * total > 0:
            return Held(total, divide(self.cost * total, self.quantity))
        return Held(total, total * price)


class MarginAccount:
    """The `Account` of a venue of perpetuals.

    Attributes:
        positions: the venue's spelling -> what is held there; none is flat.
    """

    def __init__(
        self,
        terms: Terms,
        products: Mapping[str, ProductMarket],
        collateral: str,
        mark: Callable[[str], Decimal],
        ratios: Callable[[str], Ratios],
    ) -> None:
        """Args:
        collateral: the currency of all cash here.
        mark: returns the price that a product's positions are valued at.
        ratios: returns what a product's positions need.
        """
        self.ledger = Ledger(terms.balances)
        self.collateral = collateral
        self.positions: dict[str, Held] = {}
        self._products = products
        self._fee_ratio = terms.taker_fee_ratio
        self._mark = mark
        self._ratios = ratios

    # ---- what it is worth --------------------------------------------------------------------------------

    @property
    def value(self) -> Decimal:
        """Return cash and positions at their marks, in collateral."""
        held = (position.quantity * self._mark(name) for name, position in self.positions.items())
        return self.ledger.total(self.collateral) + sum(held, ZERO)

    @property
    def initial_margin(self) -> Decimal:
        return sum((self._notional(name) * self._ratios(name).initial for name in self.positions), ZERO)

    @property
    def maintenance_margin(self) -> Decimal:
        return sum((self._notional(name) * self._ratios(name).maintenance for name in self.positions), ZERO)

    @property
    def free_collateral(self) -> Decimal:
        """Return what new orders may still take; negative after losses."""
        return self.value - self.initial_margin - self.ledger.held(self.collateral)

    @property
    def is_below_maintenance(self) -> bool:
        return bool(self.positions) and self.value < self.maintenance_margin

    def quantity(self, product_id: str) -> Decimal:
        """Return the signed quantity that is held, in base units."""
        return self.positions.get(product_id, Held()).quantity

    def liquidation_price(self, product_id: str) -> Decimal | None:
        """Return the mark at which the venue takes over, the others standing still; None: at none above zero."""
        quantity, ratio = self.quantity(product_id), self._ratios(product_id).maintenance
        if not quantity:
            return None
        others = self.value - quantity * self._mark(product_id)
        others -= self.maintenance_margin - self._notional(product_id) * ratio
        price = divide(-others, quantity - abs(quantity) * ratio)
        return price if price > 0 else None

    # ---- orders and trades -------------------------------------------------------------------------------

    def reducible(self, asked: NewOrder) -> Decimal:
        """Return how much of the position there an order of that side would close."""
        return max(ZERO, -asked.side.sign * self.quantity(asked.product_id))

    def check(self, asked: NewOrder) -> None:
        """Say no to what would close nothing and must, and to what the free collateral doesn't bear.

        Raises:
            Refused: with the reason.
        """
        if asked.reduce_only:
            if not self.reducible(asked):
                raise Refused(Refusal.NOTHING_TO_REDUCE)
            return
        freed = min(asked.size, self.reducible(asked)) * self._mark(asked.product_id)
        freed *= self._ratios(asked.product_id).initial
        if self._needed(asked, asked.size) > self.free_collateral + freed:
            raise Refused(Refusal.INSUFFICIENT_FUNDS)

    def hold(self, order: VenueOrder) -> None:
        asked = order.asked
        needed = ZERO if asked.reduce_only else self._needed(asked, order.leaves)
        self.ledger.hold_anyway(order.order_id, self.collateral, needed)

    def release(self, order: VenueOrder) -> None:
        self.ledger.release(order.order_id)

    def book(self, fill: Fill) -> None:
        asked = fill.order.asked
        change = asked.side.sign * fill.quantity
        self.ledger.pay(self.collateral, -change * fill.price, fill.fee)
        held = self.positions.pop(asked.product_id, Held()).after(change, fill.price)
        if held.quantity:
            self.positions[asked.product_id] = held

    def receive(self, amount: Decimal) -> None:
        """Take a payment (positive) or a charge."""
        self.ledger.pay(self.collateral, amount)

    def _needed(self, asked: NewOrder, leaves: Decimal) -> Decimal:
        """Return the initial margin, fee included, of what `leaves` would add to the position."""
        adds = max(ZERO, leaves - self.reducible(asked))
        price = asked.limit_price or self._reach(asked, leaves)
        return adds * price * (self._ratios(asked.product_id).initial + self._fee_ratio)

    def _reach(self, asked: NewOrder, leaves: Decimal) -> Decimal:
        """Return the average price at which the book would take so much; the mark where it can't."""
        cost = self._products[asked.product_id].book.cost(asked.side, leaves)
        return divide(cost, leaves) if cost and asked.side is Side.BUY else self._mark(asked.product_id)

    def _notional(self, product_id: str) -> Decimal:
        return abs(self.positions[product_id].quantity) * self._mark(product_id)
