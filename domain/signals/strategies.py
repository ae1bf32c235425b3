"""The scalping strategies: one candle in, one vote out.

To add one, write its class and name it in STRATEGIES. A strategy knows one instrument of one venue and
nothing of money, positions or time; how votes are weighed is `combiner.py`. Here prices become floats: no
number of this module ever reaches an order.
"""

from __future__ import annotations

from math import isclose
from typing import NamedTuple, Protocol

from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.messages.market import Candle
from domain.signals.indicators import Bollinger, Ema, Macd, Rsi, Stochastic, Vwap

_DAY_NS = 86_400 * SECOND_NS


class Vote(NamedTuple):
    """One strategy's opinion after one candle; `side` None holds."""

    side: Side | None
    confidence: float  # 0..1


class Strategy(Protocol):
    """Votes after each closed candle of one instrument; knows no money, position or clock. The weights know its name."""

    name: str

    def update(self, candle: Candle) -> Vote | None:
        """Take the next candle, without holes; None until warmed up."""
        ...


class FastScalping:
    """Follows the trend of the last few candles: EMA 3 against EMA 5."""

    name = "fast_scalping"
    warm_up = 10  # candles: the slow average has then outlived its seed

    def __init__(self) -> None:
        self._fast = Ema(3)
        self._slow = Ema(5)
        self._seen = 0

    def update(self, candle: Candle) -> Vote | None:
        close = float(candle.close)
        fast, slow = self._fast.update(close), self._slow.update(close)
        self._seen += 1
        if fast is None or slow is None or self._seen < self.warm_up:
            return None
        if isclose(fast, slow, rel_tol=1e-12):  # equal but for rounding
            return Vote(None, 0.5)
        return Vote(Side.BUY if fast > slow else Side.SELL, 0.8)


class MomentumScalping:
    """Buys an exhausted fall inside a rise and mirrors it: RSI 7 against the line of MACD 6/13/5."""

    name = "momentum_scalping"

    def __init__(self) -> None:
        self._rsi = Rsi(7)
        self._macd = Macd(6, 13, 5)

    def update(self, candle: Candle) -> Vote | None:
        close = float(candle.close)
        rsi, macd = self._rsi.update(close), self._macd.update(close)
        if rsi is None or macd is None:
            return None
        if rsi < 30.0 and macd > 0.0:
            return Vote(Side.BUY, 0.9)
        if rsi > 70.0 and macd < 0.0:
            return Vote(Side.SELL, 0.9)
        return Vote(None, 0.5)


class ConservativeScalping:
    """Bets on a return to the mean when band, stochastic and VWAP agree that the price has left it.

    The VWAP's session is the UTC day of the candles, of typical prices (high + low + close) / 3.
    """

    name = "conservative_scalping"

    def __init__(self) -> None:
        self._bands = Bollinger(10, 2.0)
        self._stochastic = Stochastic(7, 3)
        self._vwap = Vwap()
        self._day = 0

    def update(self, candle: Candle) -> Vote | None:
        high, low, close = float(candle.high), float(candle.low), float(candle.close)
        day = candle.open_ts // _DAY_NS
        if day != self._day:
            self._day = day
            self._vwap.restart()
        vwap = self._vwap.update((high + low + close) / 3.0, float(candle.volume))
        stochastic = self._stochastic.update(high, low, close)
        self._bands.update(close)
        lower, upper = self._bands.lower, self._bands.upper
        if lower is None or upper is None or stochastic is None or vwap is None:
            return None
        if close < lower and stochastic < 20.0 and close < vwap:
            return Vote(Side.BUY, 0.7)
        if close > upper and stochastic > 80.0 and close > vwap:
            return Vote(Side.SELL, 0.7)
        return Vote(None, 0.6)


STRATEGIES: dict[str, type[Strategy]] = {
    strategy.name: strategy for strategy in (FastScalping, MomentumScalping, ConservativeScalping)
}
