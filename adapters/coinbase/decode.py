"""Coinbase's websocket frames as typed wire events. Pure and stateless; never raises.

Books, sequence numbers and duplicates are the stream codecs' business. Unknown channels are ignored, as
Coinbase asks for.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

import msgspec
from msgspec import Struct

from adapters import tokens
from adapters.coinbase import fields
from adapters.tokens import BadField, Token, category
from domain.instrument import Side
from domain.order_book import Level, Top
from domain.order_messages import OrderStatus


class TickerSeen(Struct, gc=False):
    product_id: str
    top: Top


class BookSeen(Struct, gc=False):
    product_id: str
    is_snapshot: bool
    levels: list[Level]
    ts_event: int


class PrintSeen(Struct, gc=False):
    product_id: str
    trade_id: str
    price: Decimal
    quantity: Decimal
    aggressor: Side
    ts_event: int


class PrintsSeen(Struct, gc=False):
    is_snapshot: bool
    prints: list[PrintSeen]


class OrderSeen(Struct):
    """One row of the user channel: an order's totals now."""

    order_id: str
    client_order_id: str
    product_id: str
    side: Side
    status: OrderStatus
    cumulative_quantity: Decimal
    average_price: Decimal
    total_fees: Decimal
    reason: str


class OrdersSeen(Struct):
    is_snapshot: bool
    rows: int  # orders in the event, readable or not
    orders: list[OrderSeen]


class HeartbeatArrived(Struct):
    pass


class Complaint(Struct):
    """An error frame, or an order that we cannot understand."""

    text: str


class Unreadable(Struct):
    category: str  # "parse", "structure", "type" or "validation"


WireEvent = (
    TickerSeen | BookSeen | PrintsSeen | OrdersSeen | HeartbeatArrived | Complaint | Unreadable
)


class WireFrame(Struct, gc=False):
    events: list[WireEvent]
    sequence_num: int = -1  # -1: the frame has none, or must count as lost
    ts_event: int = 0  # UTC ns at which it was published; 0 = unknown


# The public trade's side is the aggressor's here. Sources disagree about the venue (some read it as the
# maker's), so this is the one place to turn it round.
_AGGRESSOR = {"BUY": Side.BUY, "SELL": Side.SELL}
_IS_BID = {"bid": True, "offer": False}


# ---- the wire, as msgspec reads it -----------------------------------------------------------------------


class _TickerRow(Struct, gc=False):
    product_id: str
    best_bid: Token = ""
    best_bid_quantity: Token = ""
    best_ask: Token = ""
    best_ask_quantity: Token = ""


class _TickerEvent(Struct, gc=False):
    tickers: list[_TickerRow]


class _LevelRow(Struct, gc=False):
    side: str
    event_time: str
    price_level: Token
    new_quantity: Token


class _BookEvent(Struct, gc=False):
    type: str
    product_id: str
    updates: list[_LevelRow]


class _PrintRow(Struct, gc=False):
    trade_id: str
    product_id: str
    price: Token
    size: Token
    side: str
    time: str


class _PrintsEvent(Struct, gc=False):
    type: str
    trades: list[_PrintRow]


class _OrderRow(Struct, gc=False):
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


class _OrdersEvent(Struct, gc=False):
    type: str
    orders: list[_OrderRow] | None = None


class _Envelope(Struct, tag_field="channel", gc=False):
    timestamp: str
    sequence_num: int = -1


class _TickerFrame(_Envelope, tag="ticker", gc=False, kw_only=True):
    events: list[_TickerEvent]


class _BookFrame(_Envelope, tag="l2_data", gc=False, kw_only=True):
    events: list[_BookEvent]


class _PrintsFrame(_Envelope, tag="market_trades", gc=False, kw_only=True):
    events: list[_PrintsEvent]


class _OrdersFrame(_Envelope, tag="user", gc=False, kw_only=True):
    events: list[_OrdersEvent]


class _HeartbeatFrame(_Envelope, tag="heartbeats", gc=False):
    pass


class _AnyFrame(Struct):
    """What can be said about a frame that is none of the above."""

    channel: str = ""
    type: str = ""
    message: str = ""
    timestamp: str = ""
    sequence_num: int = -1


_decode_frame = msgspec.json.Decoder(
    _TickerFrame | _BookFrame | _PrintsFrame | _OrdersFrame | _HeartbeatFrame, float_hook=Decimal
).decode
_decode_any = msgspec.json.Decoder(_AnyFrame).decode
_decimal = lru_cache(maxsize=4_096)(Decimal)  # prices come again and again
_CHANNELS = ("ticker", "l2_data", "market_trades", "user", "heartbeats")


