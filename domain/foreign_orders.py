"""Live orders at the venues that are not ours: what they may add to the account's exposure, and take of its cash.

They are seen, counted and left alone (MONEY.md 2). A resting sale on a spot market adds nothing: its coins are
counted as a balance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from domain.cash_flows import spot_currencies
from domain.instrument import InstrumentKind, Side
from domain.marks import Marks
from domain.numbers import ZERO
from domain.system_messages import ExternalOrder, ExternalOrdersSeen


class ForeignOrders:
    """The newest word about each venue; after a restart it is told again."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._orders: dict[str, tuple[ExternalOrder, ...]] = {}  # venue ->

    def hear(self, event: ExternalOrdersSeen) -> None:
        self._orders[event.venue] = event.orders

    def exposure(self) -> dict[str, Decimal]:
        """Return by base asset the notional that they may add."""
        added: dict[str, Decimal] = defaultdict(Decimal)
        for venue, order in self._all():
            base, is_spot = self._base(venue, order.instrument)
            if order.side is Side.BUY or not is_spot:
                added[base] += self._notional(venue, order)
        return dict(added)

    def cash(self, venue: str, currency: str) -> Decimal:
        """Return what their purchases hold of a venue's cash, fees left out."""
        return sum(
            (
                self._notional(venue, order)
                for where, order in self._all()
                if where == venue
                and order.side is Side.BUY
                and (spot_currencies(order.instrument) or ("", ""))[1] == currency
            ),
            ZERO,
        )

    def _all(self) -> Iterator[tuple[str, ExternalOrder]]:
        for venue, orders in self._orders.items():
            for order in orders:
                yield venue, order

    def _base(self, venue: str, name: str) -> tuple[str, bool]:
        """Return the asset that an instrument is about, and whether it is a spot pair."""
        instrument = self._marks.instrument(venue, name)
        if instrument is not None:
            return instrument.base, instrument.kind is InstrumentKind.SPOT
        return name.partition("-")[0], spot_currencies(name) is not None

    def _notional(self, venue: str, order: ExternalOrder) -> Decimal:
        price = order.limit_price or self._marks.price(venue, order.instrument) or ZERO
        return (order.leaves_quantity or ZERO) * price
