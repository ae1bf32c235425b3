"""The dYdX indexer's websocket frames as events. Pure and stateless; never raises.

What `contents` holds depends on the message's type and channel, so a frame is read in two steps: the
envelope, then its contents. Only the updates of books and trades, nearly all that comes, are read in one
step first, and in two when anything about them is unusual. Books, message ids and replays are the stream
codec's business. Messages and channels that we do not know have nothing but a head, and a trade's type, which
decides nothing here, is ignored. Of a key that is there twice, also of `type` itself, the last value counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from types import GenericAlias
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from adapters.decoding import decode_faults, tokens
from adapters.decoding.tokens import BadField, Name, Token, UtcText
from adapters.venues.dydx import rows
from adapters.venues.dydx.rows import (
    VENUE,
    BookRow,
    CandleRow,
    CandleRows,
    LevelPair,
    MarketRow,
    PrintRows,
)
from domain.instrument import Side
from domain.market.order_book import Level
from domain.messages.base import Event
from domain.messages.market import DecodeFailed, HeartbeatSeen, Trade, VenueCandle, VenueComplained
from domain.streams.frame_events import (
    BookDelta,
    BookSnapshot,
    FrameHead,
    SubscriptionConfirmed,
    SubscriptionEnded,
)
from domain.text import bounded

BLOCK_HEIGHT = "v4_block_height"
CANDLES = "v4_candles"
MARKETS = "v4_markets"
ORDERBOOK = "v4_orderbook"
TRADES = "v4_trades"
OF_INSTRUMENTS = (ORDERBOOK, TRADES, CANDLES)  # the channels whose subscriptions name one by their id

_AGE = attrgetter("ts_event", "trade_id")  # ids rise with time


class Opened(Event, kw_only=True):
    """The venue's first word on a connection."""


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
    height: Annotated[Token, rows.height]
    time: UtcText


class _BlockUpdate(Struct, gc=False):
    """The same as the snapshot, under another key."""

    time: UtcText
    height: Annotated[Token, rows.height] = msgspec.field(name="blockHeight")


# ---- the two messages that come by the thousand, just as the venue writes them ---------------------------


class _PlainPair(Struct, array_like=True, gc=False):
    price: str
    size: str


class _PlainChange(Struct, gc=False):
    bids: list[_PlainPair] = []
    asks: list[_PlainPair] = []


class _PlainPrint(Struct, gc=False):
    id: str
    price: str
    size: str
    side: Side
    createdAt: str


class _PlainPrints(Struct, gc=False):
    trades: list[_PlainPrint]


class _Update(Struct, tag_field="channel", gc=False):
    type: Literal["channel_data"]
    id: Name
    message_id: Annotated[int, Meta(ge=0, le=rows.MOST)]


class _BookUpdate(_Update, tag=ORDERBOOK, gc=False):
    contents: _PlainChange


class _TradesUpdate(_Update, tag=TRADES, gc=False):
    contents: _PlainPrints


_decode_update = msgspec.json.Decoder(_BookUpdate | _TradesUpdate).decode
# Prices and sizes are multiples of a step and come again and again. Of texts only: 1 and True are one key.
_positive = lru_cache(maxsize=16_384)(tokens.positive)
_not_negative = lru_cache(maxsize=16_384)(tokens.not_negative)


def _read_update(frame: bytes, read_ns: int, ts_init: int) -> list[Event]:
    """Read a frame in one step, if it is one of these; raise whatever shows that it is not."""
    update = _decode_update(frame)
    of, number, contents = update.id, update.message_id, update.contents
    if type(update) is _BookUpdate:
        levels = rows.levels(True, contents.bids, _positive, _not_negative)
        levels += rows.levels(False, contents.asks, _positive, _not_negative)
        return [
            FrameHead(ts_event=ts_init, venue=VENUE, channel=ORDERBOOK, subject=of, number=number),
            BookDelta(ts_event=ts_init, venue=VENUE, instrument=of, levels=levels),
        ]
    trades = [rows.trade(row, of, read_ns, ts_init, False, _positive) for row in contents.trades]
    trades.sort(key=_AGE)
    head = FrameHead(ts_event=ts_init, venue=VENUE, channel=TRADES, subject=of, number=number)
    return [head, *trades]


# ---- any message -----------------------------------------------------------------------------------------


class _Frame(Struct, gc=False):
    """The bytes, and when they arrived."""

    raw: bytes
    read_ns: int
    ts_init: int

    def failed(self, error: Exception) -> DecodeFailed:
        return decode_faults.failed(VENUE, self.raw, error, self.ts_init)


# ---- one reader per channel: of a snapshot, or of one or more updates ------------------------------------


def _book(instrument: str, wires: list[BookRow | _BookChange], is_snapshot: bool, frame: _Frame) -> list[Event]:
    levels: list[Level] = []
    for wire in wires:
        levels += rows.levels(True, wire.bids)
        levels += rows.levels(False, wire.asks)
    kind = BookSnapshot if is_snapshot else BookDelta
    return [kind(ts_event=frame.ts_init, venue=VENUE, instrument=instrument, levels=levels)]


def _trades(instrument: str, wires: list[PrintRows], is_snapshot: bool, frame: _Frame) -> list[Trade]:
    """Read prints from old to new, whatever order the venue sent them in."""
    trades = [
        rows.trade(row, instrument, frame.read_ns, frame.ts_init, is_history=is_snapshot)
        for wire in wires
        for row in wire.trades
    ]
    trades.sort(key=_AGE)
    return trades


