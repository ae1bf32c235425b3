"""Valid domain objects in one line; a test names only what it is about."""

from __future__ import annotations

from decimal import Decimal

from domain.instant import SECOND_NS
from domain.instrument import Instrument, Side
from domain.messages.market import MarkPrice, Quote, StreamState, Trade
from domain.messages.system import OrdersReported

UTC = 1_780_000_000 * SECOND_NS  # the tests' now on the wall clock
MONO = 1_000 * SECOND_NS  # and on the monotonic one


def make_quote(bid: str = "64000.00", ask: str = "64000.10", instrument: str = "BTC-USD", **changes) -> Quote:
    fields = {
        "venue": "coinbase",
        "instrument": instrument,
        "bid_price": Decimal(bid),
        "bid_quantity": Decimal("1"),
        "ask_price": Decimal(ask),
        "ask_quantity": Decimal("1"),
        "ts_event": UTC,
        "ts_init": UTC,
        "read_ns": MONO,
        "is_whole": True,
    }
    return Quote(**{**fields, **changes})


def make_trade(price: str = "64000.05", trade_id: str = "1", instrument: str = "BTC-USD", **changes) -> Trade:
    fields = {
        "venue": "coinbase",
        "instrument": instrument,
        "trade_id": trade_id,
        "price": Decimal(price),
        "quantity": Decimal("0.01"),
        "aggressor": Side.BUY,
        "ts_event": UTC,
        "ts_init": UTC,
        "read_ns": MONO,
    }
    return Trade(**{**fields, **changes})


def make_mark(price: str = "64000.05", instrument: str = "BTC-USD", **changes) -> MarkPrice:
    fields = {
        "venue": "coinbase",
        "instrument": instrument,
        "price": Decimal(price),
        "ts_event": UTC,
        "ts_init": UTC,
        "read_ns": MONO,
    }
    return MarkPrice(**{**fields, **changes})


def make_stream_state(**changes) -> StreamState:
    fields = {
        "ts_event": UTC,
        "venue": "coinbase",
        "is_connected": True,
        "is_whole": True,
        "alive_ns": MONO,
        "clock_offset_ns": 0,
        "lag_ns": 0,
        "told_ns": MONO,
    }
    return StreamState(**{**fields, **changes})


def make_instrument(name: str = "BTC-USD", **changes) -> Instrument:
    base, quote = name.split("-")
    fields = {
        "venue": "coinbase",
        "name": name,
        "symbol": name,
        "base": base,
        "quote": quote,
        "tick_size": Decimal("0.01"),
        "lot_size": Decimal("0.00000001"),
        "min_quantity": Decimal("0.00000001"),
        "max_quantity": Decimal("1000"),
        "min_notional": Decimal("1"),
    }
    return Instrument(**{**fields, **changes})


def orders_reported(**changes) -> OrdersReported:
    fields = {
        "ts_event": UTC,
        "counts": {},
        "by_venue": {},
        "open_orders": (),
        "corrections": 0,
        "is_reconciled": True,
        "reconciled_at": UTC,
        "halts": (),
        "journal_seq": 9,
    }
    return OrdersReported(**{**fields, **changes})
