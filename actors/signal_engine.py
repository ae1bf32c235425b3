"""Candles, indicators, strategies and their combination: market data in, signals out."""

from __future__ import annotations

import logging
import traceback

from actors.components.market_reader import MarketReader
from domain.effects import Effect, Role, Tell, WakeupKey
from domain.instant import Instant
from domain.messages.market import MarketBatch
from domain.messages.signals import Signal
from domain.signals.bench import Bench
from domain.signals.signal_generator import SignalGenerator

log = logging.getLogger(__name__)

_MOST_TRACED = 8_000  # characters of a traceback in the log


class SignalEngine(MarketReader):
    """Carries batches to the signal generator and its signals to the portfolio and the recorder."""

    wants_history = True  # candles warm up on what was really printed

    def started(self) -> None:
        bench = Bench(self.toolbox.strategy_watch(self.settings))
        self.manager = SignalGenerator(self.settings.signals, bench)
        self._tell_falls()
        self.subscribe()

    def on_market(self, batch: MarketBatch) -> None:
        effects = self.manager.apply(batch, self.clock.now())
        self._tell_falls()
        self.perform(effects)

    def tick(self, key: WakeupKey, now: Instant) -> list[Effect]:
        effects = self.manager.tick(key, now)
        self._tell_falls()
        return effects

    def _tell_falls(self) -> None:
        for fall in self.manager.bench.take_falls():
            traced = "".join(traceback.format_exception(fall.error)) if fall.error is not None else ""
            log.error("strategy_benched name=%s reason=%s\n%s", fall.name, fall.reason, traced[:_MOST_TRACED])
            weights = self.settings.signals.weights
            is_anybody_left = any(weights[name] and name not in self.manager.bench for name in weights)
            then = "the others vote on" if is_anybody_left else "no strategy is left: no signals until then"
            self.alarm(f"strategy {fall.name}", f"benched until the next start: {fall.reason}; {then}")

    def perform_one(self, effect: Effect) -> None:
        super().perform_one(effect)
        if isinstance(effect, Tell) and isinstance(effect.message, Signal):
            self.tell(Role.RECORDER, effect.message)
            self.tell(Role.MONITOR, effect.message)

    def report(self) -> None:
        self.counters.update({name: count - self.counters[name] for name, count in self.manager.counters.items()})
