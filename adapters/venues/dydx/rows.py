"""The rows that dYdX's stream and its REST answers share: books, trades, candles, markets. Pure.

Prices and sizes are JSON strings, heights too. What must not be is refused with `tokens.BadField`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypedDict

from msgspec import Struct

from adapters.decoding import tokens
from adapters.decoding.tokens import BadField, NotNegative, Number, Positive, Token, UtcText, UtcTextIfAny
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.market.order_book import Level
from domain.messages.base import Event
from domain.messages.market import (
    Candle,
    FundingRate,
    IndexPrice,
    InstrumentStatus,
    MarkPrice,
    Trade,
    TradingStatus,
)

Reader = Callable[[Token], Decimal]  # of a number

VENUE = "dydx"
FUNDING_INTERVAL_NS = 3_600 * SECOND_NS
MOST = 2**53  # of counts; whatever is above would not fit where messages keep it
RESOLUTIONS = {  # the venue's word -> ns
    "1MIN": 60 * SECOND_NS,
    "5MINS": 300 * SECOND_NS,
    "15MINS": 900 * SECOND_NS,
    "30MINS": 1_800 * SECOND_NS,
    "1HOUR": 3_600 * SECOND_NS,
    "4HOURS": 14_400 * SECOND_NS,
    "1DAY": 86_400 * SECOND_NS,
}
_STATUSES = {
    "ACTIVE": TradingStatus.TRADING,
    "PAUSED": TradingStatus.HALTED,
    "CANCEL_ONLY": TradingStatus.HALTED,
    "POST_ONLY": TradingStatus.HALTED,  # what opens and closes positions here takes
    "INITIALIZING": TradingStatus.HALTED,
    "FINAL_SETTLEMENT": TradingStatus.CLOSED,
}


# ---- as msgspec reads them -------------------------------------------------------------------------------


class LevelRow(Struct, gc=False):
    price: Positive
    size: NotNegative


class LevelPair(Struct, array_like=True, gc=False):
    price: Positive
    size: NotNegative


class BookRow(Struct, gc=False):
    bids: list[LevelRow]
    asks: list[LevelRow]


class PrintRow(Struct, gc=False):
    id: str
    price: Positive
    size: Positive
    side: Side  # the taker's
    createdAt: UtcText
    createdAtHeight: Token = None  # updates have none


class PrintRows(Struct, gc=False):
    trades: list[PrintRow]


class MarketRow(Struct, gc=False):
    """A whole market or the part of it that changed; one that is being set up has no price yet."""

    oraclePrice: Positive = None
    nextFundingRate: Number = None
    status: str | None = None
    effectiveAt: UtcTextIfAny = None


class CandleRow(Struct, gc=False):
    startedAt: UtcText
    ticker: str
    resolution: str
    open: Positive
    high: Positive
    low: Positive
    close: Positive
    baseTokenVolume: NotNegative
    trades: int


class CandleRows(Struct, gc=False):
    candles: list[CandleRow]


# ---- as we read them -------------------------------------------------------------------------------------


def levels(
    is_bid: bool,
    rows: Iterable[LevelRow | LevelPair],
    positive: Reader = tokens.positive,
    not_negative: Reader = tokens.not_negative,
) -> list[Level]:
    return [Level(is_bid, positive(row.price), not_negative(row.size)) for row in rows]


def trade(
    row: PrintRow,
    instrument: str,
    read_ns: int,
    ts_init: int,
    is_history: bool,
    positive: Reader = tokens.positive,
) -> Trade:
    return Trade(
        ts_event=tokens.utc_ns(row.createdAt),
        venue=VENUE,
        instrument=instrument,
        trade_id=row.id,
        price=positive(row.price),
        quantity=positive(row.size),
        aggressor=row.side,
        ts_init=ts_init,
        read_ns=read_ns,
        is_history=is_history,
    )


class _Whose(TypedDict):
    ts_event: int
    venue: str
    instrument: str


class _Stamps(TypedDict):
    ts_init: int
    read_ns: int


def market(row: MarketRow, instrument: str, read_ns: int, ts_init: int) -> list[Event]:
    """Return what a row says: all of it since the time at which its price took effect, where that is told."""
    price = None if row.oraclePrice is None else tokens.positive(row.oraclePrice)
    rate = None if row.nextFundingRate is None else tokens.number(row.nextFundingRate)
    ts_event = tokens.utc_ns_if_any(row.effectiveAt) or ts_init
    whose = _Whose(ts_event=ts_event, venue=VENUE, instrument=instrument)
    stamps = _Stamps(ts_init=ts_init, read_ns=read_ns)
    events: list[Event] = []
    if price is not None:
        # The one price of both: positions are valued, and liquidated, at the oracle's.
        events += (MarkPrice(price=price, **whose, **stamps), IndexPrice(price=price, **whose, **stamps))
    if rate is not None:
        events.append(FundingRate(rate=rate, interval_ns=FUNDING_INTERVAL_NS, **whose, **stamps))
    if row.status is not None:
        events.append(InstrumentStatus(status=status(row.status), **whose))
    return events


def status(word: str) -> TradingStatus:
    return _STATUSES.get(word, TradingStatus.UNKNOWN)


def candle(row: CandleRow) -> Candle:
    interval_ns = RESOLUTIONS.get(row.resolution)
    high, low = tokens.positive(row.high), tokens.positive(row.low)
    opened, closed = tokens.positive(row.open), tokens.positive(row.close)
    if interval_ns is None or not 0 <= row.trades <= MOST:
        raise BadField("validation", "unknown resolution or number of trades")
    tokens.check_range(low, opened, closed, high)
    return Candle(
        venue=VENUE,
        instrument=row.ticker,
        interval_ns=interval_ns,
        open_ts=tokens.utc_ns(row.startedAt),
        open=opened,
        high=high,
        low=low,
        close=closed,
        volume=tokens.not_negative(row.baseTokenVolume),
        count=row.trades,
    )


def height(token: Token) -> int:
    found = tokens.not_negative(token)
    if found > MOST or found != found.to_integral_value():
        raise BadField("validation", "not a block height")
    return int(found)