def decode(frame: bytes) -> WireFrame:
    """Say what a frame says."""
    try:
        wire = _decode_frame(frame)
        events = _READERS[type(wire)](wire)
        return WireFrame(events, wire.sequence_num, tokens.utc_ns(wire.timestamp))
    except Exception as error:  # whatever a venue or an attacker sends is data
        return _other(frame, error)


def _tickers(frame: _TickerFrame) -> list[WireEvent]:
    seen: list[WireEvent] = []
    for event in frame.events:
        for row in event.tickers:
            bid, bid_quantity = row.best_bid, row.best_bid_quantity
            ask, ask_quantity = row.best_ask, row.best_ask_quantity
            if bid == "" or ask == "":
                continue  # a side of the book may be empty
            # Nearly all are plain digits, which one look at all four shows. Others are read one by one.
            together = f"{bid}{bid_quantity}{ask}{ask_quantity}"
            if (
                len(together) <= tokens.MAX_DIGITS
                and together.isascii()
                and together.replace(".", "").isdigit()
                and (bid_price := _decimal(bid))
                and (ask_price := _decimal(ask))
            ):
                top = Top(bid_price, Decimal(bid_quantity), ask_price, Decimal(ask_quantity))
            else:
                top = Top(
                    tokens.positive(bid),
                    tokens.not_negative(bid_quantity),
                    tokens.positive(ask),
                    tokens.not_negative(ask_quantity),
                )
            seen.append(TickerSeen(row.product_id, top))
    return seen


def _books(frame: _BookFrame) -> list[WireEvent]:
    events: list[WireEvent] = []
    for event in frame.events:
        levels, newest, told_at = [], 0, None
        for row in event.updates:
            is_bid = _IS_BID.get(row.side)
            if is_bid is None:
                raise BadField("validation", "neither bid nor offer")
            if row.event_time != told_at:  # the levels of one frame share their time
                told_at = row.event_time
                newest = max(newest, tokens.utc_ns(told_at))
            price, quantity = tokens.positive(row.price_level), tokens.not_negative(row.new_quantity)
            levels.append(Level(is_bid, price, quantity))
        newest = newest or tokens.utc_ns(frame.timestamp)
        events.append(BookSeen(event.product_id, event.type == "snapshot", levels, newest))
    return events


def _prints(frame: _PrintsFrame) -> list[WireEvent]:
    return [
        PrintsSeen(event.type == "snapshot", [_print(row) for row in event.trades])
        for event in frame.events
    ]


def _print(row: _PrintRow) -> PrintSeen:
    aggressor = _AGGRESSOR.get(row.side)
    if aggressor is None:
        raise BadField("validation", "neither BUY nor SELL")
    return PrintSeen(
        row.product_id,
        row.trade_id,
        tokens.positive(row.price),
        tokens.positive(row.size),
        aggressor,
        tokens.utc_ns(row.time),
    )


def _orders(frame: _OrdersFrame) -> list[WireEvent]:
    events: list[WireEvent] = []
    for event in frame.events:
        rows = event.orders or []
        orders = []
        for row in rows:
            try:
                orders.append(_order(row))
            except BadField as error:  # one strange order must not hide the others
                events.append(Complaint(f"order {row.order_id}: {error}"))
        events.append(OrdersSeen(event.type == "snapshot", len(rows), orders))
    return events


def _order(row: _OrderRow) -> OrderSeen:
    cumulative = fields.number_or_zero(row.cumulative_quantity)
    return OrderSeen(
        row.order_id,
        row.client_order_id,
        row.product_id,
        fields.side(row.order_side),
        fields.status(row.status, cumulative),
        cumulative,
        fields.number_or_zero(row.avg_price),
        fields.number_or_zero(row.total_fees),
        row.reject_reason or row.cancel_reason,
    )


def _heartbeat(frame: _HeartbeatFrame) -> list[WireEvent]:
    return [HeartbeatArrived()]


_READERS = {
    _TickerFrame: _tickers,
    _BookFrame: _books,
    _PrintsFrame: _prints,
    _OrdersFrame: _orders,
    _HeartbeatFrame: _heartbeat,
}


def _other(frame: bytes, error: Exception) -> WireFrame:
    """Read a frame that is not one of ours: an error, an acknowledgement, an unknown channel, or broken."""
    try:
        any_frame = _decode_any(frame)
    except Exception:  # not even that
        return WireFrame([Unreadable(category(error))])
    if any_frame.type == "error":
        return WireFrame([Complaint(any_frame.message)])
    if any_frame.channel and any_frame.channel not in _CHANNELS:
        return WireFrame([], any_frame.sequence_num)
    # A lost book change must look lost: without its number, the next frame shows a gap.
    sequence_num = -1 if any_frame.channel == "l2_data" else any_frame.sequence_num
    return WireFrame([Unreadable(category(error))], sequence_num)