def _markets(_: str, wires: list[_Markets], is_snapshot: bool, frame: _Frame) -> list[Event]:
    """Read every entry of every section; what is wrong with one must not hide the hundreds of others."""
    events: list[Event] = []
    trouble: list[Event] = []
    for wire in wires:
        for section in (wire.markets, wire.trading, wire.oraclePrices):
            for instrument, row in section.items():
                try:
                    events += rows.market(row, instrument, frame.read_ns, frame.ts_init)
                except BadField as error:
                    trouble = [frame.failed(decode_faults.located(error, row, instrument))]
    return events + trouble


def _candles(_: str, wires: list[CandleRows | CandleRow], is_snapshot: bool, frame: _Frame) -> list[VenueCandle]:
    bars: list[CandleRow] = []
    for wire in wires:
        bars += wire.candles[::-1] if isinstance(wire, CandleRows) else [wire]  # the venue lists the newest first
    candles = [rows.candle(bar) for bar in bars]
    return [VenueCandle(ts_event=one.open_ts, candle=one, read_ns=frame.read_ns) for one in candles]


def _blocks(_: str, wires: list[_BlockRow | _BlockUpdate], is_snapshot: bool, frame: _Frame) -> list[HeartbeatSeen]:
    return [
        HeartbeatSeen(
            ts_event=tokens.utc_ns(wire.time),
            venue=VENUE,
            read_ns=frame.read_ns,
            counter=rows.height(wire.height),
        )
        for wire in wires
    ]


_Reader = Callable[[str, list[Any], bool, "_Frame"], Sequence[Event]]
_CHANNELS: dict[str, tuple[_Reader, type, type]] = {  # channel -> its reader, what a snapshot looks like, and an update
    ORDERBOOK: (_book, BookRow, _BookChange),
    TRADES: (_trades, PrintRows, PrintRows),
    MARKETS: (_markets, _Markets, _Markets),
    CANDLES: (_candles, CandleRows, CandleRow),
    BLOCK_HEIGHT: (_blocks, _BlockRow, _BlockUpdate),
}


class _Contents:
    """How to read the contents of one type of message on one channel."""

    def __init__(self, channel: str, message_type: str) -> None:
        self._read, snapshot, update = _CHANNELS[channel]
        self._is_snapshot = message_type == "subscribed"
        self._is_batch = message_type == "channel_batch_data"
        self._needs_id = channel in OF_INSTRUMENTS
        shape = snapshot if self._is_snapshot else update
        wanted: Any = GenericAlias(list, (shape,)) if self._is_batch else shape  # a type that is made as we run
        decoder = msgspec.json.Decoder(wanted, float_hook=Decimal)
        self._decode: Callable[[Raw], Any] = decoder.decode

    def read(self, envelope: _Envelope, frame: _Frame) -> Sequence[Event]:
        if self._needs_id and not envelope.id:
            raise BadField("structure" if envelope.id is None else "validation", "no instrument - at `$.id`")
        wire = self._decode(envelope.contents)
        wires = wire if self._is_batch else [wire]
        try:
            return self._read(envelope.id or "", wires, self._is_snapshot, frame)
        except BadField as error:
            raise decode_faults.located(error, wire) from None


_READERS = {
    (message_type, channel): _Contents(channel, message_type)
    for message_type in ("subscribed", "channel_data", "channel_batch_data")
    for channel in _CHANNELS
}
_decode_envelope = msgspec.json.Decoder(_Envelope).decode


def decode(frame: bytes, read_ns: int = 0, ts_init: int = 0) -> list[Event]:
    """Say what a frame says: first its head, and last what could not be read of it.

    Args:
        read_ns: CLOCK_MONOTONIC when it was read.
        ts_init: the same in UTC nanoseconds; the events of messages that tell no time have it as `ts_event`.
    """
    try:
        return _read_update(frame, read_ns, ts_init)
    except Exception:  # it is another message, or there is something wrong with it: look closely
        return _read_any(frame, read_ns, ts_init)


def _read_any(frame: bytes, read_ns: int, ts_init: int) -> list[Event]:
    arrived = _Frame(frame, read_ns, ts_init)
    try:
        envelope = _decode_envelope(frame)
    except Exception as error:  # whatever a venue or an attacker sends is data
        return [arrived.failed(error)]
    of, number = envelope.id or "", envelope.message_id
    if not 0 <= number <= rows.MOST:
        number = -1  # the next frame's will show a gap
    channel = envelope.channel
    events: list[Event] = [FrameHead(ts_event=ts_init, venue=VENUE, channel=channel, subject=of, number=number)]
    match envelope.type:
        case "connected":
            events.append(Opened(ts_event=ts_init))
        case "error":
            events.append(VenueComplained(ts_event=ts_init, venue=VENUE, text=bounded(envelope.message)))
        case "unsubscribed":
            events.append(SubscriptionEnded(ts_event=ts_init, venue=VENUE, channel=channel, subject=of))
        case "subscribed":
            events.append(SubscriptionConfirmed(ts_event=ts_init, venue=VENUE, channel=channel, subject=of))
    reader = _READERS.get((envelope.type, channel))
    if reader is not None:
        try:
            events += reader.read(envelope, arrived)
        except Exception as error:  # likewise
            events.append(arrived.failed(error))
    return events
