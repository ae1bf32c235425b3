"""The words of a change of a live order: asked for in one request, which may leave it under another name at the venue.

A venue that changes an order may do so by ending it and making another: its word of the first one's end may come before
that of the second's begin, and a lost answer proves neither (docs/money.md 1).
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from domain.messages.base import Command, Lane
from domain.messages.orders import OrderEvent, SubmitOrder, VenueMoment


class ModifyOrder(Command, kw_only=True):
    """OrderRouter to ExchangeGateway: let a live order of ours have another quantity and other prices."""

    usual_lane: ClassVar[Lane] = Lane.URGENT

    client_order_id: str
    venue: str
    venue_order_id: str  # the newest that the venue has told
    order: SubmitOrder  # as it shall be: `quantity` counts what has filled
    filled_quantity: Decimal  # so far as we know, under whatever name

    @property
    def remaining_quantity(self) -> Decimal:
        """Return what shall still rest, in base units: the size for a venue that makes a new order of it."""
        return self.order.quantity - self.filled_quantity


class ModifyRequested(OrderEvent, kw_only=True):
    """Journaled before it is sent: until its outcome is proven, either may be there, before and after."""

    quantity: Decimal  # what has filled included
    filled_quantity: Decimal  # known then: the new size is the difference
    limit_price: Decimal
    reason: str
    stop_price: Decimal | None = None
    accept_until: VenueMoment | None = None  # as of an order's first send


class ModifyAccepted(OrderEvent, kw_only=True):
    """The venue has changed it."""

    venue: str
    venue_order_id: str = ""  # its name from now on; empty: the venue took the request, and tells later


class ModifyRejected(OrderEvent, kw_only=True):
    """It has not been changed, nor will it be: the venue says so, or nothing was sent."""

    venue: str
    code: str


class ModifyUnconfirmed(OrderEvent, kw_only=True):
    """It may have been changed: ask."""

    venue: str
    reason: str


class OrderReplaced(OrderEvent, kw_only=True):
    """Journaled: the venue has the order with these terms, under this name."""

    venue: str
    venue_order_id: str
    quantity: Decimal  # base units: what had filled under other names, and the size under this one
    limit_price: Decimal
    stop_price: Decimal | None = None
    is_renamed: bool = True  # the venue counts what fills under this name from nothing
