"""The dYdX indexer's websocket frames as typed wire events. Pure and stateless; never raises.

What `contents` holds depends on the message's type and channel, so a frame is read in two steps: the
envelope, then its contents. Books, message ids and replays are the stream codec's business. Messages and
channels that we do not know are ignored, and so is a trade's type, which decides nothing here. Of a key that
is there twice, also of `type` itself, the last value counts.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Raw, Struct

from adapters import tokens
from adapters.dydx import rows
from adapters.dydx.rows import (
    BookRow,
    CandleRow,
    CandleRows,
    LevelPair,
    MarketRow,
    MarketSeen,
    PrintRows,
    PrintSeen,
)
from adapters.tokens import BadField, Token
from domain.market_data import Candle
from domain.order_book import Level

BLOCK_HEIGHT = "v4_block_height"
CANDLES = "v4_candles"
MARKETS = "v4_markets"
ORDERBOOK = "v4_orderbook"
TRADES = "v4_trades"
OF_INSTRUMENTS = (ORDERBOOK, TRADES, CANDLES)  # the channels whose subscriptions name one by their id


class Opened(Struct):
    """The venue's first word on a connection."""


class Unsubscribed(Struct):
    """Nothing more of this channel is to come."""


class BookSeen(Struct):
    """Absolute sizes, in the order in which they hold; a snapshot replaces all that was known."""

    symbol: str
    is_snapshot: bool
    levels: list[Level]


class PrintsSeen(Struct):
    symbol: str
    is_snapshot: bool
    prints: list[PrintSeen]


class BarsSeen(Struct):
    candles: list[Candle]


class BlockSeen(Struct):
    height: int
    ts_event: int


class Complaint(Struct):
    text: str


class Unreadable(Struct):
    category: str  # "parse", "structure", "type" or "validation"


WireEvent = (
    Opened
    | Unsubscribed
    | BookSeen
    | PrintsSeen
    | MarketSeen
    | BarsSeen
    | BlockSeen
    | Complaint
    | Unreadable
)


class WireFrame(Struct):
    events: list[WireEvent]
    type: str = ""
    channel: str = ""
    id: str = ""  # an instrument, or one with a resolution; empty where a channel has none
    message_id: int = -1  # -1: unknown; the next frame's will show a gap


# ---- the wire, as msgspec reads it -----------------------------------------------------------------------


class _Envelope(Struct):
    type: str
    channel: str = ""
    id: str | None = None  # v4_markets has none
    message_id: int = -1
    message: str = ""  # of an error
    contents: Raw = Raw(b"null")


class _BookChange(Struct, gc=False):
    bids: list[LevelPair] = []
    asks: list[LevelPair] = []


class _Markets(Struct, gc=False):
    """The snapshot has `markets`; what changes comes as `trading` and `oraclePrices`."""

    markets: dict[str, MarketRow] = {}
    trading: dict[str, MarketRow] = {}
    oraclePrices: dict[str, MarketRow] = {}


class _BlockRow(Struct, gc=False):
    height: Token
    time: str


class _BlockUpdate(Struct, gc=False):
    """The same as the snapshot, under another key."""

    time: str
    height: Token = msgspec.field(name="blockHeight")


# ---- one reader per channel: of a snapshot, or of one or more updates ------------------------------------


def _book(symbol: str, wires: list[BookRow | _BookChange], is_snapshot: bool) -> list[WireEvent]:
    levels: list[Level] = []
    for wire in wires:
        levels += rows.levels(True, wire.bids)
        levels += rows.levels(False, wire.asks)
    return [BookSeen(symbol, is_snapshot, levels)]


def _prints(symbol: str, wires: list[PrintRows], is_snapshot: bool) -> list[WireEvent]:
    prints = [rows.print_seen(row) for wire in wires for row in wire.trades]
    return [PrintsSeen(symbol, is_snapshot, prints)]


def _markets(_: str, wires: list[_Markets], is_snapshot: bool) -> list[WireEvent]:
    """Read every entry of every section; what is wrong with one must not hide the hundreds of others."""
    events: list[WireEvent] = []
    trouble: list[WireEvent] = []
    for wire in wires:
        for section in (wire.markets, wire.trading, wire.oraclePrices):
            for symbol, row in section.items():
                try:
                    events.append(rows.market_seen(symbol, row))
                except BadField as error:
                    trouble = [Unreadable(error.category)]
    return events + trouble


def _bars(_: str, wires: list[CandleRows | CandleRow], is_snapshot: bool) -> list[WireEvent]:
    bars = wires[0].candles[::-1] if is_snapshot else wires  # the venue lists the newest first
    return [BarsSeen([rows.candle(bar) for bar in bars])]


def _blocks(_: str, wires: list[_BlockRow | _BlockUpdate], is_snapshot: bool) -> list[WireEvent]:
    return [BlockSeen(rows.height(wire.height), tokens.utc_ns(wire.time)) for wire in wires]


_CHANNELS = {  # channel -> its reader, what a snapshot looks like, and an update
    ORDERBOOK: (_book, BookRow, _BookChange),
    TRADES: (_prints, PrintRows, PrintRows),
    MARKETS: (_markets, _Markets, _Markets),
    CANDLES: (_bars, CandleRows, CandleRow),
    BLOCK_HEIGHT: (_blocks, _BlockRow, _BlockUpdate),
}


class _Contents:
    """How to read the contents of one type of message on one channel."""

    def __init__(self, channel: str, message_type: str) -> None:
        self._read, snapshot, update = _CHANNELS[channel]
        self._is_snapshot = message_type == "subscribed"
        self._is_batch = message_type == "channel_batch_data"
        shape = snapshot if self._is_snapshot else update
        decoder = msgspec.json.Decoder(list[shape] if self._is_batch else shape, float_hook=Decimal)
        self._decode: Callable[[Raw], Any] = decoder.decode

    def read(self, envelope: _Envelope) -> list[WireEvent]:
        wire = self._decode(envelope.contents)
        return self._read(envelope.id or "", wire if self._is_batch else [wire], self._is_snapshot)


_READERS = {
    (message_type, channel): _Contents(channel, message_type)
    for message_type in ("subscribed", "channel_data", "channel_batch_data")
    for channel in _CHANNELS
}
_decode_envelope = msgspec.json.Decoder(_Envelope).decode


def decode(frame: bytes) -> WireFrame:
    """Say what a frame says."""
    try:
        envelope = _decode_envelope(frame)
    except Exception as error:  # whatever a venue or an attacker sends is data
        return WireFrame([Unreadable(tokens.category(error))])
    try:
        events = _read(envelope)
    except Exception as error:  # likewise
        events = [Unreadable(tokens.category(error))]
    message_id = envelope.message_id if 0 <= envelope.message_id <= rows.MOST else -1
    return WireFrame(events, envelope.type, envelope.channel, envelope.id or "", message_id)


def _read(envelope: _Envelope) -> list[WireEvent]:
    match envelope.type:
        case "connected":
            return [Opened()]
        case "unsubscribed":
            return [Unsubscribed()]
        case "error":
            return [Complaint(envelope.message)]
    reader = _READERS.get((envelope.type, envelope.channel))
    if reader is None:
        return []
    if envelope.channel in OF_INSTRUMENTS and not envelope.id:
        raise BadField("structure", "of which instrument?")
    return reader.read(envelope)
