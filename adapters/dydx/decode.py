"""The dYdX indexer's websocket frames as typed wire events. Pure and stateless; never raises.

What `contents` holds depends on the message's type and channel, so a frame is read in two steps: the
envelope, then its contents. Books, message ids and replays are the stream codec's business. Messages and
channels that we do not know are ignored, and so is a trade's type, which decides nothing here. Of a key
that is there twice, also of `type` itself, the last value counts.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Raw, Struct

from adapters import tokens
from adapters.tokens import BadField, Token
from domain.instrument import Side
from domain.market_data import Candle, TradingStatus
from domain.order_book import Level
from domain.settings import SECOND_NS

VENUE = "dydx"

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


class PrintSeen(Struct):
    trade_id: str
    price: Decimal
    quantity: Decimal
    aggressor: Side
    ts_event: int


class PrintsSeen(Struct):
    symbol: str
    is_snapshot: bool
    prints: list[PrintSeen]


class MarketSeen(Struct):
    """What one entry of v4_markets says; None: it says nothing about that."""

    symbol: str
    oracle_price: Decimal | None = None
    funding_rate: Decimal | None = None  # of one hour
    status: TradingStatus | None = None
    ts_event: int | None = None  # since when the oracle price holds


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


_STATUSES = {
    "ACTIVE": TradingStatus.TRADING,
    "PAUSED": TradingStatus.HALTED,
    "CANCEL_ONLY": TradingStatus.HALTED,
    "POST_ONLY": TradingStatus.HALTED,  # what opens and closes positions here takes
    "INITIALIZING": TradingStatus.HALTED,
    "FINAL_SETTLEMENT": TradingStatus.CLOSED,
}
_MOST = 2**53  # of counts; whatever is above would not fit where messages keep it
_AGGRESSORS = {"BUY": Side.BUY, "SELL": Side.SELL}  # the venue names the taker's side
RESOLUTIONS = {
    "1MIN": 60 * SECOND_NS,
    "5MINS": 300 * SECOND_NS,
    "15MINS": 900 * SECOND_NS,
    "30MINS": 1_800 * SECOND_NS,
    "1HOUR": 3_600 * SECOND_NS,
    "4HOURS": 14_400 * SECOND_NS,
    "1DAY": 86_400 * SECOND_NS,
}


# ---- the wire, as msgspec reads it -----------------------------------------------------------------------


class _Envelope(Struct):
    type: str
    channel: str = ""
    id: str | None = None  # v4_markets has none
    message_id: int = -1
    message: str = ""  # of an error
    contents: Raw = Raw(b"null")


class _LevelRow(Struct, gc=False):
    price: Token
    size: Token


class _LevelPair(Struct, array_like=True, gc=False):
    price: Token
    size: Token


class _BookSnapshot(Struct, gc=False):
    bids: list[_LevelRow]
    asks: list[_LevelRow]


class _BookChange(Struct, gc=False):
    bids: list[_LevelPair] = []
    asks: list[_LevelPair] = []


class _PrintRow(Struct, gc=False):
    id: str
    price: Token
    size: Token
    side: str
    createdAt: str


class _Prints(Struct, gc=False):
    trades: list[_PrintRow]


class _MarketRow(Struct, gc=False):
    """A full market or the part of it that changed; a market that is being set up has no price yet."""

    oraclePrice: Token = None
    nextFundingRate: Token = None
    status: str | None = None
    effectiveAt: str | None = None


class _Markets(Struct, gc=False):
    """The snapshot has `markets`; what changes comes as `trading` and `oraclePrices`."""

    markets: dict[str, _MarketRow] = {}
    trading: dict[str, _MarketRow] = {}
    oraclePrices: dict[str, _MarketRow] = {}


class _CandleRow(Struct, gc=False):
    startedAt: str
    ticker: str
    resolution: str
    open: Token
    high: Token
    low: Token
    close: Token
    baseTokenVolume: Token
    trades: int


class _Candles(Struct, gc=False):
    candles: list[_CandleRow]


class _BlockRow(Struct, gc=False):
    height: Token
    time: str


class _BlockUpdate(Struct, gc=False):
    """The same as the snapshot, under another key."""

    time: str
    height: Token = msgspec.field(name="blockHeight")


# ---- one reader per channel: of a snapshot, or of one or more updates ------------------------------------


def _book(symbol: str, wires: list[_BookSnapshot | _BookChange], is_snapshot: bool) -> list[WireEvent]:
    levels: list[Level] = []
    for wire in wires:
        for is_bid, rows in ((True, wire.bids), (False, wire.asks)):
            levels += [
                Level(is_bid, tokens.positive(row.price), tokens.not_negative(row.size)) for row in rows
            ]
    return [BookSeen(symbol, is_snapshot, levels)]


def _prints(symbol: str, wires: list[_Prints], is_snapshot: bool) -> list[WireEvent]:
    return [PrintsSeen(symbol, is_snapshot, [_print(row) for wire in wires for row in wire.trades])]


def _print(row: _PrintRow) -> PrintSeen:
    aggressor = _AGGRESSORS.get(row.side)
    if aggressor is None:
        raise BadField("validation", "neither BUY nor SELL")
    return PrintSeen(
        row.id,
        tokens.positive(row.price),
        tokens.positive(row.size),
        aggressor,
        tokens.utc_ns(row.createdAt),
    )


def _markets(_: str, wires: list[_Markets], is_snapshot: bool) -> list[WireEvent]:
    """Read every entry of every section; what is wrong with one must not hide the hundreds of others."""
    events: list[WireEvent] = []
    trouble: list[WireEvent] = []
    for wire in wires:
        for section in (wire.markets, wire.trading, wire.oraclePrices):
            for symbol, row in section.items():
                try:
                    events.append(_market(symbol, row))
                except BadField as error:
                    trouble = [Unreadable(error.category)]
    return events + trouble


def _market(symbol: str, row: _MarketRow) -> MarketSeen:
    return MarketSeen(
        symbol,
        None if row.oraclePrice is None else tokens.positive(row.oraclePrice),
        None if row.nextFundingRate is None else tokens.number(row.nextFundingRate),
        None if row.status is None else _STATUSES.get(row.status, TradingStatus.UNKNOWN),
        None if row.effectiveAt is None else tokens.utc_ns(row.effectiveAt),
    )


def _bars(_: str, wires: list[_Candles | _CandleRow], is_snapshot: bool) -> list[WireEvent]:
    rows = wires[0].candles[::-1] if is_snapshot else wires  # the venue lists the newest first
    return [BarsSeen([_candle(row) for row in rows])]


def _candle(row: _CandleRow) -> Candle:
    interval_ns = RESOLUTIONS.get(row.resolution)
    high, low = tokens.positive(row.high), tokens.positive(row.low)
    opened, closed = tokens.positive(row.open), tokens.positive(row.close)
    if interval_ns is None or not 0 <= row.trades <= _MOST:
        raise BadField("validation", "unknown resolution or number of trades")
    if not (low <= opened <= high and low <= closed <= high):
        raise BadField("validation", "a price outside its own range")
    return Candle(
        venue=VENUE,
        instrument=row.ticker,
        interval_ns=interval_ns,
        open_ts=tokens.utc_ns(row.startedAt),
        open=opened,
        high=high,
        low=low,
        close=closed,
        volume=tokens.not_negative(row.baseTokenVolume),
        count=row.trades,
    )


def _blocks(_: str, wires: list[_BlockRow | _BlockUpdate], is_snapshot: bool) -> list[WireEvent]:
    return [BlockSeen(_height(wire.height), tokens.utc_ns(wire.time)) for wire in wires]


def _height(token: Token) -> int:
    height = tokens.not_negative(token)
    if height > _MOST or height != height.to_integral_value():
        raise BadField("validation", "not a block height")
    return int(height)


_CHANNELS = {  # channel -> its reader, what a snapshot looks like, and an update
    ORDERBOOK: (_book, _BookSnapshot, _BookChange),
    TRADES: (_prints, _Prints, _Prints),
    MARKETS: (_markets, _Markets, _Markets),
    CANDLES: (_bars, _Candles, _CandleRow),
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
    message_id = envelope.message_id if 0 <= envelope.message_id <= _MOST else -1
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
