"""All that really happened at a simulated venue, without lag, for tests to compare beliefs with."""

from __future__ import annotations

from collections import Counter
from typing import Any

from adapters.simulator.engine.exchange import Exchange
from adapters.simulator.engine.market import Market, ProductMarket
from adapters.simulator.engine.venue_order import Fill, VenueOrder
from domain.instrument import Side
from domain.numbers import plain


def market_truth(market: Market) -> dict[str, Any]:
    """Return where each product stands, by the venue's spelling."""
    return {name: _product(product) for name, product in market.products.items()}


def account_truth(exchange: Exchange) -> dict[str, Any]:
    """Return the account's whole life until now, restarts of the venue included."""
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


def _product(product: ProductMarket) -> dict[str, Any]:
    bid, ask = product.book.best(Side.BUY), product.book.best(Side.SELL)
    return {
        "bid": plain(bid.price) if bid else None,
        "ask": plain(ask.price) if ask else None,
        "last_price": plain(product.tape.last_price),
        "last_trade_id": product.tape.last_trade_id,
        "index_price": plain(product.index_price),
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
