"""Coinbase's websocket frames as msgspec reads them: only what we need of them, numbers still as tokens."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from msgspec import Meta, Raw, Struct

from adapters.decoding.tokens import (
    MAX_DECIMALS,
    Name,
    NotNegative,
    Positive,
    Token,
    UtcTextIfAny,
    positive,
)
from adapters.venues.coinbase.market_rows import CandleRow, PrintRow

MOST = 2**53  # of counts; whatever is above would not fit where messages keep it
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


def positive_if_any(token: Token) -> Decimal | None:
    """Return the price of one side of a book, which may be empty."""
    return positive(token) if token != "" else None


class OddTickerRow(Struct, gc=False):
    product_id: Name
    best_bid: Annotated[Token, positive_if_any] = ""
    best_bid_quantity: NotNegative = ""
    best_ask: Annotated[Token, positive_if_any] = ""
    best_ask_quantity: NotNegative = ""


class OddTickerEvent(Struct, gc=False):
    tickers: list[OddTickerRow]


class LevelRow(Struct, gc=False):
    side: str
    price_level: Positive
    new_quantity: NotNegative
    event_time: UtcTextIfAny = None


class BookEvent(Struct, gc=False):
    type: str
    product_id: Name
    updates: list[LevelRow]


class PrintsEvent(Struct, gc=False):
    type: str
    trades: list[PrintRow]


class StreamCandleRow(CandleRow, gc=False):
    product_id: Name


class CandlesEvent(Struct, gc=False):
    candles: list[StreamCandleRow]


class ProductRow(Struct, gc=False):
    id: Name
    status: str
    base_increment: Any = None
    quote_increment: Any = None


class StatusEvent(Struct, gc=False):
    products: list[ProductRow]


class OrderRow(Struct, gc=False):
    product_id: str
    status: str
    order_side: str
    order_id: str | None = None
    client_order_id: str | None = None
    cumulative_quantity: Token = None
    avg_price: Token = None
    total_fees: Token = None
    cancel_reason: Any = None
    reject_reason: Any = None
    order_type: Any = None
    creation_time: Any = None
    leaves_quantity: Any = None
    limit_price: Any = None
    stop_price: Any = None


class OrdersEvent(Struct, gc=False):
    type: str
    orders: list[Raw] | None = None  # of OrderRow


class SubscriptionsEvent(Struct, gc=False):
    subscriptions: dict[str, list[str]] = {}  # all that this connection has, channel -> products


class Envelope(Struct, tag_field="channel", gc=False):
    timestamp: UtcTextIfAny
    sequence_num: Annotated[int, Meta(le=MOST)] = -1


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


class LooseFrame(Struct):
    """A frame whose events are looked at one by one."""

    events: list[Raw]
    timestamp: str | None = None


class BookName(Struct):
    """What is left of an event of a book that can't be read."""

    product_id: Name
