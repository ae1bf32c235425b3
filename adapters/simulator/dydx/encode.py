"""What the simulated indexer knows, in the shapes of dYdX's REST API and websocket. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.simulator.dydx.indexer import LISTED, Funding, Indexer
from adapters.simulator.engine.market import ProductMarket
from adapters.simulator.engine.matching import Level
from adapters.simulator.engine.tape import Bar, Print
from domain.instrument import Side
from domain.numbers import plain

BOOK_LEVELS = 100  # per side of a snapshot

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUANTUM_CONVERSION_EXPONENT = -9
_STEP_BASE_QUANTUMS = 1_000_000


def iso(time_ns: int) -> str:
    """Return UTC text with milliseconds, cut and not rounded."""
    moment = _EPOCH + timedelta(milliseconds=time_ns // 1_000_000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(now_ns: int) -> dict[str, Any]:
    return {"iso": iso(now_ns), "epoch": now_ns // 1_000_000 / 1_000}


def height(indexer: Indexer, now_ns: int) -> dict[str, str]:
    newest = indexer.blocks.height(now_ns)
    return {"height": str(newest), "time": iso(indexer.blocks.time_ns(newest))}


def book(market: ProductMarket) -> dict[str, Any]:
    return {
        "bids": _levels(market.book.levels(Side.BUY)),
        "asks": _levels(market.book.levels(Side.SELL)),
    }


def _levels(side: Iterable[Level]) -> list[dict[str, str]]:
    rows = [{"price": plain(level.price), "size": plain(level.quantity)} for level in side]
    return rows[:BOOK_LEVELS]


def trade(indexer: Indexer, ticker: str, one: Print) -> dict[str, Any]:
    """Encode a print; it happened when its block was made. `side` is the taker's."""
    block = indexer.blocks.height_of(one.time_ns)
    return {
        "id": f"{block:08x}{LISTED[ticker].clob_pair_id:04x}{one.trade_id:012x}",
        "side": one.aggressor.value,
        "size": plain(one.quantity),
        "price": plain(one.price),
        "type": "LIMIT",
        "createdAt": iso(indexer.blocks.time_ns(block)),
        "createdAtHeight": str(block),
    }


def candle(ticker: str, resolution: str, bar: Bar) -> dict[str, Any]:
    return {
        "startedAt": iso(bar.start_ns),
        "ticker": ticker,
        "resolution": resolution,
        "low": plain(bar.low),
        "high": plain(bar.high),
        "open": plain(bar.open),
        "close": plain(bar.close),
        "baseTokenVolume": plain(bar.volume),
        "usdVolume": plain(bar.notional),
        "trades": bar.trades,
        "startingOpenInterest": plain(LISTED[ticker].open_interest),
    }


def status(indexer: Indexer, ticker: str, now_ns: int) -> str:
    return "PAUSED" if indexer.market.products[ticker].is_halted(now_ns) else "ACTIVE"


def market(indexer: Indexer, ticker: str, now_ns: int) -> dict[str, Any]:
    """Encode one market whole."""
    listed = LISTED[ticker]
    instrument = indexer.market.products[ticker].instrument
    return {
        "clobPairId": str(listed.clob_pair_id),
        "ticker": ticker,
        "status": status(indexer, ticker, now_ns),
        "oraclePrice": plain(indexer.oracle_price(ticker)),
        **trading(indexer, ticker, now_ns),
        "initialMarginFraction": plain(listed.initial_margin),
        "maintenanceMarginFraction": plain(listed.maintenance_margin),
        "openInterest": plain(listed.open_interest),
        "atomicResolution": listed.atomic_resolution,
        "quantumConversionExponent": _QUANTUM_CONVERSION_EXPONENT,
        "tickSize": plain(instrument.tick_size),
        "stepSize": plain(instrument.lot_size),
        "stepBaseQuantums": _STEP_BASE_QUANTUMS,
        "subticksPerTick": listed.subticks_per_tick,
        "marketType": "CROSS",
        "openInterestLowerCap": "0",
        "openInterestUpperCap": "0",
        "baseOpenInterest": plain(listed.open_interest),
        "defaultFundingRate1H": "0",
    }


def trading(indexer: Indexer, ticker: str, now_ns: int) -> dict[str, Any]:
    """Encode what changes about a market while it is traded."""
    day = indexer.day(ticker, now_ns)
    return {
        "priceChange24H": plain(day.change),
        "volume24H": plain(day.notional),
        "trades24H": day.trades,
        "nextFundingRate": plain(indexer.funding_rate(ticker)),
    }


def oracle_price(indexer: Indexer, ticker: str, block: int) -> dict[str, Any]:
    return {
        "oraclePrice": plain(indexer.oracle_price(ticker)),
        "effectiveAt": iso(indexer.blocks.time_ns(block)),
        "effectiveAtHeight": str(block),
        "marketId": LISTED[ticker].clob_pair_id,
    }


def funding(indexer: Indexer, ticker: str, one: Funding) -> dict[str, str]:
    block = indexer.blocks.height_of(one.time_ns)
    return {
        "ticker": ticker,
        "rate": plain(one.rate),
        "price": plain(one.price),
        "effectiveAtHeight": str(block),
        "effectiveAt": iso(indexer.blocks.time_ns(block)),
    }
