"""What a venue tells everybody: quotes, trades, and whether its stream can be believed.

Three stamps travel with a price: `ts_event` (the venue's UTC nanoseconds), `ts_init` (ours) and `read_ns`
(CLOCK_MONOTONIC when its frame was read: one clock for all processes of a host, so latency and age are exact).
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from domain.clocks import have_parted
from domain.instant import SECOND_NS, Instant
from domain.instrument import Side
from domain.messages.base import Command, Event, Lane, Message
from domain.messages.denials import Denial, DenialReason
from domain.numbers import divide


class Quote(Event, kw_only=True, gc=False):
    """Best bid and ask of one instrument at one venue."""

    venue: str
    instrument: str
    bid_price: Decimal
    bid_quantity: Decimal
    ask_price: Decimal
    ask_quantity: Decimal
    ts_init: int
    read_ns: int
    is_whole: bool  # False while the stream behind it has a gap or no snapshot yet

    @property
    def mid_price(self) -> Decimal:
        """Return the middle of bid and ask, in quote currency per base unit; on no grid."""
        return divide(self.bid_price + self.ask_price, Decimal(2))

    @property
    def is_crossed(self) -> bool:
        return self.bid_price >= self.ask_price

    def touch(self, side: Side) -> Decimal:
        """Return the price at which an order of `side` trades at once."""
        return self.ask_price if side is Side.BUY else self.bid_price


class Trade(Event, kw_only=True, gc=False):
    """One public print."""

    venue: str
    instrument: str
    trade_id: str
    price: Decimal
    quantity: Decimal
    aggressor: Side
    ts_init: int
    read_ns: int
    is_history: bool = False  # from a snapshot at subscription: warms candles, never fires a signal


class TradeBar(Message, kw_only=True):
    """Trades folded because the reader was slow: exact open, high, low, close, volume and count."""

    venue: str
    instrument: str
    first_ts_event: int
    last_ts_event: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    count: int


class StreamState(Event, kw_only=True):
    """How far one venue's market-data stream can be trusted.

    `alive_ns` is when the venue last proved (heartbeat) that the stream is alive: a price is only as
    fresh as that proof, however recently it changed.
    """

    venue: str
    is_connected: bool
    is_whole: bool  # every subscribed book has a snapshot and no gap since
    alive_ns: int  # CLOCK_MONOTONIC; 0 before the first proof
    clock_offset_ns: int | None  # min(receive - event) over the window; None = unknown, so no orders
    lag_ns: int  # offset-corrected lag of the newest frame
    gaps: int = 0
    reconnects: int = 0
    halted: tuple[str, ...] = ()  # instruments that by the venue's own word can't be traded now
    clock_error_ns: int = 0  # our clock less the venue's, as read from it; 0 while it hasn't told
    told_ns: int = 0  # CLOCK_MONOTONIC at `ts_event`: what was told before our clocks parted is old; 0 = unknown


class MarkPrice(Event, kw_only=True):
    """What the venue values positions at, and triggers stops by."""

    venue: str
    instrument: str
    price: Decimal
    ts_init: int
    read_ns: int


class IndexPrice(Event, kw_only=True):
    """What the venue's oracle says the underlying costs elsewhere."""

    venue: str
    instrument: str
    price: Decimal
    ts_init: int
    read_ns: int


class FundingRate(Event, kw_only=True):
    """What longs pay shorts at the end of each interval: a share of the notional, of either sign."""

    venue: str
    instrument: str
    rate: Decimal
    interval_ns: int
    ts_init: int
    read_ns: int


Figure = MarkPrice | IndexPrice | FundingRate  # what venues of derivatives tell beside quotes and trades


class MarketBatch(Message, kw_only=True):
    """One grant's worth of market data from one feed to one subscriber.

    `quotes` holds the newest per instrument, `figures` the newest per kind and instrument; `trades` all of them in
    order, up to the bound, after which the oldest are folded into `bars`. `conflated` counts quotes replaced since
    the last batch.
    """

    usual_lane: ClassVar[Lane] = Lane.BULK

    venue: str
    quotes: tuple[Quote, ...]
    trades: tuple[Trade, ...]
    bars: tuple[TradeBar, ...]
    state: StreamState
    conflated: int = 0
    figures: tuple[Figure, ...] = ()


