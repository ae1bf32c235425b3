"""One websocket connection to the simulated Coinbase, without the socket: texts in, frames out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from adapters.simulator.coinbase import encode
from adapters.simulator.coinbase.auth import KeyRing, Unauthorized
from adapters.simulator.coinbase.channels import CHANNELS, Channel
from adapters.simulator.engine.exchange import Exchange
from adapters.simulator.faults import PRIVATE_STREAM
from adapters.simulator.front import Session
from adapters.simulator.wire import Frame
from domain.instant import SECOND_NS
from domain.numbers import plain

FIRST_SUBSCRIBE_NS = 5 * SECOND_NS
IDLE_NS = 75 * SECOND_NS  # production takes 60 to 90 s, and never tires of a connection with heartbeats
TOO_LATE = 1008  # close code; which one production sends is unknown
MISCOUNT = 1000  # how far a wrong sequence number is out of line
CROSSED_AT = Decimal("1.01")  # times the highest price that a frame tells
PRIVATE_CHANNELS = ("user", "heartbeats")


class Subscription(Struct):
    """What a client sends."""

    type: str
    channel: str
    product_ids: list[str] = []
    jwt: str = ""


_decode = msgspec.json.Decoder(Subscription).decode


class StreamSession(Session):
    """One `sequence_num` counts all frames of the connection that have one, acknowledgements included."""

    def __init__(self, exchange: Exchange, keys: KeyRing, place: str, now_ns: int) -> None:
        super().__init__()
        self.place = place
        self._exchange = exchange
        self._keys = keys
        self._allowed = PRIVATE_CHANNELS if place == PRIVATE_STREAM else tuple(CHANNELS)
        self._opened_ns = now_ns
        self._spoke_ns = now_ns
        self._channels: dict[str, Channel] = {}  # name -> subscription
        self._was_subscribed = False
        self._sequence = 0
        self._outbox: list[Frame] = []

    def receive(self, text: str | bytes, now_ns: int) -> None:
        try:
            message = _decode(text)
        except (msgspec.DecodeError, RecursionError):
            self._complain("failed to parse message")
            return
        if message.type not in ("subscribe", "unsubscribe"):
            self._complain("unknown message type")
        elif message.channel not in self._allowed or not self._may(message, now_ns):
            self._complain("authentication failure")  # also what an unknown channel is told
        elif unknown := set(_canonical(message)) - set(self._exchange.market.products):
            self._complain(f"{min(unknown)} is not a valid product")
        else:
            self._subscribe(message, now_ns)

    def poll(self, now_ns: int) -> list[Frame]:
        if not self._was_subscribed and now_ns - self._opened_ns >= FIRST_SUBSCRIBE_NS:
            self.close_code = TOO_LATE
        for channel in self._channels.values():
            if not self.is_stalled(channel.name, now_ns):
                for events in channel.poll(now_ns):
                    self._send(channel.name, channel.frame_name, events, now_ns)
        frames, self._outbox = self._outbox, []
        if frames or "heartbeats" in self._channels:
            self._spoke_ns = now_ns
        elif now_ns - self._spoke_ns >= IDLE_NS:
            self.close_code = TOO_LATE
        return frames

    def renumbered(self, frame: Frame) -> Frame | None:
        message = msgspec.json.decode(frame.data)
        if "sequence_num" not in message:
            return None
        message["sequence_num"] += MISCOUNT
        return frame._replace(data=msgspec.json.encode(message))

    def crossed(self, frame: Frame) -> Frame | None:
        message = msgspec.json.decode(frame.data)
        for event in message.get("events", ()):
            if crossing := _cross(event):
                event |= crossing
                return frame._replace(data=msgspec.json.encode(message))
        return None

    def _may(self, message: Subscription, now_ns: int) -> bool:
        if not CHANNELS[message.channel].needs_key:
            return True
        try:
            self._keys.verify(message.jwt, now_ns / SECOND_NS)
        except Unauthorized:
            return False
        return True

    def _subscribe(self, message: Subscription, now_ns: int) -> None:
        channel = self._channels.get(message.channel)
        products = _canonical(message)
        if message.type == "subscribe":
            self._was_subscribed = True
            if channel is None:
                channel = CHANNELS[message.channel](self._exchange, now_ns)
                self._channels[message.channel] = channel
            channel.add(products or list(self._exchange.market.products))
        elif channel is not None:
            channel.remove(products)
            if not products or not channel.products:
                del self._channels[message.channel]
        current = {name: list(one.products) for name, one in self._channels.items()}
        self._send("", "subscriptions", [{"subscriptions": current}], now_ns)

    def _send(self, channel: str, frame_name: str, events: list[dict[str, Any]], now_ns: int) -> None:
        envelope = {
            "channel": frame_name,
            "client_id": "",
            "timestamp": encode.rfc3339(now_ns, digits=9),
            "sequence_num": self._sequence,
            "events": events,
        }
        self._sequence += 1
        self._outbox.append(Frame(msgspec.json.encode(envelope), channel))

    def _complain(self, text: str) -> None:
        self._outbox.append(Frame(msgspec.json.encode({"type": "error", "message": text})))


def _canonical(message: Subscription) -> list[str]:
    """Return the products a client means; what they send arrives under these names."""
    return [encode.canonical(product_id) for product_id in message.product_ids]


def _cross(event: dict[str, Any]) -> dict[str, Any] | None:
    """Return what makes the book or ticker in an event a crossed one; None when it holds neither."""
    tickers, updates = event.get("tickers"), event.get("updates")
    if tickers and tickers[0].get("best_ask"):
        first = tickers[0] | {"best_bid": _above(tickers[0]["best_ask"])}
        return {"tickers": [first, *tickers[1:]]}
    if updates:
        prices = [Decimal(row["price_level"]) for row in updates]
        bid = updates[0] | {"side": "bid", "price_level": _above(max(prices)), "new_quantity": "1"}
        return {"updates": [*updates, bid]}
    return None


def _above(price: str | Decimal) -> str:
    """Return a price so far up that it is above everything that anybody asks."""
    return plain(Decimal(price) * CROSSED_AT)
