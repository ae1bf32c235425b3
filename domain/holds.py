"""What the venues say is held back for orders, and how much of that no order that we know of explains.

An order that nobody lists may still be seen by what it holds. Never journaled: a restart reads again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from domain.instrument import Side
from domain.marks import Marks
from domain.numbers import ZERO
from domain.order import OrderLifecycle
from domain.order_ledger import OrderLedger
from domain.order_messages import Balance, OrderReported
from domain.portfolio import currencies


@dataclass
class Reading:
    """The holds of one venue as read once. Monotonic nanoseconds."""

    began_ns: int
    held: dict[str, Decimal] = field(default_factory=dict)  # currency ->
    totals: dict[str, Decimal] = field(default_factory=dict)  # currency ->
    foreign: tuple[OrderReported, ...] = ()  # live orders there that are not ours


class Holds:
    """The newest reading of each venue."""

    def __init__(self, ledger: OrderLedger, marks: Marks) -> None:
        self._ledger = ledger
        self._marks = marks
        self._readings: dict[str, Reading] = {}  # venue ->

    def read(
        self,
        venue: str,
        balances: Iterable[Balance],
        foreign: Iterable[OrderReported],
        began_ns: int,
    ) -> None:
        reading = self._readings[venue] = Reading(began_ns, foreign=tuple(foreign))
        for balance in balances:
            reading.held[balance.currency] = reading.held.get(balance.currency, ZERO) + balance.hold
            reading.totals[balance.currency] = reading.totals.get(balance.currency, ZERO) + balance.total

    def read_ns(self, venue: str) -> int | None:
        """Return when the newest reading began."""
        reading = self._readings.get(venue)
        return reading.began_ns if reading else None

    def total(self, venue: str, currency: str) -> Decimal:
        """Return how much of a currency the newest reading showed; zero where none did."""
        reading = self._readings.get(venue)
        return reading.totals.get(currency, ZERO) if reading else ZERO

    def unexplained(self, order: OrderLifecycle) -> Decimal:
        """Return what is held, in the currency that `order` would hold, for nothing that is proven live."""
        venue, side = order.order.venue, order.order.side
        reading = self._readings.get(venue)
        if reading is None:
            return ZERO
        currency = self._currency(venue, order.order.instrument, side)
        explained = ZERO
        for report in reading.foreign:
            if report.leaves_quantity is not None:
                leaves, price = report.leaves_quantity, report.limit_price or ZERO
                explained += self._share(currency, report.instrument, report.side, venue, leaves, price)
        for other in self._ledger.live_orders(venue):
            if other is not order and not other.is_unproven:
                body = other.order
                explained += self._share(
                    currency, body.instrument, body.side, venue, other.leaves_quantity, body.limit_price
                )
        return reading.held.get(currency, ZERO) - explained

    def may_show(self, order: OrderLifecycle, before: Decimal) -> bool:
        """Tell whether more is held than `before` the order was sent, so that it may be this order's.

        What a purchase holds includes a fee that we can only guess, so less than its whole worth is noise.
        """
        risen = self.unexplained(order) - before
        if order.order.side is Side.SELL:
            return risen > 0
        return risen >= order.leaves_quantity * order.order.limit_price > 0

    def _share(
        self, currency: str, instrument: str, side: Side, venue: str, leaves: Decimal, price: Decimal
    ) -> Decimal:
        if self._currency(venue, instrument, side) != currency:
            return ZERO
        return leaves if side is Side.SELL else leaves * price

    def _currency(self, venue: str, name: str, side: Side) -> str:
        instrument = self._marks.instrument(venue, name)
        base, quote = (instrument.base, instrument.quote) if instrument else currencies(name)
        return base if side is Side.SELL else quote
