"""What the simulated dYdX's indexer knows: the chain's blocks, and the market as they tell it.

The book is told as it changes. Trades, oracle prices and bars are told with the block that holds them, as the
venue does, so a trade's time is its block's.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import takewhile
from typing import NamedTuple

from adapters.simulator.dydx.blocks import BlockClock
from adapters.simulator.engine.market import Market, ProductMarket
from adapters.simulator.engine.perpetual_exchange import OnFunding, unpaid
from adapters.simulator.engine.tape import Bar, Print
from domain.instant import SECOND_NS

HOUR_NS = 3_600 * SECOND_NS
DAY_NS = 24 * HOUR_NS
_PREMIUM_HOURS = 8  # a premium is paid back over so many hours


class Listed(NamedTuple):
    """What the venue says of a market besides its grid; figures of the venue that we copy."""

    clob_pair_id: int
    atomic_resolution: int
    subticks_per_tick: int
    open_interest: Decimal  # base units: the public's, which trades with itself
    initial_margin: Decimal
    maintenance_margin: Decimal


LISTED = {  # ticker ->
    "BTC-USD": Listed(0, -10, 100_000, Decimal("381.7348"), Decimal("0.02"), Decimal("0.012")),
    "ETH-USD": Listed(1, -9, 100_000, Decimal("7457.108"), Decimal("0.02"), Decimal("0.012")),
    "SOL-USD": Listed(5, -7, 1_000_000, Decimal("41917.9"), Decimal("0.05"), Decimal("0.03")),
}
RESOLUTIONS = {  # name -> length
    "1MIN": 60 * SECOND_NS,
    "5MINS": 300 * SECOND_NS,
    "15MINS": 900 * SECOND_NS,
    "30MINS": 1_800 * SECOND_NS,
    "1HOUR": HOUR_NS,
    "4HOURS": 4 * HOUR_NS,
    "1DAY": DAY_NS,
}


class Funding(NamedTuple):
    """What an hour cost."""

    rate: Decimal
    price: Decimal
    time_ns: int


class Day(NamedTuple):
    """A market's last 24 hours."""

    notional: Decimal
    trades: int
    change: Decimal


class Indexer:
    """`now_ns` arguments are UTC nanoseconds up to which the market has advanced."""

    def __init__(self, market: Market, seed: int) -> None:
        self.market = market
        self.blocks = BlockClock(seed)
        self.funding: dict[str, list[Funding]] = {ticker: [] for ticker in market.products}  # oldest first
        self.on_funding: OnFunding = unpaid
        self._await_hour(market.opened_ns)

    def product(self, ticker: str) -> ProductMarket | None:
        return self.market.products.get(ticker)

    def prints(self, ticker: str, now_ns: int) -> Iterator[Print]:
        """Yield the trades of the blocks made by now, newest first."""
        made_ns = self.blocks.time_ns(self.blocks.height(now_ns))
        return (one for one in reversed(self.market.products[ticker].tape.prints) if one.time_ns <= made_ns)

    def prints_since(self, ticker: str, trade_id: int, now_ns: int) -> list[Print]:
        """Return the trades newer than `trade_id` of the blocks made by now, oldest first."""
        newer = list(takewhile(lambda one: one.trade_id > trade_id, self.prints(ticker, now_ns)))
        newer.reverse()
        return newer

    def bars(self, ticker: str, resolution: str, start_ns: int = 0, end_ns: int | None = None) -> list[Bar]:
        """Return the bars that start in [start_ns, end_ns], newest first."""
        tape = self.market.products[ticker].tape
        return tape.bars(RESOLUTIONS[resolution], start_ns, end_ns)[::-1]

    def oracle_price(self, ticker: str) -> Decimal:
        return self.market.products[ticker].index_price

    def funding_rate(self, ticker: str) -> Decimal:
        """Return what the next hour will cost as things stand: a share of the premium over the oracle."""
        return Decimal(f"{self.market.products[ticker].basis / _PREMIUM_HOURS:.18f}")

    def day(self, ticker: str, now_ns: int) -> Day:
        tape = self.market.products[ticker].tape
        bars = tape.bars(RESOLUTIONS["1MIN"], now_ns - DAY_NS)
        opening = bars[0].open if bars else tape.opening_price
        return Day(
            sum((bar.notional for bar in bars), Decimal(0)),
            sum(bar.trades for bar in bars),
            tape.last_price - opening,
        )

    def _await_hour(self, after_ns: int) -> None:
        due_ns = after_ns - after_ns % HOUR_NS + HOUR_NS
        self.market.agenda.at(due_ns, self._pay_funding)

    def _pay_funding(self, due_ns: int) -> None:
        for ticker, paid in self.funding.items():
            rate, price = self.funding_rate(ticker), self.oracle_price(ticker)
            paid.append(Funding(rate, price, due_ns))
            self.on_funding(ticker, rate, price)
        self._await_hour(due_ns)
