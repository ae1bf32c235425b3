"""One REST call as its handler sees it: readable parameters in, a JSON value or a refusal out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from adapters.simulator.coinbase.decode import InvalidArgument, decode_time
from adapters.simulator.engine.exchange import Exchange
from adapters.simulator.engine.past_exchange import PastExchange
from adapters.simulator.faults import Fault
from domain.errors import NzezaError


class NotFound(NzezaError):
    """The venue answers 404."""


class Call(NamedTuple):
    exchange: Exchange
    shown: Exchange | PastExchange  # to reads, which may lag
    now_ns: int
    name: str  # what the path names: an order id, a product id, an account
    query: tuple[tuple[str, str], ...]
    body: bytes
    can_trade: bool  # by the caller's key
    fault: Fault | None  # one that the handler must enact itself
    asked_ns: int  # when the caller asked; in memory, other callers may have carried the world further already

    def values(self, key: str) -> set[str]:
        """Return all values of a repeatable parameter; empty = no filter."""
        return {value for name, value in self.query if name == key and value}

    def value(self, key: str, default: str = "") -> str:
        return next((value for name, value in self.query if name == key), default)

    def number(self, key: str, default: int, most: int) -> int:
        text = self.value(key)
        if not text:
            return default
        if not text.isdecimal():
            raise InvalidArgument(f"{key} must be a number")
        return min(int(text), most)

    def time(self, key: str, default: int) -> int:
        """Return an RFC3339 parameter as UTC nanoseconds."""
        text = self.value(key)
        return decode_time(text) if text else default

    def json(self) -> dict[str, Any]:
        try:
            return msgspec.json.decode(self.body or b"{}", type=dict)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidArgument(str(error)) from None


def page(call: Call, rows: Sequence[Any], number_of: Callable[[Any], int], limit: int) -> tuple[list[Any], str]:
    """Return one page of `rows`, newest first, and the cursor of the next; "" when this was the last.

    The cursor is the number of the last row given out, so rows that arrive between pages shift nothing.
    """
    before = call.number("cursor", default=2**63, most=2**63)
    newest_first = [row for row in reversed(rows) if number_of(row) < before]
    given = newest_first[:limit]
    return given, str(number_of(given[-1])) if len(newest_first) > limit else ""
