"""Coinbase's numbers, times, sides and statuses, read strictly. Pure.

Numbers are JSON strings nearly everywhere; a JSON number is taken too, digit by digit. What could blow up
later (NaN, Infinity, huge exponents, endless digits) is refused here, at the door.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from domain.instrument import Side
from domain.numbers import ZERO
from domain.order_messages import OrderStatus
from domain.settings import SECOND_NS

MAX_DIGITS = 40  # two such numbers multiply within our 80 digits
MAX_DECIMALS = 18  # of prices and quantities; averages may have more
_UNUSUAL = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{0,40})?([eE][+-]?[0-9]{1,2})?", re.ASCII)

_STATUSES = {
    "PENDING": OrderStatus.OPEN,
    "QUEUED": OrderStatus.OPEN,
    "OPEN": OrderStatus.OPEN,
    "EDIT_QUEUED": OrderStatus.OPEN,
    "CANCEL_QUEUED": OrderStatus.OPEN,  # can still fill
    "FILLED": OrderStatus.FILLED,
    "CANCELLED": OrderStatus.CANCELED,
    "EXPIRED": OrderStatus.EXPIRED,
    "FAILED": OrderStatus.REJECTED,
}


class BadField(Exception):
    """A field holds what it must not.

    Attributes:
        category: "type" or "validation".
    """

    def __init__(self, category: str, text: str) -> None:
        super().__init__(text)
        self.category = category


def number(token: Any) -> Decimal:
    """Return a token as msgspec decoded it (str, int, or Decimal by its float hook) as an exact number."""
    if type(token) is str:
        return _parsed(token)
    if type(token) not in (int, Decimal):
        raise BadField("type", f"{type(token).__name__} is not a number")
    if type(token) is int and token.bit_length() > 128:
        raise BadField("validation", "not a number that we take")
    return _parsed(str(token))


def number_or_zero(token: Any) -> Decimal:
    """Return a number; Coinbase leaves unset ones empty."""
    return number(token) if token != "" else ZERO


def positive(token: Any) -> Decimal:
    found = number(token)
    if found <= 0:
        raise BadField("validation", "must be positive")
    return found


def not_negative(token: Any) -> Decimal:
    found = number(token)
    if found < 0:
        raise BadField("validation", "must not be negative")
    return found


@lru_cache(maxsize=16_384)  # prices and sizes repeat from frame to frame
def _parsed(text: str) -> Decimal:
    digits = text.replace(".", "", 1)
    if not (len(digits) <= MAX_DIGITS and digits.isdigit() and digits.isascii()):
        if not _UNUSUAL.fullmatch(text):
            raise BadField("validation", "not a number that we take")
    return Decimal(text)


@lru_cache(maxsize=1_024)  # the levels of one frame share their time
def utc_ns(text: str) -> int:
    """Return RFC3339 UTC text, with up to nine digits of fraction, as nanoseconds."""
    seconds, mark, fraction = text[:19], text[19:20], text[20:-1]
    if not text.endswith("Z"):
        raise BadField("validation", "not a UTC time")
    if mark == "Z" and len(text) == 20:
        return _epoch_s(seconds) * SECOND_NS
    if mark != "." or not (1 <= len(fraction) <= 9 and fraction.isdigit() and fraction.isascii()):
        raise BadField("validation", "not a UTC time")
    return _epoch_s(seconds) * SECOND_NS + int(fraction.ljust(9, "0"))


@lru_cache(maxsize=64)
def _epoch_s(text: str) -> int:
    try:
        return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise BadField("validation", "not a UTC time") from None


def rfc3339(time_ns: int) -> str:
    """Return UTC text with microseconds, cut and not rounded."""
    seconds, fraction_ns = divmod(time_ns, SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction_ns // 1000:06d}Z"


def side(text: str) -> Side:
    try:
        return Side(text)
    except ValueError:
        raise BadField("validation", "neither BUY nor SELL") from None


def status(text: str, cumulative: Decimal) -> OrderStatus:
    """Translate strictly: an unknown status is refused, never guessed.

    Args:
        cumulative: filled so far; Coinbase has no word of its own for partly filled.
    """
    known = _STATUSES.get(text)
    if known is None:
        raise BadField("validation", f"unknown order status {text!r}")
    if known is OrderStatus.OPEN and cumulative:
        return OrderStatus.PARTIALLY_FILLED
    return known
