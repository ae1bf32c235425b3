"""The channels of Hyperliquid's stream: what each says on subscription, and what it says from then on.

A channel remembers what its client was told and compares it with the market at each poll, so a slow reader
gets fewer, fuller frames and nothing is queued for it. One item of `poll` is the `data` of one frame.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from adapters.simulator.engine.market import ProductMarket
from adapters.simulator.hyperliquid import encode
from adapters.simulator.hyperliquid.info import NotUnderstood, UnknownCoin, check_aggregation
from adapters.simulator.hyperliquid.venue import INTERVALS, Venue
from domain.instant import SECOND_NS

REPLAYED_TRADES = 30
FAST_LEVELS = 5  # per side
FAST_NS = SECOND_NS // 2
SLOW_NS = 5 * SECOND_NS  # of books that are not fast, and of all mids
CONTEXT_NS = SECOND_NS


class Wanted(Struct):
    """What a client subscribes to: all that any channel may take."""

    type: str
    coin: str = ""
    interval: str = ""
    nSigFigs: int | None = None
    mantissa: int | None = None
    fast: bool = False
    dex: str = ""


class Channel(ABC):
    """A subscription.

    Attributes:
        echo: what the venue makes of it, its own defaults filled in.
    """

    name = ""

    def __init__(self, venue: Venue, wanted: Wanted) -> None:
        """Raises NotUnderstood for parameters without sense, UnknownCoin for a coin that isn't listed."""
        self.venue = venue
        self.wanted = wanted
        self.echo: dict[str, Any] = {"type": self.name}

    @abstractmethod
    def poll(self, now_ns: int) -> Iterator[Any]: ...


class MidsChannel(Channel):
    """Every coin's mid price, every few seconds."""

    name = "allMids"

    def __init__(self, venue: Venue, wanted: Wanted) -> None:
        super().__init__(venue, wanted)
        if wanted.dex:
            raise NotUnderstood(f"no exchange {wanted.dex!r}")
        self._due_ns = 0

    def poll(self, now_ns: int) -> Iterator[Any]:
        if now_ns >= self._due_ns:
            self._due_ns = now_ns + SLOW_NS
            yield {"mids": encode.mids(self.venue)}


class CoinChannel(Channel):
    """Base of channels that tell of one coin."""

    def __init__(self, venue: Venue, wanted: Wanted) -> None:
        super().__init__(venue, wanted)
        found = venue.product(wanted.coin)
        if found is None:
            raise UnknownCoin(wanted.coin)
        self.coin = wanted.coin
        self.product: ProductMarket = found
        self.echo["coin"] = wanted.coin


class BookChannel(CoinChannel):
    """The whole book, again and again; fast ones come often and tell less."""

    name = "l2Book"

    def __init__(self, venue: Venue, wanted: Wanted) -> None:
        check_aggregation(wanted.nSigFigs, wanted.mantissa)
        super().__init__(venue, wanted)
        self.echo |= {"nSigFigs": wanted.nSigFigs, "mantissa": wanted.mantissa, "fast": wanted.fast}
        self._every_ns = FAST_NS if wanted.fast else SLOW_NS
        self._most = FAST_LEVELS if wanted.fast else encode.MOST_LEVELS
        self._mark = {"fast": True} if wanted.fast else {}
        self._due_ns = 0

    def poll(self, now_ns: int) -> Iterator[Any]:
        if now_ns >= self._due_ns:
            self._due_ns = now_ns + self._every_ns
            digits, mantissa = self.wanted.nSigFigs, self.wanted.mantissa
            yield encode.book(self.product, now_ns, self._most, digits, mantissa) | self._mark


class TouchChannel(CoinChannel):
    """Best bid and ask whenever they differ from what was told."""

    name = "bbo"

    def __init__(self, venue: Venue, wanted: Wanted) -> None:
        super().__init__(venue, wanted)
        self._version: int | None = None  # of the book told
        self._told: list[Any] | None = None

    def poll(self, now_ns: int) -> Iterator[Any]:
        if self.product.book.version == self._version:
            return
        self._version = self.product.book.version
        data = encode.touch(self.product, now_ns)
        if data["bbo"] != self._told:
            self._told = data["bbo"]
            yield data


class TradesChannel(CoinChannel):
    """The newest trades on subscription, newest first; then each new one, oldest first."""

    name = "trades"

    def __init__(self, venue: Venue, wanted: Wanted) -> None:
        super().__init__(venue, wanted)
        self._told: int | None = None  # newest trade id told

    def poll(self, now_ns: int) -> Iterator[Any]:
        tape = self.product.tape
        if self._told is None:
            prints = list(tape.prints)[: -REPLAYED_TRADES - 1 : -1]
        else:
            prints = tape.since(self._told)
        if prints:
            self._told = tape.last_trade_id
            yield [encode.trade(self.coin, one) for one in prints]


class ContextChannel(CoinChannel):
    """Mark, oracle, funding and the day's figures, once a second."""

    name = "activeAssetCtx"

    def __init__(self, venue: Venue, wanted: Wanted) -> None:
        super().__init__(venue, wanted)
        self._due_ns = 0

    def poll(self, now_ns: int) -> Iterator[Any]:
        if now_ns >= self._due_ns:
            self._due_ns = now_ns + CONTEXT_NS
            yield {"coin": self.coin, "ctx": encode.context(self.venue, self.coin, now_ns)}


class CandleChannel(CoinChannel):
    """The forming bar, on subscription and after each trade."""

    name = "candle"

    def __init__(self, venue: Venue, wanted: Wanted) -> None:
        super().__init__(venue, wanted)
        if wanted.interval not in INTERVALS:
            raise NotUnderstood(f"no interval {wanted.interval!r}")
        self.echo["interval"] = wanted.interval
        self._told: int | None = None  # newest trade id told

    def poll(self, now_ns: int) -> Iterator[Any]:
        newest = self.product.tape.last_trade_id
        if newest == self._told:
            return
        self._told = newest
        bars = self.venue.bars(self.coin, self.wanted.interval)
        if bars:
            yield encode.candle(self.coin, self.wanted.interval, bars[-1])


CHANNELS = {
    channel.name: channel
    for channel in (MidsChannel, BookChannel, TouchChannel, TradesChannel, ContextChannel, CandleChannel)
}
