"""Coinbase's public REST calls: time, products, books, trades, candles."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from adapters.simulator.coinbase import encode
from adapters.simulator.coinbase.calls import Call, NotFound
from adapters.simulator.coinbase.decode import InvalidArgument
from adapters.simulator.engine.market import ProductMarket
from adapters.simulator.engine.tape import MINUTE_NS
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.numbers import divide

GRANULARITIES = {  # name -> minutes
    "ONE_MINUTE": 1,
    "FIVE_MINUTE": 5,
    "FIFTEEN_MINUTE": 15,
    "THIRTY_MINUTE": 30,
    "ONE_HOUR": 60,
    "TWO_HOUR": 120,
    "SIX_HOUR": 360,
    "ONE_DAY": 1440,
}
MOST_CANDLES = 350


def get_time(call: Call) -> dict[str, Any]:
    return {
        "iso": encode.rfc3339(call.asked_ns),
        "epochSeconds": str(call.asked_ns // SECOND_NS),
        "epochMillis": str(call.asked_ns // 1_000_000),
    }


def list_products(call: Call) -> dict[str, Any]:
    wanted = call.values("product_ids")
    products = [
        product
        for market in call.exchange.market.products.values()
        for product in (encode.product(market, call.now_ns), encode.alias_of(market, call.now_ns))
        if not wanted or product["product_id"] in wanted
    ]
    if call.value("product_type", "SPOT") not in ("SPOT", "UNKNOWN_PRODUCT_TYPE"):
        products = []
    offset = call.number("offset", default=0, most=2**31)
    limit = call.number("limit", default=250, most=1000)
    return {"products": products[offset : offset + limit], "num_products": len(products)}


def get_product(call: Call) -> dict[str, Any]:
    market = _market(call, call.name)
    is_alias = encode.canonical(call.name) != call.name
    return (encode.alias_of if is_alias else encode.product)(market, call.now_ns)


def get_product_book(call: Call) -> dict[str, Any]:
    market = _market(call, call.value("product_id"))
    bid, ask = market.book.best(Side.BUY), market.book.best(Side.SELL)
    reply = {
        "pricebook": encode.pricebook(market, call.number("limit", default=0, most=1000)),
        "last": str(market.tape.last_price),
    }
    if bid and ask:
        mid = divide(bid.price + ask.price, Decimal(2))
        spread = ask.price - bid.price
        reply["mid_market"] = f"{mid:f}"
        reply["spread_bps"] = f"{divide(spread, mid) * 10_000:.12f}"
        reply["spread_absolute"] = f"{spread:f}"
    return reply


def get_best_bid_ask(call: Call) -> dict[str, Any]:
    wanted = call.values("product_ids")
    return {
        "pricebooks": [
            encode.pricebook(market, 1)
            for name, market in call.exchange.market.products.items()
            if not wanted or name in wanted
        ]
    }


def list_trades(call: Call) -> dict[str, Any]:
    market = _market(call, call.name)
    start_ns = call.number("start", default=0, most=2**40) * SECOND_NS
    end_ns = call.number("end", default=2**40, most=2**40) * SECOND_NS
    limit = call.number("limit", default=100, most=1000)
    prints = [one for one in reversed(market.tape.prints) if start_ns <= one.time_ns <= end_ns]
    return {
        "trades": [encode.rest_trade(market, one) for one in prints[:limit]],
        "best_bid": encode.price_of(market.book.best(Side.BUY)),
        "best_ask": encode.price_of(market.book.best(Side.SELL)),
    }


def list_candles(call: Call) -> dict[str, Any]:
    granularity = call.value("granularity")
    if granularity not in GRANULARITIES:
        raise InvalidArgument(f"granularity must be one of {', '.join(GRANULARITIES)}")
    interval_ns = GRANULARITIES[granularity] * MINUTE_NS
    start_ns = call.number("start", default=0, most=2**40) * SECOND_NS
    end_ns = call.number("end", default=call.now_ns // SECOND_NS, most=2**40) * SECOND_NS
    limit = call.number("limit", default=MOST_CANDLES, most=2**31)
    if limit > MOST_CANDLES or (end_ns - start_ns > MOST_CANDLES * interval_ns and start_ns):
        raise InvalidArgument(f"number of candles requested should be less than {MOST_CANDLES}")
    bars = _market(call, call.name).tape.bars(interval_ns, start_ns, end_ns)
    return {"candles": [encode.candle(bar) for bar in reversed(bars)][:limit]}


def _market(call: Call, product_id: str) -> ProductMarket:
    market = call.exchange.market.products.get(encode.canonical(product_id))
    if market is None:
        raise NotFound(f"product {product_id!r} not found")
    return market
