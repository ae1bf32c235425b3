"""What a venue answered: one thing is read whole or not at all, of a list every row by itself. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sized
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Raw

from adapters.decoding import decode_faults
from adapters.decoding.tokens import BadField
from domain.messages.listing import Listing, Unread
from domain.text import bounded, bounded_id

T = TypeVar("T")

MOST_ROWS = 500  # of a page; none is asked for more than 250
MOST_LISTED = 5_000  # markets; a venue has some hundreds
_MOST_COMMAS = 200_000  # as many rows as are taken have, several times over


class UnreadableAnswer(Exception):
    """The body cannot be what the venue meant to say. What that means is for whoever asked to say."""

    code = "unreadable"


class OversizeAnswer(UnreadableAnswer):
    """It holds more than anybody asked for: none of it is believed."""

    code = "oversize"


def check_size(body: bytes) -> None:
    """Raise OversizeAnswer for what would cost too much only to take apart: a megabyte may hold half a million rows."""
    commas = body.count(b",")
    if commas > _MOST_COMMAS:
        raise OversizeAnswer(f"{commas} values in one answer")


def check_rows(rows: Sized, most: int = MOST_ROWS) -> None:
    """Raise OversizeAnswer for more rows than a page has."""
    if len(rows) > most:
        raise OversizeAnswer(f"{len(rows)} rows where {most} may be")


# msgspec's own errors are ValueErrors.
_UNREADABLE = (ValueError, ArithmeticError, RecursionError, BadField)
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode


def whole(read: Callable[[], T]) -> T:
    """Return what `read` makes of a body.

    Raises:
        UnreadableAnswer: it can't make anything of it.
    """
    try:
        return read()
    except _UNREADABLE as error:
        raise UnreadableAnswer(_reason(error)) from None


class RowKind(NamedTuple):
    """One kind of row, and which of its fields say what it is about.

    Attributes:
        fields: name of a field of `Unread` -> name of a field of the row.
    """

    name: str
    fields: Mapping[str, str]


def rows(raws: Iterable[Raw], read: Callable[[Raw], T], kind: RowKind) -> Listing[T]:
    """Read every row of a list by itself: one that can't be read hides no other."""
    return Listing.of(*read_apart(raws, read, kind))


def read_apart(raws: Iterable[Raw], read: Callable[[Raw], T], kind: RowKind) -> tuple[list[T], list[Unread]]:
    """Return the rows that can be read, and all of the others."""
    found: list[T] = []
    unread: list[Unread] = []
    for raw in raws:
        try:
            found.append(read(raw))
        except UnreadableAnswer as error:
            unread.append(unread_row(raw, kind, str(error)))
        except _UNREADABLE as error:
            unread.append(unread_row(raw, kind, _reason(error)))
    return found, unread


def unread_row(raw: Raw, kind: RowKind, reason: str) -> Unread:
    """Say what a row is about that can't be read, as far as it has these fields and they are text."""
    try:
        fields = _decode_object(raw)
    except _UNREADABLE:
        fields = {}
    about = {ours: _text(fields.get(theirs)) for ours, theirs in kind.fields.items()}
    return msgspec.structs.replace(Unread(kind=kind.name, reason=bounded(reason)), **about)


def text(value: Any) -> str:
    """Return what is for people only, and optional: whatever is no text is none."""
    return value if isinstance(value, str) else ""


def _text(raw: Raw | None) -> str:
    if raw is None:
        return ""
    try:
        return bounded_id(_decode_text(raw))
    except _UNREADABLE:
        return ""


def _reason(error: Exception) -> str:
    return bounded(f"{decode_faults.category(error)}: {error}")
