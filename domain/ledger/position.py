"""One position at average cost, and provisional executions that exact fills will replace.

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
    notional = sellable * price * instrument.contract_size
    return sellable < instrument.min_quantity or notional < instrument.min_notional or not sellable


TOLD = 0  # for the number of a guess: the venue told the price


class Execution(NamedTuple):
    """Quantity that traded. A provisional one comes from totals and waits for the exact fills."""

    client_order_id: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal = ZERO
    is_provisional: bool = False
    guess: int = TOLD  # the number of the guess that its price is
    kept_fee: Decimal = ZERO  # base units that were kept back of a purchase, or taken besides a sale, as its fee
    is_loss: bool = False  # quantity that is ours no more, though no order of ours has traded it: leaves at cost


# Executions that wait behind a provisional one, before that is taken for true: days of trading, where rows take seconds.
TAIL_KEPT = 1_000
SETTLED_KEPT = 10_000  # orders whose provisional quantity was taken for true


class PositionLedger:
    """A position as the fold of its executions, in the order they became known.

    Exact fills take the place of provisional quantity of the same order, so everything from the first
    provisional execution on is kept, with the position before it, and run again from where something changes: near
    the end, as a rule, however long the first one waits. What lies before it is folded for good. A provisional
    execution that TAIL_KEPT others wait for is folded, too; should its exact fills come after all, they replace it
    at the end: quantity and money are right to the last digit, and the average entry is that of so late a trade.
    """

    def __init__(self) -> None:
        self.position = Position()
        self._tail: list[Execution] = []  # from the first provisional one on
        self._before: list[Position] = []  # the position before each of them
        self._waiting: dict[str, Decimal] = {}  # client_order_id -> its provisional quantity in the tail
        self._settled: dict[str, list[Execution]] = {}  # client_order_id -> provisional, folded for good

    def book(self, execution: Execution) -> list[Execution]:
        """Add one execution and return the provisional pieces that it replaced."""
        replaced: list[Execution] = []
        if execution.is_provisional:
            self._wait(execution.client_order_id, execution.quantity)
            self._add(execution)
        elif execution.client_order_id in self._settled:
            replaced = self._replace_settled(execution)
        else:
            replaced = self._put_in_place(execution)
        if len(self._tail) > TAIL_KEPT:
            self._settle_first()
        return replaced

    def _add(self, execution: Execution) -> None:
        if self._tail or execution.is_provisional:
            self._tail.append(execution)
            self._before.append(self.position)
        self.position = _booked(self.position, execution)

    def _put_in_place(self, exact: Execution) -> list[Execution]:
        replaced, left = [], exact
        for item in self._take_from_first_of(exact.client_order_id):
            if left.quantity and item.is_provisional and item.client_order_id == exact.client_order_id:
                piece, item = _split(item, min(left.quantity, item.quantity))
                self._wait(piece.client_order_id, -piece.quantity)
                part, left = _split(left, piece.quantity)
                self._add(part)
                replaced.append(piece)
            if item.quantity:
                self._add(item)
        if left.quantity:
            self._add(left)
        self._fold_exact()
        return replaced

    def _take_from_first_of(self, client_order_id: str) -> list[Execution]:
        """Undo, and return, everything from the first provisional execution of that order on."""
        ahead = self._waiting.get(client_order_id, ZERO)
        first = len(self._tail)
        while ahead:
            first -= 1
            item = self._tail[first]
            if item.is_provisional and item.client_order_id == client_order_id:
                ahead -= item.quantity
        taken = self._tail[first:]
        if taken:
            self.position = self._before[first]
            del self._tail[first:], self._before[first:]
        return taken

    def _fold_exact(self) -> None:
        """Forget what stands before the first provisional execution: nothing can change there any more."""
        if self._tail and not self._tail[0].is_provisional:
            items = enumerate(self._tail)
            first = next((at for at, item in items if item.is_provisional), len(self._tail))
            del self._tail[:first], self._before[:first]

    def _settle_first(self) -> None:
        """Take the first provisional execution for true."""
        item = self._tail.pop(0)
        del self._before[0]
        self._wait(item.client_order_id, -item.quantity)
        self._settled.setdefault(item.client_order_id, []).append(item)
        if len(self._settled) > SETTLED_KEPT:
            del self._settled[next(iter(self._settled))]
        self._fold_exact()

    def _replace_settled(self, exact: Execution) -> list[Execution]:
        """Take back as much of what was taken for true; only then book the exact fill, as any other."""
        items, replaced, left = self._settled.pop(exact.client_order_id), [], exact
        while items and left.quantity:
            first = items.pop(0)
            piece, rest = _split(first, min(left.quantity, first.quantity))
            if rest.quantity:
                items.insert(0, rest)
            self._add(piece._replace(client_order_id="", side=piece.side.opposite, is_provisional=False))
            part, left = _split(left, piece.quantity)
            self._add(part)
            replaced.append(piece)
        if items:
            self._settled[exact.client_order_id] = items
        return replaced + (self._put_in_place(left) if left.quantity else [])

    def _wait(self, client_order_id: str, quantity: Decimal) -> None:
        total = self._waiting.get(client_order_id, ZERO) + quantity
        if total:
            self._waiting[client_order_id] = total
        else:
            del self._waiting[client_order_id]


def _split(item: Execution, quantity: Decimal) -> tuple[Execution, Execution]:
    """Return as much of an execution, and the rest of it."""
    fee, kept = (proportion(amount, quantity, item.quantity) for amount in (item.fee, item.kept_fee))
    rest = item._replace(quantity=item.quantity - quantity, fee=item.fee - fee, kept_fee=item.kept_fee - kept)
    return item._replace(quantity=quantity, fee=fee, kept_fee=kept), rest


def _booked(position: Position, execution: Execution) -> Position:
    if execution.is_loss:
        return position.without(execution.quantity)
    moved = execution.quantity - execution.side.sign * execution.kept_fee
    return position.after(execution.side, moved, execution.price)
