"""Coinbase's public stream as a machine over frames: quotes, trades, heartbeats, gaps.

One counter numbers the messages of all channels of a connection, so one lost message makes every book on it
suspect. The answer to a `StreamGap` is a new connection: its snapshots arrive with its subscriptions, and
nothing has to be unpicked. Until then no quote of this stream is whole.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from adapters.coinbase.decode import (
    BookSeen,
    Complaint,
    HeartbeatArrived,
    PrintSeen,
    PrintsSeen,
    TickerSeen,
    Unreadable,
    decode,
)
from adapters.stamped import quote, trade
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
from domain.order_book import Level, OrderBook, Top
from domain.replays import ReplayFilter
from domain.sequence import Verdict, SequenceCheck
from domain.settings import VenueSettings

VENUE = "coinbase"
URL = "wss://advanced-trade-ws.coinbase.com"

_CHANNELS = ("level2", "ticker", "market_trades")
_LATE, _AFTER_GAP = Verdict.LATE, Verdict.AFTER_GAP
_QUIETER = 3  # prints, over all instruments, may pause this much longer than one book


class _Arrival(Struct, gc=False):
    """One frame, and when it was published and read."""

    ts_event: int
    read_ns: int
    now: Instant
    frame: bytes


class _Product:
    """What the stream has told about one instrument so far."""

    def __init__(self, instrument: str) -> None:
        self.instrument = instrument
        self.channel = f"level2:{instrument}"
        self.book = OrderBook()
        self.quoted: Top | None = None  # what our last quote said
        self.quoted_at = 0  # its ts_event
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
            BookSeen: self._book,
            PrintsSeen: self._prints,
            HeartbeatArrived: self._heartbeat,
            Complaint: self._complaint,
            Unreadable: self._unreadable,
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
        wire = decode(frame)
        events: list[Event] = []
        if wire.sequence_num >= 0:
            expected = self._sequence.expected
            verdict = self._sequence.arrive(wire.sequence_num)
            if verdict is _LATE:
                return events
            if verdict is _AFTER_GAP:
                events.append(self._gap(expected, wire.sequence_num, now))
        ts_event = wire.ts_event or now.utc_ns
        for seen in wire.events:
            if type(seen) is TickerSeen:  # most of a busy stream: the shortest way
                self._ticker(seen, ts_event, read_ns, now, events)
                continue
            arrival = _Arrival(ts_event, read_ns, now, frame)
            reader = self._readers.get(type(seen))
            if reader is not None:  # the user channel was never asked for here
                reader(seen, arrival, events)
        return events

    def levels(self, instrument: str, most: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        product = self._products.get(_stream_id(instrument, self._names))
        return product.book.levels(most) if product is not None else ((), ())

    def tick(self, now: Instant) -> tuple[str, ...]:
        return ()  # nothing is due by time: the venue needs no pings

    # ---- one reader per wire event -------------------------------------------------------------------

    def _ticker(
        self, seen: TickerSeen, ts_event: int, read_ns: int, now: Instant, events: list[Event]
    ) -> None:
        self.watch.heard("ticker", read_ns)
        product = self._products.get(seen.product_id)
        if product is None:
            return
        book, top = product.book, seen.top
        if ts_event < book.ts_event or ts_event < product.quoted_at:
            return
        # A ticker tells the touch its trade left behind: it may confirm a whole book, never contradict it.
        if not book.is_whole or top == book.top():
            product.quoted, product.quoted_at = top, ts_event
            events.append(quote(top, VENUE, product.instrument, ts_event, read_ns, now, book.is_whole))

    def _book(self, seen: BookSeen, arrival: _Arrival, events: list[Event]) -> None:
        product = self._products.get(seen.product_id)
        if product is None:
            return
        self.watch.heard(product.channel, arrival.read_ns)
        if seen.is_snapshot:
            product.book.replace(seen.levels, seen.ts_event)
        else:
            product.book.change(seen.levels, seen.ts_event)
        top = product.book.top()
        if top is not None and top.is_crossed:
            # A crossed book is wrong, though no number is missing: something was lost on the venue's side.
            expected = self._sequence.expected or 0
            events.append(self._gap(expected, expected, arrival.now))
            return
        if seen.is_snapshot and not self._is_whole:
            self._is_whole = all(each.book.is_whole for each in self._products.values())
            if self._is_whole:
                events.append(StreamWhole(ts_event=arrival.ts_event, venue=VENUE))
        if top is not None and top != product.quoted:
            # A ticker may have been published later than this change happened, yet the book is what holds.
            product.quoted, product.quoted_at = top, max(seen.ts_event, product.quoted_at)
            ts_event, is_whole = product.quoted_at, product.book.is_whole
            events.append(
                quote(top, VENUE, product.instrument, ts_event, arrival.read_ns, arrival.now, is_whole)
            )

    def _prints(self, seen: PrintsSeen, arrival: _Arrival, events: list[Event]) -> None:
        self.watch.heard("market_trades", arrival.read_ns)
        for one in sorted(seen.prints, key=_age):
            product = self._products.get(one.product_id)
            if product is not None and product.replays.is_new(one.trade_id):
                is_history = seen.is_snapshot
                events.append(
                    trade(one, VENUE, product.instrument, arrival.read_ns, arrival.now, is_history)
                )

    def _heartbeat(self, seen: HeartbeatArrived, arrival: _Arrival, events: list[Event]) -> None:
        self.watch.heard("heartbeats", arrival.read_ns)
        events.append(HeartbeatSeen(ts_event=arrival.ts_event, venue=VENUE, read_ns=arrival.read_ns))

    def _complaint(self, seen: Complaint, arrival: _Arrival, events: list[Event]) -> None:
        events.append(VenueComplained(ts_event=arrival.ts_event, venue=VENUE, text=seen.text))

    def _unreadable(self, seen: Unreadable, arrival: _Arrival, events: list[Event]) -> None:
        ts_event, raw = arrival.now.utc_ns, arrival.frame[:256]
        events.append(DecodeFailed(ts_event=ts_event, venue=VENUE, category=seen.category, raw=raw))

    def _gap(self, expected: int, got: int, now: Instant) -> StreamGap:
        self._forget_books()
        return StreamGap(ts_event=now.utc_ns, venue=VENUE, expected=expected, got=got)

    def _forget_books(self) -> None:
        self._is_whole = False
        for product in self._products.values():
            product.book.invalidate()
            product.quoted = None


def _age(one: PrintSeen) -> tuple[int, int, str]:
    """Order prints from old to new, whatever order the venue sent them in: ids rise with time."""
    return one.ts_event, len(one.trade_id), one.trade_id


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
