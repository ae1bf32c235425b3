"""Quotes as every venue's codec makes them of the best bid and ask, stamped by the frame. Pure."""

from __future__ import annotations

from domain.market_data import Quote
from domain.order_book import Top


def quote(
    top: Top, venue: str, instrument: str, ts_event: int, read_ns: int, ts_init: int, is_whole: bool
) -> Quote:
    return Quote(
        ts_event=ts_event,
        venue=venue,
        instrument=instrument,
        bid_price=top.bid_price,
        bid_quantity=top.bid_quantity,
        ask_price=top.ask_price,
        ask_quantity=top.ask_quantity,
        ts_init=ts_init,
        read_ns=read_ns,
        is_whole=is_whole,
    )
