"""dYdX frames in one line each."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

TIME = "2026-04-07T14:30:00.000Z"
TIME_NS = 1_775_572_200_000_000_000


def at(seconds: float) -> str:
    """RFC3339, that many seconds after TIME."""
    when = datetime.fromtimestamp(TIME_NS // 10**9, UTC) + timedelta(seconds=seconds)
    return f"{when:%Y-%m-%dT%H:%M:%S.%f}Z"


def frame(kind: str, number: int, channel: str = "", what: str = "", **fields: Any) -> bytes:
    envelope = {"type": kind, "connection_id": "f1a2", "message_id": number}
    if channel:
        envelope["channel"] = channel
    if what:
        envelope["id"] = what
    return json.dumps({**envelope, **fields}).encode()


def connected(number: int = 0) -> bytes:
    return frame("connected", number)


def subscribed(number: int, channel: str, what: str = "", contents: Any = None) -> bytes:
    return frame("subscribed", number, channel, what, contents=contents)


def data(number: int, channel: str, what: str = "", contents: Any = None) -> bytes:
    return frame("channel_data", number, channel, what, version="1.0.0", contents=contents)


def batch(number: int, channel: str, what: str, *contents: Any) -> bytes:
    return frame("channel_batch_data", number, channel, what, version="1.0.0", contents=contents)


def unsubscribed(number: int, channel: str, what: str = "") -> bytes:
    return frame("unsubscribed", number, channel, what)


def error(number: int, text: str) -> bytes:
    return frame("error", number, message=text)


# ---- books ------------------------------------------------------------------------------------------------

BIDS = (("99", "1"), ("98", "2"))
ASKS = (("101", "1"), ("102", "2"))


def snapshot(number: int, what: str = "BTC-USD", bids=BIDS, asks=ASKS) -> bytes:
    sides = {"bids": bids, "asks": asks}
    contents = {side: [{"price": price, "size": size} for price, size in rows] for side, rows in sides.items()}
    return subscribed(number, "v4_orderbook", what, contents)


def change(number: int, what: str = "BTC-USD", **sides) -> bytes:
    """Return an update; `sides` are lists of (price, size), by "bids" and "asks"."""
    return data(number, "v4_orderbook", what, sides)


# ---- everything else --------------------------------------------------------------------------------------


def trade(trade_id: str, price: str = "100", time: str = TIME, **changes) -> dict[str, Any]:
    row = {"id": trade_id, "side": "BUY", "size": "0.5", "price": price, "type": "LIMIT", "createdAt": time}
    return {**row, **changes}


def trades(number: int, *rows: dict[str, Any], what: str = "BTC-USD") -> bytes:
    return data(number, "v4_trades", what, {"trades": rows})


def past_trades(number: int, *rows: dict[str, Any], what: str = "BTC-USD") -> bytes:
    return subscribed(number, "v4_trades", what, {"trades": rows})


def first_block(number: int, height: int = 100, time: str = TIME) -> bytes:
    return subscribed(number, "v4_block_height", "v4_block_height", {"height": str(height), "time": time})


def block(number: int, height: int, time: str = TIME) -> bytes:
    return data(number, "v4_block_height", "v4_block_height", {"blockHeight": str(height), "time": time})


def market(**changes) -> dict[str, Any]:
    row = {
        "clobPairId": "0",
        "ticker": "BTC-USD",
        "status": "ACTIVE",
        "oraclePrice": "100.5",
        "nextFundingRate": "0.0000125",
        "tickSize": "1",
        "stepSize": "0.0001",
        "stepBaseQuantums": 1000000,
    }
    return {**row, **changes}


def markets(number: int, **rows: dict[str, Any]) -> bytes:
    """Return a snapshot; the names are the instruments' with "_" for "-"."""
    named = {name.replace("_", "-"): row for name, row in rows.items()}
    return subscribed(number, "v4_markets", contents={"markets": named})


def candle(**changes) -> dict[str, Any]:
    row = {
        "startedAt": TIME,
        "ticker": "BTC-USD",
        "resolution": "1MIN",
        "low": "99",
        "high": "103",
        "open": "100",
        "close": "102",
        "baseTokenVolume": "12.345",
        "usdVolume": "1246.845",
        "trades": 7,
        "startingOpenInterest": "381.7",
    }
    return {**row, **changes}
