"""What Hyperliquid's stream and its answers both tell, as domain events. Pure."""

from __future__ import annotations

from adapters.hyperliquid.market_rows import CandleSeen, PrintSeen
from domain.market_data import Candle
from domain.settings import SECOND_NS

VENUE = "hyperliquid"
FUNDING_NS = 3600 * SECOND_NS  # funding is paid every hour


def oldest_first(prints: list[PrintSeen]) -> list[PrintSeen]:
    """Order by time, and trades of one block as they happened, whichever way round they were sent."""
    if prints and prints[0].ts_event > prints[-1].ts_event:
        prints = prints[::-1]
    return sorted(prints, key=lambda one: one.ts_event)


def candle(seen: CandleSeen, instrument: str) -> Candle:
    return Candle(
        venue=VENUE,
        instrument=instrument,
        interval_ns=seen.interval_ns,
        open_ts=seen.open_ts,
        open=seen.open,
        high=seen.high,
        low=seen.low,
        close=seen.close,
        volume=seen.volume,
        count=seen.count,
    )
