"""Hyperliquid's frames in one line each."""

from __future__ import annotations

import json
from typing import Any

TIME_MS = 1_775_572_200_000
TIME_NS = TIME_MS * 1_000_000


def at(seconds: float) -> int:
    """Milliseconds, that many seconds after TIME_MS."""
    return TIME_MS + int(seconds * 1000)


def frame(channel: str, data: Any) -> bytes:
    return json.dumps({"channel": channel, "data": data}).encode()


def level(price: str, size: str = "1.0") -> dict[str, Any]:
    return {"px": price, "sz": size, "n": 1}


def book(
    bids: tuple[str, ...] = ("99.0", "98.0"),
    asks: tuple[str, ...] = ("101.0", "102.0"),
    coin: str = "BTC",
    time: int = TIME_MS,
    **changes: Any,
) -> bytes:
    levels = [list(map(level, bids)), list(map(level, asks))]
    return frame("l2Book", {"coin": coin, "time": time, "levels": levels, **changes})


def touch(bid: str | None = "99.0", ask: str | None = "101.0", coin: str = "BTC", time: int = TIME_MS) -> bytes:
    sides = [None if price is None else level(price) for price in (bid, ask)]
    return frame("bbo", {"coin": coin, "time": time, "bbo": sides})


def trade(tid: Any, price: str = "100.0", time: int = TIME_MS, **changes: Any) -> dict[str, Any]:
    row = {
        "coin": "BTC",
        "side": "B",
        "px": price,
        "sz": "0.5",
        "hash": "0x" + "0" * 64,
        "time": time,
        "tid": tid,
        "users": ["0x" + "1" * 40, "0x" + "2" * 40],
    }
    return {**row, **changes}


def trades(*rows: dict[str, Any]) -> bytes:
    return frame("trades", rows)


def context(coin: str = "BTC", **changes: Any) -> bytes:
    row = {
        "funding": "-0.0000015186",
        "openInterest": "27353.17682",
        "prevDayPx": "76317.0",
        "dayNtlVlm": "1516669192.1953897476",
        "premium": "-0.0005927453",
        "oraclePx": "77605.0",
        "markPx": "77562.0",
        "midPx": "77558.5",
        "impactPxs": ["77558.0", "77559.0"],
        "dayBaseVlm": "19707.77457",
    }
    return frame("activeAssetCtx", {"coin": coin, "ctx": {**row, **changes}})


def candle(coin: str = "BTC", **changes: Any) -> bytes:
    row = {
        "t": TIME_MS,
        "T": TIME_MS + 59_999,
        "s": coin,
        "i": "1m",
        "o": "100.0",
        "h": "103.0",
        "l": "99.0",
        "c": "102.0",
        "v": "12.5",
        "n": 7,
    }
    return frame("candle", {**row, **changes})


def mids(**prices: str) -> bytes:
    return frame("allMids", {"mids": prices})


def confirmed(channel: str, coin: str = "BTC", method: str = "subscribe") -> bytes:
    subscription = {"type": channel, "coin": coin, "nSigFigs": None, "mantissa": None, "fast": False}
    return frame("subscriptionResponse", {"method": method, "subscription": subscription})


PONG = b'{"channel":"pong"}'
