"""One websocket connection to the simulated Coinbase, without the socket: texts in, frames out."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from adapters.simulator import coinbase_encode as encode
from adapters.simulator.coinbase_auth import KeyRing, Unauthorized
from adapters.simulator.coinbase_channels import CHANNELS, Channel
from adapters.simulator.exchange import Exchange
from adapters.simulator.faults import Fault, FaultPlan
from domain.settings import SECOND_NS

FIRST_SUBSCRIBE_NS = 5 * SECOND_NS
TOO_LATE = 1008  # close code; which one production sends is unknown
DROPPED = 1006  # no close frame at all: the connection just ends
PRIVATE_CHANNELS = ("user", "heartbeats")


class Subscription(Struct):
    """What a client sends."""

    type: str
    channel: str
    product_ids: list[str] = []
    jwt: str = ""


_decode = msgspec.json.Decoder(Subscription).decode


class StreamSession:
    """`close_code` is None while the venue keeps the connection; 1006 = it ends without a close frame.

    One `sequence_num` counts all frames of the connection that have one, acknowledgements included.
    """

    def __init__(
        self, exchange: Exchange, keys: KeyRing, faults: FaultPlan, is_private: bool, now_ns: int
    ) -> None:
        self.close_code: int | None = None
        self._exchange = exchange
        self._keys = keys
        self._faults = faults
        self._place = "private_stream" if is_private else "market_stream"
        self._allowed = PRIVATE_CHANNELS if is_private else tuple(CHANNELS)
        self._opened_ns = now_ns
        self._channels: dict[str, Channel] = {}  # name -> subscription
        self._was_subscribed = False
        self._sequence = 0
        self._outbox: list[str] = []
        self._silent_until_ns = 0
        if faults.draw(self._place, is_connecting=True):
            self.close_code = DROPPED

    def receive(self, text: str | bytes, now_ns: int) -> None:
        """Take one message of the client; the answer comes with the next poll."""
        self._exchange.advance(now_ns)
        try:
            message = _decode(text)
        except (msgspec.DecodeError, RecursionError):
            self._complain("failed to parse message")
            return
        if message.type not in ("subscribe", "unsubscribe"):
            self._complain("unknown message type")
        elif message.channel not in self._allowed or not self._may(message, now_ns):
            self._complain("authentication failure")  # also what an unknown channel is told
        elif unknown := set(message.product_ids) - set(self._exchange.market.products):
            self._complain(f"{min(unknown)} is not a valid product")
        else:
            self._subscribe(message, now_ns)

    def poll(self, now_ns: int) -> list[str]:
        """Return the frames that are due, in order."""
        self._exchange.advance(now_ns)
        if self.close_code is not None or now_ns < self._silent_until_ns:
            return []
        if not self._was_subscribed and now_ns - self._opened_ns >= FIRST_SUBSCRIBE_NS:
            self.close_code = TOO_LATE
            return []
        for channel in self._channels.values():
            for events in channel.poll(now_ns):
                self._send(channel.frame_name, events, now_ns)
        if not self._outbox:
            return []
        fault = self._faults.draw(self._place)
        if fault is not None:
            self._spoil(fault, now_ns)
            if now_ns < self._silent_until_ns:
                return []
        frames, self._outbox = self._outbox, []
        return frames

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
        if message.type == "subscribe":
            self._was_subscribed = True
            if channel is None:
                channel = CHANNELS[message.channel](self._exchange, now_ns)
                self._channels[message.channel] = channel
            channel.add(message.product_ids or list(self._exchange.market.products))
        elif channel is not None:
            channel.remove(message.product_ids)
            if not message.product_ids or not channel.products:
                del self._channels[message.channel]
        current = {name: list(one.products) for name, one in self._channels.items()}
        self._send("subscriptions", [{"subscriptions": current}], now_ns)

    def _send(self, channel: str, events: list[dict[str, Any]], now_ns: int) -> None:
        envelope = {
            "channel": channel,
            "client_id": "",
            "timestamp": encode.rfc3339(now_ns, digits=9),
            "sequence_num": self._sequence,
            "events": events,
        }
        self._sequence += 1
        self._outbox.append(msgspec.json.encode(envelope).decode())

    def _complain(self, text: str) -> None:
        self._outbox.append(msgspec.json.encode({"type": "error", "message": text}).decode())

    def _spoil(self, fault: Fault, now_ns: int) -> None:
        first = self._outbox[0]
        match fault.kind:
            case "close":
                self.close_code = fault.code
                self._outbox.clear()
            case "silence":
                self._silent_until_ns = now_ns + int(fault.seconds * SECOND_NS)
            case "gap":
                del self._outbox[0]
            case "duplicate":
                self._outbox.insert(0, first)
            case "malformed":
                self._outbox[0] = first[: len(first) // 2]
