"""Hyperliquid's public websocket frames as domain events. Pure and stateless; never raises.

A frame is read in two steps: the envelope, then what its channel puts into `data`. Which instruments were
asked for, what is a replay and what is stale are the stream codec's business; frames carry no sequence
numbers. Channels that are not about the market are ignored. Of a key that is there twice, also of `channel`
itself, the last value counts.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Raw, Struct

from adapters.decoding import decode_faults
from adapters.decoding.tokens import BadField, Name, Token
from adapters.venues.hyperliquid import market_rows
from adapters.venues.hyperliquid.market_rows import (
    VENUE,
    BookRow,
    CandleRow,
    Context,
    ContextRow,
    PrintRow,
    TouchRow,
)
from domain.messages.base import Event
from domain.messages.market import DecodeFailed, HeartbeatSeen, VenueCandle, VenueComplained
from domain.streams.frame_events import SubscriptionConfirmed, SubscriptionEnded
from domain.text import bounded


class MidsSeen(Event, kw_only=True):
    """Every coin's mid price, which may have a digit more than the price of an order."""

    prices: dict[str, Decimal]  # instrument -> price


class ContextsSeen(Event, kw_only=True):
    """The contexts of all perpetuals, which only their place in each exchange's own list names."""

    exchanges: dict[str, list[Context]]  # "" = the main one


class PostAnswered(Event, kw_only=True):
    """The answer to a request that was posted over the stream."""

    request_id: int
    events: list[Event]


# ---- the wire, as msgspec reads it -----------------------------------------------------------------------


class _Envelope(Struct, gc=False):
    channel: str
    data: Raw = Raw(b"null")  # a pong has none


class _MidsRow(Struct, gc=False):
    mids: dict[str, Token]


class _CoinContextRow(Struct, gc=False):
    coin: Name
    ctx: ContextRow


class _ContextsRow(Struct, gc=False):
    ctxs: list[tuple[str, list[ContextRow]]]


class _SubscriptionRow(Struct, gc=False):
    type: str
    coin: str = ""


class _EchoRow(Struct, gc=False):
    method: str
    subscription: _SubscriptionRow


class _ReplyRow(Struct, gc=False):
    type: str
    payload: Raw = Raw(b"null")


class _PostRow(Struct, gc=False):
    id: int
    response: _ReplyRow


class _InfoRow(Struct, gc=False):
    type: str
    data: Raw = Raw(b"null")


class _Arrival(Struct, gc=False):
    """A frame, and when it came."""

    frame: bytes
    read_ns: int
    ts_init: int

    def failed(self, error: Exception) -> DecodeFailed:
        return decode_faults.failed(VENUE, self.frame, error, self.ts_init)


_GREETING = b"Websocket connection established."  # of older servers: the one frame that is no JSON
_ECHOES = {"subscribe": SubscriptionConfirmed, "unsubscribe": SubscriptionEnded}


def decode(frame: bytes, read_ns: int = 0, ts_init: int = 0) -> list[Event]:
    """Say what a frame says, trades oldest first. Whether a quote is whole, it can't know."""
    if frame == _GREETING:
        return []
    arrival = _Arrival(frame, read_ns, ts_init)
    try:
        envelope = _decode_envelope(frame)
        known = _CHANNELS.get(envelope.channel)
        if known is None:
            return []
        decode_row, read = known
        row = decode_row(envelope.data)
        try:
            return read(row, arrival)
        except BadField as error:
            raise decode_faults.located(error, row) from None
    except Exception as error:  # whatever a venue or an attacker sends is data
        return [arrival.failed(error)]


# ---- one reader per channel ------------------------------------------------------------------------------


def _book(row: BookRow, arrival: _Arrival) -> list[Event]:
    return [market_rows.book(row)]


def _touch(row: TouchRow, arrival: _Arrival) -> list[Event]:
    return [market_rows.touch(row, arrival.read_ns, arrival.ts_init)]


def _trades(rows: list[PrintRow], arrival: _Arrival) -> list[Event]:
    return [*market_rows.trades(rows, arrival.read_ns, arrival.ts_init, is_history=False)]


def _mids(row: _MidsRow, arrival: _Arrival) -> list[Event]:
    prices, refused = market_rows.mids(row.mids.items())
    return [
        MidsSeen(ts_event=arrival.ts_init, prices=prices),
        *(arrival.failed(error) for error in refused),
    ]


def _context(row: _CoinContextRow, arrival: _Arrival) -> list[Event]:
    return market_rows.marks(row.coin, row.ctx, arrival.read_ns, arrival.ts_init)


def _contexts(row: _ContextsRow, arrival: _Arrival) -> list[Event]:
    exchanges = {name: list(map(market_rows.context, rows)) for name, rows in row.ctxs}
    return [ContextsSeen(ts_event=arrival.ts_init, exchanges=exchanges)]


def _candle(row: CandleRow, arrival: _Arrival) -> list[Event]:
    bar = market_rows.candle(row)
    return [VenueCandle(ts_event=arrival.ts_init, candle=bar, read_ns=arrival.read_ns)]


def _echo(row: _EchoRow, arrival: _Arrival) -> list[Event]:
    """Read the echo of a request. The venue fills in its defaults: never equal to what was sent."""
    event = _ECHOES.get(row.method)
    if event is None:
        raise BadField("validation", "method is neither subscribe nor unsubscribe")
    channel, coin = row.subscription.type, row.subscription.coin
    return [event(ts_event=arrival.ts_init, venue=VENUE, channel=channel, subject=coin)]


def _pong(_: Raw, arrival: _Arrival) -> list[Event]:
    return [HeartbeatSeen(ts_event=arrival.ts_init, venue=VENUE, read_ns=arrival.read_ns)]


def _error(text: str, arrival: _Arrival) -> list[Event]:
    return [VenueComplained(ts_event=arrival.ts_init, venue=VENUE, text=bounded(text))]


def _post(row: _PostRow, arrival: _Arrival) -> list[Event]:
    events: list[Event] = []
    if row.response.type == "error":
        events = _error(_decode_text(row.response.payload), arrival)
    elif row.response.type == "info":
        info = _decode_info(row.response.payload)
        if info.type == "l2Book":
            events = _book(_decode_book(info.data), arrival)
    return [PostAnswered(ts_event=arrival.ts_init, request_id=row.id, events=events)]


def _decoder(shape: Any) -> Callable[[bytes | Raw], Any]:
    return msgspec.json.Decoder(shape, float_hook=Decimal).decode


_decode_envelope = _decoder(_Envelope)
_decode_info = _decoder(_InfoRow)
_decode_book = _decoder(BookRow)
_decode_text = _decoder(str)
_CHANNELS: dict[str, tuple[Callable[[Raw], Any], Callable[[Any, _Arrival], list[Event]]]] = {
    "l2Book": (_decode_book, _book),
    "bbo": (_decoder(TouchRow), _touch),
    "trades": (_decoder(list[PrintRow]), _trades),
    "allMids": (_decoder(_MidsRow), _mids),
    "activeAssetCtx": (_decoder(_CoinContextRow), _context),
    "activeSpotAssetCtx": (_decoder(_CoinContextRow), _context),
    "allDexsAssetCtxs": (_decoder(_ContextsRow), _contexts),
    "candle": (_decoder(CandleRow), _candle),
    "subscriptionResponse": (_decoder(_EchoRow), _echo),
    "pong": (_decoder(Raw), _pong),
    "error": (_decode_text, _error),
    "post": (_decoder(_PostRow), _post),
}
