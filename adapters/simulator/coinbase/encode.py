"""What the exchange core knows, in the shapes of Coinbase's REST API and streams. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid5

from adapters.simulator.coinbase.refusals import UNKNOWN
from adapters.simulator.engine.exchange import Exchange
from adapters.simulator.engine.market import ProductMarket
from adapters.simulator.engine.matching import Level
from adapters.simulator.engine.past_exchange import PastExchange
from adapters.simulator.engine.tape import Bar, Print
from adapters.simulator.engine.venue_order import Fill, VenueOrder, VenueOrderType, VenueStatus
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.messages.orders import TimeInForce
from domain.numbers import ZERO, divide, plain

ACCOUNT_NAMESPACE = UUID("0b7a2c1d-93f5-4a44-8f0e-6f2a3b1c9d55")
USER_ID = str(uuid5(ACCOUNT_NAMESPACE, "user"))
PORTFOLIO_ID = str(uuid5(ACCOUNT_NAMESPACE, "portfolio"))
SINCE = "2021-05-31T09:59:59Z"
TIMES_IN_FORCE = {
    TimeInForce.GTC: "GOOD_UNTIL_CANCELLED",
    TimeInForce.GTD: "GOOD_UNTIL_DATE_TIME",
    TimeInForce.IOC: "IMMEDIATE_OR_CANCEL",
    TimeInForce.FOK: "FILL_OR_KILL",
}
STREAM_ORDER_TYPES = {  # title case on the user channel, upper case in REST
    VenueOrderType.MARKET: "Market",
    VenueOrderType.LIMIT: "Limit",
    VenueOrderType.STOP_LIMIT: "Stop Limit",
    VenueOrderType.BRACKET: "Bracket",
}


@lru_cache(maxsize=16)
def _second(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def rfc3339(time_ns: int, digits: int = 6) -> str:
    """Return UTC text with `digits` of the fraction, cut and not rounded."""
    seconds, fraction = divmod(time_ns, SECOND_NS)
    return f"{_second(seconds)}.{fraction:09d}"[: 20 + digits] + "Z"


# ---- market data -----------------------------------------------------------------------------------------


def status(market: ProductMarket, now_ns: int) -> str:
    return "offline" if market.is_halted(now_ns) else "online"


def product(market: ProductMarket, now_ns: int) -> dict[str, Any]:
    instrument, tape = market.instrument, market.tape
    name = instrument.name
    return {
        "product_id": name,
        "price": plain(tape.last_price),
        "price_percentage_change_24h": change_percent(market),
        "volume_24h": plain(tape.volume),
        "volume_percentage_change_24h": "0",
        "base_increment": plain(instrument.lot_size),
        "quote_increment": plain(instrument.tick_size),
        "quote_min_size": plain(instrument.min_notional),
        "quote_max_size": "150000000",
        "base_min_size": plain(instrument.min_quantity),
        "base_max_size": plain(instrument.max_quantity),
        "base_name": market.listing.base_name,
        "quote_name": "US Dollar",
        "watched": False,
        "is_disabled": False,
        "new": False,
        "status": status(market, now_ns),
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "trading_disabled": market.is_halted(now_ns),
        "auction_mode": False,
        "product_type": "SPOT",
        "quote_currency_id": instrument.quote,
        "base_currency_id": instrument.base,
        "mid_market_price": "",
        "alias": "",
        "alias_to": [f"{name}C"],
        "base_display_symbol": instrument.base,
        "quote_display_symbol": instrument.quote,
        "view_only": False,
        "price_increment": plain(instrument.tick_size),
        "display_name": name,
        "product_venue": "CBE",
        "approximate_quote_24h_volume": plain(tape.volume * tape.last_price),
        "new_at": "2023-01-01T00:00:00Z",
    }


def alias_of(market: ProductMarket, now_ns: int) -> dict[str, Any]:
    """Encode the product under its other name: the same book, quoted in USDC."""
    shown = product(market, now_ns)
    name = shown["product_id"]
    other = {"product_id": f"{name}C", "display_name": f"{name}C", "alias": name, "alias_to": []}
    return shown | other | {"quote_name": "USDC", "quote_currency_id": "USDC"}


def canonical(product_id: str) -> str:
    """Return the name a product's market data goes by: USDC pairs are the USD ones in disguise."""
    return product_id[:-1] if product_id.endswith("-USDC") else product_id