class RequestDepth(Command, kw_only=True):
    """Ask a PriceFeed for the best levels of one book."""

    instrument: str
    levels: int  # of each side, at most


class DepthReported(Event, kw_only=True):
    """A PriceFeed answers: the best bids and asks as (price, quantity), best first; none while they can't be believed."""

    venue: str
    instrument: str
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    alive_ns: int  # CLOCK_MONOTONIC of the newest proof that the stream is alive
    is_whole: bool  # the stream has no gap, and the book both sides


class Candle(Message, kw_only=True):
    """Trades of one interval, aligned to the clock. Stamps are event time, UTC nanoseconds."""

    venue: str
    instrument: str
    interval_ns: int
    open_ts: int  # inclusive
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    count: int | None  # trades in it; 0 = nothing traded, prices carry the last close; None = not told
    has_gap: bool = False  # the stream was broken inside the interval

    @property
    def close_ts(self) -> int:
        """Return the exclusive end of the interval."""
        return self.open_ts + self.interval_ns


# ---- what can be traded there ------------------------------------------------------------------------------


class TradingStatus(StrEnum):
    """Whether a venue takes orders in an instrument now, in words of ours for those of all venues."""

    TRADING = "trading"
    HALTED = "halted"  # for now: no new orders, or only cancels
    CLOSED = "closed"  # for good: settled or delisted
    UNKNOWN = "unknown"  # a word that we do not know; not to be traded on


class InstrumentStatus(Event, kw_only=True):
    """Whether an instrument can be traded now, and its steps as far as the stream tells them.

    Orders go by the listing: a step that differs from it says that the listing is old.
    """

    venue: str
    instrument: str
    status: TradingStatus
    lot_size: Decimal | None = None
    quote_step: Decimal | None = None  # of the quote currency: prices may have a coarser one


class VenueCandle(Event, kw_only=True):
    """A bar as the venue counts it; the newest one is still forming and is told again and again."""

    candle: Candle
    read_ns: int


# ---- what a stream codec reports besides prices ----------------------------------------------------------


class HeartbeatSeen(Event, kw_only=True):
    """The venue's own proof that the stream is alive."""

    venue: str
    read_ns: int
    counter: int = 0  # of the venue: its beats, its blocks; a repeated one proves nothing


class StreamGap(Event, kw_only=True):
    """Messages were lost: every book of the stream is suspect until its next snapshot; one only, if it is healing."""

    venue: str
    expected: int
    got: int
    # One book is had anew on the same connection; until then its own quotes say that they are not whole.
    is_healing: bool = False


class StreamWhole(Event, kw_only=True):
    """Every subscribed book has its snapshot again."""

    venue: str


class LateFrame(Event, kw_only=True):
    """A frame was dropped, because its place has passed: it was told before, or overtaken."""

    venue: str
    number: int


class VenueComplained(Event, kw_only=True):
    """An error frame of the venue."""

    venue: str
    text: str


class DecodeFailed(Event, kw_only=True):
    """A frame that could not be read; the stream goes on."""

    venue: str
    category: str  # "parse", "structure", "type" or "validation"; of what is no text message, the pipe's
    reason: str  # what is wrong, with which field; for people, at most 200 characters, never a secret
    raw: bytes  # first 256 bytes


def stream_trouble(state: StreamState, now: Instant, silent_after_s: float, late_after_s: float) -> Denial:
    """Return why no price of a stream may be traded on, in one word; empty when they may.

    What was told before the machine slept looks fresh to a clock that stood meanwhile.
    """
    if state.told_ns and have_parted(Instant(state.told_ns, state.ts_event), now):
        return DenialReason.STALE_QUOTE
    if not state.is_whole:
        return DenialReason.GAPPED_QUOTE
    if not state.is_connected or now.monotonic_ns - state.alive_ns > silent_after_s * SECOND_NS:
        return DenialReason.STALE_QUOTE
    if state.clock_offset_ns is None:
        return DenialReason.UNKNOWN_CLOCK_OFFSET
    if state.lag_ns > late_after_s * SECOND_NS:
        return DenialReason.LATE_QUOTE
    return ""
