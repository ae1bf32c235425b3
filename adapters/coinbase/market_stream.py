"""Coinbase's public stream as a machine over frames: quotes, trades, heartbeats, gaps.

One counter numbers the messages of all channels of a connection, so one lost message makes every book on it
suspect. The answer to a `StreamGap` is a new connection: its snapshots arrive with its subscriptions, and
nothing has to be unpicked. Until then no quote of this stream is whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from adapters.coinbase.decode import decode
from adapters.coinbase.fields import VENUE
from adapters.stamped import quote
from domain.channel_watch import Channel, ChannelWatch
from domain.effects import Instant
from domain.frame_events import BookDelta, BookSnapshot, FrameHead
from domain.market_data import (
    DecodeFailed,
    HeartbeatSeen,
    InstrumentStatus,
    LateFrame,
    Quote,
    StreamGap,
    StreamWhole,
    Trade,
    TradingStatus,
    VenueComplained,
)
from domain.messages import Event
from domain.order_book import Level, OrderBook, Top
from domain.replays import ReplayFilter
from domain.sequence import SequenceCheck, Verdict
from domain.settings import SECOND_NS, VenueSettings

URL = "wss://advanced-trade-ws.coinbase.com"

_CHANNELS = ("level2", "ticker", "market_trades", "status")
_LATE, _AFTER_GAP = Verdict.LATE, Verdict.AFTER_GAP
_DOUBTED_FOR_NS = SECOND_NS  # a book may lag behind the tickers by far less
_QUIETER = 3  # prints, over all instruments, may pause this much longer than one book


class _Arrival(NamedTuple):
    """When a frame was read."""

    read_ns: int
    now: Instant


class _Product:
    """What the stream has told about one instrument so far."""

    def __init__(self, instrument: str) -> None:
        self.instrument = instrument
        self.channel = f"level2:{instrument}"
        self.book = OrderBook()
        self.quoted: Quote | None = None  # our last one; None: whatever comes next is news
        self.quoted_at = 0  # its ts_event
        self.doubted_ns = 0  # since when tickers contradict the book, which says nothing; 0: they don't
        self.status: TradingStatus | None = None
        self.replays = ReplayFilter()


class MarketStream:
    """A StreamCodec for the public channels of the configured instruments."""

    def __init__(self, settings: VenueSettings) -> None:
        self.url = settings.market_stream_url or URL
        self._names = settings.instruments
        self._products = {_stream_id(name, self._names): _Product(name) for name in self._names}
        self._sequence = SequenceCheck()
        self._is_whole = False
        self.watch = ChannelWatch(
            (
                Channel("heartbeats", settings.heartbeat_timeout_s, proves_life=True),
                *(Channel(f"level2:{name}", settings.book_timeout_s) for name in self._names),
                *(
                    Channel(name, _QUIETER * settings.book_timeout_s)
                    for name in ("ticker", "market_trades")
                ),
            )
        )
        self._readers = {
            BookSnapshot: self._snapshot,
            BookDelta: self._delta,
            Trade: self._trade,
            InstrumentStatus: self._status,
            HeartbeatSeen: self._pass_on,
            VenueComplained: self._pass_on,
            DecodeFailed: self._pass_on,
        }

    def hello(self, now: Instant) -> tuple[str, ...]:
        # Trade ids stay: the snapshot of a new connection replays trades of the old one.
        self._sequence.restart()
        self._forget_books()
        return (
            _subscribe("heartbeats", ()),  # first: it also keeps quiet channels open
            *(_subscribe(channel, self._names) for channel in _CHANNELS),
        )

    def decode(self, frame: bytes, read_ns: int, now: Instant) -> Sequence[Event]:
        told = decode(frame, read_ns, now.utc_ns)
        events: list[Event] = []
        head = told[0]
        if type(head) is FrameHead:
            if head.number >= 0:
                expected = self._sequence.expected
                verdict = self._sequence.arrive(head.number)
                if verdict is _LATE:
                    return [LateFrame(ts_event=now.utc_ns, venue=VENUE, number=head.number)]
                if verdict is _AFTER_GAP:
                    events.append(self._gap(expected, head.number, now))
            if type(told[-1]) is not DecodeFailed:
                self.watch.heard(head.channel, read_ns)
        for event in told:
            if type(event) is Quote:  # most of a busy stream: the shortest way
                self._ticker(event, now, events)
                continue
            reader = self._readers.get(type(event))
            if reader is not None:  # the others were never asked for here
                reader(event, _Arrival(read_ns, now), events)
        return events

    def levels(self, instrument: str, most: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        product = self._products.get(_stream_id(instrument, self._names))
        return product.book.levels(most) if product is not None else ((), ())

    def tick(self, now: Instant) -> tuple[str, ...]:
        return ()  # nothing is due by time: the venue needs no pings

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
            told = replace(told, instrument=product.instrument, is_whole=True)
        elif told.instrument != product.instrument:
            told = replace(told, instrument=product.instrument)
        product.quoted, product.quoted_at = told, ts_event
        events.append(told)

    def _doubt(self, product: _Product, read_ns: int, now: Instant, events: list[Event]) -> None:
        """Give a book up that stands still while trade after trade shows another touch: each changes the book."""
        if not product.doubted_ns:
            product.doubted_ns = read_ns
        elif read_ns - product.doubted_ns >= _DOUBTED_FOR_NS:
            self._give_up(now, events)

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
            events.append(replace(told, instrument=product.instrument))

    def _status(self, told: InstrumentStatus, arrival: _Arrival, events: list[Event]) -> None:
        product = self._products.get(told.instrument)
        if product is not None and told.status is not product.status:
            product.status = told.status
            events.append(replace(told, instrument=product.instrument))

    def _pass_on(self, told: Event, arrival: _Arrival, events: list[Event]) -> None:
        events.append(told)

    # ---- what becomes of a book ----------------------------------------------------------------------------

    def _book(self, product: _Product, ts_event: int, arrival: _Arrival, events: list[Event]) -> None:
        """Tell what a change to a book means: that it is wrong, that now all are whole, a new touch."""
        self.watch.heard(product.channel, arrival.read_ns)
        book, quoted = product.book, product.quoted
        product.doubted_ns = 0
        top = book.top()
        if top is not None and top.is_crossed:
            self._give_up(arrival.now, events)
            return
        if book.is_whole and not self._is_whole:
            self._is_whole = all(each.book.is_whole for each in self._products.values())
            if self._is_whole:
                events.append(StreamWhole(ts_event=ts_event, venue=VENUE))
        if top is None or quoted is not None and quoted.is_whole and _touch(quoted) == top:
            return
        # A ticker may have been published later than this change happened, yet the book is what holds.
        product.quoted_at = max(ts_event, product.quoted_at)
        product.quoted = quote(
            top, VENUE, product.instrument, product.quoted_at, arrival.read_ns, arrival.now.utc_ns, True
        )
        events.append(product.quoted)

    def _give_up(self, now: Instant, events: list[Event]) -> None:
        """Call a book wrong though no number is missing: something was lost on the venue's side."""
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


def _touch(quote: Quote) -> Top:
    return Top(quote.bid_price, quote.bid_quantity, quote.ask_price, quote.ask_quantity)


def _stream_id(name: str, names: Sequence[str]) -> str:
    """Return the id under which the public channels speak of `name`: USDC books are published as USD."""
    base, _, quote = name.partition("-")
    twin = f"{base}-USD"
    if quote == "USDC" and base not in ("USDT", "EURC") and twin not in names:
        return twin
    return name


def _subscribe(channel: str, names: Sequence[str]) -> str:
    message = {"type": "subscribe", "channel": channel, "product_ids": list(names)}
    return msgspec.json.encode(message).decode()
