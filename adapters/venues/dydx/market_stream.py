"""dYdX's public stream as a machine over frames: quotes from books, trades, oracle prices, funding, bars.

A book in doubt, or one that must be read anew, is asked for again on the same connection; only numbers that
are missing cost the connection. The books' messages have no time of their own: a quote is dated by the time
of the last block, moved on by our own clock, so that prices of an indexer that falls behind its chain show
as late.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from adapters.decoding.quotes import believable, quote, refused
from adapters.venues.dydx.book import UncrossedBook
from adapters.venues.dydx.decode import BLOCK_HEIGHT, MARKETS, ORDERBOOK, Opened, decode
from adapters.venues.dydx.heights import Heights
from adapters.venues.dydx.message_ids import MessageIds
from adapters.venues.dydx.rows import VENUE
from adapters.venues.dydx.subscriptions import Subscription, Subscriptions
from domain.instant import SECOND_NS, Instant
from domain.market.order_book import Level, Top
from domain.messages.base import Event
from domain.messages.market import (
    DecodeFailed,
    FundingRate,
    HeartbeatSeen,
    IndexPrice,
    InstrumentStatus,
    LateFrame,
    MarkPrice,
    Quote,
    StreamGap,
    StreamWhole,
    Trade,
    TradingStatus,
    VenueCandle,
    VenueComplained,
)
from domain.settings import VenueSettings
from domain.streams.channel_watch import Channel, ChannelWatch
from domain.streams.frame_events import (
    BookDelta,
    BookSnapshot,
    FrameHead,
    SubscriptionConfirmed,
    SubscriptionEnded,
)
from domain.streams.replay_filter import ReplayFilter
from domain.streams.sequence import SequenceVerdict
from domain.streams.venue_time import VenueTime
from domain.text import bounded

URL = "wss://indexer.dydx.trade/v4/ws"

DOUBTED_FOR_NS = 2 * SECOND_NS  # what the venue takes to say what became of a level, at most
ANSWERED_WITHIN_S = 5.0
_STALE_NS = SECOND_NS // 4  # so much before a channel's silence would cost the connection
_AGAIN_NS = 60 * SECOND_NS  # between two questions for what is left out
_MARKETS_QUIET_S = 60.0  # some oracle price changes with nearly every block


class _Arrival(NamedTuple):
    """One frame, and when it was read."""

    head: FrameHead
    read_ns: int
    now: Instant


class _Instrument:
    """What the stream has told about one instrument so far."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.book = UncrossedBook()
        self.book_read_ns = 0  # when the book last spoke
        self.quoted: Top | None = None  # what our last quote said
        self.was_whole = False  # so it said
        self.quoted_at = 0  # its ts_event
        self.status: TradingStatus | None = None
        self.newest_bar_ts = 0
        self.believed: Quote | None = None  # our last whole quote, unless it was withdrawn
        self.replays = ReplayFilter()


