"""What a venue listed: the rows that could be read, and what is known of those that could not.

A row that nobody can read must hide no other, and must not pass for one that isn't there. So it travels with
the listing, with all that it says about what it may be about. Of many such rows the first are kept; the others are
one that names nothing, and so may be about anything: whoever has it has not seen all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec import Struct

from domain.instrument import Instrument

T = TypeVar("T")

NOT_LISTED = "not listed"
UNREAD_KEPT = 20  # rows of one kind that can't be read, each by itself


class Unread(Struct, frozen=True, kw_only=True):
    """One row that could not be read. What it doesn't say is empty, and may be anything."""

    kind: str  # "order", "fill", "balance" or "instrument"
    reason: str  # for people
    row_id: str = ""  # a fill's own id
    instrument: str = ""
    currency: str = ""
    venue_order_id: str = ""
    client_order_id: str = ""
    count: int = 1  # rows that this stands for; of more than one it names none

    def __str__(self) -> str:
        """Name it for people: "fill e-2 of order o-1 in BTC-USD"."""
        if self.count > 1:
            return f"{self.count} {self.kind} rows"
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
        unread: the others, as `summed_up`.
    """

    unread: tuple[Unread, ...] = ()

    @classmethod
    def of(cls, rows: Iterable[T], unread: Iterable[Unread] = ()) -> Listing[T]:
        listing = cls(rows)
        listing.unread = summed_up(unread)
        return listing


def summed_up(rows: Iterable[Unread]) -> tuple[Unread, ...]:
    """Return the first rows of each kind, and what stands for all others of it."""
    kept: list[Unread] = []
    numbers: Counter[str] = Counter()  # kind -> rows kept
    others: Counter[str] = Counter()  # kind -> rows that are not
    reasons: dict[str, str] = {}  # kind -> why the first of those could not be read
    for one in rows:
        if one.count == 1 and numbers[one.kind] < UNREAD_KEPT:
            numbers[one.kind] += 1
            kept.append(one)
        else:
            others[one.kind] += one.count
            reasons.setdefault(one.kind, one.reason)
    # Two at least: one would be a row that says nothing of itself.
    many = (Unread(kind=kind, reason=reasons[kind], count=max(2, count)) for kind, count in others.items())
    return (*kept, *many)


def chosen(listed: Listing[Instrument], names: Sequence[str]) -> Listing[Instrument]:
    """Return what is listed under these names, in their order, and which of them are left out, and why."""
    found = {each.name: each for each in listed}
    unread = {each.instrument: each for each in listed.unread if each.count == 1}
    # Which markets the others are nobody can say.
    reason = next((f"may be one of {each} that can't be read" for each in listed.unread if each.count > 1), NOT_LISTED)
    left_out = [
        unread.get(name) or Unread(kind="instrument", instrument=name, reason=reason)
        for name in names
        if name not in found
    ]
    return Listing.of((found[name] for name in names if name in found), left_out)
