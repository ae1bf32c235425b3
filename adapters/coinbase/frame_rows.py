"""Coinbase's websocket frames as msgspec reads them: only what we need of them, numbers still as tokens."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Raw, Struct

from adapters.tokens import MAX_DECIMALS, Token

Name = Annotated[str, Meta(min_length=1)]
ShortToken = Annotated[str, Meta(max_length=MAX_DECIMALS + 1)]  # no room for more decimals than we take


class TickerRow(Struct, gc=False):
    """As nearly all are. `ticker_batch` leaves the best bid and ask out."""

    product_id: Name
    best_bid: ShortToken = ""
    best_bid_quantity: ShortToken = ""
    best_ask: ShortToken = ""
    best_ask_quantity: ShortToken = ""


class TickerEvent(Struct, gc=False):
    tickers: list[TickerRow]


class OddTickerRow(Struct, gc=False):
    product_id: Name
    best_bid: Token = ""
    best_bid_quantity: Token = ""
    best_ask: Token = ""
    best_ask_quantity: Token = ""


class OddTickerEvent(Struct, gc=False):
    tickers: list[OddTickerRow]


class LevelRow(Struct, gc=False):
    side: str
    event_time: str
    price_level: Token
    new_quantity: Token


class BookEvent(Struct, gc=False):
    type: str
    product_id: Name
    updates: list[LevelRow]


class PrintRow(Struct, gc=False):
    trade_id: Name
    product_id: Name
    price: Token
    size: Token
    side: str
    time: str


class PrintsEvent(Struct, gc=False):
    type: str
    trades: list[PrintRow]


class CandleRow(Struct, gc=False):
    start: Token  # seconds
    open: Token
    high: Token
    low: Token
    close: Token
    volume: Token
    product_id: Name


class CandlesEvent(Struct, gc=False):
    candles: list[CandleRow]


class ProductRow(Struct, gc=False):
    id: Name
    status: str


class StatusEvent(Struct, gc=False):
    products: list[ProductRow]


class OrderRow(Struct, gc=False):
    order_id: str
    product_id: str
    status: str
    order_side: str
    client_order_id: str = ""
    cumulative_quantity: Token = ""
    avg_price: Token = ""
    total_fees: Token = ""
    cancel_reason: str = ""
    reject_reason: str = ""


class OrdersEvent(Struct, gc=False):
    type: str
    orders: list[OrderRow] | None = None


class SubscriptionsEvent(Struct, gc=False):
    subscriptions: dict[str, list[str]] = {}  # all that this connection has, channel -> products


class Envelope(Struct, tag_field="channel", gc=False):
    timestamp: str
    sequence_num: int = -1


class TickerFrame(Envelope, tag="ticker", gc=False, kw_only=True):
    events: list[TickerEvent]


class TickerBatchFrame(TickerFrame, tag="ticker_batch", gc=False):
    pass


class OddTickerFrame(Envelope, tag="ticker", gc=False, kw_only=True):
    events: list[OddTickerEvent]


class OddTickerBatchFrame(OddTickerFrame, tag="ticker_batch", gc=False):
    pass


class BookFrame(Envelope, tag="l2_data", gc=False, kw_only=True):
    events: list[BookEvent]


class PrintsFrame(Envelope, tag="market_trades", gc=False, kw_only=True):
    events: list[PrintsEvent]


class CandlesFrame(Envelope, tag="candles", gc=False, kw_only=True):
    events: list[CandlesEvent]


class StatusFrame(Envelope, tag="status", gc=False, kw_only=True):
    events: list[StatusEvent]


class OrdersFrame(Envelope, tag="user", gc=False, kw_only=True):
    events: list[OrdersEvent]


class HeartbeatsFrame(Envelope, tag="heartbeats", gc=False, kw_only=True):
    """It came: nothing in it matters, and its time has no format to rely on."""

    events: Raw = Raw()


class SubscriptionsFrame(Envelope, tag="subscriptions", gc=False, kw_only=True):
    events: list[SubscriptionsEvent]


class AnyFrame(Struct):
    """What can be said about a frame that is none of the above."""

    channel: str = ""
    type: str = ""
    message: str = ""
    sequence_num: int = -1
