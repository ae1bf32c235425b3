"""Coinbase's public stream as a machine over frames: quotes, trades, heartbeats, gaps.

One counter numbers the messages of all channels of a connection, so one lost message makes every book on it
suspect. The answer to a `StreamGap` is a new connection: its snapshots arrive with its subscriptions, and
nothing has to be unpicked. Until then no quote of this stream is whole. What is wrong with one product only,
be it not listed at all, makes that one's quotes void, and it is asked for alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from adapters.decoding.quotes import believable, quote
from adapters.venues.coinbase.decode import decode
from adapters.venues.coinbase.fields import VENUE
from adapters.venues.coinbase.subscriptions import BOOK, Subscriptions
from domain.instant import SECOND_NS, Instant
from domain.market.order_book import Level, OrderBook, Top
from domain.messages.base import Event
from domain.messages.market import (
    DecodeFailed,
    HeartbeatSeen,
    InstrumentStatus,
    LateFrame,
    Quote,
    StreamGap,
    StreamWhole,
    Trade,
    VenueComplained,
)
from domain.settings import VenueSettings
from domain.streams.channel_watch import Channel, ChannelWatch
from domain.streams.frame_events import BookDelta, BookSnapshot, BookUnread, FrameHead, SubscriptionConfirmed
from domain.streams.replay_filter import ReplayFilter
from domain.streams.sequence import SequenceCheck, SequenceVerdict
from domain.streams.venue_time import VenueTime
from domain.text import bounded

URL = "wss://advanced-trade-ws.coinbase.com"

_LATE, _AFTER_GAP = SequenceVerdict.LATE, SequenceVerdict.AFTER_GAP
_DOUBTED_FOR_NS = SECOND_NS  # a book may lag behind the tickers by far less
_HEALED_ALONE_NS = 60 * SECOND_NS  # a new connection that was no help within this time will be none now
_QUIETER = 3  # prints, over all instruments, may pause this much longer than one book


class _Arrival(NamedTuple):
    """When a frame was read."""

    read_ns: int
    now: Instant


class _Product:
    """What the stream has told about one book so far, which may serve several instruments."""

    def __init__(self, asked_as: str, instruments: Sequence[str]) -> None:
        self.asked_as = asked_as
        self.instruments = tuple(instruments)
        self.channel = f"{BOOK}:{instruments[0]}"
        self.book = OrderBook()
        self.book_read_ns = 0  # when the book last spoke
        self.renewed_ns = 0  # when it was asked to speak, for its silence
        self.crossed_ns = 0  # when it was last told crossed; 0 = never
        self.quoted: Quote | None = None  # our last one; None: whatever comes next is news
        self.quoted_at = 0  # its ts_event
        self.believed: Quote | None = None  # our last one that said that it was whole, and may still be believed
        self.doubted_ns = 0  # since when tickers contradict the book, which says nothing; 0: they don't
        self.status: tuple[object, ...] = ()  # as last told, with its steps
        self.replays = ReplayFilter()


class MarketStream:
    """A MarketCodec for the public channels of the configured instruments."""

    def __init__(self, settings: VenueSettings) -> None:
        self.url = settings.market_stream_url or URL
        self._products = _products(settings.instruments)
        self._patience_ns = int(settings.book_timeout_s * SECOND_NS)
        self._subscriptions = Subscriptions(
            {one.asked_as: {stream_id, *one.instruments} for stream_id, one in self._products.items()},
            self._patience_ns // 2,
        )
        self._sequence = SequenceCheck(first=0)
        self._time = VenueTime()
        self._is_whole = False
        self._to_tell: list[Event] = []  # what there is to tell with the next frame
        self.watch = ChannelWatch(
            (
                Channel("heartbeats", settings.heartbeat_timeout_s, proves_life=True),
                Channel(BOOK),  # any of them
                *(Channel(one.channel, settings.book_timeout_s) for one in self._products.values()),
                *(Channel(name, _QUIETER * settings.book_timeout_s) for name in ("ticker", "market_trades")),
            )
        )
        # kind of event -> what reads it
        self._readers: dict[type, Callable[[Any, _Arrival, list[Event]], None]] = {
            BookSnapshot: self._snapshot,
            BookDelta: self._delta,
            BookUnread: self._unread,
            Trade: self._trade,
            InstrumentStatus: self._status,
            SubscriptionConfirmed: self._confirmed,
            HeartbeatSeen: self._pass_on,
            VenueComplained: self._complaint,
            DecodeFailed: self._pass_on,
        }

    def follow(self, time: VenueTime) -> None:
        self._time = time

    @property
    def left_out(self) -> tuple[str, ...]:
        """Return the instruments of which no price is to be expected."""
        return tuple(
            name
            for one in self._products.values()
            if one.asked_as in self._subscriptions.left_out
            for name in one.instruments
        )

    def hello(self, now: Instant) -> tuple[str, ...]:
        # Trade ids stay: the snapshot of a new connection replays trades of the old one. Times go, and what was told
        # of a status: whoever heard of the old connection may have missed its last words.
        self._sequence.restart()
        self._forget_books()
        for product in self._products.values():
            product.book, product.quoted_at, product.status = OrderBook(), 0, ()
            self.watch.expect(product.channel, now.monotonic_ns, math.inf)
        return self._subscriptions.restart(now.monotonic_ns)

    def decode(self, frame: bytes, read_ns: int, now: Instant) -> Sequence[Event]:
        told = believable(decode(frame, read_ns, now.utc_ns), self._time, VENUE, frame, now, numbered=True)
        events: list[Event] = []
        if self._to_tell:
            events, self._to_tell = self._to_tell, []
        head = told[0]
        if type(head) is FrameHead:
            if head.number >= 0:
                expected = self._sequence.expected
                verdict = self._sequence.arrive(head.number)
                if verdict is _LATE:
                    return [*events, LateFrame(ts_event=now.utc_ns, venue=VENUE, number=head.number)]
                if verdict is _AFTER_GAP and expected is not None:
                    events.append(self._gap(expected, head.number, now))
            if len(told) > 1 and type(told[1]) is not DecodeFailed:
                self.watch.heard(head.channel, read_ns)
        for event in told:
            if type(event) is Quote:  # most of a busy stream: the shortest way
                self._ticker(event, now, events)
                continue
            reader = self._readers.get(type(event))
            if reader is not None:  # the others were never asked for here
                reader(event, _Arrival(read_ns, now), events)
        if not self._is_whole:
            self._judge_whole(now.utc_ns if type(head) is DecodeFailed else head.ts_event, events)
        return events

    def levels(self, instrument: str, most: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        for product in self._products.values():
            if instrument in product.instruments:
                return product.book.levels(most)
        return (), ()

    def tick(self, now: Instant) -> tuple[str, ...]:
        self._look_after_silent(now)
        frames, late = self._subscriptions.take_due(now.monotonic_ns)
        for asked_as in late:
            self._tell_left_out(asked_as, now, self._to_tell)
        return frames

    # ---- one reader per event of a frame -----------------------------------------------------------------

    def _ticker(self, told: Quote, now: Instant, events: list[Event]) -> None:
        product = self._products.get(told.instrument)
        if product is None:
            return
        book, ts_event = product.book, told.ts_event
        if ts_event < book.ts_event or ts_event < product.quoted_at:
            return
        if book.is_whole:
            # It tells the touch its trade left behind: it may confirm a whole book, never contradict it.
            if _touch(told) != book.top():
                self._doubt(product, told.read_ns, now, events)
                return
            product.doubted_ns = 0
            told = replace(told, is_whole=True)
        self._quote(product, told, ts_event, events)

    def _doubt(self, product: _Product, read_ns: int, now: Instant, events: list[Event]) -> None:
        """Give a book up that stands still while trade after trade shows another touch: each changes the book."""
        if not product.doubted_ns:
            product.doubted_ns = read_ns
        elif read_ns - product.doubted_ns >= _DOUBTED_FOR_NS:
            self._give_up(product, read_ns, now, events)

    def _snapshot(self, told: BookSnapshot, arrival: _Arrival, events: list[Event]) -> None:
        product = self._products.get(told.instrument)
        if product is not None:
            product.book.replace(told.levels, told.ts_event)
            self._book(product, told.ts_event, arrival, events)

    def _delta(self, told: BookDelta, arrival: _Arrival, events: list[Event]) -> None:
        product = self._products.get(told.instrument)
        if product is not None:
            product.book.change(told.levels, told.ts_event)
            self._book(product, told.ts_event, arrival, events)

    def _trade(self, told: Trade, arrival: _Arrival, events: list[Event]) -> None:
        product = self._products.get(told.instrument)
        if product is not None and product.replays.is_new(told.trade_id):
            events += [replace(told, instrument=name) for name in product.instruments]

    def _status(self, told: InstrumentStatus, arrival: _Arrival, events: list[Event]) -> None:
        product = self._products.get(told.instrument)
        status = told.status, told.lot_size, told.quote_step
        if product is not None and status != product.status:
            product.status = status
            events += [replace(told, instrument=name) for name in product.instruments]

    def _unread(self, told: BookUnread, arrival: _Arrival, events: list[Event]) -> None:
        product = self._products.get(told.instrument)
        if product is not None:
            self._void(product, arrival.now, events)
            self._subscriptions.lost(product.asked_as, arrival.now.monotonic_ns)

    def _confirmed(self, told: SubscriptionConfirmed, arrival: _Arrival, events: list[Event]) -> None:
        for stream_id, product in self._products.items():
            if told.subject in (stream_id, product.asked_as):
                self._subscriptions.confirmed(told.channel, product.asked_as)

    def _complaint(self, told: VenueComplained, arrival: _Arrival, events: list[Event]) -> None:
        left_out = self._subscriptions.complained(told.text, arrival.now.monotonic_ns)
        if left_out is None:
            events.append(told)
        for asked_as in left_out or ():
            self._tell_left_out(asked_as, arrival.now, events)

    def _pass_on(self, told: Event, arrival: _Arrival, events: list[Event]) -> None:
        events.append(told)

    # ---- what becomes of a book ----------------------------------------------------------------------------

    def _book(self, product: _Product, ts_event: int, arrival: _Arrival, events: list[Event]) -> None:
        """Tell what a change to a book means: that it is wrong, that now all are whole, a new touch."""
        book, quoted = product.book, product.quoted
        if not book.is_whole:
            return  # a change of what never came is no life
        self.watch.heard(BOOK, arrival.read_ns)
        self.watch.heard(product.channel, arrival.read_ns)
        product.book_read_ns, product.doubted_ns = arrival.read_ns, 0
        top = book.top()
        if top is not None and top.is_crossed:
            self._give_up(product, arrival.read_ns, arrival.now, events)
            return
        self._subscriptions.arrived(product.asked_as, arrival.now.monotonic_ns)
        if not self._is_whole:
            self._judge_whole(ts_event, events)
        if top is None:
            self._doubt_quote(product, events)  # a side is gone, and so is the price
            product.quoted = None
            return
        if quoted is not None and quoted.is_whole and _touch(quoted) == top:
            return
        # A ticker may have been published later than this change happened, yet the book is what holds.
        ts_event = max(ts_event, product.quoted_at)
        stamps = ts_event, arrival.read_ns, arrival.now.utc_ns
        told = quote(top, VENUE, product.instruments[0], *stamps, is_whole=True)
        self._quote(product, told, ts_event, events)

    def _quote(self, product: _Product, told: Quote, ts_event: int, events: list[Event]) -> None:
        product.quoted, product.quoted_at = told, ts_event
        if told.is_whole:
            product.believed = told
        for name in product.instruments:
            events.append(told if told.instrument == name else replace(told, instrument=name))

    def _judge_whole(self, ts_event: int, events: list[Event]) -> None:
        """Tell once when all books are there that anybody waits for; what was believed of the others is void."""
        left_out = self._subscriptions.left_out
        missing = [one for one in self._products.values() if not one.book.is_whole]
        if len(missing) == len(self._products) or any(one.asked_as not in left_out for one in missing):
            return
        self._is_whole = True
        for product in missing:
            self._doubt_quote(product, events)
        events.append(StreamWhole(ts_event=ts_event, venue=VENUE))

    def _give_up(self, product: _Product, read_ns: int, now: Instant, events: list[Event]) -> None:
        """Call a book wrong though no number is missing: something was lost on the venue's side.

        A new connection may heal it. A book that is wrong again soon is healed alone.
        """
        is_again = product.crossed_ns and read_ns - product.crossed_ns < _HEALED_ALONE_NS
        product.crossed_ns = read_ns
        if is_again and len(self._products) > 1:
            self._void(product, now, events)
            self._subscriptions.lost(product.asked_as, now.monotonic_ns)
            return
        expected = self._sequence.expected or 0
        events.append(self._gap(expected, expected, now))

    def _gap(self, expected: int, got: int, now: Instant) -> StreamGap:
        self._forget_books()
        return StreamGap(ts_event=now.utc_ns, venue=VENUE, expected=expected, got=got)

    def _forget_books(self) -> None:
        self._is_whole = False
        for product in self._products.values():
            product.book.invalidate()
            product.quoted, product.doubted_ns = None, 0

    # ---- trouble of one product ----------------------------------------------------------------------------

    def _look_after_silent(self, now: Instant) -> None:
        """Have a book that is silent while another speaks asked for anew, and leave it out if that doesn't help."""
        newest_ns = max(one.book_read_ns for one in self._products.values())
        if now.monotonic_ns - newest_ns >= self._patience_ns // 2:
            return  # all are silent: the connection may be to blame
        for product in self._products.values():
            silent_ns = now.monotonic_ns - product.book_read_ns
            if not product.book.is_whole or silent_ns < self._patience_ns // 2:
                continue
            if silent_ns >= self._patience_ns - SECOND_NS and product.renewed_ns > product.book_read_ns:
                self._void(product, now, self._to_tell)
                self._subscriptions.lost(product.asked_as, now.monotonic_ns)
                if self._subscriptions.leave_out(product.asked_as, "its book is silent"):
                    self._tell_left_out(product.asked_as, now, self._to_tell)
            elif product.renewed_ns <= product.book_read_ns:
                product.renewed_ns = now.monotonic_ns
                self._subscriptions.renew(product.asked_as)

    def _void(self, product: _Product, now: Instant, events: list[Event]) -> None:
        """Stop believing one book until its next snapshot."""
        product.book.invalidate()
        product.quoted, product.doubted_ns = None, 0
        self.watch.expect(product.channel, now.monotonic_ns, math.inf)
        self._doubt_quote(product, events)

    def _doubt_quote(self, product: _Product, events: list[Event]) -> None:
        """Say of our last price that it can't be believed any more."""
        believed, product.believed = product.believed, None
        if believed is not None:
            events += [replace(believed, instrument=name, is_whole=False) for name in product.instruments]

    def _tell_left_out(self, asked_as: str, now: Instant, events: list[Event]) -> None:
        names = next(one.instruments for one in self._products.values() if one.asked_as == asked_as)
        reason = self._subscriptions.left_out[asked_as]
        text = bounded(f"{', '.join(names)}: left out, everything else goes on: {reason}")
        events.append(VenueComplained(ts_event=now.utc_ns, venue=VENUE, text=text))


def _products(names: Sequence[str]) -> dict[str, _Product]:
    """Return by the id of each book what it serves: USDC books are published as USD."""
    served: dict[str, list[str]] = {}
    for name in names:
        served.setdefault(_stream_id(name), []).append(name)
    return {
        stream_id: _Product(stream_id if stream_id in names else served[stream_id][0], served[stream_id])
        for stream_id in served
    }


def _touch(quote: Quote) -> Top:
    return Top(quote.bid_price, quote.bid_quantity, quote.ask_price, quote.ask_quantity)


def _stream_id(name: str) -> str:
    """Return the id under which the public channels speak of `name`."""
    base, _, quote = name.partition("-")
    return f"{base}-USD" if quote == "USDC" and base not in ("USDT", "EURC") else name
