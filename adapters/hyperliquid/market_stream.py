"""Hyperliquid's public stream as a machine over frames: quotes, trades, marks, bars, and proof of life.

Nothing is numbered here. What makes a price believable is that its book, told as a whole each time, keeps
coming: every book is proof for its own coin only, so the stream is as alive as its most silent book. A book
that is crossed is void until the next one; what comes late is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from adapters.hyperliquid.coins import coin_of, name_of
from adapters.hyperliquid.decode import decode
from adapters.hyperliquid.encode import PING, encode_subscribe
from adapters.hyperliquid.market_rows import VENUE
from adapters.stamped import quote
from domain.channel_watch import Channel, ChannelWatch
from domain.effects import Instant
from domain.frame_events import BookSnapshot, QuoteWithdrawn, SubscriptionConfirmed
from domain.market_data import (
    DecodeFailed,
    FundingRate,
    HeartbeatSeen,
    IndexPrice,
    MarkPrice,
    Quote,
    StreamGap,
    StreamWhole,
    Trade,
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


class _Arrival(NamedTuple):
    """When a frame was read, and what the time is."""

    read_ns: int
    now: Instant


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

    def is_new_trade(self, one: Trade) -> bool:
        return self.replays.is_new((one.ts_event, one.trade_id))  # ids alone may repeat


class MarketStream:
    """A StreamCodec for the public channels of the configured instruments."""

    def __init__(self, settings: VenueSettings) -> None:
        self.url = settings.market_stream_url or URL
        coins = [_Coin(coin_of(name), name) for name in settings.instruments]
        self._coins = {name_of(coin.name): coin for coin in coins}  # what the decoder calls it -> coin
        self._book_mode = {"fast": True} if settings.heartbeat_timeout_s < _SLOW_BOOK_S else {}
        self._is_whole = False
        self._proven_ns = 0
        self._ping_due_ns = 0
        self.watch = ChannelWatch(
            (
                *(
                    Channel(_channel(BOOK, coin.name), settings.heartbeat_timeout_s, proves_life=True)
                    for coin in coins
                ),
                # What may be quiet by itself: each coin must confirm it, and now and then one must speak.
                *(_wait_for(channel, coin) for channel in (TOUCH, TRADES, CANDLE) for coin in coins),
                *(Channel(channel, _QUIET_S) for channel in (TOUCH, TRADES, CANDLE)),
                *(Channel(_channel(CONTEXT, coin.name), _QUIET_S) for coin in coins),
                Channel("pong", _PONG_WITHIN_S),
            )
        )
        self._readers = {
            BookSnapshot: self._book,
            Quote: self._touch,
            QuoteWithdrawn: self._touch,
            MarkPrice: self._context,
            IndexPrice: self._context,
            FundingRate: self._context,
            VenueCandle: self._candle,
            SubscriptionConfirmed: self._confirmed,
            HeartbeatSeen: self._pong,
            VenueComplained: self._pass_on,
            DecodeFailed: self._pass_on,
        }

    def hello(self, now: Instant) -> tuple[str, ...]:
        self._is_whole = False
        for coin in self._coins.values():
            coin.start_over()
        self._ping_due_ns = now.monotonic_ns  # the first pong shows that pings work
        return tuple(
            text
            for coin in self._coins.values()
            for text in (
                encode_subscribe(BOOK, coin=coin.name, **self._book_mode),
                encode_subscribe(TOUCH, coin=coin.name),
                encode_subscribe(TRADES, coin=coin.name),
                encode_subscribe(CONTEXT, coin=coin.name),
                encode_subscribe(CANDLE, coin=coin.name, interval="1m"),
            )
        )

    def decode(self, frame: bytes, read_ns: int, now: Instant) -> Sequence[Event]:
        events: list[Event] = []
        arrival = _Arrival(read_ns, now)
        told = decode(frame, read_ns, now.utc_ns)
        if told and type(told[0]) is Trade:
            self._trades(told, arrival, events)
            return events
        for seen in told:
            reader = self._readers.get(type(seen))
            if reader is not None:  # the others were never asked for
                reader(seen, arrival, events)
        return events

    def levels(self, instrument: str, most: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        coin = self._coins.get(name_of(coin_of(instrument)))
        return coin.book.levels(most) if coin is not None else ((), ())

    def tick(self, now: Instant) -> tuple[str, ...]:
        if now.monotonic_ns < self._ping_due_ns:
            return ()
        self._ping_due_ns = now.monotonic_ns + _PING_EVERY_NS
        return (PING,)

    # ---- one reader per kind of event ----------------------------------------------------------------

    def _book(self, seen: BookSnapshot, arrival: _Arrival, events: list[Event]) -> None:
        coin = self._coins.get(seen.instrument)
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

    def _touch(self, seen: Quote | QuoteWithdrawn, arrival: _Arrival, events: list[Event]) -> None:
        coin = self._coins.get(seen.instrument)
        if coin is None:
            return
        self._heard(TOUCH, coin, arrival)
        if seen.ts_event <= coin.book.ts_event or seen.ts_event < coin.told_at:
            return  # the book has told of this block already
        top = None
        if type(seen) is Quote:
            if seen.is_crossed:
                self._void(coin, arrival, events)
                return
            top = Top(seen.bid_price, seen.bid_quantity, seen.ask_price, seen.ask_quantity)
        self._quote(coin, top, seen.ts_event, arrival, events)

    def _trades(self, told: Sequence[Trade], arrival: _Arrival, events: list[Event]) -> None:
        """Take one whole frame: a subscription begins with the newest trades before it, all in one."""
        coins = {one.instrument: self._coins[one.instrument] for one in told if one.instrument in self._coins}
        for one in told:
            coin = coins.get(one.instrument)
            if coin is not None and coin.is_new_trade(one):
                events.append(one if coin.has_replayed else replace(one, is_history=True))
        for coin in coins.values():
            coin.has_replayed = True
            self._heard(TRADES, coin, arrival)

    def _context(
        self, seen: MarkPrice | IndexPrice | FundingRate, arrival: _Arrival, events: list[Event]
    ) -> None:
        coin = self._coins.get(seen.instrument)
        if coin is not None:
            self.watch.heard(_channel(CONTEXT, coin.name), arrival.read_ns)
            events.append(seen)

    def _candle(self, seen: VenueCandle, arrival: _Arrival, events: list[Event]) -> None:
        coin = self._coins.get(seen.candle.instrument)
        if coin is not None:
            self._heard(CANDLE, coin, arrival)
            events.append(seen)

    def _confirmed(self, seen: SubscriptionConfirmed, arrival: _Arrival, events: list[Event]) -> None:
        coin = self._coins.get(name_of(seen.subject))
        if seen.channel != BOOK and coin is not None:  # an echo proves no book
            self._heard(seen.channel, coin, arrival)

    def _pong(self, seen: HeartbeatSeen, arrival: _Arrival, events: list[Event]) -> None:
        self.watch.heard("pong", arrival.read_ns)  # of the connection: proof of life are its books

    def _pass_on(self, seen: Event, arrival: _Arrival, events: list[Event]) -> None:
        events.append(seen)

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
            quote(told[0], VENUE, coin.instrument, ts_event, arrival.read_ns, arrival.now.utc_ns, is_whole)
        )


def _channel(channel: str, coin: str) -> str:
    return f"{channel}:{coin}"


def _wait_for(channel: str, coin: _Coin) -> Channel:
    return Channel(_channel(channel, coin.name))
