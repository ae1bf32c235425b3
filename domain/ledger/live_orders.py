"""The attempts at venues that are not proven dead, as far as an account needs them: folded once in each process.

Where whole lives are followed, as the router does, those are the account's orders, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from domain.instrument import Side
from domain.ledger.asked import Asked
from domain.ledger.order_status import UNPROVEN, next_status
from domain.ledger.plans import Plan
from domain.messages.journal import (
    OrderClosed,
    OrderFilled,
    OrderFilledProvisionally,
    OrderReopened,
    OrderSubmitted,
    OrderUpdate,
)
from domain.messages.orders import Leg, OrderAccepted, OrderStatus, OrderUnconfirmed, SubmitOrder
from domain.numbers import ZERO


class StandingOrder(Protocol):
    """One order that may still trade."""

    @property
    def order(self) -> SubmitOrder: ...

    @property
    def status(self) -> OrderStatus: ...

    @property
    def leaves_quantity(self) -> Decimal:
        """Return what may still fill, in base units; what may have filled, of one that is set aside."""
        ...

    @property
    def sure_quantity(self) -> Decimal:
        """Return how much of that is there whatever becomes of a change that is under way."""
        ...

    @property
    def is_set_aside(self) -> bool:
        """Tell whether it trades no more, and only how much of it had filled is not proven."""
        ...

    @property
    def is_unproven(self) -> bool:
        """Tell whether the venue has not yet said that it has it; sent is not there yet."""
        ...


class StandingOrders(Protocol):
    """Whoever follows the orders."""

    @property
    def by_id(self) -> Mapping[str, StandingOrder]:
        """Return the live ones: client_order_id ->."""
        ...

    def begin(self, event: OrderSubmitted) -> None: ...

    def apply(self, event: OrderUpdate, filled: Decimal = ZERO) -> None:
        """Fold one event about an order; `filled` is what it says anew, negative where it takes a fill back."""
        ...

    def finished_plan(self, intent_id: str) -> Plan | None:
        """Return a plan that is over, if it is still known."""
        ...


@dataclass
class LiveOrder:
    """One attempt, as an account without the router's knowledge folds it."""

    asked: Asked
    filled_quantity: Decimal = ZERO
    status: OrderStatus = OrderStatus.SUBMITTED
    may_reach: Decimal | None = None  # what it counts as filled until that is proven, where it is set aside

    @property
    def order(self) -> SubmitOrder:
        """Return it as the venue has it."""
        return self.asked.order

    @property
    def leaves_quantity(self) -> Decimal:
        """Return what may still trade, in base units."""
        most = self.asked.most_quantity if self.may_reach is None else self.may_reach
        return max(ZERO, most - self.filled_quantity)

    @property
    def sure_quantity(self) -> Decimal:
        return max(ZERO, min(self.leaves_quantity, self.asked.least_quantity - self.filled_quantity))

    @property
    def is_set_aside(self) -> bool:
        return self.may_reach is not None

    @property
    def is_unproven(self) -> bool:
        return self.status in UNPROVEN


@dataclass
class LiveOrders:
    """All of them. What has ended is forgotten."""

    by_id: dict[str, LiveOrder] = field(default_factory=dict)

    def begin(self, event: OrderSubmitted) -> None:
        self.by_id[event.order.client_order_id] = LiveOrder(Asked(event.order))

    def apply(self, event: OrderUpdate, filled: Decimal = ZERO) -> None:
        if isinstance(event, OrderClosed):
            self.by_id.pop(event.client_order_id, None)
        elif isinstance(event, OrderReopened):
            order = LiveOrder(Asked(event.order), event.filled_quantity, next_status(event.was, event))
            self.by_id[event.client_order_id] = order
        elif order_known := self.by_id.get(event.client_order_id):
            order_known.filled_quantity += filled
            order_known.asked.apply(event)
            if isinstance(event, (OrderFilled, OrderFilledProvisionally)):
                order_known.asked.filled(event, filled)
            order_known.status = next_status(order_known.status, event)
            if isinstance(event, OrderAccepted):
                order_known.may_reach = None
            elif isinstance(event, OrderUnconfirmed) and event.may_have_filled is not None:
                order_known.may_reach = order_known.filled_quantity + event.may_have_filled

    def finished_plan(self, intent_id: str) -> Plan | None:
        return None


def is_cover(live: StandingOrder, side: Side) -> bool:
    """Tell whether it is a stop on that side that the venue says it has; a target stops nothing."""
    return live.order.side is side and live.order.leg is not Leg.TARGET and not live.is_unproven
