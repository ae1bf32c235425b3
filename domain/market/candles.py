"""Candles from trades: aligned to the clock, by event time, one series per venue and instrument.

A candle waits a watermark for late trades, then closes for good: what comes later is counted, never painted
in. Time is handed in as event time, what the venue's clock is thought to show; this module reads no clock.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from domain.messages.market import Candle, Trade, TradeBar
from domain.numbers import ZERO

_REMEMBERED_TRADES = 2_000  # ids per series, at least: more than any venue replays at subscription


class WholeSpan(NamedTuple):
    """The event time for which the stream is proven to have been whole."""

    since: int
    until: int

    def covers(self, start: int, end: int) -> bool:
        return self.since <= start and end <= self.until


class CandleSeries:
    """The candles of one instrument at one venue, closed strictly in order.

    An interval without trades carries the last close. After a silence of more than `longest_carry` intervals
    the series starts over at the next trade, so that one wild stamp cannot ask for a million empty candles.
    """

    def __init__(self, venue: str, instrument: str, interval_ns: int, watermark_ns: int, longest_carry: int) -> None:
        self.venue = venue
        self.instrument = instrument
        self.interval_ns = interval_ns
        self.watermark_ns = watermark_ns
        self.longest_carry = longest_carry
        self.late_trades = 0
        self.duplicate_trades = 0
        self._building: dict[int, TradeBar] = {}  # open_ts -> its trades so far
        self._next_open_ts = 0  # every interval before this one is closed
        self._last_close: Decimal | None = None  # None before the first candle and after a long silence
        self._trade_ids: set[str] = set()
        self._older_trade_ids: set[str] = set()
        self._folded_until = -1  # newest event time that came in a bar, where trades have lost their ids

    @property
    def due_ts(self) -> int | None:
        """Return the event time at which the next candle closes; None while there is nothing to close."""
        first = self._next_open_ts if self._last_close is not None else min(self._building, default=None)
        return None if first is None else first + self.interval_ns + self.watermark_ns

    def add(self, trade: Trade) -> None:
        """Count one trade, unless it was counted before or its candle is closed."""
        if self._was_counted(trade):
            self.duplicate_trades += 1
        else:
            self._book(_bar_of(trade))

    def add_bar(self, bar: TradeBar) -> None:
        """Count trades that were folded on their way here.

        A bar across a boundary cannot be divided: all of it counts where it ends, and every candle that it
        touches has a gap.
        """
        self._folded_until = max(self._folded_until, bar.last_ts_event)
        self._book(bar)

    def close_until(self, event_time: int, whole: WholeSpan | None) -> list[Candle]:
        """Close every candle whose interval and watermark are over: in order, without holes."""
        end = (event_time - self.watermark_ns) // self.interval_ns * self.interval_ns
        closed: list[Candle] = []
        while self._next_open_ts < end:
            bar = self._building.pop(self._next_open_ts, None)
            if bar is not None:
                last_close = bar.close
            else:
                next_ts = min(end, min(self._building, default=end))  # nothing traded before it
                silence = (next_ts - self._next_open_ts) // self.interval_ns
                if self._last_close is None or silence > self.longest_carry:
                    self._last_close = None
                    self._next_open_ts = next_ts
                    continue
                last_close = self._last_close
            closed.append(self._close(bar, last_close, whole))
        return closed

    def _close(self, bar: TradeBar | None, last_close: Decimal, whole: WholeSpan | None) -> Candle:
        open_ts = self._next_open_ts
        self._next_open_ts = close_ts = open_ts + self.interval_ns
        # Only a bar across a boundary begins before the candle that it is booked in.
        is_blurred = (bar is not None and bar.first_ts_event < open_ts) or any(
            later.first_ts_event < close_ts for later in self._building.values()
        )
        self._last_close = last_close
        return Candle(
            venue=self.venue,
            instrument=self.instrument,
            interval_ns=self.interval_ns,
            open_ts=open_ts,
            open=bar.open if bar else last_close,
            high=bar.high if bar else last_close,
            low=bar.low if bar else last_close,
            close=last_close,
            volume=bar.volume if bar else ZERO,
            count=bar.count if bar else 0,
            has_gap=is_blurred or whole is None or not whole.covers(open_ts, close_ts),
        )

    def _book(self, bar: TradeBar) -> None:
        open_ts = bar.last_ts_event // self.interval_ns * self.interval_ns
        if open_ts < self._next_open_ts:
            self.late_trades += bar.count
            return
        built = self._building.get(open_ts)
        self._building[open_ts] = bar if built is None else _merge(built, bar)

    def _was_counted(self, trade: Trade) -> bool:
        if trade.is_history and trade.ts_event < self._folded_until:
            return True
        trade_id = trade.trade_id
        if trade_id in self._trade_ids or trade_id in self._older_trade_ids:
            return True
        self._trade_ids.add(trade_id)
        if len(self._trade_ids) >= _REMEMBERED_TRADES:
            self._older_trade_ids, self._trade_ids = self._trade_ids, set()
        return False


def _bar_of(trade: Trade) -> TradeBar:
    return TradeBar(
        venue=trade.venue,
        instrument=trade.instrument,
        first_ts_event=trade.ts_event,
        last_ts_event=trade.ts_event,
        open=trade.price,
        high=trade.price,
        low=trade.price,
        close=trade.price,
        volume=trade.quantity,
        count=1,
    )


def _merge(built: TradeBar, bar: TradeBar) -> TradeBar:
    """Put two bars together by event time; at equal times the one that arrived later counts as later."""
    first = bar if bar.first_ts_event < built.first_ts_event else built
    last = bar if bar.last_ts_event >= built.last_ts_event else built
    return TradeBar(
        venue=built.venue,
        instrument=built.instrument,
        first_ts_event=first.first_ts_event,
        last_ts_event=last.last_ts_event,
        open=first.open,
        high=max(built.high, bar.high),
        low=min(built.low, bar.low),
        close=last.close,
        volume=built.volume + bar.volume,
        count=built.count + bar.count,
    )
