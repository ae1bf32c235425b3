"""What Coinbase answers to public questions, as domain objects. Pure.

Every reader raises `UnreadableAnswer` for a body that is not what was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from msgspec import Struct

from adapters.decoding import tokens
from adapters.decoding.answers import check_size, whole
from adapters.decoding.tokens import BadField, Token
from adapters.venues.coinbase import answers
from adapters.venues.coinbase.fields import share_a_book
from adapters.venues.coinbase.market_rows import CandleRow, PrintRow, candle, trade
from domain.instant import Instant
from domain.instrument import Instrument
from domain.market.order_book import Level, OrderBook
from domain.messages.listing import Listing
from domain.messages.market import Candle, Trade


class _TimeAnswer(Struct):
    epochMillis: Token


class _LevelRow(Struct):
    price: Token
    size: Token


class _Pricebook(Struct):
    bids: list[_LevelRow]
    asks: list[_LevelRow]
    time: str | None = None
    product_id: str | None = None


class _BookAnswer(Struct):
    pricebook: _Pricebook


class _TradesAnswer(Struct):
    trades: list[PrintRow]


class _CandlesAnswer(Struct):
    candles: list[CandleRow]


_decode_time = msgspec.json.Decoder(_TimeAnswer, float_hook=Decimal).decode
_decode_products = msgspec.json.Decoder(answers.ProductsPage, float_hook=Decimal).decode
_decode_book = msgspec.json.Decoder(_BookAnswer, float_hook=Decimal).decode
_decode_trades = msgspec.json.Decoder(_TradesAnswer, float_hook=Decimal).decode
_decode_candles = msgspec.json.Decoder(_CandlesAnswer, float_hook=Decimal).decode


def time(body: bytes) -> int:
    """Read the venue's clock, in UTC ns."""
    return whole(lambda: tokens.ns_of_ms(int(tokens.number(_decode_time(body).epochMillis))))


def instruments(body: bytes) -> Listing[Instrument]:
    check_size(body)
    return answers.instruments(whole(lambda: _decode_products(body)))


def order_book(body: bytes, product: str) -> OrderBook:
    """Return a book; the one question that the venue answers with its state of a moment."""
    return whole(lambda: _order_book(_decode_book(body).pricebook, product))


def trades(body: bytes, now: Instant) -> tuple[Trade, ...]:
    """Return prints, oldest first; the venue sends the newest first."""
    stamps = now.monotonic_ns, now.utc_ns
    return whole(lambda: tuple(trade(row, True, *stamps) for row in reversed(_decode_trades(body).trades)))


def candles(body: bytes, instrument: str, interval_ns: int) -> tuple[Candle, ...]:
    """Return bars, oldest first; the venue sends the newest first."""
    return whole(lambda: tuple(candle(row, instrument, interval_ns) for row in reversed(_decode_candles(body).candles)))


def _order_book(row: _Pricebook, product: str) -> OrderBook:
    if row.product_id and not share_a_book(row.product_id, product):
        raise BadField("validation", "the book of another product")
    book = OrderBook()
    levels = [*_side(row.bids, is_bid=True), *_side(row.asks, is_bid=False)]
    book.replace(levels, tokens.utc_ns_if_any(row.time) or 0)
    return book


def _side(rows: Sequence[_LevelRow], is_bid: bool) -> list[Level]:
    return [Level(is_bid, tokens.positive(row.price), tokens.not_negative(row.size)) for row in rows]
