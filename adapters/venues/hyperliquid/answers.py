"""Hyperliquid's answers to questions about its markets, as domain objects. Pure.

Every reader raises `UnreadableAnswer` for a body that is not what was asked for; in a listing, each row stands
for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from adapters.decoding import tokens
from adapters.decoding.answers import (
    MOST_LISTED,
    RowKind,
    UnreadableAnswer,
    check_rows,
    check_size,
    rows,
    whole,
)
from adapters.decoding.tokens import BadField, Token
from adapters.venues.hyperliquid import market_rows
from adapters.venues.hyperliquid.coins import name_of
from adapters.venues.hyperliquid.market_rows import FUNDING_NS, VENUE, BookRow, CandleRow, PrintRow
from domain.instant import Instant
from domain.instrument import Instrument, InstrumentKind
from domain.market.order_book import OrderBook
from domain.messages.listing import Listing
from domain.messages.market import Candle, FundingRate, Trade

MIN_NOTIONAL = Decimal(10)  # dollars, of orders that open

_PERPETUAL_DECIMALS = 6  # of a price, less those of the coin's sizes
_SIGNIFICANT_DIGITS = 5
_MOST_DECIMALS = 18
_NO_MOST = Decimal(10) ** 12  # the venue names no largest order; its margin limits them


class _AssetRow(Struct, gc=False):
    name: str
    szDecimals: int
    isDelisted: bool | None = None


class _MetaRow(Struct):
    universe: list[Raw]  # of _AssetRow


class _FundingRow(Struct, gc=False):
    coin: str
    fundingRate: Token
    time: int


def _reader(shape: Any) -> Callable[[bytes], Any]:
    return msgspec.json.Decoder(shape, float_hook=Decimal).decode


_decode_meta = _reader(_MetaRow)
_decode_asset = _reader(_AssetRow)
_ASSET = RowKind("instrument", {"instrument": "name"})
_decode_book = _reader(BookRow | None)
_decode_prints = _reader(list[PrintRow])
_decode_candles = _reader(list[CandleRow])
_decode_fundings = _reader(list[_FundingRow])


def instruments(body: bytes) -> Listing[Instrument]:
    """Return all perpetuals in the venue's order, delisted ones included.

    One that can't be read hides no other, but its place is missing: places here are no asset ids.
    """
    check_size(body)
    universe = whole(lambda: _decode_meta(body)).universe
    check_rows(universe, MOST_LISTED)
    listed = rows(universe, lambda raw: _instrument(_decode_asset(raw)), _ASSET)
    unread = (replace(one, instrument=one.instrument and name_of(one.instrument)) for one in listed.unread)
    return Listing.of(listed, unread)


def order_book(body: bytes, coin: str = "") -> OrderBook | None:
    """Return a book, of `coin` if one is given; None for a coin that the venue doesn't know."""
    row = whole(lambda: _decode_book(body))
    if row is None:
        return None
    if coin and row.coin != coin:
        raise UnreadableAnswer("the book of another coin")
    seen = whole(lambda: market_rows.book(row))
    book = OrderBook()
    book.replace(seen.levels, seen.ts_event)
    return book


def trades(body: bytes, now: Instant) -> tuple[Trade, ...]:
    """Return prints, oldest first; the venue sends the newest first."""
    stamps = now.monotonic_ns, now.utc_ns
    return whole(lambda: tuple(market_rows.trades(_decode_prints(body), *stamps, is_history=True)))


def candles(body: bytes) -> tuple[Candle, ...]:
    return whole(lambda: tuple(map(market_rows.candle, _decode_candles(body))))


def funding_rates(body: bytes, now: Instant) -> tuple[FundingRate, ...]:
    """Return what was paid at the end of each hour."""
    return whole(lambda: tuple(_funding_rate(row, now) for row in _decode_fundings(body)))


def _instrument(row: _AssetRow) -> Instrument:
    if not row.name or not 0 <= row.szDecimals <= _MOST_DECIMALS:
        raise BadField("validation", f"no grid that we know: {row.name!r} with {row.szDecimals} decimals")
    lot_size = Decimal(1).scaleb(-row.szDecimals)
    return Instrument(
        venue=VENUE,
        name=name_of(row.name),
        symbol=row.name,
        base=row.name,
        quote="USDC",
        tick_size=Decimal(1).scaleb(-max(0, _PERPETUAL_DECIMALS - row.szDecimals)),
        lot_size=lot_size,
        min_quantity=lot_size,
        max_quantity=_NO_MOST,
        min_notional=MIN_NOTIONAL,
        max_significant_digits=_SIGNIFICANT_DIGITS,
        kind=InstrumentKind.PERPETUAL,
        is_tradable=not row.isDelisted,
    )


def _funding_rate(row: _FundingRow, now: Instant) -> FundingRate:
    return FundingRate(
        ts_event=tokens.ns_of_ms(row.time),
        venue=VENUE,
        instrument=market_rows.instrument(row.coin),
        rate=tokens.number(row.fundingRate),
        interval_ns=FUNDING_NS,
        ts_init=now.utc_ns,
        read_ns=now.monotonic_ns,
    )
