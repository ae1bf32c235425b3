"""The rows that Coinbase's stream and its REST answers share: prints and bars. Pure."""

from __future__ import annotations

from msgspec import Struct

from adapters.decoding import tokens
from adapters.decoding.tokens import BadField, Name, NotNegative, Positive, Seconds, UtcTextIfSet
from adapters.venues.coinbase.fields import VENUE
from domain.instrument import Side
from domain.messages.market import Candle, Trade

# The public trade's side is the aggressor's here. Sources disagree about the venue (some read it as the
# maker's), so this is the one place to turn it round.
_AGGRESSOR = {"BUY": Side.BUY, "SELL": Side.SELL}


class PrintRow(Struct, gc=False):
    trade_id: Name
    product_id: Name
    price: Positive
    size: Positive
    side: str
    time: UtcTextIfSet


class CandleRow(Struct, gc=False):
    start: Seconds
    open: Positive
    high: Positive
    low: Positive
    close: Positive
    volume: NotNegative


def trade(row: PrintRow, is_history: bool, read_ns: int, ts_init: int, told_at: int | None = None) -> Trade:
    """Args:
    told_at: UTC ns of the message, for a print just made whose own time nobody has set; None: it is older.
    """
    aggressor = _AGGRESSOR.get(row.side)
    if aggressor is None:
        raise BadField("validation", "side is neither BUY nor SELL")
    ts_event = tokens.utc_ns_if_set(row.time) or told_at
    if ts_event is None:
        raise BadField("validation", "a print without a time")
    return Trade(
        ts_event=ts_event,
        venue=VENUE,
        instrument=row.product_id,
        trade_id=row.trade_id,
        price=tokens.positive(row.price),
        quantity=tokens.positive(row.size),
        aggressor=aggressor,
        ts_init=ts_init,
        read_ns=read_ns,
        is_history=is_history,
    )


def age(trade: Trade) -> tuple[int, int, str]:
    """Order trades from old to new, whatever order the venue sent them in: ids rise with time."""
    return trade.ts_event, len(trade.trade_id), trade.trade_id


def candle(row: CandleRow, instrument: str, interval_ns: int) -> Candle:
    opened, closed = tokens.positive(row.open), tokens.positive(row.close)
    high, low = tokens.positive(row.high), tokens.positive(row.low)
    tokens.check_range(low, opened, closed, high)
    return Candle(
        venue=VENUE,
        instrument=instrument,
        interval_ns=interval_ns,
        open_ts=tokens.ns_of_s(row.start),
        open=opened,
        high=high,
        low=low,
        close=closed,
        volume=tokens.not_negative(row.volume),
        count=None,  # the venue doesn't say
    )
