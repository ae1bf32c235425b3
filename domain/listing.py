"""What a venue listed: the rows that could be read, and what is known of those that could not.

A row that nobody can read must hide no other, and must not pass for one that isn't there. So it travels with
the listing, with all that it says about what it may be about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec import Struct

from domain.instrument import Instrument

T = TypeVar("T")

NOT_LISTED = "not listed"


class Unread(Struct, frozen=True, kw_only=True):
    """One row that could not be read. What it doesn't say is empty, and may be anything."""

    kind: str  # "order", "fill", "balance" or "instrument"
    reason: str  # for people
    row_id: str = ""  # a fill's own id
    instrument: str = ""
    currency: str = ""
    venue_order_id: str = ""
    client_order_id: str = ""

    def __str__(self) -> str:
        """Name it for people: "fill e-2 of order o-1 in BTC-USD"."""
        names = (
            ("", self.row_id),
            ("of order ", self.venue_order_id or self.client_order_id),
            ("in ", self.instrument),
            ("of ", self.currency),
        )
        return " ".join([self.kind, *(f"{what}{name}" for what, name in names if name)])


class Listing(tuple[T, ...]):
    """The rows that could be read.

    Attributes:
        unread: the others.
    """

    unread: tuple[Unread, ...] = ()

    @classmethod
    def of(cls, rows: Iterable[T], unread: Iterable[Unread] = ()) -> Listing[T]:
        listing = cls(rows)
        listing.unread = tuple(unread)
        return listing


def chosen(listed: Listing[Instrument], names: Sequence[str]) -> Listing[Instrument]:
    """Return what is listed under these names, in their order, and which of them are left out, and why."""
    found = {each.name: each for each in listed}
    unread = {each.instrument: each for each in listed.unread}
    left_out = [
        unread.get(name) or Unread(kind="instrument", instrument=name, reason=NOT_LISTED)
        for name in names
        if name not in found
    ]
    return Listing.of((found[name] for name in names if name in found), left_out)
