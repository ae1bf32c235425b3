"""What Hyperliquid tells of its markets: the rows of its JSON, and the domain events in them. Pure.

The websocket and the info endpoint write the same rows, so `decode` and `answers` share them. Sizes and
prices are JSON strings, times are milliseconds, sides are "B" and "A". Converting raises `BadField`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Annotated, Any, TypedDict

from msgspec import Struct

from adapters.decoding import tokens
from adapters.decoding.answers import text
from adapters.decoding.quotes import quote
from adapters.decoding.tokens import BadField, Milliseconds, Name, NotNegative, Number, Positive, Token
from adapters.venues.hyperliquid.coins import name_of
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.market.order_book import Level, Top
from domain.messages.base import Event
from domain.messages.market import Candle, FundingRate, IndexPrice, MarkPrice, Quote, Trade
from domain.streams.frame_events import BookSnapshot, QuoteWithdrawn

VENUE = "hyperliquid"
FUNDING_NS = 3600 * SECOND_NS  # funding is paid every hour

INTERVALS = {  # the venue's word -> ns
    **{f"{minutes}m": minutes * 60 * SECOND_NS for minutes in (1, 3, 5, 15, 30)},
    **{f"{hours}h": hours * 3600 * SECOND_NS for hours in (1, 2, 4, 8, 12)},
    **{f"{days}d": days * 86_400 * SECOND_NS for days in (1, 3)},
}
_AGGRESSORS = {"B": Side.BUY, "A": Side.SELL}
_MOST = 2**53  # of counts; whatever is above would not fit where messages keep it
_REFUSED_KEPT = 20  # prices of one frame that can't be read, each told


# ---- the wire, as msgspec reads it -----------------------------------------------------------------------


class LevelRow(Struct, gc=False):
    px: Positive
    sz: NotNegative


class BookRow(Struct, gc=False):
    coin: Name
    time: Milliseconds
    levels: tuple[list[LevelRow], list[LevelRow]]  # bids and asks, best first


class TouchRow(Struct, gc=False):
    coin: Name
    time: Milliseconds
    bbo: tuple[LevelRow | None, LevelRow | None]


class PrintRow(Struct, gc=False):
    coin: Name
    side: str  # the aggressor's
    px: Positive
    sz: Positive
    time: Milliseconds
    tid: Annotated[int, _counted]


class ContextRow(Struct, gc=False):
    markPx: Positive
    oraclePx: Positive = None
    funding: Number = None


class CandleRow(Struct, gc=False):
    s: Name
    t: Milliseconds
    o: Positive
    h: Positive
    l: Positive  # noqa: E741
    c: Positive
    v: NotNegative
    n: Annotated[int, _counted]
    i: Any = None  # how long it is, in the venue's word
    T: Any = None  # the last millisecond of it; decides where we don't know the word


# ---- what they say ---------------------------------------------------------------------------------------


class Context(Struct, frozen=True):
    """What holds for one coin besides its trades."""

    mark_price: Decimal
    index_price: Decimal | None  # the oracle's; spot coins have none
    funding_rate: Decimal | None  # of one hour, of either sign; spot coins have none


def book(row: BookRow) -> BookSnapshot:
    bids, asks = row.levels
    return BookSnapshot(
        ts_event=tokens.ns_of_ms(row.time),
        venue=VENUE,
        instrument=instrument(row.coin),
        levels=_levels(bids, asks),
    )


def touch(row: TouchRow, read_ns: int, ts_init: int) -> Quote | QuoteWithdrawn:
    """Return the best bid and ask. Whether the book behind them is whole is not for a row to say."""
    bid, ask = row.bbo
    name, ts_event = instrument(row.coin), tokens.ns_of_ms(row.time)
    sides = _levels([bid] if bid is not None else [], [ask] if ask is not None else [])
    if len(sides) < 2:
        return QuoteWithdrawn(ts_event=ts_event, venue=VENUE, instrument=name)
    best_bid, best_ask = sides
    top = Top(best_bid.price, best_bid.quantity, best_ask.price, best_ask.quantity)
    return quote(top, VENUE, name, ts_event, read_ns, ts_init, is_whole=False)


def trades(rows: Iterable[PrintRow], read_ns: int, ts_init: int, is_history: bool) -> list[Trade]:
    """Return prints by time, and those of one block as they happened, whichever way round they were sent."""
    found = [_trade(row, read_ns, ts_init, is_history) for row in rows]
    if found and found[0].ts_event > found[-1].ts_event:
        found.reverse()
    found.sort(key=lambda one: one.ts_event)
    return found


def _trade(row: PrintRow, read_ns: int, ts_init: int, is_history: bool) -> Trade:
    aggressor = _AGGRESSORS.get(row.side)
    if aggressor is None:
        raise BadField("validation", "side is neither B nor A")
    return Trade(
        ts_event=tokens.ns_of_ms(row.time),
        venue=VENUE,
        instrument=instrument(row.coin),
        trade_id=str(_counted(row.tid)),
        price=tokens.positive(row.px),
        quantity=tokens.positive(row.sz),
        aggressor=aggressor,
        ts_init=ts_init,
        read_ns=read_ns,
        is_history=is_history,
    )


def context(row: ContextRow) -> Context:
    return Context(
        tokens.positive(row.markPx),
        None if row.oraclePx is None else tokens.positive(row.oraclePx),
        None if row.funding is None else tokens.number(row.funding),
    )


class _Common(TypedDict):
    ts_event: int
    venue: str
    instrument: str
    ts_init: int
    read_ns: int


def marks(coin: str, row: ContextRow, read_ns: int, ts_init: int) -> list[Event]:
    told = context(row)
    common = _Common(
        ts_event=ts_init,  # the venue doesn't say since when it holds
        venue=VENUE,
        instrument=instrument(coin),
        ts_init=ts_init,
        read_ns=read_ns,
    )
    events: list[Event] = [MarkPrice(price=told.mark_price, **common)]
    if told.index_price is not None:
        events.append(IndexPrice(price=told.index_price, **common))
    if told.funding_rate is not None:
        events.append(FundingRate(rate=told.funding_rate, interval_ns=FUNDING_NS, **common))
    return events


def candle(row: CandleRow) -> Candle:
    open_ts = tokens.ns_of_ms(row.t)
    interval_ns = INTERVALS.get(text(row.i)) or _until(row.T, open_ts)
    bar = Candle(
        venue=VENUE,
        instrument=instrument(row.s),
        interval_ns=interval_ns,
        open_ts=open_ts,
        open=tokens.positive(row.o),
        high=tokens.positive(row.h),
        low=tokens.positive(row.l),
        close=tokens.positive(row.c),
        volume=tokens.not_negative(row.v),
        count=_counted(row.n),
    )
    tokens.check_range(bar.low, bar.open, bar.close, bar.high)
    return bar


def _until(last_ms: Any, open_ts: int) -> int:
    """Return how long a bar is by its last millisecond."""
    if type(last_ms) is not int:
        raise BadField("type", "a bar of unknown length")
    interval_ns = tokens.ns_of_ms(last_ms + 1) - open_ts
    if interval_ns <= 0:
        raise BadField("validation", "T is before t")
    return interval_ns


def mids(pairs: Iterable[tuple[str, Token]]) -> tuple[dict[str, Decimal], list[BadField]]:
    """Return every mid price by instrument, and what is wrong with the first others: no other coin suffers."""
    read: dict[str, Decimal] = {}
    refused: list[BadField] = []
    for coin, token in pairs:
        try:
            read[instrument(coin)] = tokens.positive(token)
        except BadField as error:
            if len(refused) < _REFUSED_KEPT:
                refused.append(BadField(error.category, f"{error} - at `$.mids.{coin}`"))
    return read, refused


def instrument(coin: str) -> str:
    if not coin:
        raise BadField("validation", "a coin without a name")
    return name_of(coin)


def _counted(count: int) -> int:
    if not 0 <= count <= _MOST:
        raise BadField("validation", "not a count")
    return count


def _levels(bids: Sequence[LevelRow], asks: Sequence[LevelRow]) -> list[Level]:
    positive, not_negative = tokens.positive, tokens.not_negative  # most of what a book costs: no detours
    levels = [Level(True, positive(row.px), not_negative(row.sz)) for row in bids]
    levels += [Level(False, positive(row.px), not_negative(row.sz)) for row in asks]
    return levels
