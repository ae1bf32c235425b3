"""How long a venue asks us to wait, read from an answer's headers: seconds, milliseconds, a date, or nonsense. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from domain.instant import SECOND_NS

_NUMBER = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,9})[0-9]*)?", re.ASCII)
_ENDLESS = re.compile(r"[0-9]{19,}(\.[0-9]*)?", re.ASCII)
_LONGEST_NS = 10**9 * SECOND_NS  # thirty years: more says no more


def asked_pause_ns(headers: Mapping[str, str], unit_ns: int, utc_ns: int) -> int | None:
    """Return for how long nothing should be asked; None when it isn't said, or not in a way that can be kept.

    Zero, less, and dates that have passed are no pause that a venue which has just refused can mean: None, too.

    Args:
        headers: names in lower case.
        unit_ns: of a bare number at this venue; one second, as everybody else means it, or not.
        utc_ns: our time, for a date where the answer has none of its own.
    """
    text = headers.get("retry-after", "").strip()
    if _ENDLESS.fullmatch(text):
        return _LONGEST_NS
    number = _NUMBER.fullmatch(text)
    if number:
        whole, fraction = number[1], (number[2] or "").ljust(9, "0")
        asked_ns = int(whole) * unit_ns + int(fraction) * unit_ns // SECOND_NS
    else:
        until_ns, now_ns = _date_ns(text), _date_ns(headers.get("date", "")) or utc_ns
        asked_ns = until_ns - now_ns if until_ns else 0
    return min(asked_ns, _LONGEST_NS) if asked_ns > 0 else None


def _date_ns(text: str) -> int | None:
    """Return the time that an HTTP date tells, in UTC ns."""
    try:
        told = parsedate_to_datetime(text)
        told = told if told.tzinfo else told.replace(tzinfo=UTC)
        return int(told.timestamp()) * SECOND_NS
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
