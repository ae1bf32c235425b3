"""The signal generator: market batches in, at most one signal per candle out.

It owns one candle series and one set of strategies per venue and instrument. A candle speaks only if its
stream was proven whole from its open to its close, so neither history nor a gap ever fires a signal; money,
positions and the freshness of quotes are the portfolio's business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from domain.effects import Effect, Role, Tell, WakeAt, WakeupKey, WakeupKind
from domain.instant import SECOND_NS, Instant
from domain.market.candles import CandleSeries, WholeSpan
from domain.messages.market import Candle, MarketBatch, Quote, StreamState, Trade, TradeBar
from domain.messages.signals import Signal
from domain.settings import SignalSettings
from domain.signals.bench import Bench
from domain.signals.combiner import Opinion, SignalCombiner
from domain.streams.health import FUTURE_NS, venue_time

Frame = Quote | Trade
F = TypeVar("F", Quote, Trade)

_HEAD_START_NS = SECOND_NS // 4  # frames have this long to close a candle before the wake-up does
_COUNTERS = (
    "signals",
    "expired_signals",
    "candles",
    "gapped_candles",
    "late_trades",
    "duplicate_trades",
    "future_frames",
    "strategy_errors",
)


class SignalWakeup(WakeupKind):
    """Of one venue, by name."""

    CANDLE = "candle"  # of the venue: its next one is over


class _Stream:
    """One venue's stream: what time it is there, and since when nothing of it is missing."""

    def __init__(self) -> None:
        self.newest_ts = 0  # event time of the newest frame
        self.whole: WholeSpan | None = None
        self._time: tuple[int, int] | None = None  # what the venue's clock showed, CLOCK_MONOTONIC then
        self._breaks = (0, 0)

    def hear(self, state: StreamState, frames: Sequence[Frame], now: Instant) -> None:
        """Take what a batch says about the stream itself."""
        newest_ts = max((frame.ts_event for frame in frames), default=0)
        shown_ts = venue_time(state, now)
        if shown_ts is not None:
            self._time = shown_ts, now.monotonic_ns
        elif newest_ts > self.newest_ts:
            self._time = newest_ts, now.monotonic_ns
        self.newest_ts = max(self.newest_ts, newest_ts)
        # A replay of history means a new subscription: a break that healed between two batches.
        is_replay = any(isinstance(frame, Trade) and frame.is_history for frame in frames)
        breaks = (state.gaps, state.reconnects)
        self._judge(state, is_replay or breaks != self._breaks, now)
        self._breaks = breaks

    def time(self, now: Instant) -> int | None:
        """Return what the venue's clock shows, less network latency; None before any sign of it.

        It runs on by our monotonic clock between batches, so a step of the wall clock closes no candle.
        """
        if self._time is None:
            return None
        shown_ts, then_ns = self._time
        return shown_ts + now.monotonic_ns - then_ns

    def late_ns(self, due_ts: int, now: Instant) -> int:
        """Return by how much the venue's clock has passed `due_ts`."""
        venue_time = self.time(now)
        return 0 if venue_time is None else max(venue_time - due_ts, 0)

    def _judge(self, state: StreamState, has_broken: bool, now: Instant) -> None:
        until = self.newest_ts
        venue_time = self.time(now)
        if venue_time is not None and state.alive_ns:
            until = max(until, venue_time - (now.monotonic_ns - state.alive_ns))
        if not (state.is_connected and state.is_whole and until):
            self.whole = None
        elif self.whole is None or has_broken:
            self.whole = WholeSpan(until, until)
        else:
            self.whole = WholeSpan(self.whole.since, max(until, self.whole.until))


class _Market:
    """One instrument at one venue: its candles and the strategies that watch them."""

    def __init__(self, venue: str, instrument: str, settings: SignalSettings, bench: Bench) -> None:
        self.series = CandleSeries(
            venue,
            instrument,
            interval_ns=round(settings.candle_s * SECOND_NS),
            watermark_ns=round(settings.watermark_s * SECOND_NS),
            longest_carry=settings.history,
        )
        self._settings = settings
        self._bench = bench
        self._combiner = self._new_combiner()
        self._next_open_ts = 0

    def judge(self, candle: Candle) -> Opinion | None:
        """Show a candle to the strategies. After a hole in the series they start over."""
        if candle.open_ts != self._next_open_ts:
            self._combiner = self._new_combiner()
        self._next_open_ts = candle.close_ts
        return self._combiner.update(candle)

    def _new_combiner(self) -> SignalCombiner:
        return SignalCombiner(self._settings.weights, self._settings.winner_above, bench=self._bench)


class _Venue:
    """What the signal generator keeps of one venue."""

    def __init__(self) -> None:
        self.stream = _Stream()
        self.markets: dict[str, _Market] = {}  # instrument -> market
        self.wake_ns = 0  # CLOCK_MONOTONIC of the newest wake-up


