"""What strange things a venue may say in an answer or a frame that is well-formed: JSON in, JSON out. Pure.

Works on the rows of any venue: lists of objects, or objects by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

UNTRADED = "ODD-USD"  # of a row more that nobody can read
UNSET = "1970-01-01T00:00:00Z"

# What an unreadable row still says: whose it is, and what it is about.
_NAMES = frozenset("entry_id order_id client_order_id product_id currency coin name id uuid ticker market".split())
_PRODUCTS = ("product_id", "coin", "ticker", "market", "name", "id")
_TIMES = frozenset("event_time time trade_time createdAt created_time creation_time startedAt effectiveAt".split())


def missing_rows(data: bytes, product: str = "") -> bytes | None:
    """Leave the rows of `product` out, or all; None where there are none."""

    def leave_out(rows: list[Any]) -> bool:
        left = [row for row in rows if product and not _is_about(row, product)]
        is_changed = len(left) < len(rows)
        rows[:] = left
        return is_changed

    return _changed(data, lambda message: any([leave_out(rows) for rows in _lists(message)]))


def odd_row(data: bytes, product: str = "", may_add: bool = False) -> bytes | None:
    """Make one row unreadable, the first of `product` or of all; None where there is none.

    Args:
        may_add: where there is none of `product`, or none is meant, there is one row more.
    """

    def spoil(message: Any) -> bool:
        for rows in _lists(message):
            for index, row in enumerate(rows):
                if (product or not may_add) and _is_about(row, product):
                    rows[index] = _odd(row)
                    return True
            if may_add:
                names = {name: product or UNTRADED for name in _PRODUCTS if not rows or name in rows[0]}
                rows.append({**dict.fromkeys(rows[0] if rows else ()), "currency": "ODD", **names})
                return True
        for row in _named(message):
            row.update(_odd(row))
            return True
        return False

    return _changed(data, spoil)


def epoch_time(data: bytes) -> bytes | None:
    """Unset the times of all rows; None where there are none."""
    return _changed(data, _unset)


def no_snapshot(data: bytes, product: str = "") -> bytes | None:
    """Make a snapshot a mere update; None where there is no snapshot."""

    def belittle(message: Any) -> bool:
        events = [
            event
            for event in message.get("events", ())
            if event.get("type") == "snapshot" and product in ("", event.get("product_id"))
        ]
        for event in events:
            event["type"] = "update"
        return bool(events)

    return _changed(data, belittle)


def _changed(data: bytes, change: Callable[[Any], bool]) -> bytes | None:
    try:
        message = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return None
    return msgspec.json.encode(message) if change(message) else None


def _lists(value: Any, name: str = "") -> Iterator[list[Any]]:
    """Yield the lists of objects, the innermost first; also those that are empty where a list is all there is."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lists(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _lists(inner)
        if name != "events" and all(isinstance(row, dict) for row in value):
            yield value


def _named(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects that stand under their names, such as dYdX's markets."""
    if isinstance(value, dict):
        for inner in value.values():
            if isinstance(inner, dict) and inner and all(isinstance(row, dict) for row in inner.values()):
                yield from inner.values()


def _is_about(row: Any, product: str) -> bool:
    if not product:
        return True
    is_currency = row.get("currency") == product.partition("-")[0]
    return is_currency or any(row.get(name) == product for name in _PRODUCTS)


def _odd(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value if name in _NAMES else None for name, value in row.items()}


def _unset(value: Any) -> bool:
    """Unset the times inside of a value; tell whether there was one."""
    if isinstance(value, list):
        return any([_unset(inner) for inner in value])
    if not isinstance(value, dict):
        return False
    times = [name for name in _TIMES & value.keys() if isinstance(value[name], (str, int))]
    for name in times:
        value[name] = UNSET if isinstance(value[name], str) else 0
    return any([_unset(inner) for inner in value.values()]) or bool(times)
