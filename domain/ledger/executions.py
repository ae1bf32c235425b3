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

FIRST = ""  # the part of an order under its first names at the venue


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
    venue_order_id: str = FIRST  # the part that it is of


@dataclass
class Part:
    """What has filled under one name of the order at the venue; its totals begin at nothing with each new one."""

    exact: Totals = Totals()  # of kind FILL
    reported: Totals = Totals()  # what provisional steps have claimed

    @property
    def known(self) -> Totals:
        """Return the greater of both."""
        return self.reported if self.reported.quantity > self.exact.quantity else self.exact


@dataclass
class Executions:
    """The fills of one order, exact and provisional."""

    fills: dict[str, Fill] = field(default_factory=dict)  # fill_id -> exact execution
    adjustment: Decimal = ZERO  # corrections minus reversals
    parts: dict[str, Part] = field(default_factory=lambda: {FIRST: Part()})  # the newest last

    @property
    def filled_quantity(self) -> Decimal:
        """Return what has filled so far, in base units; provisional fills count."""
        return sum((part.known.quantity for part in self.parts.values()), self.adjustment)

    @property
    def provisional_quantity(self) -> Decimal:
        """Return what still waits for exact fills."""
        lacking = (part.reported.quantity - part.exact.quantity for part in self.parts.values())
        return sum((max(ZERO, it) for it in lacking), ZERO)

    @property
    def exact_fees(self) -> Decimal:
        """Return what is known to have been paid for fills of kind FILL."""
        return sum((part.exact.fees for part in self.parts.values()), ZERO)

    def knows(self, fill: Fill) -> bool:
        return fill.fill_id in self.fills

    def begin_part(self, venue_order_id: str) -> None:
        """Count from nothing what fills under a new name."""
        self.parts.setdefault(venue_order_id, Part())

    def part_of(self, venue_order_id: str) -> str:
        """Return the key of the part that a name belongs to; names before the first new one are one part."""
        return venue_order_id if venue_order_id in self.parts else FIRST

    def step_to(
        self,
        quantity: Decimal | None,
        average_price: Decimal | None,
        fees: Decimal | None,
        price_unsaid: Decimal,
        venue_order_id: str = FIRST,
    ) -> Step | None:
        """Return what a venue's totals add to what is known; None when they add nothing (or are old).

        Args:
            price_unsaid: at which to book where the venue does not say: the exact fills correct it.
            venue_order_id: under which name the venue counts.
        """
        part = self.part_of(venue_order_id)
        known = self.parts[part].known
        if quantity is None or quantity <= known.quantity:
            return None
        added = quantity - known.quantity
        fee = ZERO if fees is None else fees - known.fees
        if not average_price:  # nothing trades at zero: it was not said, either
            return Step(added, price_unsaid, fee, True, part)
        price = divide(quantity * average_price - known.value, added)
        if price <= 0:  # the average was rounded too coarsely to take apart
            price = average_price
        return Step(added, price, fee, venue_order_id=part)

    def book_exact(self, fill: Fill) -> None:
        if self.knows(fill):
            return
        self.fills[fill.fill_id] = fill
        match fill.kind:
            case FillKind.FILL:
                part = self.parts[self.part_of(fill.venue_order_id)]
                part.exact = part.exact.plus(fill.quantity, fill.price, fill.fee)
            case FillKind.REVERSAL:
                self.adjustment -= fill.quantity
            case FillKind.CORRECTION:
                self.adjustment += fill.quantity

    def book_provisional(self, step: Step) -> None:
        part = self.parts[self.part_of(step.venue_order_id)]
        part.reported = part.known.plus(step.quantity, step.price, step.fee)

    def filled_with(self, fill: Fill) -> Decimal:
        """Return what will have filled once a new fill of kind FILL is booked."""
        part = self.parts[self.part_of(fill.venue_order_id)]
        grown = max(part.exact.quantity + fill.quantity, part.reported.quantity)
        return self.filled_quantity - part.known.quantity + grown
