"""One websocket connection to the simulated Hyperliquid, without the socket: texts in, frames out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Raw, Struct

from adapters.simulator.connection import DROPPED
from adapters.simulator.front import Session
from adapters.simulator.hyperliquid import encode
from adapters.simulator.hyperliquid.channels import CHANNELS, Channel, Wanted
from adapters.simulator.hyperliquid.info import NotUnderstood, UnknownCoin, answer
from adapters.simulator.hyperliquid.venue import Venue
from adapters.simulator.wire import Frame
from domain.instant import SECOND_NS

IDLE_NS = 60 * SECOND_NS  # a connection on which the venue said nothing for so long is closed
IDLE = 1000  # with this code; the one of production is unknown
CROSSED_AT = Decimal("1.01")  # times the best ask


class PostRequest(Struct):
    type: str
    payload: Raw


class ClientText(Struct):
    """What a client sends."""

    method: str
    subscription: Raw = Raw(b"null")
    id: int = 0
    request: PostRequest | None = None


_decode = msgspec.json.Decoder(ClientText).decode
_decode_wanted = msgspec.json.Decoder(Wanted).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class HyperliquidSession(Session):
    def __init__(self, venue: Venue, now_ns: int) -> None:
        super().__init__()
        self._venue = venue
        self._channels: dict[bytes, Channel] = {}  # echo as JSON -> subscription
        self._outbox: list[Frame] = []
        self._said_ns = now_ns

    def receive(self, text: str | bytes, now_ns: int) -> None:
        try:
            message = _decode(text)
        except _UNREADABLE as error:
            self._complain(f"Error parsing JSON into valid websocket request: {error}")
            return
        match message.method:
            case "ping":
                self._say({"channel": "pong"})
            case "subscribe" | "unsubscribe":
                self._change(message.method, message.subscription)
            case "post" if message.request is not None:
                self._answer(message.id, message.request, now_ns)
            case _:
                self._complain(f"Error parsing JSON into valid websocket request: {message.method}")

    def poll(self, now_ns: int) -> list[Frame]:
        for channel in self._channels.values():
            if not self.is_stalled(channel.name, now_ns):
                for data in channel.poll(now_ns):
                    self._say({"channel": channel.name, "data": data}, channel.name)
        frames, self._outbox = self._outbox, []
        if frames:
            self._said_ns = now_ns
        elif now_ns - self._said_ns >= IDLE_NS:
            self.close_code = IDLE
        return frames

    def crossed(self, frame: Frame) -> Frame | None:
        message = msgspec.json.decode(frame.data)
        data = message.get("data")
        match message["channel"]:
            case "l2Book" if all(data["levels"]):
                bid, ask = (side[0] for side in data["levels"])
            case "bbo" if all(data["bbo"]):
                bid, ask = data["bbo"]
            case _:
                return None
        bid["px"] = encode.text(Decimal(ask["px"]) * CROSSED_AT)
        return frame._replace(data=msgspec.json.encode(message))

    def _change(self, method: str, subscription: Raw) -> None:
        try:
            wanted = _decode_wanted(subscription)
            if wanted.type not in CHANNELS:
                raise NotUnderstood(wanted.type)
            channel = CHANNELS[wanted.type](self._venue, wanted)
        except (*_UNREADABLE, NotUnderstood):
            self._complain(f"Invalid subscription: {bytes(subscription).decode(errors='replace')}")
            return
        except UnknownCoin:  # production hangs up without a word
            self.close_code = DROPPED
            return
        key = msgspec.json.encode(channel.echo)
        if (key in self._channels) == (method == "subscribe"):
            self._complain(f"Already {method}d: {key.decode()}")
            return
        if method == "subscribe":
            self._channels[key] = channel
        else:
            del self._channels[key]
        confirmed = {"method": method, "subscription": channel.echo}
        self._say({"channel": "subscriptionResponse", "data": confirmed})

    def _answer(self, request_id: int, request: PostRequest, now_ns: int) -> None:
        response: dict[str, Any] = {"type": "error", "payload": f"422: {request.type}"}
        if request.type == "info":
            try:
                question, value = answer(self._venue, request.payload, now_ns)
                response = {"type": "info", "payload": {"type": question.type, "data": value}}
            except NotUnderstood as error:
                response["payload"] = f"422: {error}"
        self._say({"channel": "post", "data": {"id": request_id, "response": response}})

    def _complain(self, text: str) -> None:
        self._say({"channel": "error", "data": text})

    def _say(self, message: dict[str, Any], channel: str = "") -> None:
        self._outbox.append(Frame(msgspec.json.encode(message), channel))
