"""One journaled intent: what it may still trade, and the attempts made for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from domain.instrument import InstrumentId, Side
from domain.ledger.order import OrderLifecycle
from domain.ledger.terms import Terms
from domain.ledger.wallet import Wallet
from domain.messages.orders import OrderIntent, OrderStatus, Purpose
from domain.numbers import ZERO


@dataclass
class PlanLeg:
    """One part of a plan: where it is, and what is reserved for it there.

    `attempts` are there where their lives are followed: by the router. An account alone knows what they have filled.
    """

    venue: str  # where it is now: cash and limits are taken there
    leaves_quantity: Decimal  # base units
    worst_price: Decimal  # the dearest so far, quote currency
    attempts: list[OrderLifecycle] = field(default_factory=list)


@dataclass
class Plan:
    """Begun by IntentAccepted, over with IntentDone. It has one leg, until an intent is split over venues."""

    intent: OrderIntent  # as it was decided
    legs: list[PlanLeg]
    is_done: bool = False
    was_done: bool = False  # an order was found live after we recorded its end: only that one's end is awaited

    @property
    def leg(self) -> PlanLeg:
        return self.legs[0]

    @property
    def key(self) -> InstrumentId:
        return InstrumentId(self.leg.venue, self.intent.instrument)

    @property
    def leaves_quantity(self) -> Decimal:
        return sum((leg.leaves_quantity for leg in self.legs), ZERO)

    @property
    def notional(self) -> Decimal:
        """Return what it may still trade at the dearest, in quote currency (of one contract's size)."""
        return sum((leg.leaves_quantity * leg.worst_price for leg in self.legs), ZERO)

    @property
    def attempts(self) -> list[OrderLifecycle]:
        """Return the orders that were sent for it, oldest first within each leg."""
        return self.leg.attempts if len(self.legs) == 1 else [order for leg in self.legs for order in leg.attempts]

    def route(self, venue: str, worst_price: Decimal) -> InstrumentId | None:
        """Take it to a venue, at that price at worst; return where it was before, if that is somewhere else."""
        before = self.key
        self.leg.venue, self.leg.worst_price = venue, max(self.leg.worst_price, worst_price)
        return before if self.key != before else None

    def takes_cash(self, terms: Terms, wallet: Wallet) -> bool:
        """Tell whether it may take of that money: a purchase of coins, and an opening on either side of a perpetual."""
        takes = self.intent.purpose is Purpose.OPEN if terms.is_perpetual else self.intent.side is Side.BUY
        return takes and terms.cash(self.leg.venue) == wallet

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
    return Plan(intent, [PlanLeg(intent.venue, intent.quantity, intent.limit_price or intent.reference_price)])
