"""Rows that nobody can read: the first as they are, the others as one that may be about anything."""

from __future__ import annotations

from domain.listing import NOT_LISTED, UNREAD_KEPT, Listing, Unread, chosen

ROWS = [Unread(kind="order", reason="?", venue_order_id=f"o-{number}") for number in range(1_000)]


def test_of_many_unread_rows_the_first_are_kept_and_one_stands_for_the_others() -> None:
    listing = Listing.of([], ROWS)

    *kept, others = listing.unread
    assert kept == ROWS[:UNREAD_KEPT]
    assert others == Unread(kind="order", reason="?", count=980)
    assert str(others) == "980 order rows"


def test_kinds_are_summed_up_apart_and_what_was_summed_up_before_is_added() -> None:
    fill = Unread(kind="fill", reason="?", row_id="f-1")

    listing = Listing.of([], [*Listing.of([], ROWS).unread, fill, *Listing.of([], ROWS).unread])

    assert [one.count for one in listing.unread if one.kind == "order" and one.count > 1] == [1_980]
    assert fill in listing.unread
    assert len(listing.unread) == UNREAD_KEPT + 2


def test_a_market_that_may_be_among_unread_rows_is_not_called_unlisted() -> None:
    markets = [Unread(kind="instrument", reason="?", instrument=f"M{number}-USD") for number in range(1_000)]

    [first, late] = chosen(Listing.of([], markets), ("M3-USD", "M500-USD")).unread

    assert first.reason == "?"
    assert late.reason == "may be one of 980 instrument rows that can't be read" != NOT_LISTED
