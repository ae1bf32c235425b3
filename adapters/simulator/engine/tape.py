"""What one product printed: recent trades, one-minute bars and the day's statistics."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import NamedTuple

from adapters.simulator.engine.matching import Execution, Level
from domain.instrument import Side
from domain.numbers import ZERO

MINUTE_NS = 60_000_000_000
KEPT_PRINTS = 5_000


class Print(NamedTuple):
    """One public trade, with the touch it left behind."""

    trade_id: int
    time_ns: int  # UTC
    price: Decimal
    quantity: Decimal
    aggressor: Side
    bid: Level | None
    ask: Level | None


@dataclass
class Bar:
    start_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal  # base units
    notional: Decimal
    trades: int = 1

    def extend(self, later: Bar) -> None:
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume
        self.notional += later.notional
        self.trades += later.trades


@dataclass
class Tape:
    """`prints` keeps the newest 5,000; bars are kept for good (one a minute)."""

    opening_price: Decimal
    prints: deque[Print] = field(default_factory=lambda: deque(maxlen=KEPT_PRINTS))
    minutes: dict[int, Bar] = field(default_factory=dict)  # start_ns -> bar, in time order
    volume: Decimal = ZERO
    high: Decimal = ZERO
    low: Decimal = ZERO

    @property
    def last_price(self) -> Decimal:
        return self.prints[-1].price if self.prints else self.opening_price

    @property
    def last_trade_id(self) -> int:
        return self.prints[-1].trade_id if self.prints else 0

    def add(self, execution: Execution, time_ns: int, bid: Level | None, ask: Level | None) -> None:
        price, quantity = execution.price, execution.quantity
        self.append(Print(execution.trade_id, time_ns, price, quantity, execution.aggressor, bid, ask))

    def append(self, one: Print) -> None:
        self.prints.append(one)
        price, quantity = one.price, one.quantity
        self.volume += quantity
        self.high = max(self.high, price)
        self.low = min(self.low, price) if self.low else price
        start_ns = one.time_ns - one.time_ns % MINUTE_NS
        _fold(self.minutes, Bar(start_ns, price, price, price, price, quantity, price * quantity))

    def since(self, trade_id: int) -> list[Print]:
        """Return the prints newer than `trade_id`, oldest first."""
        newer = []
        for one in reversed(self.prints):
            if one.trade_id <= trade_id:
                break
            newer.append(one)
        newer.reverse()
        return newer

    def bars(self, interval_ns: int, start_ns: int = 0, end_ns: int | None = None) -> list[Bar]:
        """Return bars of a whole number of minutes whose start lies in [start_ns, end_ns], oldest first."""
        folded: dict[int, Bar] = {}
        for minute in self.minutes.values():
            opened_ns = minute.start_ns - minute.start_ns % interval_ns
            if opened_ns < start_ns or (end_ns is not None and opened_ns > end_ns):
                continue
            _fold(folded, replace(minute, start_ns=opened_ns))
        return list(folded.values())


def _fold(bars: dict[int, Bar], one: Bar) -> None:
    """Let the bar that starts with `one` go on with it, or begin with it."""
    bar = bars.get(one.start_ns)
    if bar is None:
        bars[one.start_ns] = one
    else:
        bar.extend(one)
