"""What the signal engine tells the portfolio."""

from __future__ import annotations

from decimal import Decimal

from domain.instrument import Side
from domain.messages.base import Event


class Signal(Event, kw_only=True):
    """A combined opinion on one instrument at one venue. HOLD is never sent."""

    signal_id: str  # strategies + venue + instrument + candle: the same candle cannot speak twice
    venue: str
    instrument: str
    side: Side
    confidence: float  # 0..1
    strategies: tuple[str, ...]  # those that voted for `side`
    candle_close: Decimal
    expires_at: int  # UTC ns
    origin_read_ns: int  # CLOCK_MONOTONIC of the frame that completed the candle; 0 = the clock did
    expires_ns: int = 0  # the moment of `expires_at` on CLOCK_MONOTONIC, which decides; 0 = not told
