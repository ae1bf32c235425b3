"""All that really happened at a simulated venue, without lag, for tests to compare beliefs with."""

from __future__ import annotations

from collections import Counter
from typing import Any

from adapters.simulator.exchange import Exchange
from adapters.simulator.venue_order import Fill, VenueOrder
from domain.numbers import plain


def truth(exchange: Exchange, now_ns: int) -> dict[str, Any]:
    """Return the account's whole life up to `now_ns`, restarts of the venue included."""
    exchange.advance(now_ns)
    ledger = exchange.ledger
    uses = Counter(order.asked.client_order_id for order in exchange.orders.values())
    return {
        "orders": [_order(order) for order in exchange.orders.values()],
        "fills": [_fill(fill) for fill in exchange.fills],
        "balances": {
            currency: {"total": plain(total), "hold": plain(ledger.held(currency))}
            for currency, total in ledger.totals.items()
        },
        "fees": {currency: plain(fee) for currency, fee in ledger.fees_paid.items()},
        "open_orders": [order.order_id for order in exchange.live_orders()],
        "duplicate_client_order_ids": sorted(one for one, count in uses.items() if count > 1),
    }


def _order(order: VenueOrder) -> dict[str, Any]:
    asked = order.asked
    return {
        "order_id": order.order_id,
        "client_order_id": asked.client_order_id,
        "product_id": asked.product_id,
        "side": asked.side.value,
        "order_type": asked.order_type.value,
        "status": order.status.value,
        "created_ns": order.created_ns,
        "configuration": asked.configuration,
        "filled_size": plain(order.filled_size),
        "filled_value": plain(order.filled_value),
        "total_fees": plain(order.total_fees),
        "number_of_fills": order.fills,
    }


def _fill(fill: Fill) -> dict[str, Any]:
    asked = fill.order.asked
    return {
        "entry_id": fill.entry_id,
        "trade_id": fill.trade_id,
        "order_id": fill.order.order_id,
        "client_order_id": asked.client_order_id,
        "product_id": asked.product_id,
        "side": asked.side.value,
        "price": plain(fill.price),
        "size": plain(fill.quantity),
        "fee": plain(fill.fee),
        "is_maker": fill.is_maker,
        "time_ns": fill.time_ns,
    }
