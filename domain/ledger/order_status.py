"""How an order stands, and where each event of the journal moves it: the one answer for every projection."""

from __future__ import annotations

from domain.messages.base import Event
from domain.messages.journal import (
    OrderClosed,
    OrderFilled,
    OrderFilledProvisionally,
    OrderReopened,
    OrderUpdate,
)
from domain.messages.orders import (
    FINAL,
    OrderAccepted,
    OrderStatus,
    OrderUnconfirmed,
)
from domain.messages.replacements import OrderReplaced

SUBMITTED, UNCONFIRMED, OPEN = OrderStatus.SUBMITTED, OrderStatus.UNCONFIRMED, OrderStatus.OPEN
PARTIALLY_FILLED, FILLED = OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED

# Besides these, OrderClosed moves every status of the table to the final one that it names, and OrderReopened back.
NEXT_STATUS: dict[OrderStatus, dict[type[Event], OrderStatus]] = {
    SUBMITTED: {
        OrderUnconfirmed: UNCONFIRMED,
        OrderAccepted: OPEN,
        OrderReplaced: OPEN,
        OrderFilled: PARTIALLY_FILLED,
        OrderFilledProvisionally: PARTIALLY_FILLED,
    },
    # A fill proves that it was accepted, which is journaled before, but not that the rest is in place now.
    UNCONFIRMED: {OrderAccepted: OPEN, OrderReplaced: OPEN},
    OPEN: {
        OrderUnconfirmed: UNCONFIRMED,  # it should be at the venue, and isn't shown there
        OrderFilled: PARTIALLY_FILLED,
        OrderFilledProvisionally: PARTIALLY_FILLED,
    },
    PARTIALLY_FILLED: {OrderUnconfirmed: UNCONFIRMED},
}  # the rest are final; OrderNotFound has no entry because it may be a stale read


def next_status(status: OrderStatus, event: OrderUpdate) -> OrderStatus:
    """Return where an event moves an order: the one answer for every projection of the journal."""
    if isinstance(event, OrderClosed):
        return status if status in FINAL else event.status
    if isinstance(event, OrderReopened):
        return PARTIALLY_FILLED if event.filled_quantity else OPEN
    return NEXT_STATUS.get(status, {}).get(type(event), status)


UNPROVEN = (SUBMITTED, UNCONFIRMED)  # the venue has not yet said that it has it, or shows it no more
ABSENT = "absent"  # how evidence begins when nobody refused: the venue just doesn't show the order
