"""What the simulated Hyperliquid knows, in the shapes of its info endpoint and websocket. Pure.

Numbers are texts with at least one decimal, times are milliseconds, sides are "B" and "A".
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from adapters.simulator.engine.market import ProductMarket
from adapters.simulator.engine.matching import Level
from adapters.simulator.engine.tape import Bar, Print
from adapters.simulator.hyperliquid.venue import INTERVALS, LISTED, Funding, Venue
from domain.instrument import Side
from domain.numbers import ZERO, plain

MOST_LEVELS = 20  # per side
MAKERS = f"0x{1:040x}"  # who trades here, as far as anybody can see
TAKERS = f"0x{2:040x}"
SIDES = {Side.BUY: "B", Side.SELL: "A"}


def text(number: Decimal) -> str:
    """Return canonical text, with at least one decimal."""
    written = plain(number)
    return written if "." in written else f"{written}.0"


def ms(time_ns: int) -> int:
    return time_ns // 1_000_000


def meta(venue: Venue) -> dict[str, Any]:
    """Encode all listings: a coin's place is its asset id."""
    rows = [
        {
            "szDecimals": -int(product.instrument.lot_size.as_tuple().exponent),
            "name": coin,
            "maxLeverage": LISTED[coin].max_leverage,
            "marginTableId": LISTED[coin].margin_table_id,
        }
        for coin, product in venue.market.products.items()
    ]
    tables = [
        [
            listed.margin_table_id,
            {
                "description": f"tiered {listed.max_leverage}x",
                "marginTiers": [{"lowerBound": "0.0", "maxLeverage": listed.max_leverage}],
            },
        ]
        for listed in LISTED.values()
    ]
    return {"universe": rows, "marginTables": tables, "collateralToken": 0}


def spot_meta() -> dict[str, Any]:
    """Encode that there are no spot pairs, only the dollars that perpetuals are settled in."""
    dollars = {
        "name": "USDC",
        "szDecimals": 8,
        "weiDecimals": 8,
        "index": 0,
        "tokenId": "0x6d1e7cde53ba9467b783cb7c530ce054",
        "isCanonical": True,
        "evmContract": None,
        "fullName": None,
    }
    return {"universe": [], "tokens": [dollars]}


def context(venue: Venue, coin: str, now_ns: int) -> dict[str, Any]:
    day = venue.day(coin, now_ns)
    mid = venue.mid_price(coin)
    impacts = [venue.impact_price(coin, side) for side in (Side.BUY, Side.SELL)]
    return {
        "funding": text(venue.funding_rate(coin)),
        "openInterest": text(LISTED[coin].open_interest),
        "prevDayPx": text(day.opening_price),
        "dayNtlVlm": text(day.notional),
        "premium": text(venue.premium(coin)) if mid is not None else None,
        "oraclePx": text(venue.oracle_price(coin)),
        "markPx": text(venue.mark_price(coin)),
        "midPx": text(mid) if mid is not None else None,
        "impactPxs": [text(price) for price in impacts if price is not None] if None not in impacts else None,
        "dayBaseVlm": text(day.volume),
    }


def mids(venue: Venue) -> dict[str, str]:
    found = {coin: venue.mid_price(coin) for coin in venue.market.products}
    return {coin: text(mid) for coin, mid in found.items() if mid is not None}


def book(
    product: ProductMarket,
    now_ns: int,
    most: int = MOST_LEVELS,
    digits: int | None = None,
    mantissa: int | None = None,
) -> dict[str, Any]:
    """Encode the best levels.

    Args:
        digits: round prices to so many significant digits, away from the touch; None: as they are.
        mantissa: the last of the digits goes in steps of this.
    """
    sides = []
    for side in (Side.BUY, Side.SELL):
        rows = [(level, product.book.count(side, level.price)) for level in product.book.levels(side)]
        if digits is not None:
            rows = _coarse(rows, side, digits, mantissa or 1)
        sides.append([_level(level, count) for level, count in rows[:most]])
    return {"coin": product.instrument.symbol, "time": ms(now_ns), "levels": sides}


def touch(product: ProductMarket, now_ns: int) -> dict[str, Any]:
    best = []
    for side in (Side.BUY, Side.SELL):
        level = product.book.best(side)
        best.append(None if level is None else _level(level, product.book.count(side, level.price)))
    return {"coin": product.instrument.symbol, "time": ms(now_ns), "bbo": best}


def trade(coin: str, one: Print) -> dict[str, Any]:
    users = [TAKERS, MAKERS] if one.aggressor is Side.BUY else [MAKERS, TAKERS]  # buyer, seller
    return {
        "coin": coin,
        "side": SIDES[one.aggressor],
        "px": text(one.price),
        "sz": text(one.quantity),
        "time": ms(one.time_ns),
        "hash": f"0x{one.trade_id:064x}",
        "tid": one.trade_id,
        "users": users,
    }


def candle(coin: str, interval: str, bar: Bar) -> dict[str, Any]:
    return {
        "t": ms(bar.start_ns),
        "T": ms(bar.start_ns + INTERVALS[interval]) - 1,
        "s": coin,
        "i": interval,
        "o": text(bar.open),
        "c": text(bar.close),
        "h": text(bar.high),
        "l": text(bar.low),
        "v": text(bar.volume),
        "n": bar.trades,
    }


def funding(coin: str, one: Funding) -> dict[str, Any]:
    return {
        "coin": coin,
        "fundingRate": text(one.rate),
        "premium": text(one.premium),
        "time": ms(one.time_ns),
    }


def _level(level: Level, count: int) -> dict[str, Any]:
    return {"px": text(level.price), "sz": text(level.quantity), "n": count}


def _coarse(rows: Iterable[tuple[Level, int]], side: Side, digits: int, mantissa: int) -> list[tuple[Level, int]]:
    """Put levels together whose prices are the same with fewer digits, best first as they come."""
    together: dict[Decimal, tuple[Decimal, int]] = {}  # price -> quantity, orders
    for level, count in rows:
        step = Decimal(mantissa).scaleb(level.price.adjusted() - digits + 1)
        steps, rest = divmod(level.price, step)
        price = (steps + 1 if rest and side is Side.SELL else steps) * step
        quantity, orders = together.get(price, (ZERO, 0))
        together[price] = (quantity + level.quantity, orders + count)
    return [(Level(price, quantity), count) for price, (quantity, count) in together.items()]
