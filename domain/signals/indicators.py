"""Streaming technical indicators over floats: one value in, one value out, None until warmed up.

Conventions are TA-Lib's where it has one, so that anybody can check the numbers: averages are seeded with the
simple mean of their first window, RSI is Wilder's, deviations are the population's. Where a definition
divides by nothing, the indicator says what it means (RSI 50 when flat). No candle, no clock, no money.
"""

from __future__ import annotations

from collections import deque
from math import dist, fsum, sqrt


class Ema:
    """Exponential moving average: k = 2 / (n + 1), seeded with the mean of the first n values."""

    __slots__ = ("value", "_k", "_length", "_mean", "_seen")

    def __init__(self, length: int) -> None:
        self.value: float | None = None
        self._length = length
        self._k = 2.0 / (length + 1)
        self._mean = 0.0
        self._seen = 0

    def update(self, price: float) -> float | None:
        value = self.value
        if value is not None:
            self.value = value = value + self._k * (price - value)
            return value
        # A running mean, not sum / n: it stays exactly at the price of a market that does not move.
        self._seen += 1
        self._mean += (price - self._mean) / self._seen
        if self._seen == self._length:
            self.value = self._mean
        return self.value


class Rsi:
    """Relative strength index after Wilder, 0..100; warmed up after length + 1 prices."""

    __slots__ = ("value", "_length", "_last", "_gain", "_loss", "_steps")

    def __init__(self, length: int) -> None:
        self.value: float | None = None
        self._length = length
        self._last: float | None = None
        self._gain = 0.0  # average gain per step
        self._loss = 0.0  # average loss per step, positive
        self._steps = 0  # that went into the averages; stays at `length`

    def update(self, price: float) -> float | None:
        last = self._last
        self._last = price
        if last is None:
            return None
        change = price - last
        gain, loss, steps = self._gain, self._loss, self._steps
        # Over the first `length` steps this is the plain mean, then Wilder's smoothing: the same formula.
        if steps < self._length:
            self._steps = steps = steps + 1
        if change > 0.0:
            self._gain = gain = gain + (change - gain) / steps
            self._loss = loss = loss - loss / steps
        else:
            self._gain = gain = gain - gain / steps
            self._loss = loss = loss - (change + loss) / steps
        if steps < self._length:
            return None
        moved = gain + loss
        self.value = value = 100.0 * (gain / moved) if moved else 50.0
        return value


class Macd:
    """Moving average convergence/divergence. `update` returns the line; `signal` holds the line's own EMA.

    Both averages are first defined at the same price, the slow one's first: the fast one is seeded with the
    last `fast` prices of the slow one's window. Pairing averages of different age by position, as if they had
    started together, turns the sign in a steady trend.
    """

    __slots__ = ("line", "signal", "_fast", "_slow", "_average", "_skip")

    def __init__(self, fast: int, slow: int, signal: int) -> None:
        self.line: float | None = None
        self.signal: float | None = None
        self._fast = Ema(fast)
        self._slow = Ema(slow)
        self._average = Ema(signal)
        self._skip = slow - fast

    @property
    def histogram(self) -> float | None:
        """Return line minus signal."""
        return None if self.line is None or self.signal is None else self.line - self.signal

    def update(self, price: float) -> float | None:
        slow = self._slow.update(price)
        if self._skip:
            self._skip -= 1
            return None
        fast = self._fast.update(price)
        if slow is None or fast is None:
            return None
        self.line = line = fast - slow
        self.signal = self._average.update(line)
        return line


class Bollinger:
    """Bollinger bands: mean of the last n prices, plus and minus `width` population deviations.

    The sum of squared deviations slides with the window (Welford), and each time the window has been replaced
    whole it is summed afresh, so that a rounding error lives for n steps; a sum of squares would keep it.
    """

    __slots__ = ("middle", "lower", "upper", "_length", "_width", "_window", "_squares", "_until_afresh")

    def __init__(self, length: int, width: float) -> None:
        self.middle: float | None = None
        self.lower: float | None = None
        self.upper: float | None = None
        self._length = length
        self._width = width
        self._window: deque[float] = deque(maxlen=length)
        self._squares = 0.0  # sum of squared deviations from the middle
        self._until_afresh = length

    def update(self, price: float) -> float | None:
        """Take one price and return the middle; `lower` and `upper` hold the bands."""
        window, length = self._window, self._length
        self._until_afresh -= 1
        if self._until_afresh:
            middle = self.middle
            if middle is None:
                window.append(price)
                return None
            oldest = window[0]
            window.append(price)
            moved = middle + (price - oldest) / length
            squares = self._squares + (price - oldest) * (price - moved + oldest - middle)
            middle = moved
        else:
            window.append(price)
            middle = fsum(window) / length
            squares = dist(window, (middle,) * length) ** 2
            self._until_afresh = length
        self.middle = middle
        self._squares = squares
        reach = self._width * sqrt(squares / length) if squares > 0.0 else 0.0
        self.lower = middle - reach
        self.upper = middle + reach
        return middle


class Stochastic:
    """Fast stochastic oscillator, 0..100: where the close lies in the range of the last n candles.

    `update` returns %D, the mean of the last `smooth` values of %K. A range of zero counts as its middle, 50.
    """

    __slots__ = ("k", "d", "_length", "_highs", "_lows", "_high", "_low", "_smooth", "_ks")

    def __init__(self, length: int, smooth: int) -> None:
        self.k: float | None = None
        self.d: float | None = None
        self._length = length
        self._highs: deque[float] = deque(maxlen=length)
        self._lows: deque[float] = deque(maxlen=length)
        self._high = float("-inf")  # of the window
        self._low = float("inf")
        self._smooth = smooth
        self._ks: deque[float] = deque(maxlen=smooth)

    def update(self, high: float, low: float, close: float) -> float | None:
        highs, lows = self._highs, self._lows
        is_full = len(highs) == self._length
        # The window is searched only when its extreme leaves it: rarely, so this is O(1) on average.
        lost_high = is_full and highs[0] == self._high
        lost_low = is_full and lows[0] == self._low
        highs.append(high)
        lows.append(low)
        if lost_high:
            self._high = max(highs)
        elif high > self._high:
            self._high = high
        if lost_low:
            self._low = min(lows)
        elif low < self._low:
            self._low = low
        if len(highs) < self._length:
            return None
        span = self._high - self._low
        self.k = k = 100.0 * (close - self._low) / span if span else 50.0
        ks = self._ks
        ks.append(k)
        if len(ks) < self._smooth:
            return None
        self.d = sum(ks) / self._smooth
        return self.d


class Vwap:
    """Volume-weighted average price since the last `restart`: the owner decides what a session is."""

    __slots__ = ("value", "_volume")

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.value: float | None = None
        self._volume = 0.0

    def update(self, price: float, volume: float) -> float | None:
        """Take a price and what traded there; None until anything has."""
        if volume > 0.0:
            self._volume += volume
            value = price if self.value is None else self.value
            self.value = value + (price - value) * volume / self._volume
        return self.value
