"""The channels of dYdX's stream: what a subscription says first, and what from then on.

A channel remembers what its client was told and compares it with the indexer at each look, so a slow reader
gets fewer, fuller messages and nothing is queued for it. What is made of the contents is the session's
business.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from adapters.simulator.dydx import encode
from adapters.simulator.dydx.indexer import LISTED, RESOLUTIONS, Indexer
from domain.instrument import Side
from domain.numbers import ZERO, plain

Contents = dict[str, Any]

SNAPSHOT_ROWS = 1000  # trades and candles
TRADING_EVERY_BLOCKS = 8  # about ten seconds


class Channel(ABC):
    """One subscription."""

    version = "1.0.0"

    def __init__(self, indexer: Indexer) -> None:
        self.indexer = indexer

    @abstractmethod
    def snapshot(self, now_ns: int) -> Contents:
        """Return how things stand; updates go on from there."""

    @abstractmethod
    def updates(self, now_ns: int) -> Iterator[Contents]:
        """Yield what has changed since the last look."""


class BlockChannel(Channel):
    """Base of what is told with each new block."""

    def __init__(self, indexer: Indexer) -> None:
        super().__init__(indexer)
        self._told = 0  # height

    def has_new_block(self, now_ns: int) -> bool:
        newest = self.indexer.blocks.height(now_ns)
        is_new = newest > self._told
        self._told = newest
        return is_new


class BlockHeight(BlockChannel):
    def snapshot(self, now_ns: int) -> Contents:
        self.has_new_block(now_ns)
        return encode.height(self.indexer, now_ns)

    def updates(self, now_ns: int) -> Iterator[Contents]:
        if self.has_new_block(now_ns):
            block = encode.height(self.indexer, now_ns)
            yield {"blockHeight": block["height"], "time": block["time"]}


class Markets(BlockChannel):
    """Oracle prices with each block, figures of the day now and then; never a whole market again."""

    def __init__(self, indexer: Indexer) -> None:
        super().__init__(indexer)
        self._statuses: dict[str, str] = {}  # ticker -> what was told

    def snapshot(self, now_ns: int) -> Contents:
        self.has_new_block(now_ns)
        self._statuses = self._now(now_ns)
        tickers = self.indexer.market.products
        return {"markets": {ticker: encode.market(self.indexer, ticker, now_ns) for ticker in tickers}}

    def updates(self, now_ns: int) -> Iterator[Contents]:
        statuses = self._now(now_ns)
        if statuses != self._statuses:
            changed = {ticker: word for ticker, word in statuses.items() if word != self._statuses[ticker]}
            yield {"trading": {ticker: {"status": word} for ticker, word in changed.items()}}
            self._statuses = statuses
        if not self.has_new_block(now_ns):
            return
        block, tickers = self.indexer.blocks.height(now_ns), self.indexer.market.products
        yield {"oraclePrices": {ticker: encode.oracle_price(self.indexer, ticker, block) for ticker in tickers}}
        if block % TRADING_EVERY_BLOCKS == 0:
            yield {"trading": {ticker: encode.trading(self.indexer, ticker, now_ns) for ticker in tickers}}

    def _now(self, now_ns: int) -> dict[str, str]:
        return {name: encode.status(self.indexer, name, now_ns) for name in self.indexer.market.products}


class Silent(Markets):
    """v4_markets under any other id: a snapshot, and nothing ever after."""

    def updates(self, now_ns: int) -> Iterator[Contents]:
        return iter(())


class Orderbook(Channel):
    """All levels once, then the absolute size of each one that differs from what was told."""

    def __init__(self, indexer: Indexer, ticker: str) -> None:
        super().__init__(indexer)
        self._book = indexer.market.products[ticker].book
        self._market = indexer.market.products[ticker]
        self._told: dict[tuple[Side, Decimal], Decimal] = {}
        self._version = -1

    def snapshot(self, now_ns: int) -> Contents:
        self._told, self._version = self._levels(), self._book.version
        return encode.book(self._market)

    def updates(self, now_ns: int) -> Iterator[Contents]:
        if self._version == self._book.version:
            return
        self._version = self._book.version
        told, self._told = self._told, self._levels()
        changed = {level: size for level, size in self._told.items() if told.get(level) != size}
        changed |= {level: ZERO for level in told if level not in self._told}
        contents = {
            name: [[plain(price), plain(size)] for (side, price), size in changed.items() if side is which]
            for name, which in (("bids", Side.BUY), ("asks", Side.SELL))
        }
        if changed:
            yield {name: rows for name, rows in contents.items() if rows}

    def _levels(self) -> dict[tuple[Side, Decimal], Decimal]:
        return {(side, level.price): level.quantity for side in Side for level in self._book.levels(side)}


class Trades(Channel):
    """The newest trades, newest first; then those of each new block, oldest first."""

    version = "2.1.0"

    def __init__(self, indexer: Indexer, ticker: str) -> None:
        super().__init__(indexer)
        self._ticker = ticker
        self._told = 0  # trade id

    def snapshot(self, now_ns: int) -> Contents:
        prints = self.indexer.prints_since(self._ticker, 0, now_ns)[-SNAPSHOT_ROWS:]
        return {"trades": self._rows(prints)[::-1]}

    def updates(self, now_ns: int) -> Iterator[Contents]:
        rows = self._rows(self.indexer.prints_since(self._ticker, self._told, now_ns))
        if rows:
            for row in rows:
                del row["createdAtHeight"]  # the venue leaves it out here
            yield {"trades": rows}

    def _rows(self, prints: list[Any]) -> list[dict[str, Any]]:
        if prints:
            self._told = prints[-1].trade_id
        return [encode.trade(self.indexer, self._ticker, one) for one in prints]


class Candles(BlockChannel):
    """All bars once, newest first; then, with each block, the one that still grows if it did."""

    def __init__(self, indexer: Indexer, ticker: str, resolution: str) -> None:
        super().__init__(indexer)
        self._ticker = ticker
        self._resolution = resolution
        self._newest: Contents = {}

    def snapshot(self, now_ns: int) -> Contents:
        self.has_new_block(now_ns)
        bars = self.indexer.bars(self._ticker, self._resolution)[:SNAPSHOT_ROWS]
        rows = [encode.candle(self._ticker, self._resolution, bar) for bar in bars]
        self._newest = rows[0] if rows else {}
        return {"candles": rows}

    def updates(self, now_ns: int) -> Iterator[Contents]:
        if not self.has_new_block(now_ns):
            return
        told_ns = now_ns - 2 * RESOLUTIONS[self._resolution]
        for bar in reversed(self.indexer.bars(self._ticker, self._resolution, told_ns)):
            row = encode.candle(self._ticker, self._resolution, bar)
            if row["startedAt"] >= self._newest.get("startedAt", "") and row != self._newest:
                self._newest = row
                yield row


def _of_market(kind: type[Orderbook | Trades]) -> Callable[[Indexer, str], Channel | None]:
    return lambda indexer, what: kind(indexer, what) if what in LISTED else None


def _candles(indexer: Indexer, what: str) -> Channel | None:
    ticker, _, resolution = what.partition("/")
    is_known = ticker in LISTED and resolution in RESOLUTIONS
    return Candles(indexer, ticker, resolution) if is_known else None


def _markets(indexer: Indexer, what: str) -> Channel | None:
    return Markets(indexer) if what == "v4_markets" else Silent(indexer)


def _block_height(indexer: Indexer, what: str) -> Channel | None:
    return BlockHeight(indexer)


# channel -> how to open it under an id; None: there is no such id
CHANNELS: dict[str, Callable[[Indexer, str], Channel | None]] = {
    "v4_orderbook": _of_market(Orderbook),
    "v4_trades": _of_market(Trades),
    "v4_markets": _markets,
    "v4_candles": _candles,
    "v4_block_height": _block_height,
}
WITHOUT_ID = ("v4_markets", "v4_block_height")
MOST = {name: 1 if name == "v4_block_height" else 32 for name in CHANNELS}  # subscriptions per connection
