"""One websocket connection to the simulated dYdX indexer, without the socket: texts in, frames out."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from adapters.simulator.dydx.channels import CHANNELS, MOST, WITHOUT_ID, Channel
from adapters.simulator.dydx.indexer import Indexer
from adapters.simulator.front import Session
from adapters.simulator.wire import Frame, FrameKind
from domain.instant import SECOND_NS
from domain.numbers import plain

SNAPSHOT_TAKES_NS = 30_000_000  # others' updates overtake it
BATCH_NS = 250_000_000
PING_EVERY_NS = 30 * SECOND_NS
PONG_WITHIN_NS = 10 * SECOND_NS
NO_PONG = 1011  # close codes
POLICY = 1008
MOST_PER_S = 2  # of invalid messages, and of subscriptions to the same
MISCOUNT = 1000  # how far a wrong message id is out of line
CROSSED_AT = Decimal("1.01")  # times the highest price that a frame tells


class _Window:
    """Counts what happens within a second."""

    def __init__(self) -> None:
        self._times: deque[int] = deque()

    def is_exceeded(self, now_ns: int) -> bool:
        """Count once more, and tell whether that was too much."""
        while self._times and self._times[0] <= now_ns - SECOND_NS:
            self._times.popleft()
        self._times.append(now_ns)
        return len(self._times) > MOST_PER_S


class _Subscription:
    """One channel under one id, from when it was asked for."""

    def __init__(self, key: tuple[str, str], channel: Channel, is_batched: bool, number: int, now_ns: int) -> None:
        self.key = key
        self.channel = channel
        self.is_batched = is_batched
        self.number = number  # of the message that will answer it
        self.answer_due_ns = now_ns + SNAPSHOT_TAKES_NS
        self.is_answered = False
        self.batch: list[dict[str, Any]] = []
        self.batch_due_ns = 0


class DydxSession(Session):
    """One `message_id` counts all channels; a subscription's answer has the one of when it was asked for."""

    def __init__(self, indexer: Indexer, connection_id: UUID, now_ns: int) -> None:
        super().__init__()
        self._indexer = indexer
        self._connection_id = str(connection_id)
        self._subscriptions: dict[tuple[str, str], _Subscription] = {}  # (channel, id) ->
        self._attempts: dict[tuple[str, str], _Window] = {}  # (channel, id) -> how often it was asked for
        self._invalid = _Window()
        self._newest_id = 0
        self._outbox: list[Frame] = []
        self._ping_due_ns = now_ns + PING_EVERY_NS
        self._pong_due_ns: int | None = None
        self._say("connected", 0)

    def receive(self, text: str | bytes, now_ns: int) -> None:
        try:
            message = msgspec.json.decode(text, type=dict)
        except (msgspec.DecodeError, RecursionError):
            self._refuse("Invalid message: could not parse", now_ns)
            return
        match message.get("type"):
            case "subscribe":
                self._subscribe(message, now_ns)
            case "unsubscribe":
                self._unsubscribe(message, now_ns)
            case "ping":
                pass  # taken, and never answered
            case None | "":
                self._refuse("Invalid message: type is required", now_ns)
            case other:
                self._refuse(f"Invalid message type: {other}", now_ns)

    def poll(self, now_ns: int) -> list[Frame]:
        self._keep_alive(now_ns)
        for one in self._subscriptions.values():
            if not self.is_stalled(one.key[0], now_ns):
                self._follow(one, now_ns)
        frames, self._outbox = self._outbox, []
        return frames

    def pong(self, now_ns: int) -> None:
        self._pong_due_ns = None

    def renumbered(self, frame: Frame) -> Frame | None:
        message = msgspec.json.decode(frame.data)
        message["message_id"] += MISCOUNT
        return frame._replace(data=msgspec.json.encode(message))

    def crossed(self, frame: Frame) -> Frame | None:
        message = msgspec.json.decode(frame.data)
        if frame.channel != "v4_orderbook" or message["type"] not in ("channel_data", "channel_batch_data"):
            return None
        contents = message["contents"]
        first = contents[0] if isinstance(contents, list) else contents
        prices = [Decimal(price) for rows in first.values() for price, _ in rows]
        first.setdefault("bids", []).append([plain(max(prices) * CROSSED_AT), "1"])
        return frame._replace(data=msgspec.json.encode(message))

    # ---- what the client asks for ------------------------------------------------------------------------

    def _subscribe(self, message: dict[str, Any], now_ns: int) -> None:
        key = self._key(message, "subscribe", now_ns)
        if key is None:
            return
        name, what = key
        number = self._next_id()
        if self._attempts.setdefault(key, _Window()).is_exceeded(now_ns):
            # The two blanks are the venue's.
            text = f"Too many subscribe attempts for channel {name}-{what}. Please  reconnect and try again."
            self._say("error", number, message=text)
            self.close_code = POLICY
            return
        channel = CHANNELS[name](self._indexer, what)
        if channel is None:
            self._say("error", number, message=f"Invalid subscription id for channel: ({name}-{what})")
        elif key in self._subscriptions:
            text = f"Invalid subscribe message: already subscribed ({name}-{what})"
            self._say("error", number, message=text, channel=name, id=what)
        elif sum(one.key[0] == name for one in self._subscriptions.values()) >= MOST[name]:
            text = f"Per-connection subscription limit reached for {name} (limit={MOST[name]})."
            self._say("error", number, message=text)
        else:
            is_batched = message.get("batched") is True
            self._subscriptions[key] = _Subscription(key, channel, is_batched, number, now_ns)

    def _unsubscribe(self, message: dict[str, Any], now_ns: int) -> None:
        key = self._key(message, "unsubscribe", now_ns)
        if key is not None:
            self._subscriptions.pop(key, None)
            self._say("unsubscribed", self._next_id(), channel=key[0], id=key[1])

    def _key(self, message: dict[str, Any], verb: str, now_ns: int) -> tuple[str, str] | None:
        """Return which channel and id a message is about; None when it was refused."""
        name, what = message.get("channel"), message.get("id")
        if not name:
            self._refuse(f"Invalid {verb} message: channel is required", now_ns)
        elif not isinstance(name, str) or name not in CHANNELS:
            self._refuse(f"Invalid channel: {name}", now_ns)
        elif what is None and name in WITHOUT_ID:
            return name, name
        elif not isinstance(what, str):
            self._refuse(f"Invalid id: {'undefined' if what is None else what}", now_ns)
        else:
            return name, what
        return None

    def _refuse(self, text: str, now_ns: int) -> None:
        """Complain about a message that makes no sense; its number is that of the message before."""
        if self._invalid.is_exceeded(now_ns):
            text = "Too many invalid messages. Please reconnect and try again."
            self.close_code = POLICY
        self._say("error", self._newest_id, message=text)

    # ---- what the venue says -------------------------------------------------------------------------------

    def _keep_alive(self, now_ns: int) -> None:
        if self._pong_due_ns is not None and now_ns >= self._pong_due_ns:
            self.close_code = NO_PONG
        if now_ns >= self._ping_due_ns:
            self._ping_due_ns = now_ns + PING_EVERY_NS
            self._pong_due_ns = now_ns + PONG_WITHIN_NS
            self._outbox.append(Frame(b"", kind=FrameKind.PING))

    def _follow(self, one: _Subscription, now_ns: int) -> None:
        name, what = one.key
        if not one.is_answered:
            if now_ns >= one.answer_due_ns:
                one.is_answered = True
                self._tell("subscribed", one.number, name, what, contents=one.channel.snapshot(now_ns))
            return
        version = one.channel.version
        if not one.is_batched:
            for contents in one.channel.updates(now_ns):
                self._tell("channel_data", self._next_id(), name, what, version=version, contents=contents)
            return
        one.batch += one.channel.updates(now_ns)
        if one.batch and now_ns >= one.batch_due_ns:
            batch, one.batch = one.batch, []
            one.batch_due_ns = now_ns + BATCH_NS
            self._tell("channel_batch_data", self._next_id(), name, what, version=version, contents=batch)

    def _tell(self, kind: str, number: int, channel: str, what: str, **fields: Any) -> None:
        """Say something of a channel; v4_markets never names its id."""
        ids = {} if channel == "v4_markets" else {"id": what}
        self._say(kind, number, channel=channel, **ids, **fields)

    def _next_id(self) -> int:
        self._newest_id += 1
        return self._newest_id

    def _say(self, kind: str, number: int, **fields: Any) -> None:
        envelope = {"type": kind, "connection_id": self._connection_id, "message_id": number, **fields}
        self._outbox.append(Frame(msgspec.json.encode(envelope), fields.get("channel", "")))
