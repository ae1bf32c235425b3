"""What Hyperliquid tells of its markets: the rows of its JSON, and what each of them says. Pure.

The websocket and the info endpoint write the same rows, so `decode` and `answers` share them. Sizes and
prices are JSON strings, times are milliseconds, sides are "B" and "A". Converting raises `BadField`.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import Struct

from adapters import tokens
from adapters.tokens import BadField, Token
from domain.instrument import Side
from domain.order_book import Level

_AGGRESSORS = {"B": Side.BUY, "A": Side.SELL}
_MOST = 2**53  # of counts; whatever is above would not fit where messages keep it


# ---- what they say ---------------------------------------------------------------------------------------


class BookSeen(Struct):
    """All levels that the venue tells of one coin: every message is a snapshot."""

    coin: str
    levels: list[Level]
    ts_event: int


class TouchSeen(Struct):
    """Best bid and ask; a side of the book may be empty."""

    coin: str
    bid: Level | None
    ask: Level | None
    ts_event: int


class PrintSeen(Struct):
    coin: str
    trade_id: str
    price: Decimal
    quantity: Decimal
    aggressor: Side
    ts_event: int


class Context(Struct):
    mark_price: Decimal
    index_price: Decimal | None  # the oracle's; spot coins have none
    funding_rate: Decimal | None  # of one hour, of either sign; spot coins have none


class CandleSeen(Struct):
    coin: str
    interval_ns: int
    open_ts: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    count: int


# ---- the wire, as msgspec reads it -----------------------------------------------------------------------


class LevelRow(Struct, gc=False):
    px: Token
    sz: Token


class BookRow(Struct, gc=False):
    coin: str
    time: int
    levels: tuple[list[LevelRow], list[LevelRow]]  # bids and asks, best first


class TouchRow(Struct, gc=False):
    coin: str
    time: int
    bbo: tuple[LevelRow | None, LevelRow | None]


class PrintRow(Struct, gc=False):
    coin: str
    side: str  # the aggressor's
    px: Token
    sz: Token
    time: int
    tid: int


class ContextRow(Struct, gc=False):
    markPx: Token
    oraclePx: Token = None
    funding: Token = None


class CandleRow(Struct, gc=False):
    s: str
    t: int
    T: int  # the last millisecond of the interval
    o: Token
    h: Token
    l: Token  # noqa: E741
    c: Token
    v: Token
    n: int


# ---- from the one to the other ---------------------------------------------------------------------------


def book_seen(row: BookRow) -> BookSeen:
    bids, asks = row.levels
    levels = [level(True, each) for each in bids]
    levels += [level(False, each) for each in asks]
    return BookSeen(named(row.coin), levels, tokens.ns_of_ms(row.time))


def touch_seen(row: TouchRow) -> TouchSeen:
    bid, ask = row.bbo
    return TouchSeen(
        named(row.coin),
        level(True, bid) if bid is not None else None,
        level(False, ask) if ask is not None else None,
        tokens.ns_of_ms(row.time),
    )


def level(is_bid: bool, row: LevelRow) -> Level:
    return Level(is_bid, tokens.positive(row.px), tokens.not_negative(row.sz))


def print_seen(row: PrintRow) -> PrintSeen:
    aggressor = _AGGRESSORS.get(row.side)
    if aggressor is None:
        raise BadField("validation", "neither B nor A")
    return PrintSeen(
        named(row.coin),
        str(_counted(row.tid)),
        tokens.positive(row.px),
        tokens.positive(row.sz),
        aggressor,
        tokens.ns_of_ms(row.time),
    )


def context_seen(row: ContextRow) -> Context:
    return Context(
        tokens.positive(row.markPx),
        None if row.oraclePx is None else tokens.positive(row.oraclePx),
        None if row.funding is None else tokens.number(row.funding),
    )


def candle_seen(row: CandleRow) -> CandleSeen:
    open_ts, last_ts = tokens.ns_of_ms(row.t), tokens.ns_of_ms(row.T + 1)
    if last_ts <= open_ts:
        raise BadField("validation", "ends before it begins")
    seen = CandleSeen(
        named(row.s),
        last_ts - open_ts,
        open_ts,
        tokens.positive(row.o),
        tokens.positive(row.h),
        tokens.positive(row.l),
        tokens.positive(row.c),
        tokens.not_negative(row.v),
        _counted(row.n),
    )
    if not seen.low <= min(seen.open, seen.close) <= max(seen.open, seen.close) <= seen.high:
        raise BadField("validation", "open or close lies outside of high and low")
    return seen


def mids(pairs: Iterable[tuple[str, Token]]) -> tuple[dict[str, Decimal], list[BadField]]:
    """Return every mid price, and what is wrong with those that can't be read: no other coin suffers."""
    read: dict[str, Decimal] = {}
    refused: list[BadField] = []
    for coin, token in pairs:
        try:
            read[named(coin)] = tokens.positive(token)
        except BadField as error:
            refused.append(error)
    return read, refused


def named(coin: str) -> str:
    if not coin:
        raise BadField("validation", "a coin without a name")
    return coin


def _counted(count: int) -> int:
    if not 0 <= count <= _MOST:
        raise BadField("validation", "not a count")
    return count
