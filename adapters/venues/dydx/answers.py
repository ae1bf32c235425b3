"""The dYdX indexer's answers about its markets, read whole or not at all; of a listing each row stands for itself. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from adapters.decoding import tokens
from adapters.decoding.answers import MOST_LISTED, UnreadableAnswer, check_rows, check_size, whole
from adapters.decoding.tokens import BadField, Token
from adapters.venues.dydx import rows
from adapters.venues.dydx.rows import FUNDING_INTERVAL_NS, VENUE, BookRow, CandleRows, PrintRows
from domain.instant import Instant
from domain.instrument import Instrument, InstrumentKind
from domain.market.order_book import OrderBook
from domain.messages.listing import Listing, Unread
from domain.messages.market import Candle, FundingRate, Trade, TradingStatus
from domain.numbers import ZERO
from domain.text import bounded_id

SETTLED_IN = "USDC"
NO_LIMIT = Decimal(10**12)  # the venue limits no order's size


class TradePage(NamedTuple):
    """One page of prints, oldest first, and the block to go on from; 0: there is none."""

    trades: tuple[Trade, ...]
    oldest_height: int


class _ListedRow(Struct):
    status: str
    tickSize: Token
    stepSize: Token


class _ListedRows(Struct):
    markets: dict[str, Raw]  # of _ListedRow


class _TimeRow(Struct):
    iso: str


class _FundingRow(Struct):
    ticker: str
    rate: Token
    effectiveAt: str


class _FundingRows(Struct):
    historicalFunding: list[_FundingRow]


def _reader(shape: type) -> Callable[[bytes], Any]:
    return msgspec.json.Decoder(shape, float_hook=Decimal).decode


_decode_time = _reader(_TimeRow)
_decode_listed = _reader(_ListedRows)
_decode_listed_row = _reader(_ListedRow)
_decode_book = _reader(BookRow)
_decode_prints = _reader(PrintRows)
_decode_candles = _reader(CandleRows)
_decode_funding = _reader(_FundingRows)


def time(body: bytes) -> int:
    """Read the indexer's own clock, in UTC ns."""
    return whole(lambda: tokens.utc_ns(_decode_time(body).iso))


def instruments(body: bytes) -> Listing[Instrument]:
    """Read all that is listed, with its grid; a market that can't be read hides no other."""
    check_size(body)
    markets = whole(lambda: _decode_listed(body)).markets
    check_rows(markets, MOST_LISTED)
    found: list[Instrument] = []
    unread: list[Unread] = []
    for ticker, raw in markets.items():
        try:
            found.append(whole(partial(_listed, ticker, raw)))
        except UnreadableAnswer as error:
            unread.append(Unread(kind="instrument", instrument=bounded_id(ticker), reason=str(error)))
    return Listing.of(found, unread)


def order_book(body: bytes) -> OrderBook:
    def read() -> OrderBook:
        row = _decode_book(body)
        book = OrderBook()
        book.replace([*rows.levels(True, row.bids), *rows.levels(False, row.asks)], 0)
        return book

    return whole(read)


def trades(body: bytes, instrument: str, now: Instant) -> TradePage:
    """Read one page of prints; they are history."""

    def read() -> TradePage:
        newest_first = _decode_prints(body).trades
        found = [
            rows.trade(row, instrument, now.monotonic_ns, now.utc_ns, is_history=True) for row in reversed(newest_first)
        ]
        return TradePage(tuple(found), rows.height(newest_first[-1].createdAtHeight) if found else 0)

    return whole(read)


def candles(body: bytes) -> tuple[Candle, ...]:
    """Read bars, oldest first."""
    return whole(lambda: tuple(rows.candle(row) for row in reversed(_decode_candles(body).candles)))


def funding_rates(body: bytes, now: Instant) -> tuple[FundingRate, ...]:
    """Read what was paid, oldest first."""

    def read() -> tuple[FundingRate, ...]:
        newest_first = _decode_funding(body).historicalFunding
        return tuple(_funding_rate(row, now) for row in reversed(newest_first))

    return whole(read)


def _listed(ticker: str, raw: Raw) -> Instrument:
    row = _decode_listed_row(raw)
    base, mark, _ = ticker.partition("-")
    if not (base and mark):
        raise BadField("validation", f"not a ticker: {ticker!r}")
    step = tokens.positive(row.stepSize)
    return Instrument(
        venue=VENUE,
        name=ticker,
        symbol=ticker,
        base=base,
        quote=SETTLED_IN,
        tick_size=tokens.positive(row.tickSize),
        lot_size=step,
        min_quantity=step,
        max_quantity=NO_LIMIT,
        min_notional=ZERO,
        kind=InstrumentKind.PERPETUAL,
        is_tradable=rows.status(row.status) is TradingStatus.TRADING,
    )


def _funding_rate(row: _FundingRow, now: Instant) -> FundingRate:
    return FundingRate(
        ts_event=tokens.utc_ns(row.effectiveAt),
        venue=VENUE,
        instrument=row.ticker,
        rate=tokens.number(row.rate),
        interval_ns=FUNDING_INTERVAL_NS,
        ts_init=now.utc_ns,
        read_ns=now.monotonic_ns,
    )
