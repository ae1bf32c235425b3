"""Numbers and times as venues write them, read strictly. Pure.

Numbers are JSON strings nearly everywhere; a JSON number is taken too, digit by digit. What could blow up
later (NaN, Infinity, huge exponents, endless digits, times beyond 64 bits) is refused here, at the door.

Of a key that is there twice in one JSON object, the last value counts: msgspec reads it so, and so do we.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any

from msgspec import Meta

from domain.instant import SECOND_NS
from domain.stamps import is_sane
from domain.text import MOST_CHARACTERS

MAX_DIGITS = 40  # also on either side of the point: two such numbers add and multiply within our 80
MAX_DECIMALS = 18  # of a price or a quantity; what has more is not rounded but refused
_UNUSUAL = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{0,40})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
_MILLISECOND_NS = 1_000_000
_MINUTE_NS = 60 * SECOND_NS
_OFFSET = re.compile(r"([+-])([01][0-9]|2[0-3]):([0-5][0-9])\Z")  # of a clock that is not UTC
_UNSET_DAYS = ("0001-01-01", "1970-01-01")
# Digits of a fraction -> worth of the last.
_FRACTION_NS: tuple[int, ...] = tuple(10 ** (9 - digits) for digits in range(10))

Token = Any  # a JSON string or number, for `number` and its kin
Name = Annotated[str, Meta(min_length=1, max_length=MOST_CHARACTERS)]


class BadField(Exception):
    """A field holds what it must not.

    Attributes:
        category: "type" or "validation".
    """

    def __init__(self, category: str, text: str) -> None:
        super().__init__(text)
        self.category = category


def number(token: Token) -> Decimal:
    """Return a token as msgspec decoded it (str, int, or Decimal by its float hook) as an exact number.

    For what may be negative or be told to any depth, such as a rate. Prices and quantities: the other two.
    """
    return _parsed(_text(token))


def positive(token: Token) -> Decimal:
    """Return a price, or a quantity that is none if it is zero."""
    found = _amount(token if type(token) is str else _text(token))
    if found <= 0:
        raise BadField("validation", "must be positive")
    return found


def not_negative(token: Token) -> Decimal:
    """Return a quantity."""
    found = _amount(token if type(token) is str else _text(token))
    if found < 0:
        raise BadField("validation", "must not be negative")
    return found


def check_range(low: Decimal, opened: Decimal, closed: Decimal, high: Decimal) -> None:
    """Refuse a bar whose open or close lies outside of its low and high."""
    if not low <= min(opened, closed) <= max(opened, closed) <= high:
        raise BadField("validation", "a price outside its own range")


def _text(token: Token) -> str:
    if type(token) not in (str, int, Decimal):
        raise BadField("type", f"{type(token).__name__} is not a number")
    if type(token) is int and token.bit_length() > 128:
        raise BadField("validation", "not a number that we take")
    return str(token)


@lru_cache(maxsize=16_384)  # prices and sizes repeat from frame to frame
def _amount(text: str) -> Decimal:
    # Nearly all are plain digits, too few for more decimals than we take.
    if len(text) <= MAX_DECIMALS + 1 and text.isascii() and text.replace(".", "", 1).isdigit():
        return Decimal(text)
    found = _parsed(text)
    if int(found.as_tuple().exponent) < -MAX_DECIMALS:  # text that is a number at all has one
        raise BadField("validation", f"more than {MAX_DECIMALS} decimals")
    return found


def _parsed(text: str) -> Decimal:
    digits = text.replace(".", "", 1)
    if len(digits) <= MAX_DIGITS and digits.isdigit() and digits.isascii():
        return Decimal(text)
    if not _UNUSUAL.fullmatch(text):
        raise BadField("validation", "not a number that we take")
    found = Decimal(text)
    written = found.as_tuple()
    exponent = int(written.exponent)
    if len(written.digits) > MAX_DIGITS or exponent < -MAX_DIGITS or max(found.adjusted(), exponent) >= MAX_DIGITS:
        raise BadField("validation", "not a number that we take")
    return found


def ns_of_ms(milliseconds: int) -> int:
    """Return UTC milliseconds as nanoseconds."""
    return _stamp(milliseconds * _MILLISECOND_NS)


def ns_of_s(token: Token) -> int:
    """Return whole UTC seconds as nanoseconds."""
    return _stamp(int(not_negative(token)) * SECOND_NS)


def utc_ns(text: str) -> int:
    """Return RFC3339 text, with up to nine digits of fraction, as UTC nanoseconds."""
    fraction = text[20:-1]
    if not text.isascii():  # digits of other scripts are digits, too, for int() and strptime()
        raise BadField("validation", "not a UTC time")
    if fraction.isdecimal() and text[-1] == "Z" and len(fraction) <= 9:
        whole: int = _whole_seconds_ns(text[:20])
        return whole + int(fraction) * _FRACTION_NS[len(fraction)]
    if text[19:] == "Z":
        return _whole_seconds_ns(text[:19] + ".")
    if offset := _OFFSET.search(text, 19):
        sign, hours, minutes = offset.groups()
        ahead_ns = (int(hours) * 60 + int(minutes)) * _MINUTE_NS
        told_ns = utc_ns(text[: offset.start()] + "Z")
        return _stamp(told_ns - ahead_ns if sign == "+" else told_ns + ahead_ns)
    raise BadField("validation", "not a UTC time")


def utc_ns_if_set(text: str) -> int | None:
    """Return the same; None for a time that nobody has set, which is written as the first moment there is."""
    if text[:10] in _UNSET_DAYS and text[10:19] == "T00:00:00":
        return None
    return utc_ns(text)


def utc_ns_if_any(text: str | None) -> int | None:
    """Return the same; None also where nothing is told: for times that are optional."""
    return utc_ns_if_set(text) if text else None


def _stamp(time_ns: int) -> int:
    if not is_sane(time_ns):  # a time that nobody has set is 0
        raise BadField("validation", "not a time of ours")
    return time_ns


@lru_cache(maxsize=1_024)  # many frames fall into one second
def _whole_seconds_ns(text: str) -> int:
    try:
        seconds = int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise BadField("validation", "not a UTC time") from None
    first_ns = _stamp(seconds * SECOND_NS)
    _stamp(first_ns + SECOND_NS)  # there is room for a fraction
    return first_ns


# What a field of a frame holds, as msgspec reads it, and which of these will read it then.
Number = Annotated[Token, number]
Positive = Annotated[Token, positive]
NotNegative = Annotated[Token, not_negative]
Seconds = Annotated[Token, ns_of_s]
Milliseconds = Annotated[int, ns_of_ms]
UtcText = Annotated[str, utc_ns]
UtcTextIfSet = Annotated[str, utc_ns_if_set]
UtcTextIfAny = Annotated[str | None, utc_ns_if_any]
