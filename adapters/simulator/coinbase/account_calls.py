"""Coinbase's private REST calls: accounts, orders, fills, fees, permissions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any
from uuid import uuid5

from adapters.simulator.coinbase import encode
from adapters.simulator.coinbase.calls import Call, NotFound, page
from adapters.simulator.coinbase.decode import (
    CreateOrder,
    InvalidArgument,
    decode_create,
    decode_order,
)
from adapters.simulator.coinbase.refusals import NotTaken, in_words
from adapters.simulator.engine.refusals import Refused
from adapters.simulator.engine.venue_order import Fill, NewOrder, VenueOrder, VenueStatus
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.numbers import ZERO, divide, plain

MOST_CANCELS = 100
MOST_ORDERS = 1000
NO_TIME_NS = 2**63


def list_accounts(call: Call) -> dict[str, Any]:
    currencies = _currencies(call)
    start = call.number("cursor", default=0, most=len(currencies))
    end = start + call.number("limit", default=49, most=250)
    accounts = [encode.account(call.shown, currency) for currency in currencies[start:end]]
    has_next = end < len(currencies)
    return {
        "accounts": accounts,
        "has_next": has_next,
        "cursor": str(end) if has_next else "",
        "size": len(accounts),
    }


def get_account(call: Call) -> dict[str, Any]:
    for currency in _currencies(call):
        if encode.account_uuid(currency) == call.name:
            return {"account": encode.account(call.shown, currency)}
    raise NotFound(f"account {call.name!r} not found")


def create_order(call: Call) -> dict[str, Any]:
    """Answer 200 also when the venue refuses: `success` decides."""
    create = decode_create(call.body)
    if not create.client_order_id:
        raise InvalidArgument("client_order_id is required")
    try:
        order = _submit(call, decode_order(create))
    except (Refused, NotTaken) as refusal:
        return _refused(create, in_words(refusal))
    return {
        "success": True,
        "success_response": {
            "order_id": order.order_id,
            "product_id": order.asked.product_id,
            "side": order.asked.side.value,
            "client_order_id": order.asked.client_order_id,
        },
        "order_configuration": order.asked.configuration,
    }


def submit_late(call: Call, due_ns: int) -> None:
    """Let the order arrive at `due_ns`; whether it is accepted, nobody hears."""
    create = decode_create(call.body)
    with suppress(NotTaken):
        call.exchange.submit_later(decode_order(create), due_ns)


def preview_order(call: Call) -> dict[str, Any]:
    create = decode_create(call.body)
    errors: list[str] = []
    base_size = notional = ZERO
    market = call.exchange.market.products.get(create.product_id)
    try:
        asked = decode_order(create)
        call.exchange.check(asked)
    except (Refused, NotTaken) as refusal:
        errors.append(in_words(refusal).preview_reason)
    else:
        base_size, notional = _estimate(call, asked)
    commission = notional * call.exchange.taker_fee_ratio
    sign = -1 if create.side == Side.SELL else 1
    return {
        "order_total": plain(notional + sign * commission),
        "commission_total": plain(commission),
        "errs": errors,
        "warning": [],
        "quote_size": plain(notional),
        "base_size": plain(base_size),
        "best_bid": encode.price_of(market.book.best(Side.BUY)) if market else "",
        "best_ask": encode.price_of(market.book.best(Side.SELL)) if market else "",
        "is_max": False,
        "slippage": "0",
        "preview_id": str(uuid5(encode.ACCOUNT_NAMESPACE, f"preview:{call.now_ns}")),
    }


def cancel_orders(call: Call) -> dict[str, Any]:
    order_ids = call.json().get("order_ids")
    if not isinstance(order_ids, list) or not all(isinstance(one, str) for one in order_ids):
        raise InvalidArgument("order_ids must be a list of strings")
    if len(order_ids) > MOST_CANCELS:
        raise InvalidArgument(f"Too many orderIDs entered, limit is {MOST_CANCELS}")
    return {"results": [_cancel(call, order_id) for order_id in order_ids]}


def get_order(call: Call) -> dict[str, Any]:
    order = call.shown.visible_order(call.name, call.now_ns)
    if order is None:
        raise NotFound(f"order with this orderID was not found: {call.name!r}")
    return {"order": encode.rest_order(call.shown, order)}


def list_orders(call: Call) -> dict[str, Any]:
    start_ns, end_ns = call.time("start_date", 0), call.time("end_date", NO_TIME_NS)
    filters: dict[str, Callable[[VenueOrder], str]] = {
        "order_ids": lambda order: order.order_id,
        "product_ids": lambda order: order.asked.product_id,
        "order_status": lambda order: order.status.value,
        "order_side": lambda order: order.asked.side.value,
        "order_types": lambda order: order.asked.order_type.value,
        "time_in_forces": lambda order: encode.TIMES_IN_FORCE[order.asked.time_in_force],
    }
    active = [(wanted, read) for key, read in filters.items() if (wanted := call.values(key))]
    orders = [
        order
        for order in call.shown.visible_orders(call.now_ns)
        if start_ns <= order.created_ns < end_ns and all(read(order) in wanted for wanted, read in active)
    ]
    limit = call.number("limit", default=100, most=MOST_ORDERS)
    given, cursor = page(call, orders, lambda order: order.number, limit)
    return {
        "orders": [encode.rest_order(call.shown, order) for order in given],
        "sequence": "0",
        "has_next": bool(cursor),
        "cursor": cursor,
    }


def list_fills(call: Call) -> dict[str, Any]:
    start_ns = call.time("start_sequence_timestamp", 0)
    end_ns = call.time("end_sequence_timestamp", NO_TIME_NS)
    filters: dict[str, Callable[[Fill], str]] = {
        "order_ids": lambda fill: fill.order.order_id,
        "trade_ids": lambda fill: fill.trade_id,
        "product_ids": lambda fill: fill.order.asked.product_id,
    }
    active = [(wanted, read) for key, read in filters.items() if (wanted := call.values(key))]
    fills = [
        fill
        for fill in call.shown.fills
        if start_ns <= fill.time_ns < end_ns and all(read(fill) in wanted for wanted, read in active)
    ]
    given, cursor = page(call, fills, lambda fill: fill.number, call.number("limit", default=100, most=MOST_ORDERS))
    return {"fills": [encode.fill(fill) for fill in given], "cursor": cursor}


def get_transaction_summary(call: Call) -> dict[str, Any]:
    exchange = call.exchange
    return {  # totals are JSON numbers here, unlike everywhere else
        "total_volume": float(sum((fill.price * fill.quantity for fill in exchange.fills), ZERO)),
        "total_fees": float(sum(exchange.ledger.fees_paid.values(), ZERO)),
        "fee_tier": {
            "pricing_tier": "Intro 1",
            "usd_from": "0",
            "usd_to": "10000",
            "taker_fee_rate": plain(exchange.taker_fee_ratio),
            "maker_fee_rate": plain(exchange.maker_fee_ratio),
        },
    }


def get_key_permissions(call: Call) -> dict[str, Any]:
    return {
        "can_view": True,
        "can_trade": call.can_trade,
        "can_transfer": False,
        "portfolio_uuid": encode.PORTFOLIO_ID,
        "portfolio_type": "DEFAULT",
    }


def list_portfolios(call: Call) -> dict[str, Any]:
    portfolio = {"name": "Default", "uuid": encode.PORTFOLIO_ID, "type": "DEFAULT", "deleted": False}
    return {"portfolios": [portfolio]}


def _submit(call: Call, asked: NewOrder) -> VenueOrder:
    if call.fault is None:
        return call.exchange.submit(asked, call.now_ns)
    if call.fault.kind == "fail":
        return call.exchange.submit_and_fail(asked, call.now_ns)
    if call.fault.kind == "hold":
        return call.exchange.submit(asked, call.now_ns, int(call.fault.seconds * SECOND_NS))
    raise NotTaken("ORDER_ENTRY_DISABLED", message="injected")


def _refused(create: CreateOrder, refusal: NotTaken) -> dict[str, Any]:
    return {
        "success": False,
        "error_response": {
            "error": refusal.reason,
            "message": str(refusal),
            "error_details": "",
            "preview_failure_reason": refusal.preview_reason,
            "new_order_failure_reason": refusal.reason,
        },
        "order_configuration": create.order_configuration,
    }


def _cancel(call: Call, order_id: str) -> dict[str, Any]:
    if call.fault is not None:
        reason = "COMMANDER_REJECTED_CANCEL_ORDER"
    elif call.exchange.cancel(order_id, call.now_ns):
        return {"success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON", "order_id": order_id}
    else:
        reason = "UNKNOWN_CANCEL_ORDER"
        order = call.exchange.orders.get(order_id)
        if order is not None and order.status is VenueStatus.FILLED:
            reason = "ORDER_IS_FULLY_FILLED"
    return {"success": False, "failure_reason": reason, "order_id": order_id}


def _estimate(call: Call, asked: NewOrder) -> tuple[Decimal, Decimal]:
    """Return the base size and notional an order would have at its limit, or at the touch."""
    market = call.exchange.market.products[asked.product_id]
    price = asked.limit_price or market.book.best_price(asked.side.opposite) or market.tape.last_price
    if asked.quote_size is None:
        base_size = asked.size
    else:
        spendable = divide(asked.quote_size, 1 + call.exchange.taker_fee_ratio)
        base_size = market.instrument.round_quantity(divide(spendable, price))
    return base_size, base_size * price


def _currencies(call: Call) -> list[str]:
    bases = {market.instrument.base for market in call.exchange.market.products.values()}
    return sorted(bases | set(call.exchange.ledger.totals))
