"""What a venue listed: the rows that could be read, and what is known of those that could not.

A row that nobody can read must hide no other, and must not pass for one that isn't there. So it travels with
the listing, with all that it says about what it may be about. Of very many such rows the first are kept; one stands
for all others of an instrument, and one for those that name none, which may be about anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct

from domain.instrument import Instrument

T = TypeVar("T")

NOT_LISTED = "not listed"
UNREAD_KEPT = 1_000  # rows of one kind that can't be read, each by itself; and as many instruments of the others


class Unread(Struct, frozen=True, kw_only=True):
    """One row that could not be read. What it doesn't say is empty, and may be anything."""

    kind: str  # "order", "fill", "balance", "position", "funding" or "instrument"
    reason: str  # for people
    row_id: str = ""  # a fill's own id
    instrument: str = ""
    currency: str = ""
    venue_order_id: str = ""
    client_order_id: str = ""
    count: int = 1  # rows that this stands for; of more than one it names at most their instrument

    def __str__(self) -> str:
        """Name it for people: "fill e-2 of order o-1 in BTC-USD"."""
        if self.count > 1:
            return f"{self.count} {self.kind} rows" + (f" in {self.instrument}" if self.instrument else "")
        names = (
            ("", self.row_id),
            ("of order ", self.venue_order_id or self.client_order_id),
            ("in ", self.instrument),
            ("of ", self.currency),
        )
        return " ".join([self.kind, *(f"{what}{name}" for what, name in names if name)])


class Unspendable(Struct, frozen=True):
    """Money that is there and that no order can spend: it is no buying power, and not in equity."""

    currency: str
    barred_by: str  # why, in the venue's words
    total: Decimal


class Listing(tuple[T, ...]):
    """The rows that could be read.

    Attributes:
        unread: the others, as `summed_up`.
        unspendable: of balances, what orders can't spend.
    """

    unread: tuple[Unread, ...] = ()
    unspendable: tuple[Unspendable, ...] = ()

    @classmethod
    def of(cls, rows: Iterable[T], unread: Iterable[Unread] = ()) -> Listing[T]:
        listing = cls(rows)
        listing.unread = summed_up(unread)
        return listing


def summed_up(rows: Iterable[Unread]) -> tuple[Unread, ...]:
    """Return the first rows of each kind, and what stands for the others of it, by instrument."""
    kept: list[Unread] = []
    numbers: Counter[str] = Counter()  # kind -> rows kept
    others: Counter[tuple[str, str]] = Counter()  # kind, instrument -> rows that are not
    reasons: dict[tuple[str, str], str] = {}  # kind, instrument -> why the first of those could not be read
    groups: Counter[str] = Counter()  # kind -> instruments of those
    for one in rows:
        if one.count == 1 and numbers[one.kind] < UNREAD_KEPT:
            numbers[one.kind] += 1
            kept.append(one)
        else:
            key = one.kind, one.instrument
            if key not in others and one.instrument:
                groups[one.kind] += 1
                if groups[one.kind] > UNREAD_KEPT:
                    key = one.kind, ""
            others[key] += one.count
            reasons.setdefault(key, one.reason)
    # Two at least where they name nothing: one would be a row that says nothing of itself.
    many = (
        Unread(
            kind=kind, instrument=instrument, reason=reasons[kind, instrument], count=max(count, 1 if instrument else 2)
        )
        for (kind, instrument), count in others.items()
    )
    return (*kept, *many)


def chosen(listed: Listing[Instrument], names: Sequence[str]) -> Listing[Instrument]:
    """Return what is listed under these names, in their order, and which of them are left out, and why."""
    found = {each.name: each for each in listed}
    unread = {each.instrument: each for each in listed.unread if each.instrument}
    # Which markets the others are nobody can say.
    many = (each for each in listed.unread if each.count > 1 and not each.instrument)
    reason = next((f"may be one of {each} that can't be read" for each in many), NOT_LISTED)
    left_out = [
        unread.get(name) or Unread(kind="instrument", instrument=name, reason=reason)
        for name in names
        if name not in found
    ]
    return Listing.of((found[name] for name in names if name in found), left_out)
