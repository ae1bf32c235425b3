"""Coinbase frames in one line each."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

TIME = "2026-04-07T14:30:00Z"
TIME_NS = 1_775_572_200_000_000_000


def at(seconds: float) -> str:
    """RFC3339, that many seconds after TIME."""
    when = datetime.fromtimestamp(TIME_NS // 10**9, UTC) + timedelta(seconds=seconds)
    return f"{when:%Y-%m-%dT%H:%M:%S.%f}Z"


def frame(channel: str, sequence: int, *events: dict[str, Any], timestamp: str = TIME) -> bytes:
    envelope = {"channel": channel, "timestamp": timestamp, "sequence_num": sequence}
    return json.dumps({**envelope, "events": events}).encode()


def heartbeat(sequence: int) -> bytes:
    beat = {"current_time": "2026-04-07 14:30:10.000000000+00:00", "heartbeat_counter": 42}
    return frame("heartbeats", sequence, beat)


def book_event(
    *levels: tuple[str, str, str], kind: str = "update", product: str = "BTC-USD", time: str = TIME
) -> dict[str, Any]:
    updates = [
        {"side": side, "event_time": time, "price_level": price, "new_quantity": quantity}
        for side, price, quantity in levels
    ]
    return {"type": kind, "product_id": product, "updates": updates}


def snapshot(sequence: int, product: str = "BTC-USD", time: str = TIME) -> bytes:
    levels = (("bid", "99", "1"), ("bid", "98", "2"), ("offer", "101", "1"), ("offer", "102", "2"))
    return frame("l2_data", sequence, book_event(*levels, kind="snapshot", product=product, time=time))


def update(sequence: int, *levels: tuple[str, str, str], time: str = TIME) -> bytes:
    return frame("l2_data", sequence, book_event(*levels, time=time))


def ticker(sequence: int, bid: str = "99", ask: str = "101", timestamp: str = TIME, **changes) -> bytes:
    row = {
        "type": "ticker",
        "product_id": "BTC-USD",
        "price": "100",
        "best_bid": bid,
        "best_bid_quantity": "1",
        "best_ask": ask,
        "best_ask_quantity": "1",
    }
    event = {"type": "update", "tickers": [{**row, **changes}]}
    return frame("ticker", sequence, event, timestamp=timestamp)


def trade(trade_id: str, price: str = "100", time: str = TIME, **changes) -> dict[str, str]:
    row = {
        "trade_id": trade_id,
        "product_id": "BTC-USD",
        "price": price,
        "size": "0.5",
        "side": "BUY",
        "time": time,
    }
    return {**row, **changes}


def trades(sequence: int, *rows: dict[str, str], kind: str = "update") -> bytes:
    return frame("market_trades", sequence, {"type": kind, "trades": rows})


def order_row(**changes) -> dict[str, str]:
    row = {
        "order_id": "venue-1",
        "client_order_id": "ours-1",
        "product_id": "BTC-USD",
        "order_side": "BUY",
        "order_type": "Limit",
        "status": "OPEN",
        "cumulative_quantity": "0",
        "leaves_quantity": "1",
        "avg_price": "0",
        "total_fees": "0",
        "cancel_reason": "",
        "reject_reason": "",
    }
    return {**row, **changes}


def orders(sequence: int, *rows: dict[str, str], kind: str = "update") -> bytes:
    return frame("user", sequence, {"type": kind, "orders": rows})
