"""Candles, indicators, strategies and their combination: market data in, signals out."""

from __future__ import annotations

from actors.market_reader import MarketReader
from domain.effects import Effect, Instant, Role, Tell
from domain.market_data import MarketBatch
from domain.order_messages import Signal
from domain.signal_desk import SignalDesk


class SignalEngine(MarketReader):
    """Carries batches to the signal desk and its signals to the portfolio and the recorder."""

    wants_history = True  # candles warm up on what was really printed

    def started(self) -> None:
        self.desk = SignalDesk(self.settings.signals)
        self.subscribe()

    def hear_market(self, batch: MarketBatch) -> None:
        self.perform(self.desk.apply(batch, self.clock.now()))

    def tick(self, key: str, now: Instant) -> list[Effect]:
        return self.desk.tick(key, now)

    def perform_one(self, effect: Effect) -> None:
        super().perform_one(effect)
        if isinstance(effect, Tell) and isinstance(effect.message, Signal):
            self.tell(Role.RECORDER, effect.message)
            self.tell(Role.MONITOR, effect.message)

    def report(self) -> None:
        self.counters.update({name: count - self.counters[name] for name, count in self.desk.counters.items()})
