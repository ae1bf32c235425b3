"""What an order asks of its venue: its terms now, and those that it may have once a change is through.

Folded alike by whoever follows orders. Refuses to know what a venue's word proves.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace

from domain.ledger.executions import FIRST
from domain.messages.journal import OrderFilled, OrderFilledProvisionally, OrderUpdate
from domain.messages.orders import SubmitOrder
from domain.messages.replacements import ModifyRejected, ModifyRequested, OrderReplaced


@dataclass
class Asked:
    """The terms of one order. Quantities count what has filled."""

    order: SubmitOrder  # as the venue has it, by its newest proven word
    pending: ModifyRequested | None = None  # a change of which nobody knows whether it is through
    wanted: Decimal | None = None  # by the newest change; None: as it was submitted
    newest: str = FIRST  # its name at the venue, once that was changed

    @property
    def wanted_quantity(self) -> Decimal:
        """Return how much we wanted at most: what fills above it is too much."""
        return self.order.quantity if self.wanted is None else self.wanted

    @property
    def most_quantity(self) -> Decimal:
        """Return what it may come to, whatever becomes of a pending change."""
        return max(self.order.quantity, self.pending.quantity) if self.pending else self.order.quantity

    @property
    def least_quantity(self) -> Decimal:
        """Return what it surely is for, whatever becomes of a pending change."""
        return min(self.order.quantity, self.pending.quantity) if self.pending else self.order.quantity

    def prices(self) -> tuple[Decimal, ...]:
        """Return the limits at which it may rest."""
        return (self.order.limit_price, self.pending.limit_price) if self.pending else (self.order.limit_price,)

    def is_newest(self, venue_order_id: str) -> bool:
        """Tell whether what fills under a name takes of what still rests."""
        return self.newest in (FIRST, venue_order_id)

    def apply(self, event: OrderUpdate) -> None:
        match event:
            case ModifyRequested():
                self.pending = event
            case ModifyRejected():
                self.pending = None
            case OrderReplaced():
                self.wanted = event.quantity if self.pending is None else self.pending.quantity
                self.order = replace(
                    self.order, quantity=event.quantity, limit_price=event.limit_price, stop_price=event.stop_price
                )
                self.pending = None
                if event.is_renamed:
                    self.newest = event.venue_order_id

    def filled(self, event: OrderFilled | OrderFilledProvisionally, quantity: Decimal) -> None:
        """Keep what still rests as it is where an older name has filled more: its size was never part of that."""
        name = event.fill.venue_order_id if isinstance(event, OrderFilled) else event.venue_order_id
        if quantity and not self.is_newest(name):
            self.order = replace(self.order, quantity=self.order.quantity + quantity)
