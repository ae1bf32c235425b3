"""A Coinbase on loopback for `tick_to_order`: it streams prices with ids, and stamps the orders that they trigger.

    python -m scripts.bench.tick_server

prints its port. Told "go SECONDS" on standard input, it sends 200 frames a second and then prints one JSON object: when
the frame that closes a candle was written, by the id of the order that it must lead to, and when each order was there.

On one candle in twelve the strategy buys; on the others it has no opinion, for its averages are equal. That often, and
no more, for each purchase fills whole, and so does the bracket that protects it, at its target: who holds something
opens nothing, and a position is asked to be protected no more than twice a second.

Book changes and prints are stamped on a grid that is
true to within the server's own lateness, which it tells. A stamp of ours is taken before the write and after the read,
in this process; tokens are kept, and looked at when the round is over.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import json
import re
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from adapters.simulator.coinbase.encode import rfc3339
from domain.instant import SECOND_NS
from scripts.bench.feed_server import frame
from scripts.bench.tick_account import Account, Answer, Order
from scripts.bench.tick_work import CANDLE_NS, INSTRUMENT, ORDERS_PATH, order_id_of

FRAMES_PER_S = 200

_EVERY_NS = SECOND_NS // FRAMES_PER_S
_PER_CANDLE = CANDLE_NS // _EVERY_NS
_PRINT_AT = _PER_CANDLE // 2  # of the frames of a candle, this one is a print
_CANDLES_PER_ORDER = 12
_LEAP = 6_00  # in the one print of that candle. From rest, averages of 3 and 5 then rise by a half and a third of it;
_FALL = -1_00  # a sixth below where they were, they meet a sixth above,
_STEP = 1_00  # and rest there: about where the touch has come to by itself
_FIRST_ASK = 68_900_00  # cents
_SPREAD = 1_00
_FAR = 500_00  # from the touch to the levels that never change
_HEARTBEAT_S = 1.0
_FILLS_AFTER_S = 0.003  # from the answer to a create
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_LENGTH = re.compile(rb"(?i)content-length:\s*(\d+)")
_KEY = re.compile(rb"(?i)sec-websocket-key:\s*(\S+)")
_TOKEN = re.compile(rb"(?i)authorization:\s*bearer\s+(\S+)")


def price(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def calls_for_order(candle: int) -> bool:
    """Tell whether the strategy buys on the candle with this number, counted from the first."""
    return candle > 0 and candle % _CANDLES_PER_ORDER == 0


def print_price(candle: int) -> int:
    """Return at how many cents the one print of a candle is."""
    cycle, place = divmod(candle, _CANDLES_PER_ORDER)
    if not cycle or place > 1:
        return _FIRST_ASK + cycle * _STEP
    return _FIRST_ASK + (cycle - 1) * _STEP + (_FALL if place else _LEAP)


class Market:
    """One product whose touch rises by a cent with each change, and the frames that say so."""

    def __init__(self) -> None:
        self.ask = _FIRST_ASK
        self._trade_id = 0

    def tell(self, number: int, at: str) -> tuple[str, dict[str, Any]]:
        """Return channel and event of the frame with this number: a change of the book, or the one print of a candle."""
        if number % _PER_CANDLE == _PRINT_AT:
            return "market_trades", self._print(at, print_price(number // _PER_CANDLE))
        return "l2_data", self._change(at)

    def snapshot(self, at: str) -> dict[str, Any]:
        near = [("bid", self.ask - _SPREAD, "1.5"), ("offer", self.ask, "0.5")]
        bids = [("bid", _FIRST_ASK - _SPREAD - _FAR - step, "2") for step in range(60)]
        asks = [("offer", 2 * _FIRST_ASK + step, "2") for step in range(60)]
        return self._book("snapshot", [*near, *bids, *asks], at)

    def ticker(self) -> dict[str, Any]:
        row = {"product_id": INSTRUMENT, "best_bid": price(self.ask - _SPREAD), "best_bid_quantity": "1.5"}
        return {"type": "snapshot", "tickers": [{**row, "best_ask": price(self.ask), "best_ask_quantity": "0.5"}]}

    def _change(self, at: str) -> dict[str, Any]:
        """Move both sides of the touch up."""
        old, self.ask = self.ask, self.ask + 1
        rows = [("offer", old, "0"), ("offer", self.ask, "0.50000000")]
        rows += [("bid", old - _SPREAD, "0"), ("bid", self.ask - _SPREAD, "1.50000000")]
        return self._book("update", rows, at)

    def _print(self, at: str, cents: int) -> dict[str, Any]:
        """Tell of a purchase."""
        self._trade_id += 1
        trade = {"trade_id": str(self._trade_id), "product_id": INSTRUMENT, "price": price(cents)}
        return {"type": "update", "trades": [{**trade, "size": "0.01", "side": "BUY", "time": at}]}

    def _book(self, kind: str, rows: Sequence[tuple[str, int, str]], at: str) -> dict[str, Any]:
        names = ("side", "price_level", "new_quantity", "event_time")
        updates = [dict(zip(names, (side, price(cents), quantity, at), strict=True)) for side, cents, quantity in rows]
        return {"type": kind, "product_id": INSTRUMENT, "updates": updates}


class Venue:
    """What all connections share: the market, who listens, and what was stamped."""

    def __init__(self, later: Callable[[float, Callable[[Order], None], Order], object] = lambda *_: None) -> None:
        """Args:
        later: calls after so many seconds; without it, orders fill when they are told to.
        """
        self._later = later
        self.market = Market()
        self.listener: Connection | None = None  # who gets the frames
        self.owner: Connection | None = None  # who hears what becomes of orders
        self.account = Account(self.told)
        self.sent: dict[str, int] = {}  # id of the order that must follow -> CLOCK_MONOTONIC of the write
        self.arrivals: list[tuple[str, int, str]] = []  # id, CLOCK_MONOTONIC of the read, token
        self.late_ns: list[int] = []  # by how much each frame was behind its grid

    async def go(self, seconds: float) -> dict[str, Any]:
        """Stream for so long, and return all stamps."""
        gc.collect()
        gc.freeze()
        gc.disable()
        cpu, began = time.process_time(), time.monotonic()
        # The grid begins with a candle, a moment from now.
        lead_ns = CANDLE_NS - time.time_ns() % CANDLE_NS + CANDLE_NS
        first_ts, first_ns = time.time_ns() + lead_ns, time.monotonic_ns() + lead_ns
        first_ts -= first_ts % CANDLE_NS
        loop = asyncio.get_running_loop()
        to_loop_s = loop.time() - time.monotonic_ns() / SECOND_NS
        for number in range(round(seconds * FRAMES_PER_S)):
            due_ns = first_ns + number * _EVERY_NS
            ahead_s = (due_ns - time.monotonic_ns()) / SECOND_NS
            if ahead_s > 0:
                due = asyncio.Event()
                loop.call_at(due_ns / SECOND_NS + to_loop_s, due.set)
                await due.wait()
            self._send(number, first_ts + number * _EVERY_NS, due_ns)
        return {
            "frames": len(self.late_ns),
            "late_us": [round(late / 1e3) for late in self.late_ns],
            "cpu_ratio": round((time.process_time() - cpu) / (time.monotonic() - began), 3),
            "sent": self.sent,
            "arrivals": self.arrivals,
        }

    def _send(self, number: int, ts_event: int, due_ns: int) -> None:
        if self.listener is None:
            return
        told = self.listener.framed(*self.market.tell(number, rfc3339(ts_event)), ts_event)
        now_ns = time.monotonic_ns()
        if number % _PER_CANDLE == 0 and calls_for_order(
            number // _PER_CANDLE - 1
        ):  # its first quote closes the one before
            self.sent[order_id_of(ts_event - CANDLE_NS)] = now_ns
        self.listener.write(told)
        self.late_ns.append(now_ns - due_ns)

    def take(self, body: bytes, token: str, read_ns: int) -> Answer:
        """Accept an order; it fills a moment later."""
        order, answer = self.account.create(body)
        if order.asked.side == "BUY":  # what protects it answers no frame
            self.arrivals.append((order.asked.client_order_id, read_ns, token))
        if order.is_open:
            self._later(_FILLS_AFTER_S, self.fill, order)
        return answer

    def fill(self, order: Order) -> None:
        self.account.fill(order, Decimal(price(self.market.ask)))

    def told(self, order: Order) -> None:
        """Tell how an order stands."""
        if self.owner is not None:
            self.owner.say("user", {"type": "update", "orders": [order.streamed()]})


class Connection(asyncio.Protocol):
    """One client: requests over HTTP, or a websocket after an upgrade."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._unread = b""
        self._is_stream = False
        self._number = 0  # of the next message
        self._channels: list[str] = []

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, error: Exception | None) -> None:
        if self._venue.listener is self:
            self._venue.listener = None
        if self._venue.owner is self:
            self._venue.owner = None

    def data_received(self, data: bytes) -> None:
        read_ns = time.monotonic_ns()
        self._unread += data
        while self._take_message() if self._is_stream else self._take_request(read_ns):
            pass

    # ---- the stream ----------------------------------------------------------------------------------------

    def framed(self, channel: str, event: dict[str, Any], ts_event: int) -> bytes:
        """Return the next message of this connection."""
        head = {"channel": channel, "client_id": "", "timestamp": rfc3339(ts_event), "sequence_num": self._number}
        self._number += 1
        return frame(compact({**head, "events": [event]}))

    def say(self, channel: str, event: dict[str, Any]) -> None:
        self.write(self.framed(channel, event, time.time_ns()))

    def write(self, data: bytes) -> None:
        self._transport.write(data)

    def _take_message(self) -> bool:
        length, start = self._unread[1] & 127 if len(self._unread) >= 8 else 0, 2
        if length == 126:
            length, start = int.from_bytes(self._unread[2:4], "big"), 4
        if not length or len(self._unread) < start + 4 + length:
            return False
        mask, body = self._unread[start : start + 4], self._unread[start + 4 : start + 4 + length]
        kind, self._unread = self._unread[0] & 15, self._unread[start + 4 + length :]
        if kind == 8:
            self._transport.close()
            return False
        if kind == 1:
            self.subscribe(json.loads(bytes(byte ^ mask[index & 3] for index, byte in enumerate(body))))
        return True

    def subscribe(self, asked: dict[str, Any]) -> None:
        channel, at = asked["channel"], rfc3339(time.time_ns())
        self._channels.append(channel)
        self.say("subscriptions", {"subscriptions": {name: [INSTRUMENT] for name in self._channels}})
        match channel:
            case "heartbeats":
                self._beat()
            case "level2":
                self._venue.listener = self
                self.say("l2_data", self._venue.market.snapshot(at))
            case "ticker":
                self.say(channel, self._venue.market.ticker())
            case "market_trades":
                self.say(channel, {"type": "snapshot", "trades": []})
            case "status":
                self.say(channel, {"type": "snapshot", "products": [{"id": INSTRUMENT, "status": "online"}]})
            case "user":
                self._venue.owner = self
                orders = [order.streamed() for order in self._venue.account.open_orders]
                self.say(channel, {"type": "snapshot", "orders": orders})

    def _beat(self) -> None:
        if not self._transport.is_closing():
            self.say("heartbeats", {"current_time": "", "heartbeat_counter": self._number})
            asyncio.get_running_loop().call_later(_HEARTBEAT_S, self._beat)

    # ---- requests ------------------------------------------------------------------------------------------

    def _take_request(self, read_ns: int) -> bool:
        head, ending, rest = self._unread.partition(b"\r\n\r\n")
        found = _LENGTH.search(head)
        length = int(found[1]) if found else 0
        if not ending or len(rest) < length:
            return False
        self._unread = rest[length:]
        key = _KEY.search(head)
        if key:
            accept = base64.b64encode(hashlib.sha1(key[1] + _GUID).digest())
            self.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            self._is_stream = True
            return True
        method, target = head.decode("latin-1").split(" ", 2)[:2]
        asked = urlsplit(target)
        if (method, asked.path) == ("POST", ORDERS_PATH):
            token = _TOKEN.search(head)
            self._answer(*self._venue.take(rest[:length], token[1].decode() if token else "", read_ns))
        else:
            self._answer(*self._venue.account.answer(method, asked.path, parse_qs(asked.query), rest[:length]))
        return True

    def _answer(self, status: int, answer: dict[str, Any]) -> None:
        body = compact(answer)
        line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        self.write(f"{line}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    venue = Venue(loop.call_later)
    server = await loop.create_server(lambda: Connection(venue), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while order := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await venue.go(float(order.split()[1]))), flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):  # Ctrl-C reaches the whole bench
        asyncio.run(serve())
