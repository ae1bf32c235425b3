"""What kept a venue's text from being read: its kind, which field it was, and why, in words for people. Pure.

msgspec names the field that it refuses. The readers of numbers and times do not: they are called by the
thousand and know what they read, not where it stood. Whose frame has failed asks each field again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import InvalidOperation
from functools import cache
from typing import Any, NamedTuple

import msgspec

from adapters.decoding.tokens import BadField
from domain.messages.market import DecodeFailed
from domain.text import MOST_CHARACTERS, bounded, bounded_bytes


def failed(venue: str, frame: bytes, error: Exception, ts_event: int) -> DecodeFailed:
    return DecodeFailed(
        ts_event=ts_event,
        venue=venue,
        category=category(error),
        reason=_reason(error),
        raw=bounded_bytes(frame),
    )


def category(error: Exception) -> str:
    """Sort what kept a text from being read: "parse", "structure", "type" or "validation", never two."""
    if isinstance(error, BadField):
        return error.category
    if isinstance(error, InvalidOperation):  # a JSON number beyond Decimal
        return "validation"
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return "parse"
    if text.startswith("Expected `str` of length"):  # a name is empty
        return "validation"
    if "missing required field" in text or "of length" in text or " - at " not in text:
        return "structure"
    return "type" if text.startswith("Expected") else "validation"


def _reason(error: Exception) -> str:
    text = "a number beyond all bounds" if isinstance(error, InvalidOperation) else str(error)
    # It may quote what the venue sent, and that may hold anything; the end, which is ours, says where.
    what, at, where = text.rpartition(" - at ")
    where = bounded(where, MOST_CHARACTERS // 2)
    return f"{bounded(what, MOST_CHARACTERS - len(at) - len(where))}{at}{where}" if at else bounded(text)


# ---- which field it was ----------------------------------------------------------------------------------


class _Field(NamedTuple):
    name: str
    key: str  # in JSON
    check: Callable[[Any], Any] | None  # raises BadField
    is_optional: bool


def located(error: BadField, wire: Any, root: str = "$") -> BadField:
    """Name the field of `wire`, a frame or a row as msgspec read it, that some reader has refused.

    Fields say how they are checked as `tokens.Positive` and its kin do. An error that is about no single one
    of them is returned as it is.

    Args:
        root: what `wire` is called.
    """
    for path, refusal in _refusals(wire, root):
        if (refusal.category, str(refusal)) == (error.category, str(error)):
            return BadField(error.category, f"{error} - at `{path}`")  # as msgspec says it
    return error


def _refusals(value: Any, path: str) -> Iterator[tuple[str, BadField]]:
    if isinstance(value, msgspec.Struct):
        for field in _fields(type(value)):
            inner, inner_path = getattr(value, field.name), f"{path}.{field.key}"
            if field.check is None:
                yield from _refusals(inner, inner_path)
            elif inner is not None or not field.is_optional:
                try:
                    field.check(inner)
                except BadField as refusal:
                    yield inner_path, refusal
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _refusals(inner, f"{path}[{index}]")


@cache  # there are a few dozen shapes
def _fields(shape: type[msgspec.Struct]) -> tuple[_Field, ...]:
    return tuple(
        _Field(
            one.name,
            one.encode_name,
            next(filter(callable, getattr(one.type, "__metadata__", ())), None),
            is_optional=one.default is None,
        )
        for one in msgspec.structs.fields(shape)
    )
