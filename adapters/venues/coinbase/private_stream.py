"""Coinbase's user channel as a machine over frames: what each of our orders has come to.

It carries totals, never single fills; the exact ones come from REST. Lost messages are reported as a
`StreamGap`, whose answer is a new connection: its snapshot restates every open order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from adapters.decoding.answers import OversizeAnswer, check_size
from adapters.decoding.quotes import refused
from adapters.venues.coinbase.decode import OrderTotals, decode, lost_orders
from adapters.venues.coinbase.fields import VENUE
from domain.instant import Instant
from domain.messages.account import RowsUnread
from domain.messages.base import Event
from domain.messages.market import (
    DecodeFailed,
    HeartbeatSeen,
    LateFrame,
    StreamGap,
    StreamWhole,
    VenueComplained,
)
from domain.settings import VenueSettings
from domain.streams.channel_watch import Channel, ChannelWatch
from domain.streams.frame_events import FrameHead
from domain.streams.sequence import SequenceCheck, SequenceVerdict
from domain.streams.venue_time import VenueTime

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
        self._time = VenueTime()
        # Orders may rest for days, so after the snapshot only heartbeats tell that somebody is there.
        self.watch = ChannelWatch(
            (Channel("heartbeats", settings.heartbeat_timeout_s, proves_life=True), Channel("user"))
        )
        self._has_snapshot = False
        self._is_whole = False

    def follow(self, time: VenueTime) -> None:
        self._time = time

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
        told = self._dated(self._told(frame, read_ns, now.utc_ns), frame, now)
        events: list[Event] = []
        head = told[0]
        if type(head) is FrameHead and head.number >= 0:
            expected = self._sequence.expected
            verdict = self._sequence.arrive(head.number)
            if verdict is SequenceVerdict.LATE:
                return [LateFrame(ts_event=now.utc_ns, venue=VENUE, number=head.number)]
            if verdict is SequenceVerdict.AFTER_GAP and expected is not None:
                self._has_snapshot = self._is_whole = False
                gap = StreamGap(ts_event=now.utc_ns, venue=VENUE, expected=expected, got=head.number)
                events.append(gap)
        for event in told:
            events += self._read(event, read_ns)
        return events

    def _told(self, frame: bytes, read_ns: int, utc_ns: int) -> list[Event]:
        try:
            check_size(frame)
        except OversizeAnswer as error:
            return lost_orders(frame, error, utc_ns)
        return decode(frame, read_ns, utc_ns)

    def tick(self, now: Instant) -> tuple[str, ...]:
        return ()  # nothing is due by time: an accepted subscription outlives its token

    def _dated(self, told: Sequence[Event], frame: bytes, now: Instant) -> Sequence[Event]:
        """Date a frame that claims to be from the future as of now. What it tells of orders is money, and stands."""
        if told[0].ts_event <= self._time.latest_ns(now) or told[0].ts_event == now.utc_ns:
            return told
        self._time.refused(told[0].ts_event, now)
        ts_event, redated = self._time.utc_ns(now), []
        for event in told:
            if type(event) is OrderTotals:
                event = replace(event, orders=[replace(one, ts_event=ts_event) for one in event.orders])
            redated.append(replace(event, ts_event=ts_event))
        return [*redated, refused("a frame from the future", VENUE, frame, now)]

    def _read(self, told: Event, read_ns: int) -> Sequence[Event]:
        match told:
            case OrderTotals():
                self._has_snapshot = self._has_snapshot or told.is_snapshot
                if self._has_snapshot:  # who never restates the open orders is as good as silent: connect anew
                    self.watch.heard("user", read_ns)
                is_last = not told.is_snapshot or told.rows < _SNAPSHOT_BATCH
                return [*told.orders, *(self._whole(told.ts_event) if is_last else [])]
            case HeartbeatSeen():
                self.watch.heard("heartbeats", read_ns)
                # A snapshot of exactly fifty orders has no shorter batch behind it.
                return [*self._whole(told.ts_event), told]
            case VenueComplained() | DecodeFailed() | RowsUnread():
                return [told]
        return []  # public channels, which this connection never asked for

    def _whole(self, ts_event: int) -> list[Event]:
        """Return the news, once, that every open order has been told."""
        if self._is_whole or not self._has_snapshot:
            return []
        self._is_whole = True
        return [StreamWhole(ts_event=ts_event, venue=VENUE)]
