"""Rows that nobody can read: the first as they are, the others as one by instrument."""

from __future__ import annotations

from domain.messages.listing import NOT_LISTED, UNREAD_KEPT, Listing, Unread, chosen

ROWS = [Unread(kind="order", reason="?", venue_order_id=f"o-{number}") for number in range(UNREAD_KEPT + 980)]


def test_of_many_unread_rows_the_first_are_kept_and_one_stands_for_the_others() -> None:
    listing = Listing.of([], ROWS)

    *kept, others = listing.unread
    assert kept == ROWS[:UNREAD_KEPT]
    assert others == Unread(kind="order", reason="?", count=980)
    assert str(others) == "980 order rows"


def test_kinds_are_summed_up_apart_and_what_was_summed_up_before_is_added() -> None:
    fill = Unread(kind="fill", reason="?", row_id="f-1")

    listing = Listing.of([], [*Listing.of([], ROWS).unread, fill, *Listing.of([], ROWS).unread])

    assert [one.count for one in listing.unread if one.kind == "order" and one.count > 1] == [980 + UNREAD_KEPT + 980]
    assert fill in listing.unread
    assert len(listing.unread) == UNREAD_KEPT + 2


def test_a_market_that_may_be_among_unread_rows_is_not_called_unlisted() -> None:
    markets = [Unread(kind="instrument", reason="?", instrument=f"M{number}-USD") for number in range(UNREAD_KEPT)]
    markets += [Unread(kind="instrument", reason="?")] * 980
    markets.append(Unread(kind="instrument", reason="late", instrument="LATE-USD"))

    [first, late, other] = chosen(Listing.of([], markets), ("M3-USD", "LATE-USD", "M-USD")).unread

    assert (first.reason, late.reason) == ("?", "late")
    assert other.reason == "may be one of 980 instrument rows that can't be read" != NOT_LISTED


def test_of_the_rows_that_are_not_kept_one_stands_for_each_instrument_that_they_name() -> None:
    rows = [Unread(kind="order", reason="?", venue_order_id=f"d-{n}", instrument="DOGE-USD") for n in range(3)]

    others = Listing.of([], [*ROWS[:UNREAD_KEPT], *rows, *ROWS[UNREAD_KEPT:]]).unread[UNREAD_KEPT:]

    assert [(one.instrument, one.count) for one in others] == [("DOGE-USD", 3), ("", 980)]
    assert str(others[0]) == "3 order rows in DOGE-USD"


def test_of_ever_new_instruments_not_all_are_told_apart() -> None:
    rows = [Unread(kind="order", reason="?", instrument=f"M{number}-USD") for number in range(3 * UNREAD_KEPT)]

    unread = Listing.of([], rows).unread

    assert len(unread) == 2 * UNREAD_KEPT + 1
    assert (unread[-1].instrument, unread[-1].count) == ("", UNREAD_KEPT)