def change_percent(market: ProductMarket) -> str:
    opening = market.tape.opening_price
    return f"{divide(market.tape.last_price - opening, opening) * 100:.14f}"


def levels(side: Iterable[Level], limit: int | None = None) -> list[dict[str, str]]:
    rows = [{"price": plain(level.price), "size": plain(level.quantity)} for level in side]
    return rows[:limit] if limit else rows


def pricebook(market: ProductMarket, limit: int | None = None) -> dict[str, Any]:
    return {
        "product_id": market.instrument.name,
        "bids": levels(market.book.levels(Side.BUY), limit),
        "asks": levels(market.book.levels(Side.SELL), limit),
        "time": rfc3339(market.changed_ns),
    }


def price_of(level: Level | None) -> str:
    return plain(level.price) if level else ""


def rest_trade(market: ProductMarket, one: Print) -> dict[str, str]:
    return {**stream_trade(market.instrument.name, one), "bid": "", "ask": "", "exchange": "coinbase"}


def stream_trade(product_id: str, one: Print) -> dict[str, str]:
    """Encode a print. `side` is the aggressor's: what the public taker did."""
    return {
        "trade_id": str(one.trade_id),
        "product_id": product_id,
        "price": plain(one.price),
        "size": plain(one.quantity),
        "side": one.aggressor.value,
        "time": rfc3339(one.time_ns),
    }


