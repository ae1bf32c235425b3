"""Closing prices become whole candles in the signal engine."""

from __future__ import annotations

import pytest

from actors.signal_engine import SignalEngine
from actors.stage.market import market
from actors.stage.stage import Stage
from domain.effects import Role
from domain.instrument import Side
from domain.settings import Settings, SignalSettings

FEED = Role.PRICE_FEED.at("coinbase")


@pytest.mark.parametrize("candle_s", [1.0, 60.0])
def test_each_close_is_one_whole_candle_and_makes_its_signal_in_time(candle_s: float) -> None:
    signals = SignalSettings(candle_s=candle_s, weights={"fast_scalping": 1})
    stage = Stage(Settings(signals=signals))
    engine = stage.cast(SignalEngine, Role.SIGNAL_ENGINE)

    stage.tell(Role.SIGNAL_ENGINE, *market([*range(100, 120), *range(120, 100, -1)], signals), sender=FEED)

    counters = engine.manager.counters
    assert (counters["candles"], counters["gapped_candles"], counters["expired_signals"]) == (40, 0, 0)
    sides = [signal.side for signal in stage.inbox(Role.PORTFOLIO).messages]
    assert sides[0] is Side.BUY and sides[-1] is Side.SELL
    stage.inbox(Role.PORTFOLIO).assert_in_order(
        lambda signal: signal.side is Side.BUY, lambda signal: signal.side is Side.SELL
    )
