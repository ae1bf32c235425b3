"""Hyperliquid's public stream as a machine over frames: quotes, trades, marks, bars, and proof of life.

Nothing is numbered here. What makes a price believable is that its book, told as a whole each time, keeps
coming: every book is proof for its own coin only, so the stream is as alive as its most silent book. A book
that is crossed is void until the next one; what comes late is dropped. A coin that the venue doesn't tell of
while it tells of others is left out, alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from adapters.decoding.quotes import believable, quote
from adapters.venues.hyperliquid.coins import coin_of, name_of
from adapters.venues.hyperliquid.decode import decode
from adapters.venues.hyperliquid.encode import PING, encode_subscribe, encode_unsubscribe
from adapters.venues.hyperliquid.market_rows import VENUE
from domain.instant import SECOND_NS, Instant
from domain.market.order_book import Level, OrderBook, Top
from domain.messages.base import Event
from domain.messages.market import (
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
from domain.settings import VenueSettings
from domain.streams.channel_watch import Channel, ChannelWatch
from domain.streams.frame_events import BookSnapshot, QuoteWithdrawn, SubscriptionConfirmed
from domain.streams.replay_filter import ReplayFilter
from domain.streams.venue_time import VenueTime
from domain.text import bounded

URL = "wss://api.hyperliquid.xyz/ws"

BOOK, TOUCH, TRADES, CONTEXT, CANDLE = "l2Book", "bbo", "trades", "activeAssetCtx", "candle"
_CHANNELS = (BOOK, TOUCH, TRADES, CONTEXT, CANDLE)

_SLOW_BOOK_S = 12.0  # with this much patience a book need not be fast, and has more levels
_PING_EVERY_NS = 30 * SECOND_NS  # the venue hangs up on a connection on which it said nothing for 60 s
_PONG_WITHIN_S = 60.0
_STALE_NS = SECOND_NS // 4  # so much before a channel's silence would cost the connection
_STRIKES = 2  # connections that ended while a coin was asked for; one may be chance
_AGAIN_NS = 60 * SECOND_NS  # between two questions for what is left out
_HUNG_UP_AGAIN_NS = 600 * SECOND_NS  # likewise, where asking costs the connection
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
        self.strikes = 0  # connections in a row that ended while it was asked for
        self.left_out = ""  # why nobody waits for its book; empty: they do
        self.ask_again_ns = 0  # then
        self.believed: Quote | None = None  # our last whole quote, unless it was withdrawn
        self.start_over()

    def start_over(self) -> None:
        """Forget what belongs to a connection. Trades stay: a new one replays those of the old one."""
        self.book = OrderBook()
        self.told: tuple[Top, bool] | None = None  # what our last quote said, and whether it was whole
        self.told_at = 0  # its ts_event
        self.has_replayed = False
        self.is_answered = False

    def is_new_trade(self, one: Trade) -> bool:
        return self.replays.is_new((one.ts_event, one.trade_id))  # ids alone may repeat


class MarketStream:
    """A MarketCodec for the public channels of the configured instruments."""

    def __init__(self, settings: VenueSettings) -> None:
        self.url = settings.market_stream_url or URL
        coins = [_Coin(coin_of(name), name) for name in settings.instruments]
        self._coins = {name_of(coin.name): coin for coin in coins}  # what the decoder calls it -> coin
        self._book_mode = {"fast": True} if settings.heartbeat_timeout_s < _SLOW_BOOK_S else {}
        self._is_whole = False
        self._time = VenueTime()
        self._proven_ns = 0
        self._ping_due_ns = 0
        self._asked: list[_Coin] = []  # for which this connection was asked, in order
        self._to_ask: deque[_Coin] = deque()  # one after the other, each once the one before has an answer
        self._is_careful = False  # so, because connections ended before all had answers
        self._cut_short = 0  # such connections in a row
        self._left_out: dict[str, tuple[str, _Coin]] = {}  # channel that is left out -> what it tells, and of whom
        self._to_tell: list[Event] = []  # what there is to tell with the next frame
        self.watch = ChannelWatch(
            (
                *(
                    Channel(
                        _channel(BOOK, coin.name),
                        settings.heartbeat_timeout_s,
                        proves_life=True,
                        of=coin.name,
                    )
                    for coin in coins
                ),
                # What may be quiet by itself: each coin must confirm it, and now and then one must speak.
                *(_wait_for(channel, coin) for channel in (TOUCH, TRADES, CANDLE) for coin in coins),
                *(Channel(channel, _QUIET_S) for channel in (TOUCH, TRADES, CANDLE)),
                *(Channel(_channel(CONTEXT, coin.name), _QUIET_S, of=coin.name) for coin in coins),
                Channel("pong", _PONG_WITHIN_S),
            )
        )
        # kind of event -> what reads it
        self._readers: dict[type, Callable[[Any, _Arrival, list[Event]], None]] = {
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

    def follow(self, time: VenueTime) -> None:
        self._time = time

    @property
    def left_out(self) -> tuple[str, ...]:
        """Return the instruments of which no price is to be expected."""
        return tuple(coin.instrument for coin in self._coins.values() if coin.left_out)

    def hello(self, now: Instant) -> tuple[str, ...]:
        self._is_whole = False
        self._learn_from_the_last(now)
        for coin in self._coins.values():
            coin.start_over()
        self._ping_due_ns = now.monotonic_ns  # the first pong shows that pings work
        doubtful = [one for one in self._coins.values() if one.left_out and one.ask_again_ns <= now.monotonic_ns]
        wanted = sorted((coin for coin in self._coins.values() if not coin.left_out), key=lambda coin: coin.strikes)
        self._asked = []
        if self._is_careful or doubtful:
            self._to_ask = deque([*wanted, *doubtful])  # who may cost the connection comes last
            return self._ask_next()
        self._to_ask.clear()
        return tuple(text for coin in wanted for text in self._ask(coin))

    def decode(self, frame: bytes, read_ns: int, now: Instant) -> Sequence[Event]:
        events: list[Event] = []
        if self._to_tell:
            events, self._to_tell = self._to_tell, []
        arrival = _Arrival(read_ns, now)
        told = believable(decode(frame, read_ns, now.utc_ns), self._time, VENUE, frame, now, numbered=False)
        if told and type(told[0]) is Trade:
            self._trades([one for one in told if type(one) is Trade], arrival, events)
            return events + [one for one in told if type(one) is not Trade]
        for seen in told:
            reader = self._readers.get(type(seen))
            if reader is not None:  # the others were never asked for
                reader(seen, arrival, events)
        return events

    def levels(self, instrument: str, most: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        coin = self._coins.get(name_of(coin_of(instrument)))
        return coin.book.levels(most) if coin is not None else ((), ())

    def tick(self, now: Instant) -> tuple[str, ...]:
        frames = list(self._ask_next()) if not self._asked or self._asked[-1].is_answered else []
        for name in self.watch.stale(now.monotonic_ns + _STALE_NS):
            frames += self._leave_out_stale(name, now)
        for channel, coin in self._left_out.values():
            if coin.is_answered and now.monotonic_ns >= coin.ask_again_ns:
                coin.ask_again_ns = now.monotonic_ns + _AGAIN_NS
                frames += self._renew(channel, coin)
        if now.monotonic_ns >= self._ping_due_ns:
            self._ping_due_ns = now.monotonic_ns + _PING_EVERY_NS
            frames.append(PING)
        return tuple(frames)

    # ---- what to ask for -----------------------------------------------------------------------------

    def _ask(self, coin: _Coin) -> tuple[str, ...]:
        self._asked.append(coin)
        return tuple(encode_subscribe(channel, **self._parameters(channel, coin)) for channel in _CHANNELS)

    def _ask_next(self) -> tuple[str, ...]:
        return self._ask(self._to_ask.popleft()) if self._to_ask else ()

    def _renew(self, channel: str, coin: _Coin) -> tuple[str, ...]:
        parameters = self._parameters(channel, coin)
        return encode_unsubscribe(channel, **parameters), encode_subscribe(channel, **parameters)

    def _parameters(self, channel: str, coin: _Coin) -> dict[str, Any]:
        more: dict[str, dict[str, Any]] = {BOOK: self._book_mode, CANDLE: {"interval": "1m"}}
        return {"coin": coin.name, **more.get(channel, {})}

    def _learn_from_the_last(self, now: Instant) -> None:
        """Find out for whom the venue hangs up: it says no word when it is asked for a coin that isn't there."""
        unanswered = [coin for coin in self._asked if not coin.is_answered]
        if not unanswered:
            self._is_careful, self._cut_short = False, 0
        elif not self._is_careful and not self._asked[-1].left_out:
            self._cut_short += 1  # once may be chance
            self._is_careful = len(self._coins) > 1 and self._cut_short >= _STRIKES
        else:
            coin = unanswered[-1]  # the one that was being asked for
            coin.strikes += 1
            if coin.strikes >= _STRIKES and len(self._coins) > 1:
                coin.ask_again_ns = now.monotonic_ns + _HUNG_UP_AGAIN_NS
                self._leave_out(coin, _CHANNELS, "the venue hangs up when it is asked for", now)

    def _answered(self, coin: _Coin) -> None:
        coin.is_answered, coin.strikes = True, 0

    def _leave_out_stale(self, name: str, now: Instant) -> tuple[str, ...]:
        """Wait no more for one channel of one coin; without its book, not for its prices either."""
        channel, _, of = name.partition(":")
        coin = self._coins[name_of(of)]
        coin.ask_again_ns = now.monotonic_ns + _AGAIN_NS
        self._leave_out(coin, (channel,), f"its {channel} is silent", now)
        return self._renew(channel, coin) if coin.is_answered else ()

    def _leave_out(self, coin: _Coin, channels: Sequence[str], reason: str, now: Instant) -> None:
        names = {_channel(channel, coin.name): (channel, coin) for channel in channels}
        self.watch.leave_out(names)
        self._left_out |= names
        if BOOK in channels:
            coin.left_out = coin.left_out or reason
            coin.book.invalidate()
            self._doubt_quote(coin, self._to_tell)
        what = "left out" if BOOK in channels else f"its {channels[0]} is left out"
        text = bounded(f"{coin.instrument}: {what}, everything else goes on: {reason}")
        self._to_tell.append(VenueComplained(ts_event=now.utc_ns, venue=VENUE, text=text))

    def _take_back(self, channel: str, coin: _Coin) -> None:
        name = _channel(channel, coin.name)
        if self._left_out.pop(name, None) is not None:
            self.watch.take_back([name])
            if channel == BOOK:
                coin.left_out = ""

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
        self._answered(coin)
        self._take_back(BOOK, coin)
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

    def _context(self, seen: MarkPrice | IndexPrice | FundingRate, arrival: _Arrival, events: list[Event]) -> None:
        coin = self._coins.get(seen.instrument)
        if coin is not None:
            self._take_back(CONTEXT, coin)
            self.watch.heard(_channel(CONTEXT, coin.name), arrival.read_ns)
            events.append(seen)

    def _candle(self, seen: VenueCandle, arrival: _Arrival, events: list[Event]) -> None:
        coin = self._coins.get(seen.candle.instrument)
        if coin is not None:
            self._heard(CANDLE, coin, arrival)
            events.append(seen)

    def _confirmed(self, seen: SubscriptionConfirmed, arrival: _Arrival, events: list[Event]) -> None:
        coin = self._coins.get(name_of(seen.subject))
        if coin is None:
            return
        self._answered(coin)
        if seen.channel != BOOK:  # an echo proves no book
            self._heard(seen.channel, coin, arrival)

    def _pong(self, seen: HeartbeatSeen, arrival: _Arrival, events: list[Event]) -> None:
        self.watch.heard("pong", arrival.read_ns)  # of the connection: proof of life are its books

    def _pass_on(self, seen: Event, arrival: _Arrival, events: list[Event]) -> None:
        events.append(seen)

    # ---- what can be believed --------------------------------------------------------------------------

    def _heard(self, channel: str, coin: _Coin, arrival: _Arrival) -> None:
        self._take_back(channel, coin)
        self.watch.heard(_channel(channel, coin.name), arrival.read_ns)
        self.watch.heard(channel, arrival.read_ns)

    def _tell_proof(self, ts_event: int, events: list[Event]) -> None:
        proven_ns = self.watch.proven_ns()
        if proven_ns > self._proven_ns:
            self._proven_ns = proven_ns
            events.append(HeartbeatSeen(ts_event=ts_event, venue=VENUE, read_ns=proven_ns))

    def _tell_whole(self, ts_event: int, events: list[Event]) -> None:
        coins = self._coins.values()
        if self._is_whole or not all(coin.book.is_whole or coin.left_out for coin in coins):
            return
        self._is_whole = True
        for coin in coins:
            if not coin.book.is_whole:
                self._doubt_quote(coin, events)
        events.append(StreamWhole(ts_event=ts_event, venue=VENUE))

    def _doubt_quote(self, coin: _Coin, events: list[Event]) -> None:
        """Say of our last price that it can't be believed any more."""
        if coin.believed is not None:
            events.append(replace(coin.believed, is_whole=False))
            coin.believed = None

    def _void(self, coin: _Coin, arrival: _Arrival, events: list[Event]) -> None:
        """Stop believing a coin that was told with bid above ask; its next whole book heals it."""
        if self._is_whole:
            self._is_whole = False
            gap = StreamGap(ts_event=arrival.now.utc_ns, venue=VENUE, expected=0, got=0, is_healing=True)
            events.append(gap)
        coin.book.invalidate()
        coin.told = None
        self._doubt_quote(coin, events)

    def _quote(self, coin: _Coin, top: Top | None, ts_event: int, arrival: _Arrival, events: list[Event]) -> None:
        """Tell a touch that is news. When a side is gone, so is the price: say so with the last one."""
        shown = top or (coin.told[0] if coin.told is not None else None)
        if shown is None:
            return
        is_whole = top is not None and coin.book.is_whole
        told = (shown, is_whole)
        if told == coin.told:
            return
        coin.told, coin.told_at = told, ts_event
        stamps = ts_event, arrival.read_ns, arrival.now.utc_ns
        one = quote(told[0], VENUE, coin.instrument, *stamps, is_whole)
        coin.believed = one if is_whole else None
        events.append(one)


def _channel(channel: str, coin: str) -> str:
    return f"{channel}:{coin}"


def _wait_for(channel: str, coin: _Coin) -> Channel:
    return Channel(_channel(channel, coin.name), of=coin.name)
