"""What one order has filled: exact fills counted once, and what running totals claim beyond them.

Two reports of the same trades reach us. Exact rows carry the venue's fill id and come late; totals come at once
and name no trade. The one that knows of more quantity is believed, so their order of arrival doesn't matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from domain.messages.orders import Fill, FillKind
from domain.numbers import ZERO, divide


class Totals(NamedTuple):
    """Running sums of an order. Value is quantity x price."""

    quantity: Decimal = ZERO
    value: Decimal = ZERO
    fees: Decimal = ZERO

    def plus(self, quantity: Decimal, price: Decimal, fee: Decimal) -> Totals:
        """Return the totals with `quantity` base units more at `price`; the fee is in quote currency."""
        return Totals(self.quantity + quantity, self.value + quantity * price, self.fees + fee)


class Step(NamedTuple):
    """Quantity that a total shows and that no fill explains yet."""

    quantity: Decimal
    price: Decimal
    fee: Decimal
    is_price_guessed: bool = False  # the venue told none


@dataclass
class Executions:
    """The fills of one order, exact and provisional."""

    fills: dict[str, Fill] = field(default_factory=dict)  # fill_id -> exact execution
    exact: Totals = Totals()  # of kind FILL
    reported: Totals = Totals()  # what provisional steps have claimed
    adjustment: Decimal = ZERO  # corrections minus reversals

    @property
    def filled_quantity(self) -> Decimal:
        """Return what has filled so far, in base units; provisional fills count."""
        return self._known.quantity + self.adjustment

    @property
    def provisional_quantity(self) -> Decimal:
        """Return what still waits for exact fills."""
        return max(ZERO, self.reported.quantity - self.exact.quantity)

    def knows(self, fill: Fill) -> bool:
        return fill.fill_id in self.fills

    def step_to(
        self, quantity: Decimal | None, average_price: Decimal | None, fees: Decimal | None, price_unsaid: Decimal
    ) -> Step | None:
        """Return what a venue's totals add to what is known; None when they add nothing (or are old).

        Args:
            price_unsaid: at which to book where the venue does not say: the exact fills correct it.
        """
        known = self._known
        if quantity is None or quantity <= known.quantity:
            return None
        added = quantity - known.quantity
        fee = ZERO if fees is None else fees - known.fees
        if not average_price:  # nothing trades at zero: it was not said, either
            return Step(added, price_unsaid, fee, is_price_guessed=True)
        price = divide(quantity * average_price - known.value, added)
        if price <= 0:  # the average was rounded too coarsely to take apart
            price = average_price
        return Step(added, price, fee)

    def book_exact(self, fill: Fill) -> None:
        if self.knows(fill):
            return
        self.fills[fill.fill_id] = fill
        match fill.kind:
            case FillKind.FILL:
                self.exact = self.exact.plus(fill.quantity, fill.price, fill.fee)
            case FillKind.REVERSAL:
                self.adjustment -= fill.quantity
            case FillKind.CORRECTION:
                self.adjustment += fill.quantity

    def book_provisional(self, step: Step) -> None:
        self.reported = self._known.plus(step.quantity, step.price, step.fee)

    @property
    def _known(self) -> Totals:
        return self.reported if self.reported.quantity > self.exact.quantity else self.exact
