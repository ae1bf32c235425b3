"""The toy venue's private stream: exact fills, what orders have come to, and the venue's clock.

Frames are numbered. They are our own events as JSON, for there is no wire; only numbers, order and silence can be wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import msgspec
from msgspec import Struct

from adapters.simulator.engine.perpetual_exchange import PerpetualExchange
from adapters.simulator.faults import PRIVATE_STREAM
from adapters.simulator.front import Session
from adapters.simulator.wire import Frame
from domain.instant import SECOND_NS, Instant
from domain.messages.account import FundingReported
from domain.messages.base import Event
from domain.messages.market import DecodeFailed, HeartbeatSeen, LateFrame, StreamGap, StreamWhole
from domain.messages.orders import Fill, FillsReported, OrderReported, VenueClockSeen
from domain.messages.positions import FundingPayment
from domain.settings import VenueSettings
from domain.streams.channel_watch import Channel, ChannelWatch
from domain.streams.sequence import SequenceCheck, SequenceVerdict
from domain.streams.venue_time import VenueTime
from tests.toy.rows import VENUE, fill_row, funding_row, is_asked_for, order_row

ACCOUNT, CLOCK = "account", "clock"
CLOCK_EVERY_NS = SECOND_NS


class Told(Struct):
    """One frame."""

    number: int
    at_ns: int  # UTC, by the venue's clock
    orders: tuple[OrderReported, ...] = ()
    fills: tuple[Fill, ...] = ()
    funding: tuple[FundingPayment, ...] = ()
    is_snapshot: bool = False  # of the orders that are live; fills of before are told by nobody


_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(Told).decode


class ToySession(Session):
    """One connection. What an order has come to may be told before or after its fills."""

    place = PRIVATE_STREAM

    def __init__(self, exchange: PerpetualExchange) -> None:
        super().__init__()
        self._exchange = exchange
        self._revised, self._filled = len(exchange.revisions), len(exchange.fills)
        self._paid = len(exchange.funding)
        self._number = 0
        self._beat_ns = 0
        self._has_signed_in = False
        self._has_told_all = False
        self._random = Random(exchange.now_ns)

    def receive(self, text: str | bytes, now_ns: int) -> None:
        self._has_signed_in = True

    def poll(self, now_ns: int) -> list[Frame]:
        if not self._has_signed_in:
            return []
        frames: list[Frame] = []
        if not self._has_told_all:
            self._has_told_all = True
            live = [each for each in self._exchange.live_orders() if is_asked_for(each)]
            rows = tuple(order_row(each, now_ns) for each in live)
            frames.append(self._frame(now_ns, orders=rows, is_snapshot=True))
        if not self.is_stalled(ACCOUNT, now_ns):
            frames += self._changes(now_ns)
        if now_ns >= self._beat_ns + CLOCK_EVERY_NS and not self.is_stalled(CLOCK, now_ns):
            self._beat_ns = now_ns
            frames.append(self._frame(now_ns, channel=CLOCK))
        return frames

    def _changes(self, now_ns: int) -> list[Frame]:
        exchange = self._exchange
        revised, self._revised = exchange.revisions[self._revised :], len(exchange.revisions)
        filled, self._filled = exchange.fills[self._filled :], len(exchange.fills)
        paid, self._paid = exchange.funding[self._paid :], len(exchange.funding)
        orders = [exchange.orders[each] for each in dict.fromkeys(revised)]
        told = {
            "orders": tuple(order_row(each, now_ns) for each in orders if is_asked_for(each)),
            "fills": tuple(fill_row(each) for each in filled),
            "funding": tuple(funding_row(each) for each in paid),
        }
        parts = [{name: rows} for name, rows in told.items() if rows]
        if self._random.random() < 0.5:
            parts.reverse()
        return [self._frame(now_ns, **each) for each in parts]

    def _frame(self, now_ns: int, channel: str = ACCOUNT, **told) -> Frame:
        self._number += 1
        return Frame(_encode(Told(number=self._number, at_ns=now_ns, **told)), channel)


class ToyStream:
    """The `StreamCodec` of the private stream."""

    def __init__(self, settings: VenueSettings) -> None:
        self.url = settings.private_stream_url
        self.watch = ChannelWatch(
            (Channel(CLOCK, settings.heartbeat_timeout_s, proves_life=True), Channel(ACCOUNT)),
        )
        self._sequence = SequenceCheck(first=1)
        self._is_whole = False

    def follow(self, time: VenueTime) -> None:
        """Every stamp here is the venue's own, to the nanosecond: nothing is held against our clock."""

    def hello(self, now: Instant) -> tuple[str, ...]:
        self._sequence.restart()
        self._is_whole = False
        return ("sign in",)

    def tick(self, now: Instant) -> tuple[str, ...]:
        return ()

    def decode(self, frame: bytes, read_ns: int, now: Instant) -> Sequence[Event]:
        try:
            told = _decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            at = {"ts_event": now.utc_ns, "venue": VENUE}
            return [DecodeFailed(**at, category="parse", reason=str(error), raw=frame[:256])]
        about = {"ts_event": told.at_ns, "venue": VENUE}
        expected, verdict = self._sequence.expected, self._sequence.arrive(told.number)
        if verdict is SequenceVerdict.LATE:
            return [LateFrame(**about, number=told.number)]
        events: list[Event] = []
        if verdict is SequenceVerdict.AFTER_GAP:
            self._is_whole = False
            events.append(StreamGap(**about, expected=expected, got=told.number))
        is_account = bool(told.is_snapshot or told.orders or told.fills or told.funding)
        self.watch.heard(ACCOUNT if is_account else CLOCK, read_ns)
        events.append(VenueClockSeen(**about, utc_ns=told.at_ns, told_ns=read_ns))
        events += told.orders
        if told.fills:
            events.append(FillsReported(**about, fills=told.fills))
        if told.funding:
            events.append(FundingReported(**about, payments=told.funding))
        if told.is_snapshot and not self._is_whole:
            self._is_whole = True
            events.append(StreamWhole(**about))
        if not is_account:
            events.append(HeartbeatSeen(**about, read_ns=read_ns))
        return events
