"""Hyperliquid's public stream as a machine over frames: quotes, trades, marks, bars, and proof of life.

Nothing is numbered here. What makes a price believable is that its book, told as a whole each time, keeps
coming: every book is proof for its own coin only, so the stream is as alive as its most silent book. A book
that is crossed is void until the next one; what comes late is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from adapters.hyperliquid.coins import coin_of
from adapters.hyperliquid.decode import (
    Complaint,
    ContextSeen,
    PongArrived,
    PrintsSeen,
    RequestConfirmed,
    Unreadable,
    decode,
)
from adapters.hyperliquid.encode import PING, encode_subscribe
from adapters.hyperliquid.market_events import FUNDING_NS, VENUE, candle, oldest_first
from adapters.hyperliquid.market_rows import BookSeen, CandleSeen, PrintSeen, TouchSeen
from adapters.stamped import quote, trade
from domain.channel_watch import Channel, ChannelWatch
from domain.effects import Instant
from domain.market_data import (
    DecodeFailed,
    FundingRate,
    HeartbeatSeen,
    IndexPrice,
    MarkPrice,
    StreamGap,
    StreamWhole,
    VenueCandle,
    VenueComplained,
)
from domain.messages import Event
from domain.order_book import Level, OrderBook, Top
from domain.replays import ReplayFilter
from domain.settings import SECOND_NS, VenueSettings

URL = "wss://api.hyperliquid.xyz/ws"

BOOK, TOUCH, TRADES, CONTEXT, CANDLE = "l2Book", "bbo", "trades", "activeAssetCtx", "candle"

_SLOW_BOOK_S = 12.0  # with this much patience a book need not be fast, and has more levels
_PING_EVERY_NS = 30 * SECOND_NS  # the venue hangs up on a connection on which it said nothing for 60 s
_PONG_WITHIN_S = 60.0
_QUIET_S = 60.0  # a calm market may change nothing for so long, over all instruments
_MOST_TEXT = 256  # of a complaint; a person reads it


class _Arrival(NamedTuple):
    """One frame, and when it was read. Only books, touches and trades say when they happened."""

    read_ns: int
    now: Instant
    frame: bytes


class _Coin:
    """What the stream has told about one instrument so far."""

    def __init__(self, name: str, instrument: str) -> None:
        self.name = name
        self.instrument = instrument
        self.replays = ReplayFilter()
        self.start_over()

    def start_over(self) -> None:
        """Forget what belongs to a connection. Trades stay: a new one replays those of the old one."""
        self.book = OrderBook()
        self.told: tuple[Top, bool] | None = None  # what our last quote said, and whether it was whole
        self.told_at = 0  # its ts_event
        self.has_replayed = False

    def is_new_trade(self, one: PrintSeen) -> bool:
        return self.replays.is_new((one.ts_event, one.trade_id))  # ids alone may repeat


class MarketStream:
    """A StreamCodec for the public channels of the configured instruments."""

    def __init__(self, settings: VenueSettings) -> None:
        self.url = settings.market_stream_url or URL
        self._coins = {coin_of(name): _Coin(coin_of(name), name) for name in settings.instruments}
        self._book_mode = {"fast": True} if settings.heartbeat_timeout_s < _SLOW_BOOK_S else {}
        self._is_whole = False
        self._proven_ns = 0
        self._ping_due_ns = 0
        self.watch = ChannelWatch(
            (
                *(
                    Channel(_channel(BOOK, coin), settings.heartbeat_timeout_s, proves_life=True)
                    for coin in self._coins
                ),
                # What may be quiet by itself: each coin must confirm it, and now and then one must speak.
                *(_wait_for(channel, coin) for channel in (TOUCH, TRADES, CANDLE) for coin in self._coins),
                *(Channel(channel, _QUIET_S) for channel in (TOUCH, TRADES, CANDLE)),
                *(Channel(_channel(CONTEXT, coin), _QUIET_S) for coin in self._coins),
                Channel("pong", _PONG_WITHIN_S),
            )
        )
        self._readers = {
            BookSeen: self._book,
            TouchSeen: self._touch,
            PrintsSeen: self._prints,
            ContextSeen: self._context,
            CandleSeen: self._candle,
            RequestConfirmed: self._confirmed,
            PongArrived: self._pong,
            Complaint: self._complaint,
            Unreadable: self._unreadable,
        }

    def hello(self, now: Instant) -> tuple[str, ...]:
        self._is_whole = False
        for coin in self._coins.values():
            coin.start_over()
        self._ping_due_ns = now.monotonic_ns  # the first pong shows that pings work
        return tuple(
            text
            for coin in self._coins
            for text in (
                encode_subscribe(BOOK, coin=coin, **self._book_mode),
                encode_subscribe(TOUCH, coin=coin),
                encode_subscribe(TRADES, coin=coin),
                encode_subscribe(CONTEXT, coin=coin),
                encode_subscribe(CANDLE, coin=coin, interval="1m"),
            )
        )

    def decode(self, frame: bytes, read_ns: int, now: Instant) -> Sequence[Event]:
        events: list[Event] = []
        arrival = _Arrival(read_ns, now, frame)
        for seen in decode(frame):
            reader = self._readers.get(type(seen))
            if reader is not None:  # the others were never asked for
                reader(seen, arrival, events)
        return events

    def levels(self, instrument: str, most: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        coin = self._coins.get(coin_of(instrument))
        return coin.book.levels(most) if coin is not None else ((), ())

    def tick(self, now: Instant) -> tuple[str, ...]:
        if now.monotonic_ns < self._ping_due_ns:
            return ()
        self._ping_due_ns = now.monotonic_ns + _PING_EVERY_NS
        return (PING,)

    # ---- one reader per wire event -------------------------------------------------------------------

    def _book(self, seen: BookSeen, arrival: _Arrival, events: list[Event]) -> None:
        coin = self._coins.get(seen.coin)
        if coin is None or seen.ts_event < coin.book.ts_event:
            return  # overtaken by a newer one
        coin.book.replace(seen.levels, seen.ts_event)
        top = coin.book.top()
        if top is not None and top.is_crossed:
            self._void(coin, arrival, events)
            return
        self.watch.heard(_channel(BOOK, coin.name), arrival.read_ns)
        self._tell_proof(seen.ts_event, events)
        self._tell_whole(seen.ts_event, events)
        if seen.ts_event >= coin.told_at:
            self._quote(coin, top, seen.ts_event, arrival, events)

    def _touch(self, seen: TouchSeen, arrival: _Arrival, events: list[Event]) -> None:
        coin = self._coins.get(seen.coin)
        if coin is None:
            return
        self._heard(TOUCH, coin, arrival)
        if seen.ts_event <= coin.book.ts_event or seen.ts_event < coin.told_at:
            return  # the book has told of this block already
        top = None
        if seen.bid and seen.ask:
            top = Top(seen.bid.price, seen.bid.quantity, seen.ask.price, seen.ask.quantity)
            if top.is_crossed:
                self._void(coin, arrival, events)
                return
        self._quote(coin, top, seen.ts_event, arrival, events)

    def _prints(self, seen: PrintsSeen, arrival: _Arrival, events: list[Event]) -> None:
        coins = {one.coin: self._coins[one.coin] for one in seen.prints if one.coin in self._coins}
        for one in oldest_first(seen.prints):
            coin = coins.get(one.coin)
            if coin is not None and coin.is_new_trade(one):
                is_history = not coin.has_replayed
                events.append(
                    trade(one, VENUE, coin.instrument, arrival.read_ns, arrival.now, is_history)
                )
        for coin in coins.values():
            coin.has_replayed = True  # a subscription begins with the newest trades before it, in one frame
            self._heard(TRADES, coin, arrival)

    def _context(self, seen: ContextSeen, arrival: _Arrival, events: list[Event]) -> None:
        coin = self._coins.get(seen.coin)
        if coin is None:
            return
        self.watch.heard(_channel(CONTEXT, coin.name), arrival.read_ns)
        context = seen.context
        common = {
            "ts_event": arrival.now.utc_ns,  # the venue doesn't say since when it holds
            "venue": VENUE,
            "instrument": coin.instrument,
            "ts_init": arrival.now.utc_ns,
            "read_ns": arrival.read_ns,
        }
        events.append(MarkPrice(price=context.mark_price, **common))
        if context.index_price is not None:
            events.append(IndexPrice(price=context.index_price, **common))
        if context.funding_rate is not None:
            events.append(FundingRate(rate=context.funding_rate, interval_ns=FUNDING_NS, **common))

    def _candle(self, seen: CandleSeen, arrival: _Arrival, events: list[Event]) -> None:
        coin = self._coins.get(seen.coin)
        if coin is not None:
            self._heard(CANDLE, coin, arrival)
            bar = candle(seen, coin.instrument)
            events.append(VenueCandle(ts_event=arrival.now.utc_ns, candle=bar, read_ns=arrival.read_ns))

    def _confirmed(self, seen: RequestConfirmed, arrival: _Arrival, events: list[Event]) -> None:
        if seen.channel != BOOK and seen.coin in self._coins:  # an echo proves no book
            self._heard(seen.channel, self._coins[seen.coin], arrival)

    def _pong(self, seen: PongArrived, arrival: _Arrival, events: list[Event]) -> None:
        self.watch.heard("pong", arrival.read_ns)

    def _complaint(self, seen: Complaint, arrival: _Arrival, events: list[Event]) -> None:
        text = seen.text[:_MOST_TEXT]
        events.append(VenueComplained(ts_event=arrival.now.utc_ns, venue=VENUE, text=text))

    def _unreadable(self, seen: Unreadable, arrival: _Arrival, events: list[Event]) -> None:
        ts_event, raw = arrival.now.utc_ns, arrival.frame[:256]
        events.append(DecodeFailed(ts_event=ts_event, venue=VENUE, category=seen.category, raw=raw))

    # ---- what can be believed --------------------------------------------------------------------------

    def _heard(self, channel: str, coin: _Coin, arrival: _Arrival) -> None:
        self.watch.heard(_channel(channel, coin.name), arrival.read_ns)
        self.watch.heard(channel, arrival.read_ns)

    def _tell_proof(self, ts_event: int, events: list[Event]) -> None:
        proven_ns = self.watch.proven_ns()
        if proven_ns > self._proven_ns:
            self._proven_ns = proven_ns
            events.append(HeartbeatSeen(ts_event=ts_event, venue=VENUE, read_ns=proven_ns))

    def _tell_whole(self, ts_event: int, events: list[Event]) -> None:
        if not self._is_whole and all(coin.book.is_whole for coin in self._coins.values()):
            self._is_whole = True
            events.append(StreamWhole(ts_event=ts_event, venue=VENUE))

    def _void(self, coin: _Coin, arrival: _Arrival, events: list[Event]) -> None:
        """Stop believing a coin that was told with bid above ask; its next whole book heals it."""
        if self._is_whole:
            self._is_whole = False
            gap = StreamGap(ts_event=arrival.now.utc_ns, venue=VENUE, expected=0, got=0, is_healing=True)
            events.append(gap)
        coin.book.invalidate()
        coin.told = None

    def _quote(
        self, coin: _Coin, top: Top | None, ts_event: int, arrival: _Arrival, events: list[Event]
    ) -> None:
        """Tell a touch that is news. When a side is gone, so is the price: say so with the last one."""
        if top is None and coin.told is None:
            return
        is_whole = top is not None and coin.book.is_whole
        told = (top or coin.told[0], is_whole)
        if told == coin.told:
            return
        coin.told, coin.told_at = told, ts_event
        events.append(
            quote(told[0], VENUE, coin.instrument, ts_event, arrival.read_ns, arrival.now, is_whole)
        )


def _channel(channel: str, coin: str) -> str:
    return f"{channel}:{coin}"


def _wait_for(channel: str, coin: str) -> Channel:
    return Channel(_channel(channel, coin))
