"""Hyperliquid's public websocket frames as typed wire events. Pure and stateless; never raises.

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
    BookRow,
    BookSeen,
    CandleRow,
    CandleSeen,
    Context,
    ContextRow,
    PrintRow,
    PrintSeen,
    TouchRow,
    TouchSeen,
)
from adapters.tokens import Token


class PrintsSeen(Struct):
    prints: list[PrintSeen]


class MidsSeen(Struct):
    """Every coin's mid price, which may have a digit more than the price of an order."""

    mids: dict[str, Decimal]  # coin -> price


class ContextSeen(Struct):
    coin: str
    context: Context


class ContextsSeen(Struct):
    """The contexts of all perpetuals, in the order of each exchange's own list of them."""

    exchanges: dict[str, list[Context]]  # "" = the main one


class RequestConfirmed(Struct):
    """The echo of a (un)subscription. The venue fills in its defaults: never equal to what was sent."""

    method: str
    channel: str
    coin: str  # empty where a channel has none


class PongArrived(Struct):
    pass


class PostAnswered(Struct):
    """The answer to a request that was posted over the stream."""

    request_id: int
    events: list[WireEvent]


class Complaint(Struct):
    text: str


class Unreadable(Struct):
    category: str  # "parse", "structure", "type" or "validation"


WireEvent = (
    BookSeen
    | TouchSeen
    | PrintsSeen
    | MidsSeen
    | ContextSeen
    | ContextsSeen
    | CandleSeen
    | RequestConfirmed
    | PongArrived
    | PostAnswered
    | Complaint
    | Unreadable
)


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


class _ConfirmationRow(Struct, gc=False):
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
_decode_confirmation = _decoder(_ConfirmationRow)
_decode_post = _decoder(_PostRow)
_decode_info = _decoder(_InfoRow)
_decode_text = _decoder(str)

_GREETING = b"Websocket connection established."  # of older servers: the one frame that is no JSON


def decode(frame: bytes) -> list[WireEvent]:
    """Say what a frame says."""
    if frame == _GREETING:
        return []
    try:
        envelope = _decode_envelope(frame)
        reader = _READERS.get(envelope.channel)
        return reader(envelope.data) if reader is not None else []
    except Exception as error:  # whatever a venue or an attacker sends is data
        return [Unreadable(tokens.category(error))]


def _book(data: Raw) -> list[WireEvent]:
    return [market_rows.book_seen(_decode_book(data))]


def _touch(data: Raw) -> list[WireEvent]:
    return [market_rows.touch_seen(_decode_touch(data))]


def _prints(data: Raw) -> list[WireEvent]:
    return [PrintsSeen([market_rows.print_seen(row) for row in _decode_prints(data)])]


def _mids(data: Raw) -> list[WireEvent]:
    mids, refused = market_rows.mids(_decode_mids(data).mids.items())
    return [MidsSeen(mids), *(Unreadable(error.category) for error in refused)]


def _context(data: Raw) -> list[WireEvent]:
    row = _decode_context(data)
    return [ContextSeen(market_rows.named(row.coin), market_rows.context_seen(row.ctx))]


def _contexts(data: Raw) -> list[WireEvent]:
    lists = {name: list(map(market_rows.context_seen, rows)) for name, rows in _decode_contexts(data).ctxs}
    return [ContextsSeen(lists)]


def _candle(data: Raw) -> list[WireEvent]:
    return [market_rows.candle_seen(_decode_candle(data))]


def _confirmation(data: Raw) -> list[WireEvent]:
    row = _decode_confirmation(data)
    return [RequestConfirmed(row.method, row.subscription.type, row.subscription.coin)]


def _pong(data: Raw) -> list[WireEvent]:
    return [PongArrived()]


def _error(data: Raw) -> list[WireEvent]:
    return [Complaint(_decode_text(data))]


def _post(data: Raw) -> list[WireEvent]:
    row = _decode_post(data)
    events: list[WireEvent] = []
    if row.response.type == "error":
        events = _error(row.response.payload)
    elif row.response.type == "info":
        info = _decode_info(row.response.payload)
        if info.type == "l2Book":
            events = _book(info.data)
    return [PostAnswered(row.id, events)]


_READERS: dict[str, Callable[[Raw], list[WireEvent]]] = {  # channel -> what reads its data
    "l2Book": _book,
    "bbo": _touch,
    "trades": _prints,
    "allMids": _mids,
    "activeAssetCtx": _context,
    "activeSpotAssetCtx": _context,
    "allDexsAssetCtxs": _contexts,
    "candle": _candle,
    "subscriptionResponse": _confirmation,
    "pong": _pong,
    "error": _error,
    "post": _post,
}
