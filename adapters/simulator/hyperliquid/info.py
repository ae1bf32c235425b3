"""The questions that the simulated Hyperliquid answers, over HTTP and over its websocket alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from adapters.simulator.engine.market import ProductMarket
from adapters.simulator.hyperliquid import encode
from adapters.simulator.hyperliquid.venue import INTERVALS, Venue
from domain.errors import NzezaError

RECENT_TRADES = 10
MOST_CANDLES = 5_000
MOST_FUNDINGS = 500
MOST_MS = 2**53
DIGITS = (None, 2, 3, 4, 5)
MANTISSAS = (None, 1, 2, 5)


class NotUnderstood(NzezaError):
    """The question cannot be read: the venue says 422, or the like."""


class UnknownCoin(NzezaError):
    """The venue has no such coin, which some questions take quietly."""


class CandleQuestion(Struct):
    coin: str
    interval: str
    startTime: int
    endTime: int | None = None


class Question(Struct):
    """All that any question may hold. Other exchanges than the main one (`dex`) aren't there."""

    type: str
    coin: str = ""
    dex: str = ""
    nSigFigs: int | None = None
    mantissa: int | None = None
    startTime: int = 0
    endTime: int | None = None
    req: CandleQuestion | None = None


class Asked(NamedTuple):
    venue: Venue
    now_ns: int
    question: Question

    @property
    def product(self) -> ProductMarket:
        found = self.venue.product(self.question.coin)
        if found is None:
            raise UnknownCoin(self.question.coin)
        return found


_decode = msgspec.json.Decoder(Question).decode


def answer(venue: Venue, body: bytes | msgspec.Raw, now_ns: int) -> tuple[Question, Any]:
    """Return what was asked, and the answer as a JSON value.

    Raises:
        NotUnderstood: no such question, or its parameters make no sense.
    """
    try:
        question = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotUnderstood(str(error)) from None
    answers = ANSWERS.get(question.type)
    if answers is None or question.dex:
        raise NotUnderstood(f"unknown: {question.type!r} {question.dex!r}")
    try:
        return question, answers(Asked(venue, now_ns, question))
    except UnknownCoin:
        return question, None


def check_aggregation(digits: int | None, mantissa: int | None) -> None:
    """Raises NotUnderstood for a book that cannot be asked for."""
    if digits not in DIGITS or mantissa not in MANTISSAS or (mantissa is not None and digits != 5):
        raise NotUnderstood("nSigFigs goes from 2 to 5, and a mantissa of 1, 2 or 5 only with 5")


def _meta_and_contexts(asked: Asked) -> list[Any]:
    coins = asked.venue.market.products
    contexts = [encode.context(asked.venue, coin, asked.now_ns) for coin in coins]
    return [encode.meta(asked.venue), contexts]


def _book(asked: Asked) -> dict[str, Any]:
    digits, mantissa = asked.question.nSigFigs, asked.question.mantissa
    check_aggregation(digits, mantissa)
    return encode.book(asked.product, asked.now_ns, digits=digits, mantissa=mantissa)


def _recent_trades(asked: Asked) -> list[dict[str, Any]]:
    newest = list(asked.product.tape.prints)[: -RECENT_TRADES - 1 : -1]
    return [encode.trade(asked.question.coin, one) for one in newest]


def _candles(asked: Asked) -> list[dict[str, Any]] | None:
    wanted = asked.question.req
    if wanted is None or wanted.interval not in INTERVALS:
        raise NotUnderstood("candleSnapshot needs req with coin, interval, startTime and endTime")
    if asked.venue.product(wanted.coin) is None:
        raise UnknownCoin(wanted.coin)
    bars = asked.venue.bars(wanted.coin, wanted.interval, *_range_ns(wanted.startTime, wanted.endTime))
    return [encode.candle(wanted.coin, wanted.interval, bar) for bar in bars[-MOST_CANDLES:]]


def _funding_history(asked: Asked) -> list[dict[str, Any]]:
    coin = asked.product.instrument.symbol
    start_ns, end_ns = _range_ns(asked.question.startTime, asked.question.endTime)
    paid = [one for one in asked.venue.funding[coin] if start_ns <= one.time_ns <= end_ns]
    return [encode.funding(coin, one) for one in paid[:MOST_FUNDINGS]]


def _range_ns(start_ms: int, end_ms: int | None) -> tuple[int, int]:
    start_ns, end_ns = (
        max(0, min(each, MOST_MS)) * 1_000_000 for each in (start_ms, MOST_MS if end_ms is None else end_ms)
    )
    return start_ns, end_ns


ANSWERS: dict[str, Callable[[Asked], Any]] = {  # type -> what answers it
    "meta": lambda asked: encode.meta(asked.venue),
    "metaAndAssetCtxs": _meta_and_contexts,
    "spotMeta": lambda asked: encode.spot_meta(),
    "spotMetaAndAssetCtxs": lambda asked: [encode.spot_meta(), []],
    "perpDexs": lambda asked: [None],  # the main exchange, and no other
    "allMids": lambda asked: encode.mids(asked.venue),
    "l2Book": _book,
    "recentTrades": _recent_trades,
    "candleSnapshot": _candles,
    "fundingHistory": _funding_history,
}
