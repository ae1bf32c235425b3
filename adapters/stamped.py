"""Trades and quotes as every venue's codec tells them: what the venue said, with the stamps of its arrival. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from domain.effects import Instant
from domain.instrument import Side
from domain.market_data import Quote, Trade
from domain.order_book import Top


class Print(Protocol):
    """One public trade, read from a frame or an answer."""

    trade_id: str
    price: Decimal
    quantity: Decimal
    aggressor: Side
    ts_event: int


def trade(
    one: Print, venue: str, instrument: str, read_ns: int, now: Instant, is_history: bool
) -> Trade:
    return Trade(
        ts_event=one.ts_event,
        venue=venue,
        instrument=instrument,
        trade_id=one.trade_id,
        price=one.price,
        quantity=one.quantity,
        aggressor=one.aggressor,
        ts_init=now.utc_ns,
        read_ns=read_ns,
        is_history=is_history,
    )


def quote(
    top: Top, venue: str, instrument: str, ts_event: int, read_ns: int, now: Instant, is_whole: bool
) -> Quote:
    return Quote(
        ts_event=ts_event,
        venue=venue,
        instrument=instrument,
        bid_price=top.bid_price,
        bid_quantity=top.bid_quantity,
        ask_price=top.ask_price,
        ask_quantity=top.ask_quantity,
        ts_init=now.utc_ns,
        read_ns=read_ns,
        is_whole=is_whole,
    )
