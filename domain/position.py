"""One position at average cost, and the executions that can still change their minds.

Owns signed quantity, average entry and gross realized profit, exactly. Refuses to know about fees, balances
and marks: those are linear sums that the portfolio keeps.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from domain.instrument import Instrument, Side
from domain.numbers import ZERO, divide, proportion


class Position(NamedTuple):
    """A signed quantity with what it cost.

    The average entry is the ratio of `entry_cost` and `entry_quantity`, which only additions change. So
    closing in one step or in ten, in whatever order, ends in the same state to the last digit.
    """

    quantity: Decimal = ZERO  # base units; negative when short
    entry_quantity: Decimal = ZERO  # signed size when it was last added to
    entry_cost: Decimal = ZERO  # what that size had cost; signed like the quantity
    spent: Decimal = ZERO  # quote currency paid minus received since the beginning, fees left out

    @property
    def is_flat(self) -> bool:
        return not self.quantity

    @property
    def cost(self) -> Decimal:
        """Return what the quantity still held had cost; negative when short."""
        if self.quantity == self.entry_quantity:
            return self.entry_cost
        return proportion(self.entry_cost, self.quantity, self.entry_quantity)

    @property
    def average_price(self) -> Decimal:
        """Return the average entry, zero when flat."""
        return divide(self.entry_cost, self.entry_quantity) if self.quantity else ZERO

    @property
    def realized_pnl(self) -> Decimal:
        """Return what closed quantity has earned, before fees."""
        return self.cost - self.spent

    def unrealized_pnl(self, mark_price: Decimal) -> Decimal:
        """Return what closing at `mark_price` would earn, before fees."""
        return self.quantity * mark_price - self.cost

    def without(self, quantity: Decimal) -> Position:
        """Return the position once `quantity` (positive) of it is ours no more: at cost, nothing earned."""
        left = self.quantity - min(quantity, abs(self.quantity)).copy_sign(self.quantity)
        if not left:
            return Position(spent=self.spent - self.cost)
        kept = self._replace(quantity=left)
        return kept._replace(spent=self.spent - (self.cost - kept.cost))

    def after(self, side: Side, quantity: Decimal, price: Decimal) -> Position:
        """Return the position once `quantity` (positive) has traded at `price`."""
        change = side.sign * quantity
        total = self.quantity + change
        spent = self.spent + change * price
        if not total:
            return Position(spent=spent)
        if self.quantity * change >= 0:  # opened or added to
            return Position(total, total, self.cost + change * price, spent)
        if self.quantity * total > 0:  # reduced: the average stays
            return Position(total, self.entry_quantity, self.entry_cost, spent)
        return Position(total, total, total * price, spent)  # crossed zero: the rest is a new position


def is_dust(instrument: Instrument, quantity: Decimal, price: Decimal) -> bool:
    """Tell whether the venue would not take a closing order for `quantity` (signed) at `price`."""
    sellable = instrument.round_quantity(abs(quantity))
    return sellable < instrument.min_quantity or sellable * price < instrument.min_notional or not sellable


class Execution(NamedTuple):
    """Quantity that traded. A provisional one comes from totals and waits for the exact fills."""

    client_order_id: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal = ZERO
    is_provisional: bool = False
    is_loss: bool = False  # quantity that is ours no more, though no order of ours has traded it: leaves at cost


class PositionLedger:
    """A position as the fold of its executions, in the order they became known.

    Exact fills take the place of provisional quantity of the same order, so everything from the first
    provisional execution on is kept and run again; what lies before it is folded for good.
    """

    def __init__(self) -> None:
        self.position = Position()
        self._base = Position()
        self._tail: list[Execution] = []

    @property
    def has_provisional(self) -> bool:
        return bool(self._tail)

    def book(self, execution: Execution) -> list[Execution]:
        """Add one execution and return the provisional pieces that it replaced."""
        replaced: list[Execution] = []
        if execution.is_provisional:
            self._tail.append(execution)
        else:
            replaced = self._put_in_place(execution)
        self._run()
        return replaced

    def _put_in_place(self, exact: Execution) -> list[Execution]:
        replaced, tail, left = [], [], exact.quantity
        for item in self._tail:
            if left and item.is_provisional and item.client_order_id == exact.client_order_id:
                taken = min(left, item.quantity)
                fee = proportion(item.fee, taken, item.quantity)
                replaced.append(item._replace(quantity=taken, fee=fee))
                tail.append(exact._replace(quantity=taken))
                left -= taken
                item = item._replace(quantity=item.quantity - taken, fee=item.fee - fee)
            if item.quantity:
                tail.append(item)
        if left:
            tail.append(exact._replace(quantity=left))
        self._tail = tail
        return replaced

    def _run(self) -> None:
        while self._tail and not self._tail[0].is_provisional:
            self._base = _booked(self._base, self._tail.pop(0))
        self.position = self._base
        for item in self._tail:
            self.position = _booked(self.position, item)


def _booked(position: Position, execution: Execution) -> Position:
    if execution.is_loss:
        return position.without(execution.quantity)
    return position.after(execution.side, execution.quantity, execution.price)
