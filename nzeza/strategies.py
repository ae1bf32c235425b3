"""What a strategy of your own is written with. These names stay where they are, wherever the modules behind them go.

    from nzeza.strategies import Candle, Side, Vote

Indicators take floats one by one and answer None until they are warm. Nothing of this module ever reaches an order:
prices become floats here.
"""

from __future__ import annotations

from domain.instrument import Side
from domain.messages.market import Candle
from domain.signals.indicators import Bollinger, Ema, Macd, Rsi, Stochastic, Vwap
from domain.signals.strategies import STRATEGIES, Strategy, Vote

__all__ = [
    "STRATEGIES",
    "Bollinger",
    "Candle",
    "Ema",
    "Macd",
    "Rsi",
    "Side",
    "Stochastic",
    "Strategy",
    "Vote",
    "Vwap",
]
