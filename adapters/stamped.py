"""Quotes as every venue's codec makes them of its books, stamped by the frame that changed them. Pure."""

from __future__ import annotations

from domain.effects import Instant
from domain.market_data import Quote
from domain.order_book import Top


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
