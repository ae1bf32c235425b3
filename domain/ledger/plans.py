"""One journaled intent: what it may still trade, and the attempts made for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from domain.instrument import InstrumentId
from domain.ledger.order import OrderLifecycle
from domain.messages.orders import OrderIntent, OrderStatus
from domain.numbers import ZERO


@dataclass
class Plan:
    """Begun by IntentAccepted, over with IntentDone.

    `attempts` are there where their lives are followed: by the router. An account alone knows what they have filled.
    """

    intent: OrderIntent  # as it was decided
    leaves_quantity: Decimal
    worst_price: Decimal  # the dearest price of a purchase so far
    venue: str  # where it is now: cash and limits are taken there
    attempts: list[OrderLifecycle] = field(default_factory=list)
    is_done: bool = False
    was_done: bool = False  # an order was found live after we recorded its end: only that one's end is awaited

    @property
    def key(self) -> InstrumentId:
        return InstrumentId(self.venue, self.intent.instrument)

    @property
    def filled_quantity(self) -> Decimal:
        """Return what has filled of the intent, in base units."""
        return sum((order.filled_quantity for order in self.attempts), ZERO)

    @property
    def unfilled_tries(self) -> int:
        """Return how many attempts reached the market and found too little: one that was refused never did."""
        over = (order for order in self.attempts if order.is_final or order.is_set_aside)
        return sum(order.status is not OrderStatus.REJECTED for order in over)

    @property
    def live_attempt(self) -> OrderLifecycle | None:
        """Return the attempt that may still trade; there is never a second one."""
        return next((order for order in self.attempts if not (order.is_final or order.is_set_aside)), None)


def plan_of(intent: OrderIntent) -> Plan:
    """Return the plan that an accepted intent begins."""
    return Plan(intent, intent.quantity, intent.limit_price or intent.reference_price, intent.venue)
