"""Coinbase's websocket frames as domain events. Pure and stateless; never raises.

Books, sequence numbers and duplicates are the stream codecs' business. Of channels that we do not know only
the number is told, as Coinbase asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Raw

from adapters.decoding import decode_faults, tokens
from adapters.decoding.answers import MOST_ROWS, OversizeAnswer, check_rows, check_size, rows, text
from adapters.decoding.quotes import quote
from adapters.decoding.tokens import BadField
from adapters.venues.coinbase import fields, frame_rows
from adapters.venues.coinbase.answers import ORDER
from adapters.venues.coinbase.fields import VENUE
from adapters.venues.coinbase.market_rows import age, candle, trade
from domain.instant import SECOND_NS
from domain.market.order_book import Level, Top
from domain.messages.account import RowsUnread
from domain.messages.base import Event
from domain.messages.listing import Unread, summed_up
from domain.messages.market import (
    HeartbeatSeen,
    InstrumentStatus,
    Quote,
    Trade,
    TradingStatus,
    VenueCandle,
    VenueComplained,
)
from domain.messages.orders import OrderReported
from domain.streams.frame_events import (
    BookDelta,
    BookSnapshot,
    BookUnread,
    FrameHead,
    SubscriptionConfirmed,
)
from domain.text import bounded, bounded_id

CANDLE_NS = 300 * SECOND_NS  # the channel has one interval


class OrderTotals(Event, kw_only=True):
    """One event of the user channel: totals of some of our orders."""

    is_snapshot: bool
    rows: int  # orders in the event, readable or not
    orders: list[OrderReported]


_IS_BID = {"bid": True, "offer": False}
_STATUSES = {
    "online": TradingStatus.TRADING,
    "offline": TradingStatus.HALTED,
    "delisted": TradingStatus.CLOSED,
}

_Known = (
    frame_rows.TickerFrame
    | frame_rows.TickerBatchFrame
    | frame_rows.BookFrame
    | frame_rows.PrintsFrame
    | frame_rows.CandlesFrame
    | frame_rows.StatusFrame
    | frame_rows.OrdersFrame
    | frame_rows.HeartbeatsFrame
    | frame_rows.SubscriptionsFrame
)
_Odd = frame_rows.OddTickerFrame | frame_rows.OddTickerBatchFrame
_decode_frame = msgspec.json.Decoder(_Known, float_hook=Decimal).decode
_decode_odd_ticker = msgspec.json.Decoder(_Odd, float_hook=Decimal).decode
_decode_order = msgspec.json.Decoder(frame_rows.OrderRow, float_hook=Decimal).decode
_decode_any = msgspec.json.Decoder(frame_rows.AnyFrame).decode
_decimal = lru_cache(maxsize=4_096)(Decimal)  # prices come again and again


def decode(frame: bytes, read_ns: int = 0, ts_init: int = 0) -> list[Event]:
    """Say what a frame says: a `FrameHead` if it can be read at all, then its events, prints oldest first.

    Args:
        read_ns: CLOCK_MONOTONIC of its arrival, for the events' stamps.
        ts_init: the same in UTC ns; also the time of what carries none.

    A quote is never whole: one frame can't tell.
    """
    try:
        return _read(_decode_frame(frame), read_ns, ts_init)
    except OversizeAnswer as error:
        return lost_orders(frame, error, ts_init)
    except Exception as error:  # whatever a venue or an attacker sends is data
        return _read_other(frame, error, read_ns, ts_init)


def lost_orders(frame: bytes, error: OversizeAnswer, ts_init: int) -> list[Event]:
    """Say that a frame holds more orders than anybody sends. None is read; without its number, the next one shows a gap."""
    unread = Unread(kind="order", reason=str(error), count=MOST_ROWS)
    return [
        RowsUnread(ts_event=ts_init, venue=VENUE, rows=(unread,)),
        decode_faults.failed(VENUE, frame, error, ts_init),
    ]


def _read(wire: _Known | _Odd, read_ns: int, ts_init: int) -> list[Event]:
    channel, read = _READERS[type(wire)]
    try:
        ts_event = tokens.utc_ns_if_any(wire.timestamp) or ts_init
        events: list[Event] = [FrameHead(ts_event=ts_event, venue=VENUE, channel=channel, number=wire.sequence_num)]
        read(wire.events, events, ts_event, read_ns, ts_init)
    except BadField as error:
        raise decode_faults.located(error, wire) from None
    return events


# ---- one reader per channel ------------------------------------------------------------------------------


def _tickers(
    wires: list[frame_rows.TickerEvent], events: list[Event], ts_event: int, read_ns: int, ts_init: int
) -> None:
    for wire in wires:
        for row in wire.tickers:
            bid, bid_quantity = row.best_bid, row.best_bid_quantity
            ask, ask_quantity = row.best_ask, row.best_ask_quantity
            if bid == "" or ask == "":
                continue  # a side of the book may be empty
            # Being short, they are numbers of ours if they are plain digits, which one look at all four shows.
            together = f"{bid}{bid_quantity}{ask}{ask_quantity}"
            if not (together.isascii() and together.replace(".", "").isdigit()):
                raise BadField("validation", "not plain digits")
            bid_price, ask_price = _decimal(bid), _decimal(ask)
            if not (bid_price and ask_price):
                raise BadField("validation", "must be positive")
            events.append(
                Quote(
                    ts_event=ts_event,
                    venue=VENUE,
                    instrument=row.product_id,
                    bid_price=bid_price,
                    bid_quantity=Decimal(bid_quantity),
                    ask_price=ask_price,
                    ask_quantity=Decimal(ask_quantity),
                    ts_init=ts_init,
                    read_ns=read_ns,
                    is_whole=False,
                )
            )


def _odd_tickers(
    wires: list[frame_rows.OddTickerEvent], events: list[Event], ts_event: int, read_ns: int, ts_init: int
) -> None:
    """Read tickers whose numbers may look like anything."""
    for wire in wires:
        for row in wire.tickers:
            if row.best_bid == "" or row.best_ask == "":
                continue
            top = Top(
                tokens.positive(row.best_bid),
                tokens.not_negative(row.best_bid_quantity),
                tokens.positive(row.best_ask),
                tokens.not_negative(row.best_ask_quantity),
            )
            events.append(quote(top, VENUE, row.product_id, ts_event, read_ns, ts_init, is_whole=False))


def _books(wires: list[frame_rows.BookEvent], events: list[Event], ts_event: int, read_ns: int, ts_init: int) -> None:
    for wire in wires:
        levels: list[Level] = []
        newest, told_at = 0, None
        for row in wire.updates:
            is_bid = _IS_BID.get(row.side)
            if is_bid is None:
                raise BadField("validation", "side is neither bid nor offer")
            if row.event_time != told_at:  # the levels of one frame share their time
                told_at = row.event_time
                newest = max(newest, tokens.utc_ns_if_any(told_at) or ts_event)
            price, quantity = tokens.positive(row.price_level), tokens.not_negative(row.new_quantity)
            levels.append(Level(is_bid, price, quantity))
        kind = BookSnapshot if wire.type == "snapshot" else BookDelta
        book_ts = newest or ts_event
        events.append(kind(ts_event=book_ts, venue=VENUE, instrument=wire.product_id, levels=levels))


def _prints(
    wires: list[frame_rows.PrintsEvent], events: list[Event], ts_event: int, read_ns: int, ts_init: int
) -> None:
    for wire in wires:
        is_history = wire.type == "snapshot"
        told_at = None if is_history else ts_event
        trades = [trade(row, is_history, read_ns, ts_init, told_at) for row in wire.trades]
        trades.sort(key=age)
        events += trades


def _candles(
    wires: list[frame_rows.CandlesEvent], events: list[Event], ts_event: int, read_ns: int, ts_init: int
) -> None:
    for wire in wires:
        found = [candle(row, row.product_id, CANDLE_NS) for row in wire.candles]
        bars = sorted(found, key=lambda bar: bar.open_ts)
        events += [VenueCandle(ts_event=bar.open_ts, candle=bar, read_ns=read_ns) for bar in bars]


def _statuses(
    wires: list[frame_rows.StatusEvent], events: list[Event], ts_event: int, read_ns: int, ts_init: int
) -> None:
    for wire in wires:
        for row in wire.products:
            status = _STATUSES.get(row.status, TradingStatus.UNKNOWN)
            events.append(
                InstrumentStatus(
                    ts_event=ts_event,
                    venue=VENUE,
                    instrument=row.id,
                    status=status,
                    lot_size=fields.number_or_none(row.base_increment) or None,
                    quote_step=fields.number_or_none(row.quote_increment) or None,
                )
            )


def _orders(
    wires: list[frame_rows.OrdersEvent], events: list[Event], ts_event: int, read_ns: int, ts_init: int
) -> None:
    check_rows(wires)
    check_rows([raw for wire in wires for raw in wire.orders or ()])
    unread: list[Unread] = []
    for wire in wires:
        raws = wire.orders or []
        orders = rows(raws, lambda raw: _order(_decode_order(raw), ts_event), ORDER)
        unread += orders.unread
        is_snapshot = wire.type == "snapshot"
        events.append(OrderTotals(ts_event=ts_event, is_snapshot=is_snapshot, rows=len(raws), orders=list(orders)))
    if unread:
        events.insert(1, RowsUnread(ts_event=ts_event, venue=VENUE, rows=summed_up(unread)))


def _order(row: frame_rows.OrderRow, ts_event: int) -> OrderReported:
    cumulative = fields.quantity_if_told(row.cumulative_quantity)
    return OrderReported(
        ts_event=ts_event,
        **fields.names(row.client_order_id, row.order_id),
        venue=VENUE,
        instrument=bounded_id(row.product_id),
        side=fields.side(row.order_side),
        status=fields.status(row.status, cumulative),
        cumulative_quantity=cumulative,
        average_price=fields.price_if_told(row.avg_price) if cumulative else None,
        total_fees=fields.number_if_told(row.total_fees) if cumulative else None,
        reason=bounded(text(row.reject_reason) or text(row.cancel_reason)),
        created_at=fields.time_or_none(row.creation_time),
        order_type=fields.order_type(row.order_type),
        leaves_quantity=fields.number_or_none(row.leaves_quantity),
        limit_price=fields.number_or_none(row.limit_price),
        stop_price=fields.number_or_none(row.stop_price),
    )


def _heartbeats(_: Raw, events: list[Event], ts_event: int, read_ns: int, ts_init: int) -> None:
    events.append(HeartbeatSeen(ts_event=ts_event, venue=VENUE, read_ns=read_ns))


def _subscriptions(
    wires: list[frame_rows.SubscriptionsEvent],
    events: list[Event],
    ts_event: int,
    read_ns: int,
    ts_init: int,
) -> None:
    """Say all that the connection has: the venue repeats it with each change."""
    for wire in wires:
        for channel, products in wire.subscriptions.items():
            for product in products or ("",):
                events.append(SubscriptionConfirmed(ts_event=ts_event, venue=VENUE, channel=channel, subject=product))


_Reader = Callable[[Any, list[Event], int, int, int], None]
_READERS: dict[type, tuple[str, _Reader]] = {  # frame -> its channel, and what reads its events
    frame_rows.TickerFrame: ("ticker", _tickers),
    frame_rows.TickerBatchFrame: ("ticker_batch", _tickers),
    frame_rows.OddTickerFrame: ("ticker", _odd_tickers),
    frame_rows.OddTickerBatchFrame: ("ticker_batch", _odd_tickers),
    frame_rows.BookFrame: ("l2_data", _books),
    frame_rows.PrintsFrame: ("market_trades", _prints),
    frame_rows.CandlesFrame: ("candles", _candles),
    frame_rows.StatusFrame: ("status", _statuses),
    frame_rows.OrdersFrame: ("user", _orders),
    frame_rows.HeartbeatsFrame: ("heartbeats", _heartbeats),
    frame_rows.SubscriptionsFrame: ("subscriptions", _subscriptions),
}
_CHANNELS = {channel for channel, _ in _READERS.values()}


def _read_other(frame: bytes, error: Exception, read_ns: int, ts_init: int) -> list[Event]:
    """Read a frame that is not as usual: an odd ticker, an error, an unknown channel, or broken."""
    try:
        found = _decode_any(frame)
    except Exception:  # not even that
        return [decode_faults.failed(VENUE, frame, error, ts_init)]
    if found.type == "error":
        return [VenueComplained(ts_event=ts_init, venue=VENUE, text=bounded(found.message))]
    if found.channel in ("ticker", "ticker_batch"):
        try:
            return _read(_decode_odd_ticker(frame), read_ns, ts_init)
        except Exception as why:  # whatever a venue or an attacker sends is data
            error = why
    # A number that is none is as good as lost: the next one will show a gap.
    number = found.sequence_num if found.sequence_num <= frame_rows.MOST else -1
    head = FrameHead(ts_event=ts_init, venue=VENUE, channel=found.channel, number=number)
    if found.channel and found.channel not in _CHANNELS:
        return [head]
    events: list[Event] = []
    try:
        _read_apart(frame, found.channel, events, read_ns, ts_init)
    except Exception:  # not even its rows can be told apart
        events.clear()
        if found.channel == "l2_data":
            # A lost book change must look lost: without its number, the next frame shows a gap.
            head = msgspec.structs.replace(head, number=-1)
    return [head, *events, decode_faults.failed(VENUE, frame, error, ts_init)]


# ---- frames with something strange in them: each row by itself -------------------------------------------

_decode_loose = msgspec.json.Decoder(frame_rows.LooseFrame).decode
_decode_parts = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode
_decode_book = msgspec.json.Decoder(frame_rows.BookEvent, float_hook=Decimal).decode
_decode_name = msgspec.json.Decoder(frame_rows.BookName).decode
_APART: dict[str, tuple[str, Callable[[bytes], Any], _Reader]] = {  # channel -> where its rows are, and readers
    channel: (rows_are, msgspec.json.Decoder(shape, float_hook=Decimal).decode, read)
    for channel, rows_are, shape, read in (
        ("ticker", "tickers", frame_rows.OddTickerEvent, _odd_tickers),
        ("ticker_batch", "tickers", frame_rows.OddTickerEvent, _odd_tickers),
        ("market_trades", "trades", frame_rows.PrintsEvent, _prints),
        ("candles", "candles", frame_rows.CandlesEvent, _candles),
        ("status", "products", frame_rows.StatusEvent, _statuses),
    )
}


def _read_apart(frame: bytes, channel: str, events: list[Event], read_ns: int, ts_init: int) -> None:
    """Add what can be read of a frame, row by row; of a book only as a whole: a level less is another book."""
    if channel != "l2_data":
        check_size(frame)
    loose = _decode_loose(frame)
    stamps = tokens.utc_ns_if_any(loose.timestamp) or ts_init, read_ns, ts_init
    if channel == "l2_data":
        for raw in loose.events:
            _read_book(raw, events, *stamps)
        return
    rows_are, decode_event, read = _APART[channel]
    for raw in loose.events:
        found: list[Event] = []
        for one_row in _rows_of(raw, rows_are):
            try:
                read([decode_event(one_row)], found, *stamps)
            except Exception:  # whatever a venue or an attacker sends is data; the frame tells what was wrong
                continue
        trades = [event for event in found if type(event) is Trade]
        trades.sort(key=age)
        events += trades or found  # no event brings both


def _rows_of(raw: Raw, rows_are: str) -> list[bytes]:
    """Return an event as many of one row each; none where it has no rows."""
    try:
        parts = _decode_parts(raw)
        found = _decode_list(parts[rows_are])
    except Exception:  # likewise
        return []
    kind = "snapshot" if parts.get("type") == Raw(b'"snapshot"') else "update"
    return [msgspec.json.encode({"type": kind, rows_are: [row]}) for row in found]


def _read_book(raw: Raw, events: list[Event], ts_event: int, read_ns: int, ts_init: int) -> None:
    try:
        _books([_decode_book(raw)], events, ts_event, read_ns, ts_init)
    except Exception:  # likewise
        name = _decode_name(raw).product_id  # without one, nobody knows which book it is
        events.append(BookUnread(ts_event=ts_event, venue=VENUE, instrument=bounded_id(name)))
