"""What the simulated Hyperliquid knows of its perpetuals: mark and oracle prices, funding, the last day.

Prices that only this venue makes (mark, oracle) are on its own price grid, as the real ones are.
"""

from __future__ import annotations

from decimal import Decimal
from statistics import median
from typing import NamedTuple

from adapters.simulator.engine.market import Market, ProductMarket
from adapters.simulator.engine.perpetual_exchange import OnFunding, unpaid
from adapters.simulator.engine.tape import MINUTE_NS, Bar
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.numbers import ZERO, divide, shown

HOUR_NS = 3_600 * SECOND_NS
DAY_NS = 24 * HOUR_NS
INTERVALS = {  # the venue's word -> length
    **{f"{minutes}m": minutes * MINUTE_NS for minutes in (1, 3, 5, 15, 30)},
    **{f"{hours}h": hours * HOUR_NS for hours in (1, 2, 4, 8, 12)},
    **{f"{days}d": days * DAY_NS for days in (1, 3)},
}

_RATE_DECIMALS = 10
_INTEREST = Decimal("0.0001")  # of 8 hours
_DAMPER = Decimal("0.0005")  # how far the interest pulls a premium back
_RATE_HOURS = 8  # a rate is of so many hours, and paid each hour by its share
_MOST_RATE = Decimal("0.04")  # of one hour
_IMPACT_USD = {"BTC": Decimal(20_000), "ETH": Decimal(20_000)}
_IMPACT_USD_OF_OTHERS = Decimal(6_000)


class Listed(NamedTuple):
    """What the venue says of a coin besides its grid; figures of the venue that we copy."""

    max_leverage: int
    margin_table_id: int
    open_interest: Decimal  # base units: the public's, which trades with itself


LISTED = {  # coin ->
    "BTC": Listed(40, 56, Decimal("27353.17682")),
    "ETH": Listed(25, 55, Decimal("605822.2558")),
    "SOL": Listed(20, 54, Decimal("3612480.24")),
}


class Funding(NamedTuple):
    """What one hour cost."""

    rate: Decimal
    premium: Decimal
    time_ns: int


class Day(NamedTuple):
    """A coin's last 24 hours."""

    opening_price: Decimal
    volume: Decimal
    notional: Decimal


class Venue:
    """`now_ns` arguments are UTC nanoseconds up to which the market has advanced.

    Attributes:
        funding: coin -> what was paid, oldest first.
        on_funding: is told of each payment, for the account here.
    """

    def __init__(self, market: Market) -> None:
        self.market = market
        self.funding: dict[str, list[Funding]] = {coin: [] for coin in market.products}
        self.on_funding: OnFunding = unpaid
        self._await_hour(market.opened_ns)

    def product(self, coin: str) -> ProductMarket | None:
        return self.market.products.get(coin)

    def mid_price(self, coin: str) -> Decimal | None:
        """Return the middle of the touch; None while a side is empty."""
        book = self.market.products[coin].book
        bid, ask = book.best_price(Side.BUY), book.best_price(Side.SELL)
        return None if bid is None or ask is None else divide(bid + ask, Decimal(2))

    def oracle_price(self, coin: str) -> Decimal:
        product = self.market.products[coin]
        return product.instrument.round_price(product.index_price, Side.BUY)

    def mark_price(self, coin: str) -> Decimal:
        """Return what positions are valued at: between the oracle, the book and the last trade."""
        product = self.market.products[coin]
        oracle = product.index_price
        mark = median((oracle, self.mid_price(coin) or oracle, product.tape.last_price))
        return product.instrument.round_price(mark, Side.BUY)

    def impact_price(self, coin: str, side: Side) -> Decimal | None:
        """Return what an order of a usual size would get on average; None when the book is too thin."""
        product = self.market.products[coin]
        left, quantity = _IMPACT_USD.get(coin, _IMPACT_USD_OF_OTHERS), ZERO
        notional = left
        for level in product.book.levels(side):
            taken = min(left, level.price * level.quantity)
            quantity += divide(taken, level.price)
            left -= taken
            if not left:
                return product.instrument.round_price(divide(notional, quantity), side)
        return None

    def premium(self, coin: str) -> Decimal:
        """Return how far the book has left the oracle: https://hyperliquid.gitbook.io, "Funding"."""
        oracle = self.market.products[coin].index_price
        bid, ask = (self.impact_price(coin, side) or oracle for side in (Side.BUY, Side.SELL))
        return _rounded(divide(max(bid - oracle, ZERO) - max(oracle - ask, ZERO), oracle))

    def funding_rate(self, coin: str) -> Decimal:
        """Return what this hour will cost as things stand."""
        premium = self.premium(coin)
        pulled = max(-_DAMPER, min(_DAMPER, _INTEREST - premium))
        rate = divide(premium + pulled, Decimal(_RATE_HOURS))
        return _rounded(max(-_MOST_RATE, min(_MOST_RATE, rate)))

    def bars(self, coin: str, interval: str, start_ns: int = 0, end_ns: int | None = None) -> list[Bar]:
        """Return the bars that start in [start_ns, end_ns], oldest first."""
        return self.market.products[coin].tape.bars(INTERVALS[interval], start_ns, end_ns)

    def day(self, coin: str, now_ns: int) -> Day:
        bars = self.bars(coin, "1m", now_ns - DAY_NS)
        opening = bars[0].open if bars else self.market.products[coin].tape.opening_price
        return Day(opening, sum((bar.volume for bar in bars), ZERO), sum((bar.notional for bar in bars), ZERO))

    def _await_hour(self, after_ns: int) -> None:
        self.market.agenda.at(after_ns - after_ns % HOUR_NS + HOUR_NS, self._pay_funding)

    def _pay_funding(self, due_ns: int) -> None:
        for coin, paid in self.funding.items():
            rate = self.funding_rate(coin)
            paid.append(Funding(rate, self.premium(coin), due_ns))
            self.on_funding(coin, rate, self.oracle_price(coin))
        self._await_hour(due_ns)


def _rounded(rate: Decimal) -> Decimal:
    return Decimal(shown(rate, _RATE_DECIMALS))
