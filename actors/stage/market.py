"""Market data for actors on the stage: closing prices into the batches that a feed would send."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from actors.stage.toolbox import START
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.messages.market import MarketBatch, Quote, StreamState, Trade
from domain.settings import SignalSettings

_LOT = Decimal(1)
_AHEAD_NS = 10**18  # the venue's clock is ahead of whoever's: no stamp is from its future


def market(
    closes: Iterable[float | str | Decimal],
    signals: SignalSettings = SignalSettings(),
    instrument: str = "BTC-USD",
    venue: str = "coinbase",
) -> list[MarketBatch]:
    """Return a batch that opens the stream, and one per close, each of which completes its candle.

    Args:
        signals: says how long candles are, and how long they wait for late trades.
    """
    interval_ns = round(signals.candle_s * SECOND_NS)
    watermark_ns = round(signals.watermark_s * SECOND_NS)
    prices = [Decimal(str(close)) for close in closes]
    open_ts = START.utc_ns // interval_ns * interval_ns
    batches = [_batch(venue, instrument, prices[0], open_ts)]
    for number, price in enumerate(prices):
        trade = Trade(
            ts_event=open_ts,
            venue=venue,
            instrument=instrument,
            trade_id=str(number),
            price=price,
            quantity=_LOT,
            aggressor=Side.BUY,
            ts_init=START.utc_ns,
            read_ns=START.monotonic_ns,
        )
        open_ts += interval_ns
        batches.append(_batch(venue, instrument, price, open_ts + watermark_ns, trade))
    return batches


def _batch(venue: str, instrument: str, price: Decimal, ts_event: int, *trades: Trade) -> MarketBatch:
    """Return trades, and a quote that shows what time it is at the venue."""
    quote = Quote(
        ts_event=ts_event,
        venue=venue,
        instrument=instrument,
        bid_price=price,
        bid_quantity=_LOT,
        ask_price=price + _LOT,
        ask_quantity=_LOT,
        ts_init=START.utc_ns,
        read_ns=START.monotonic_ns,
        is_whole=True,
    )
    state = StreamState(
        ts_event=ts_event,
        venue=venue,
        is_connected=True,
        is_whole=True,
        alive_ns=0,
        clock_offset_ns=None,  # so time runs by the quotes
        clock_error_ns=-_AHEAD_NS,
        lag_ns=0,
    )
    return MarketBatch(venue=venue, quotes=(quote,), trades=trades, bars=(), state=state)