class SignalGenerator:
    """Candles, strategies and signals of every venue."""

    def __init__(self, settings: SignalSettings, bench: Bench | None = None) -> None:
        """Raises InvalidSetting when a weight names a strategy that does not exist."""
        self.bench = Bench() if bench is None else bench
        SignalCombiner(settings.weights, settings.winner_above, bench=self.bench)  # complain now, not at a trade
        self.settings = settings
        self.counters: Counter[str] = Counter(dict.fromkeys(_COUNTERS, 0))  # totals
        self._venues: dict[str, _Venue] = {}

    def apply(self, batch: MarketBatch, now: Instant) -> list[Effect]:
        """Book a batch, and close every candle that its newest frame shows to be over."""
        venue = self._venues.setdefault(batch.venue, _Venue())
        trades = self._believable(batch.trades, batch.state, now)
        frames: list[Frame] = [*self._believable(batch.quotes, batch.state, now), *trades]
        for bar in batch.bars:
            self._market(venue, bar).series.add_bar(bar)
        for trade in trades:
            self._market(venue, trade).series.add(trade)
        venue.stream.hear(batch.state, frames, now)
        effects = self._close_until(venue, venue.stream.newest_ts, frames, now)
        return effects + self._wake_next(batch.venue, now)

    def tick(self, key: WakeupKey, now: Instant) -> list[Effect]:
        """Close by the clock what no frame has closed."""
        venue = self._venues[key.name]
        venue_time = venue.stream.time(now)
        if venue_time is None:
            return []
        return self._close_until(venue, venue_time - _HEAD_START_NS, (), now) + self._wake_next(key.name, now)

    def _believable(self, frames: Sequence[F], state: StreamState, now: Instant) -> Sequence[F]:
        """Leave out frames from the venue's future: believing one would close every candle before it."""
        shown_ts = venue_time(state, now)
        if shown_ts is None:  # no stamp has told yet: what was read of its clock decides, or else ours
            latest_ts = now.utc_ns - state.clock_error_ns + 2 * FUTURE_NS  # a reading may lag by as much
        else:
            latest_ts = shown_ts + round(self.settings.watermark_s * SECOND_NS)
        believable = [frame for frame in frames if frame.ts_event <= latest_ts]
        self.counters["future_frames"] += len(frames) - len(believable)
        return believable

    def _market(self, venue: _Venue, traded: Trade | TradeBar) -> _Market:
        market = venue.markets.get(traded.instrument)
        if market is None:
            market = venue.markets[traded.instrument] = _Market(
                traded.venue, traded.instrument, self.settings, self.bench
            )
        return market

    def _close_until(self, venue: _Venue, event_time: int, frames: Sequence[Frame], now: Instant) -> list[Effect]:
        effects: list[Effect] = []
        for market in venue.markets.values():
            for candle in market.series.close_until(event_time, venue.stream.whole):
                self.counters["candles"] += 1
                self.counters["gapped_candles"] += candle.has_gap
                opinion = market.judge(candle)
                if opinion is not None and not candle.has_gap:
                    due_ts = candle.close_ts + market.series.watermark_ns
                    late_ns = venue.stream.late_ns(due_ts, now)
                    read_ns = min((frame.read_ns for frame in frames if frame.ts_event >= due_ts), default=0)
                    effects += self._speak(candle, opinion, late_ns, read_ns, now)
        self._count()
        return effects

    def _speak(self, candle: Candle, opinion: Opinion, late_ns: int, read_ns: int, now: Instant) -> list[Effect]:
        """Tell of a closed candle. Its time to expire runs from when it was due, however late it closed."""
        left_ns = round(self.settings.expire_after_s * SECOND_NS) - late_ns
        if left_ns <= 0:
            self.counters["expired_signals"] += 1
            return []
        strategies = "+".join(opinion.strategies)
        interval = f"{self.settings.candle_s:g}s"
        signal = Signal(
            ts_event=now.utc_ns,
            signal_id=f"{strategies}:{candle.venue}:{candle.instrument}:{interval}:{candle.open_ts}",
            venue=candle.venue,
            instrument=candle.instrument,
            side=opinion.side,
            confidence=opinion.confidence,
            strategies=opinion.strategies,
            candle_close=candle.close,
            expires_at=now.utc_ns + left_ns,
            origin_read_ns=read_ns,
            expires_ns=now.monotonic_ns + left_ns,
        )
        self.counters["signals"] += 1
        return [Tell(Role.PORTFOLIO, signal)]

    def _wake_next(self, name: str, now: Instant) -> list[Effect]:
        """Ask to be woken for the next candle, unless one is out that will ask again."""
        venue = self._venues[name]
        if venue.wake_ns > now.monotonic_ns:
            return []
        venue_time = venue.stream.time(now)
        due = [market.series.due_ts for market in venue.markets.values()]
        due_ts = min((ts for ts in due if ts is not None), default=None)
        if venue_time is None or due_ts is None:
            return []
        venue.wake_ns = now.monotonic_ns + max(due_ts + _HEAD_START_NS - venue_time, 1)
        return [WakeAt(venue.wake_ns, WakeupKey(SignalWakeup.CANDLE, name))]

    def _count(self) -> None:
        markets = [market for venue in self._venues.values() for market in venue.markets.values()]
        self.counters["late_trades"] = sum(market.series.late_trades for market in markets)
        self.counters["duplicate_trades"] = sum(market.series.duplicate_trades for market in markets)
        self.counters["strategy_errors"] = self.bench.failures
