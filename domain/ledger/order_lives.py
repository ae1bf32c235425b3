"""The orders of ours that are remembered, each with its whole life: the router's side of `live_orders.py`."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from domain.ledger.order import OrderLifecycle
from domain.ledger.plans import Plan
from domain.messages.journal import OrderClosed, OrderReopened, OrderSubmitted, OrderUpdate
from domain.numbers import ZERO


@dataclass
class OrderLives:
    """Folds what happens to orders; when one may be forgotten is the ledger's to say."""

    plans: dict[str, Plan] = field(default_factory=dict)  # intent_id ->
    orders: dict[str, OrderLifecycle] = field(default_factory=dict)  # client_order_id ->
    by_id: dict[str, OrderLifecycle] = field(default_factory=dict)  # those that are not final
    fills: int = 0  # how often what an order has filled has changed

    def begin(self, event: OrderSubmitted) -> None:
        order = OrderLifecycle(event)
        self.orders[order.id] = self.by_id[order.id] = order
        self.plans[order.order.intent_id].attempts.append(order)

    def apply(self, event: OrderUpdate, filled: Decimal = ZERO) -> None:
        order = self.orders.get(event.client_order_id)
        if order is None:
            return  # ended so long ago that nothing else is kept of it
        before = order.filled_quantity
        order.apply(event)
        self.fills += order.filled_quantity != before
        if isinstance(event, OrderClosed):
            self.by_id.pop(order.id, None)
        elif isinstance(event, OrderReopened):
            self.by_id[order.id] = order

    def finished_plan(self, intent_id: str) -> Plan | None:
        return self.plans.get(intent_id)
