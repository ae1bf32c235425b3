"""Coinbase's user channel as a machine over frames: what each of our orders has come to.

It carries totals, never single fills; the exact ones come from REST. Lost messages are reported as a
`StreamGap`, whose answer is a new connection: its snapshot restates every open order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from adapters.coinbase.decode import (
    Complaint,
    HeartbeatArrived,
    OrderSeen,
    OrdersSeen,
    Unreadable,
    WireEvent,
    decode,
)
from domain.channel_watch import Channel, ChannelWatch
from domain.effects import Instant
from domain.market_data import (
    DecodeFailed,
    HeartbeatSeen,
    StreamGap,
    StreamWhole,
    VenueComplained,
)
from domain.messages import Event
from domain.order_messages import OrderReported
from domain.sequence import Verdict, SequenceCheck
from domain.settings import VenueSettings

VENUE = "coinbase"
URL = "wss://advanced-trade-ws-user.coinbase.com"

_SNAPSHOT_BATCH = 50  # a snapshot comes in batches of this many orders; a shorter one is the last


class PrivateStream:
    """A StreamCodec for the user channel, over all products: orders of others than us count, too."""

    def __init__(self, settings: VenueSettings, sign: Callable[[int], str]) -> None:
        """Args:
        sign: UTC nanoseconds -> a fresh token for one subscription.
        """
        self.url = settings.private_stream_url or URL
        self._sign = sign
        self._sequence = SequenceCheck()
        # Orders may rest for days, so after the snapshot only heartbeats tell that somebody is there.
        self.watch = ChannelWatch(
            (Channel("heartbeats", settings.heartbeat_timeout_s, proves_life=True), Channel("user"))
        )
        self._has_snapshot = False
        self._is_whole = False

    def hello(self, now: Instant) -> tuple[str, ...]:
        self._sequence.restart()
        self._has_snapshot = self._is_whole = False
        return tuple(
            msgspec.json.encode(
                {
                    "type": "subscribe",
                    "channel": channel,
                    "product_ids": [],
                    "jwt": self._sign(now.utc_ns),
                }
            ).decode()
            for channel in ("heartbeats", "user")
        )

    def decode(self, frame: bytes, read_ns: int, now: Instant) -> Sequence[Event]:
        wire = decode(frame)
        events: list[Event] = []
        if wire.sequence_num >= 0:
            expected = self._sequence.expected
            verdict = self._sequence.arrive(wire.sequence_num)
            if verdict is Verdict.LATE:
                return events
            if verdict is Verdict.AFTER_GAP:
                self._has_snapshot = self._is_whole = False
                gap = StreamGap(ts_event=now.utc_ns, venue=VENUE, expected=expected, got=wire.sequence_num)
                events.append(gap)
        for seen in wire.events:
            events += self._read(seen, wire.ts_event or now.utc_ns, read_ns, frame)
        return events

    def tick(self, now: Instant) -> tuple[str, ...]:
        return ()  # nothing is due by time: an accepted subscription outlives its token

    def _read(self, seen: WireEvent, ts_event: int, read_ns: int, frame: bytes) -> list[Event]:
        match seen:
            case OrdersSeen():
                self.watch.heard("user", read_ns)
                events: list[Event] = [_reported(order, ts_event) for order in seen.orders]
                if seen.is_snapshot:
                    self._has_snapshot = True
                is_last = not seen.is_snapshot or seen.rows < _SNAPSHOT_BATCH
                return events + (self._whole(ts_event) if is_last else [])
            case HeartbeatArrived():
                self.watch.heard("heartbeats", read_ns)
                # A snapshot of exactly fifty orders has no shorter batch behind it.
                beat = HeartbeatSeen(ts_event=ts_event, venue=VENUE, read_ns=read_ns)
                return [*self._whole(ts_event), beat]
            case Complaint():
                return [VenueComplained(ts_event=ts_event, venue=VENUE, text=seen.text)]
            case Unreadable():
                category = seen.category
                return [DecodeFailed(ts_event=ts_event, venue=VENUE, category=category, raw=frame[:256])]
        return []  # public channels, which this connection never asked for

    def _whole(self, ts_event: int) -> list[Event]:
        """Return the news, once, that every open order has been told."""
        if self._is_whole or not self._has_snapshot:
            return []
        self._is_whole = True
        return [StreamWhole(ts_event=ts_event, venue=VENUE)]


def _reported(order: OrderSeen, ts_event: int) -> OrderReported:
    return OrderReported(
        ts_event=ts_event,
        client_order_id=order.client_order_id,
        venue=VENUE,
        venue_order_id=order.order_id,
        instrument=order.product_id,
        side=order.side,
        status=order.status,
        cumulative_quantity=order.cumulative_quantity,
        average_price=order.average_price,
        total_fees=order.total_fees,
        reason=order.reason,
    )
