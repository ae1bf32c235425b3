"""What decoding one venue message costs, beside json.loads, which only makes dicts of strings of it.

    python -m scripts.bench.decode DIRECTORY [--rounds N]

DIRECTORY holds payloads as the venues send them: coinbase/ws_ticker.json, coinbase/ws_l2_data_update.json,
dydx/ws_orderbook_update.json, dydx/ws_trades_update.json, hyperliquid/ws_book_data.json. Microseconds of CPU
per message, median over interleaved rounds. "decode" is the venue's pure function, "typed" a bare msgspec
decode of the same message into structs with `Decimal` numbers, without a look at what they hold. Each message
is decoded again and again, so numbers that a venue's decoder remembers are remembered: prices repeat in life,
too, quantities less.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from adapters.venues.coinbase.decode import decode as decode_coinbase
from adapters.venues.dydx.decode import decode as decode_dydx
from adapters.venues.hyperliquid.decode import decode as decode_hyperliquid

CALLS = 2_000
Decode = Callable[[bytes], Any]


class CoinbaseTicker(msgspec.Struct):
    product_id: str
    best_bid: Decimal
    best_bid_quantity: Decimal
    best_ask: Decimal
    best_ask_quantity: Decimal


class CoinbaseTickers(msgspec.Struct):
    tickers: list[CoinbaseTicker]


class CoinbaseTickerFrame(msgspec.Struct):
    timestamp: str
    sequence_num: int
    events: list[CoinbaseTickers]


class CoinbaseLevel(msgspec.Struct):
    side: str
    event_time: str
    price_level: Decimal
    new_quantity: Decimal


class CoinbaseBook(msgspec.Struct):
    type: str
    product_id: str
    updates: list[CoinbaseLevel]


class CoinbaseBookFrame(msgspec.Struct):
    timestamp: str
    sequence_num: int
    events: list[CoinbaseBook]


class DydxBook(msgspec.Struct):
    bids: list[tuple[Decimal, Decimal]] = []
    asks: list[tuple[Decimal, Decimal]] = []


class DydxBookFrame(msgspec.Struct):
    id: str
    message_id: int
    contents: DydxBook | list[DydxBook]


class DydxTrade(msgspec.Struct):
    id: str
    side: str
    size: Decimal
    price: Decimal
    createdAt: str


class DydxTrades(msgspec.Struct):
    trades: list[DydxTrade]


class DydxTradesFrame(msgspec.Struct):
    id: str
    message_id: int
    contents: DydxTrades | list[DydxTrades]


class HyperliquidLevel(msgspec.Struct):
    px: Decimal
    sz: Decimal
    n: int


class HyperliquidBook(msgspec.Struct):
    coin: str
    time: int
    levels: tuple[list[HyperliquidLevel], list[HyperliquidLevel]]


class HyperliquidBookFrame(msgspec.Struct):
    data: HyperliquidBook


PAYLOADS: dict[str, tuple[Decode, type]] = {
    "coinbase/ws_ticker.json": (decode_coinbase, CoinbaseTickerFrame),
    "coinbase/ws_l2_data_update.json": (decode_coinbase, CoinbaseBookFrame),
    "dydx/ws_orderbook_update.json": (decode_dydx, DydxBookFrame),
    "dydx/ws_trades_update.json": (decode_dydx, DydxTradesFrame),
    "hyperliquid/ws_book_data.json": (decode_hyperliquid, HyperliquidBookFrame),
}


def cost_us(call: Decode, message: bytes) -> float:
    began = time.process_time()
    for _ in range(CALLS):
        call(message)
    return (time.process_time() - began) / CALLS * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--rounds", type=int, default=11)
    arguments = parser.parse_args()
    heads = f"{'bytes':>8}{'decode':>9}{'typed':>9}{'json.loads':>12}{'of typed':>10}{'of json':>9}"
    print(f"{'us per message':<34}{heads}")
    for name, (decode, shape) in PAYLOADS.items():
        message = _compact((arguments.directory / name).read_bytes())
        typed = _typed(shape, message)
        ways = (decode, typed, json.loads)
        rounds = [[cost_us(way, message) for way in ways] for _ in range(arguments.rounds)]
        ours, bare, loads = (median(one[index] for one in rounds) for index in range(3))
        print(
            f"{name:<34}{len(message):>8}{ours:>9.2f}{bare:>9.2f}{loads:>12.2f}{ours / bare:>10.2f}{ours / loads:>9.2f}"
        )


def _compact(payload: bytes) -> bytes:
    """Return the payload as it travels: no spaces, and in the envelope that some recordings leave off."""
    message = json.loads(payload)
    if "levels" in message:
        message = {"channel": "l2Book", "data": message}
    return json.dumps(message, separators=(",", ":")).encode()


def _typed(shape: type, message: bytes) -> Decode:
    decode: Decode = msgspec.json.Decoder(shape).decode
    decode(message)
    return decode


if __name__ == "__main__":
    main()
