"""Coinbase's answer to what a product costs now, as far as it can be believed. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec
from msgspec import Struct

from adapters.decoding import tokens
from adapters.decoding.answers import whole
from adapters.decoding.tokens import BadField, Token


class Touch(NamedTuple):
    """The best prices, where the book is not crossed, and the last trade. At least one price for either side."""

    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    product: str  # whose prices these are, as far as the venue says so; else empty


class _LevelRow(Struct):
    price: Token


class _Pricebook(Struct):
    bids: list[_LevelRow]
    asks: list[_LevelRow]
    product_id: str | None = None


class _BookAnswer(Struct):
    pricebook: _Pricebook
    last: Token | None = None


_decode = msgspec.json.Decoder(_BookAnswer, float_hook=Decimal).decode


def touch(body: bytes) -> Touch:
    """Read a body.

    Raises:
        UnreadableAnswer: it has another shape, or tells no price for one of the sides.
    """
    return whole(lambda: _touch(_decode(body)))


def _touch(answer: _BookAnswer) -> Touch:
    bid, ask = _best(answer.pricebook.bids), _best(answer.pricebook.asks)
    if bid is not None and ask is not None and bid >= ask:
        bid = ask = None
    last = tokens.positive(answer.last) if answer.last else None
    if last is None and None in (bid, ask):
        raise BadField("validation", "no price for either side")
    return Touch(bid, ask, last, answer.pricebook.product_id or "")


def _best(levels: list[_LevelRow]) -> Decimal | None:
    return tokens.positive(levels[0].price) if levels else None
