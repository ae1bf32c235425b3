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

from adapters import tokens
from adapters.hyperliquid import market_rows
from adapters.hyperliquid.market_rows import (
    VENUE,
    BookRow,
    CandleRow,
    Context,
    ContextRow,
    PrintRow,
    TouchRow,
)
from adapters.tokens import BadField, Token
from domain.frame_events import SubscriptionConfirmed, SubscriptionEnded
from domain.market_data import DecodeFailed, HeartbeatSeen, VenueCandle, VenueComplained
from domain.messages import Event


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
    coin: str
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


def _decoder(row: Any) -> Callable[[bytes | Raw], Any]:
    return msgspec.json.Decoder(row, float_hook=Decimal).decode


_decode_envelope = _decoder(_Envelope)
_decode_book = _decoder(BookRow)
_decode_touch = _decoder(TouchRow)
_decode_prints = _decoder(list[PrintRow])
_decode_mids = _decoder(_MidsRow)
_decode_context = _decoder(_CoinContextRow)
_decode_contexts = _decoder(_ContextsRow)
_decode_candle = _decoder(CandleRow)
_decode_echo = _decoder(_EchoRow)
_decode_post = _decoder(_PostRow)
_decode_info = _decoder(_InfoRow)
_decode_text = _decoder(str)

_GREETING = b"Websocket connection established."  # of older servers: the one frame that is no JSON
_MOST_TEXT = 256  # of a complaint; a person reads it
_ECHOES = {"subscribe": SubscriptionConfirmed, "unsubscribe": SubscriptionEnded}


def decode(frame: bytes, read_ns: int = 0, ts_init: int = 0) -> list[Event]:
    """Say what a frame says, trades oldest first. Whether a quote is whole, it can't know."""
    if frame == _GREETING:
        return []
    arrival = _Arrival(frame, read_ns, ts_init)
    try:
        envelope = _decode_envelope(frame)
        reader = _READERS.get(envelope.channel)
        return reader(envelope.data, arrival) if reader is not None else []
    except Exception as error:  # whatever a venue or an attacker sends is data
        return [_failed(error, arrival)]


def _book(data: Raw, arrival: _Arrival) -> list[Event]:
    return [market_rows.book(_decode_book(data))]


def _touch(data: Raw, arrival: _Arrival) -> list[Event]:
    return [market_rows.touch(_decode_touch(data), arrival.read_ns, arrival.ts_init)]


def _trades(data: Raw, arrival: _Arrival) -> list[Event]:
    return market_rows.trades(_decode_prints(data), arrival.read_ns, arrival.ts_init, is_history=False)


def _mids(data: Raw, arrival: _Arrival) -> list[Event]:
    prices, refused = market_rows.mids(_decode_mids(data).mids.items())
    return [
        MidsSeen(ts_event=arrival.ts_init, prices=prices),
        *(_failed(error, arrival) for error in refused),
    ]


def _context(data: Raw, arrival: _Arrival) -> list[Event]:
    row = _decode_context(data)
    return market_rows.marks(row.coin, row.ctx, arrival.read_ns, arrival.ts_init)


def _contexts(data: Raw, arrival: _Arrival) -> list[Event]:
    exchanges = {name: list(map(market_rows.context, rows)) for name, rows in _decode_contexts(data).ctxs}
    return [ContextsSeen(ts_event=arrival.ts_init, exchanges=exchanges)]


def _candle(data: Raw, arrival: _Arrival) -> list[Event]:
    bar = market_rows.candle(_decode_candle(data))
    return [VenueCandle(ts_event=arrival.ts_init, candle=bar, read_ns=arrival.read_ns)]


def _echo(data: Raw, arrival: _Arrival) -> list[Event]:
    """Read the echo of a request. The venue fills in its defaults: never equal to what was sent."""
    row = _decode_echo(data)
    event = _ECHOES.get(row.method)
    if event is None:
        raise BadField("validation", "neither subscribe nor unsubscribe")
    channel, coin = row.subscription.type, row.subscription.coin
    return [event(ts_event=arrival.ts_init, venue=VENUE, channel=channel, subject=coin)]


def _pong(data: Raw, arrival: _Arrival) -> list[Event]:
    return [HeartbeatSeen(ts_event=arrival.ts_init, venue=VENUE, read_ns=arrival.read_ns)]


def _error(data: Raw, arrival: _Arrival) -> list[Event]:
    text = _decode_text(data)[:_MOST_TEXT]
    return [VenueComplained(ts_event=arrival.ts_init, venue=VENUE, text=text)]


def _post(data: Raw, arrival: _Arrival) -> list[Event]:
    row = _decode_post(data)
    events: list[Event] = []
    if row.response.type == "error":
        events = _error(row.response.payload, arrival)
    elif row.response.type == "info":
        info = _decode_info(row.response.payload)
        if info.type == "l2Book":
            events = _book(info.data, arrival)
    return [PostAnswered(ts_event=arrival.ts_init, request_id=row.id, events=events)]


def _failed(error: Exception, arrival: _Arrival) -> DecodeFailed:
    category, raw = tokens.category(error), arrival.frame[:256]
    return DecodeFailed(ts_event=arrival.ts_init, venue=VENUE, category=category, raw=raw)


_READERS: dict[str, Callable[[Raw, _Arrival], list[Event]]] = {  # channel -> what reads its data
    "l2Book": _book,
    "bbo": _touch,
    "trades": _trades,
    "allMids": _mids,
    "activeAssetCtx": _context,
    "activeSpotAssetCtx": _context,
    "allDexsAssetCtxs": _contexts,
    "candle": _candle,
    "subscriptionResponse": _echo,
    "pong": _pong,
    "error": _error,
    "post": _post,
}