def candle(bar: Bar) -> dict[str, str]:
    return {
        "start": str(bar.start_ns // SECOND_NS),
        "low": plain(bar.low),
        "high": plain(bar.high),
        "open": plain(bar.open),
        "close": plain(bar.close),
        "volume": plain(bar.volume),
    }


# ---- the account -----------------------------------------------------------------------------------------


def account_uuid(currency: str) -> str:
    return str(uuid5(ACCOUNT_NAMESPACE, currency))


def account(exchange: Exchange | PastExchange, currency: str) -> dict[str, Any]:
    ledger = exchange.ledger
    return {
        "uuid": account_uuid(currency),
        "name": f"{currency} Wallet",
        "currency": currency,
        "available_balance": {"value": plain(ledger.available(currency)), "currency": currency},
        "default": currency == "USD",
        "active": True,
        "created_at": SINCE,
        "updated_at": rfc3339(exchange.now_ns),
        "deleted_at": None,
        "type": "ACCOUNT_TYPE_FIAT" if currency == "USD" else "ACCOUNT_TYPE_CRYPTO",
        "ready": True,
        "hold": {"value": plain(ledger.held(currency)), "currency": currency},
        "retail_portfolio_id": PORTFOLIO_ID,
        "platform": "ACCOUNT_PLATFORM_CONSUMER",
    }


def _average(order: VenueOrder) -> str:
    # The venue cuts averages somewhere; exact prices are in the fills.
    return plain(Decimal(f"{order.average_price:.12f}"))


def _percent_done(order: VenueOrder) -> str:
    asked = order.asked
    if asked.quote_size is not None:
        done = divide(order.filled_value + order.total_fees, asked.quote_size)
    else:
        done = divide(order.filled_size, asked.size)
    return plain(Decimal(f"{done * 100:.2f}"))


def _trigger_status(order: VenueOrder) -> str:
    if order.asked.stop_price is None:
        return "INVALID_ORDER_TYPE"
    return "STOP_TRIGGERED" if order.is_triggered else "STOP_PENDING"


def _reject_reason(order: VenueOrder) -> str:
    return UNKNOWN if order.status is VenueStatus.FAILED else ""


def _value_after_fees(order: VenueOrder) -> str:
    return plain(order.filled_value + order.asked.side.sign * order.total_fees)


def rest_order(exchange: Exchange | PastExchange, order: VenueOrder) -> dict[str, Any]:
    asked = order.asked
    return {
        "order_id": order.order_id,
        "product_id": asked.product_id,
        "user_id": USER_ID,
        "order_configuration": asked.configuration,
        "side": asked.side.value,
        "client_order_id": asked.client_order_id,
        "status": order.status.value,
        "time_in_force": TIMES_IN_FORCE[asked.time_in_force],
        "created_time": rfc3339(order.created_ns),
        "completion_percentage": _percent_done(order),
        "filled_size": plain(order.filled_size),
        "average_filled_price": _average(order),
        "fee": "",
        "number_of_fills": str(order.fills),
        "filled_value": plain(order.filled_value),
        "pending_cancel": False,
        "size_in_quote": asked.quote_size is not None,
        "total_fees": plain(order.total_fees),
        "size_inclusive_of_fees": asked.quote_size is not None,
        "total_value_after_fees": _value_after_fees(order),
        "trigger_status": _trigger_status(order),
        "order_type": asked.order_type.value,
        "reject_reason": _reject_reason(order) or "REJECT_REASON_UNSPECIFIED",
        "settled": order.status is VenueStatus.FILLED,
        "product_type": "SPOT",
        "reject_message": "",
        "cancel_message": order.cancel_message if order.status is VenueStatus.CANCELLED else "",
        "order_placement_source": "RETAIL_ADVANCED",
        "outstanding_hold_amount": plain(exchange.ledger.held_by(order.order_id)),
        "is_liquidation": False,
        "last_fill_time": None if order.last_fill_ns is None else rfc3339(order.last_fill_ns),
        "edit_history": [],
        "leverage": "",
        "margin_type": "",
        "retail_portfolio_id": PORTFOLIO_ID,
        "originating_order_id": "",
        "attached_order_id": "",
    }


def stream_order(exchange: Exchange, order: VenueOrder) -> dict[str, Any]:
    """Encode an order's totals for the user channel. Final orders have no leaves, whatever was left."""
    asked = order.asked
    return {
        "order_id": order.order_id,
        "client_order_id": asked.client_order_id,
        "cumulative_quantity": plain(order.filled_size),
        "leaves_quantity": plain(ZERO if order.is_final else order.leaves),
        "avg_price": _average(order),
        "total_fees": plain(order.total_fees),
        "status": order.status.value,
        "product_id": asked.product_id,
        "creation_time": rfc3339(order.created_ns),
        "order_side": asked.side.value,
        "order_type": STREAM_ORDER_TYPES[asked.order_type],
        "cancel_reason": order.cancel_message if order.status is VenueStatus.CANCELLED else "",
        "reject_reason": _reject_reason(order),
        "total_value_after_fees": _value_after_fees(order),
        "contract_expiry_type": "UNKNOWN_CONTRACT_EXPIRY_TYPE",
        "product_type": "SPOT",
        "risk_managed_by": "UNKNOWN_RISK_MANAGEMENT_TYPE",
        "time_in_force": TIMES_IN_FORCE[asked.time_in_force],
        "trigger_status": _trigger_status(order),
        "completion_percentage": _percent_done(order),
        "filled_value": plain(order.filled_value),
        "number_of_fills": str(order.fills),
        "outstanding_hold_amount": plain(exchange.ledger.held_by(order.order_id)),
        "limit_price": "" if asked.limit_price is None else plain(asked.limit_price),
        "stop_price": "" if asked.stop_price is None else plain(asked.stop_price),
        "post_only": str(asked.post_only).lower(),
        "retail_portfolio_id": PORTFOLIO_ID,
    }


def fill(one: Fill) -> dict[str, Any]:
    asked = one.order.asked
    return {
        "entry_id": one.entry_id,
        "trade_id": one.trade_id,
        "order_id": one.order.order_id,
        "trade_time": rfc3339(one.time_ns),
        "trade_type": "FILL",
        "price": plain(one.price),
        "size": plain(one.quantity),
        "commission": plain(one.fee),
        "product_id": asked.product_id,
        "sequence_timestamp": rfc3339(one.time_ns),
        "liquidity_indicator": "MAKER" if one.is_maker else "TAKER",
        "size_in_quote": False,
        "user_id": USER_ID,
        "side": asked.side.value,
        "retail_portfolio_id": PORTFOLIO_ID,
    }