class MarketStream:
    """A MarketCodec for the public channels of the configured instruments."""

    def __init__(self, settings: VenueSettings) -> None:
        self.url = settings.market_stream_url or URL
        self._instruments = {name: _Instrument(name) for name in settings.instruments}
        self._subscriptions = Subscriptions(settings.instruments)
        silent_after_s = {
            BLOCK_HEIGHT: settings.heartbeat_timeout_s,
            ORDERBOOK: settings.book_timeout_s,
            MARKETS: _MARKETS_QUIET_S,
        }
        self.watch = ChannelWatch(
            [
                Channel(
                    one.name,
                    silent_after_s.get(one.channel, math.inf),  # nothing may be traded for hours
                    proves_life=one.channel == BLOCK_HEIGHT,
                    of=one.id.partition("/")[0],
                )
                for one in self._subscriptions.all
            ]
        )
        # A book may be quiet, too. It is asked to repeat itself before its silence counts as one.
        self._quiet_ns = int(settings.book_timeout_s * SECOND_NS / 2)
        self._message_ids = MessageIds()
        self._time = VenueTime()
        self._heights = Heights()
        self._venue_ahead_ns: int | None = None  # its time minus our monotonic clock, by its newest block
        self._is_whole = False
        self._unlisted: set[str] = set()  # instruments of which the venue says that it knows no book
        self._left_out: dict[Subscription, int] = {}  # for which nobody waits -> when to ask for it again
        self._to_tell: list[Event] = []  # what there is to tell with the next frame
        # kind of event -> what reads it
        self._readers: dict[type, Callable[[Any, _Arrival, list[Event]], None]] = {
            Opened: self._opened,
            SubscriptionEnded: self._ended,
            BookSnapshot: self._book,
            BookDelta: self._book,
            Trade: self._trade,
            MarkPrice: self._valuation,
            IndexPrice: self._valuation,
            FundingRate: self._valuation,
            InstrumentStatus: self._status,
            VenueCandle: self._candle,
            HeartbeatSeen: self._block,
            VenueComplained: self._complaint,
            DecodeFailed: self._unreadable,
        }

    def follow(self, time: VenueTime) -> None:
        self._time = time

    @property
    def left_out(self) -> tuple[str, ...]:
        """Return the instruments of which no price is to be expected."""
        return tuple(name for name in self._instruments if self._is_left_out(name))

    def hello(self, now: Instant) -> tuple[str, ...]:
        # Trade ids and bars stay: the snapshots of a new connection repeat what the old one said.
        self._message_ids.restart()
        self._heights.restart()
        self._venue_ahead_ns = None
        self._is_whole = False
        for instrument in self._instruments.values():
            instrument.book.invalidate()
            instrument.quoted, instrument.was_whole, instrument.quoted_at = None, False, 0
            instrument.book_read_ns = now.monotonic_ns
            instrument.status = None  # told anew: its last change may have been lost with the connection
        self._subscriptions.restart()
        return ()  # the venue speaks first

    def decode(self, frame: bytes, read_ns: int, now: Instant) -> Sequence[Event]:
        seen = decode(frame, read_ns, now.utc_ns)
        head, *told = believable(seen, self._time, VENUE, frame, now, numbered=True)
        events: list[Event] = []
        if self._to_tell:
            events, self._to_tell = self._to_tell, []
        if not isinstance(head, FrameHead):
            return [*events, head]  # it could not be decoded
        kinds: set[type] = {type(event) for event in told}
        if head.number >= 0:
            expected = self._message_ids.newest + 1
            is_error = VenueComplained in kinds
            is_answer = is_error or SubscriptionConfirmed in kinds
            verdict = self._message_ids.arrive(head.number, is_answer)
            if verdict is SequenceVerdict.LATE and not is_error:  # errors may repeat the number of the message before
                return [*events, LateFrame(ts_event=now.utc_ns, venue=VENUE, number=head.number)]
            if verdict is SequenceVerdict.AFTER_GAP:
                events.append(self._lost(expected, head.number, now))
        arrival = _Arrival(head, read_ns, now)
        self._note_channel(arrival, kinds)
        for event in told:
            if type(event) is not SubscriptionConfirmed:  # which is noted by now
                self._readers[type(event)](event, arrival, events)
        if not self._is_whole and self.left_out:
            self._judge_whole(arrival, events)
        return events

    def levels(self, instrument: str, most: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        known = self._instruments.get(instrument)
        return known.book.levels(most) if known is not None else ((), ())

    def tick(self, now: Instant) -> tuple[str, ...]:
        for instrument in self._instruments.values():
            if now.monotonic_ns - instrument.book_read_ns >= self._quiet_ns:
                self._subscriptions.renew(Subscription(ORDERBOOK, instrument.name), now.monotonic_ns)
        for name in self.watch.stale(now.monotonic_ns + _STALE_NS):
            self._leave_out_stale(name, now)
        for one, again_ns in self._left_out.items():
            if now.monotonic_ns >= again_ns:
                self._left_out[one] = now.monotonic_ns + _AGAIN_NS
                self._subscriptions.answered(one)  # or it would be waited for
                self._subscriptions.renew(one, now.monotonic_ns)
        frames: list[str] = []
        for one, asking in self._subscriptions.take_due(now.monotonic_ns):
            self._message_ids.asked()
            self.watch.expect(one.name, now.monotonic_ns, ANSWERED_WITHIN_S)
            frames += asking
        return tuple(frames)

    # ---- one reader per event of a frame -----------------------------------------------------------------

    def _opened(self, seen: Opened, arrival: _Arrival, events: list[Event]) -> None:
        self._subscriptions.open(arrival.now.monotonic_ns)

    def _book(self, seen: BookSnapshot | BookDelta, arrival: _Arrival, events: list[Event]) -> None:
        instrument = self._instruments.get(seen.instrument)
        if instrument is None:
            return
        instrument.book_read_ns = arrival.read_ns
        if isinstance(seen, BookSnapshot):
            instrument.book.replace(seen.levels, arrival.read_ns)
        else:
            instrument.book.change(seen.levels, arrival.read_ns)
        self._judge_whole(arrival, events)
        self._quote(instrument, arrival, events)

    def _trade(self, seen: Trade, arrival: _Arrival, events: list[Event]) -> None:
        instrument = self._instruments.get(seen.instrument)
        if instrument is not None and instrument.replays.is_new(seen.trade_id):
            events.append(seen)

    def _valuation(self, seen: MarkPrice | IndexPrice | FundingRate, arrival: _Arrival, events: list[Event]) -> None:
        if seen.instrument in self._instruments:
            events.append(self._dated(seen, arrival))

    def _status(self, seen: InstrumentStatus, arrival: _Arrival, events: list[Event]) -> None:
        instrument = self._instruments.get(seen.instrument)
        if instrument is not None and seen.status is not instrument.status:
            instrument.status = seen.status
            events.append(self._dated(seen, arrival))

    def _candle(self, seen: VenueCandle, arrival: _Arrival, events: list[Event]) -> None:
        instrument = self._instruments.get(seen.candle.instrument)
        if instrument is not None and seen.candle.open_ts >= instrument.newest_bar_ts:
            instrument.newest_bar_ts = seen.candle.open_ts
            events.append(seen)

    def _block(self, seen: HeartbeatSeen, arrival: _Arrival, events: list[Event]) -> None:
        if not self._heights.is_new(seen.counter):
            if self._heights.is_jump(seen.counter):
                reason = f"block {seen.counter} is far above the last one"
                events.append(refused(reason, VENUE, b"", arrival.now))
            return
        is_first = self._venue_ahead_ns is None
        self._venue_ahead_ns = seen.ts_event - arrival.read_ns
        self.watch.heard(BLOCK_HEIGHT, arrival.read_ns)
        events.append(HeartbeatSeen(ts_event=seen.ts_event, venue=VENUE, read_ns=arrival.read_ns))
        for instrument in self._instruments.values():
            doubted_ns = instrument.book.doubted_since_ns
            if doubted_ns is not None and arrival.read_ns - doubted_ns >= DOUBTED_FOR_NS:
                self._heal(instrument, arrival, events)
            elif is_first:
                self._quote(instrument, arrival, events)

    def _ended(self, seen: SubscriptionEnded, arrival: _Arrival, events: list[Event]) -> None:
        instrument = self._instruments.get(seen.subject)
        if instrument is not None and seen.channel == ORDERBOOK:
            instrument.book.invalidate()
            self._quote(instrument, arrival, events)

    def _complaint(self, seen: VenueComplained, arrival: _Arrival, events: list[Event]) -> None:
        named = self._subscriptions.named_in(seen.text)
        one = named if seen.text.startswith("Invalid subscription id") else None
        if one is not None and one.channel == ORDERBOOK:
            text = bounded(f"{one.id}: left out, everything else goes on: {seen.text}")
            seen = replace(seen, text=text)
        events.append(self._dated(seen, arrival))
        if one is not None:
            self._subscriptions.refused(one)
            self.watch.expect(one.name, arrival.now.monotonic_ns, math.inf)
            if one.channel == ORDERBOOK:
                self._unlisted.add(one.id)
            self._judge_whole(arrival, events)

    def _unreadable(self, seen: DecodeFailed, arrival: _Arrival, events: list[Event]) -> None:
        events.append(seen)
        one = self._subscriptions.find(arrival.head.channel, arrival.head.subject)
        if one is None:
            return
        if one.channel == ORDERBOOK:
            instrument = self._instruments[one.id]
            if instrument.book.has_snapshot or not self._is_left_out(one.id):
                self._heal(instrument, arrival, events)
        # Its snapshot repeats what we could not read.
        self._subscriptions.renew(one, arrival.now.monotonic_ns)

    # ---- what becomes of it --------------------------------------------------------------------------------

    def _note_channel(self, arrival: _Arrival, kinds: set[type[Event]]) -> None:
        """Note who spoke. While a snapshot is to come, only that counts, not the last words before it."""
        one = self._subscriptions.find(arrival.head.channel, arrival.head.subject)
        if one is None or DecodeFailed in kinds:
            return
        if self._left_out.pop(one, None) is not None:
            self.watch.take_back([one.name])
        if one.channel == ORDERBOOK and one.id in self._unlisted:
            self._unlisted.discard(one.id)
        if SubscriptionConfirmed in kinds:
            self._subscriptions.answered(one)
        # Of blocks only new ones count.
        if one.channel != BLOCK_HEIGHT and not self._subscriptions.is_waiting(one):
            self.watch.heard(one.name, arrival.read_ns)

    def _dated(self, seen: Event, arrival: _Arrival) -> Event:
        """Give an event whose message tells no time, so that it has ours, the venue's."""
        if seen.ts_event != arrival.now.utc_ns:
            return seen
        return replace(seen, ts_event=self._venue_time(arrival))

    def _quote(self, instrument: _Instrument, arrival: _Arrival, events: list[Event]) -> None:
        """Tell the book's touch if it, or whether it can be believed, is news."""
        if self._venue_ahead_ns is None:
            return  # a price without a time
        top, is_whole = instrument.book.top(), instrument.book.is_whole
        if top is None:
            top, is_whole = instrument.quoted, False
        if top is None or (top, is_whole) == (instrument.quoted, instrument.was_whole):
            return
        instrument.quoted, instrument.was_whole = top, is_whole
        instrument.quoted_at = max(instrument.quoted_at, self._venue_time(arrival))
        stamps = instrument.quoted_at, arrival.read_ns, arrival.now.utc_ns
        told = quote(top, VENUE, instrument.name, *stamps, is_whole)
        instrument.believed = told if is_whole else None
        events.append(told)

    def _venue_time(self, arrival: _Arrival) -> int:
        """Return when a frame was read by the venue's clock, in UTC ns; before its first block, by ours."""
        if self._venue_ahead_ns is None:
            return arrival.now.utc_ns
        return arrival.read_ns + self._venue_ahead_ns

    def _judge_whole(self, arrival: _Arrival, events: list[Event]) -> None:
        """Tell once when every book has its snapshot; what the venue does not list has no book."""
        if self._is_whole:
            return
        missing = [one for one in self._instruments.values() if not one.book.has_snapshot]
        self._is_whole = all(self._is_left_out(one.name) for one in missing)
        if self._is_whole:
            for instrument in missing:
                self._doubt_quote(instrument, events)
            events.append(StreamWhole(ts_event=self._venue_time(arrival), venue=VENUE))

    def _is_left_out(self, name: str) -> bool:
        return name in self._unlisted or Subscription(ORDERBOOK, name) in self._left_out

    def _leave_out_stale(self, name: str, now: Instant) -> None:
        """Wait no more for one subscription of one instrument; without its book, not for its prices either."""
        one = next(one for one in self._subscriptions.all if one.name == name)
        instrument = one.id.partition("/")[0]
        what = "left out" if one.channel == ORDERBOOK else f"its {one.channel} is left out"
        text = bounded(f"{instrument}: {what}, everything else goes on: {one.channel} is silent")
        self._to_tell.append(VenueComplained(ts_event=now.utc_ns, venue=VENUE, text=text))
        self.watch.leave_out([name])
        self._left_out[one] = now.monotonic_ns
        if one.channel == ORDERBOOK:
            self._instruments[one.id].book.invalidate()
            self._doubt_quote(self._instruments[one.id], self._to_tell)

    def _doubt_quote(self, instrument: _Instrument, events: list[Event]) -> None:
        """Say of our last price that it can't be believed any more."""
        if instrument.believed is not None:
            events.append(replace(instrument.believed, is_whole=False))
            instrument.believed = None
            instrument.was_whole = False

    def _heal(self, instrument: _Instrument, arrival: _Arrival, events: list[Event]) -> None:
        """Give up one book, and get it anew."""
        self._is_whole = False
        next_id = self._message_ids.newest + 1
        events.append(
            StreamGap(ts_event=arrival.now.utc_ns, venue=VENUE, expected=next_id, got=next_id, is_healing=True)
        )
        instrument.book.invalidate()
        self._quote(instrument, arrival, events)
        self._subscriptions.renew(Subscription(ORDERBOOK, instrument.name), arrival.now.monotonic_ns)

    def _lost(self, expected: int, got: int, now: Instant) -> StreamGap:
        """Give up all: nobody knows what the missing messages were about."""
        self._is_whole = False
        for instrument in self._instruments.values():
            instrument.book.invalidate()
        return StreamGap(ts_event=now.utc_ns, venue=VENUE, expected=expected, got=got)
