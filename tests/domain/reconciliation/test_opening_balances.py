"""Books that open while a person trades: each trade is in them once, however the reads fell around it."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.messages.journal import BalanceCorrected, BalancesOpened, ExternalFillSeen, HaltRaised
from domain.messages.orders import Fill, PrivateStreamChanged
from tests.builders import UTC
from tests.order_builders import DeskOnTime, make_fill

LAG_S = 15  # of reads, at most
BEFORE = {"usd": "10000", "btc": "1"}


def sold(seconds: float, fill_id: str = "x-1", quantity: str = "0.1", **changes) -> Fill:
    """Let a person have sold coins at 64000, so long after the question left (negative: before)."""
    names = {"venue_order_id": f"v-{fill_id}", "ts_event": UTC + round(seconds * SECOND_NS)}
    return make_fill(quantity, fill_id, side=Side.SELL, **names, **changes)


def left(*fills: Fill) -> dict[str, Decimal]:
    """Return what fills leave of what was there before."""
    coins, dollars = Decimal("1"), Decimal("10000")
    for fill in fills:
        coins += fill.side.sign * fill.quantity
        dollars += -fill.side.sign * fill.quantity * fill.price - fill.fee
    return {"usd": dollars, "btc": coins}


def opened(after_s: float = 0.2, fills: Sequence[Fill] = (), **balances) -> DeskOnTime:
    """Return a desk whose first question left at UTC, and was heard a little later."""
    desk = DeskOnTime()
    desk.load()
    desk.hear(PrivateStreamChanged(ts_event=UTC, venue="coinbase", is_live=True))
    desk.quote()
    desk.advance(after_s)
    desk.snapshot(**{**BEFORE, **balances}, fills=fills)
    assert len(desk.journaled(BalancesOpened)) == 1
    return desk


def look(desk: DeskOnTime, times: int, fills: Sequence[Fill] = (), **balances) -> None:
    for _ in range(times):
        desk.advance(5)
        desk.quote()
        desk.snapshot(**balances, fills=fills)


def assert_right(desk: DeskOnTime, *fills: Fill) -> None:
    books = desk.desk.books.balances
    assert {"usd": books["coinbase", "USD"], "btc": books["coinbase", "BTC"]} == left(*fills)
    assert desk.journaled(BalanceCorrected, HaltRaised) == []
    assert desk.desk.report(desk.now).is_reconciled


@pytest.mark.parametrize("seconds", [0.1, 0.2, -5, -LAG_S])
def test_a_sale_that_the_opening_reads_missed_is_booked_as_what_it_is(seconds: float) -> None:
    theirs = sold(seconds)
    desk = opened()

    look(desk, 8, [theirs], **left(theirs))

    assert [event.fill for event in desk.journaled(ExternalFillSeen)] == [theirs]
    assert_right(desk, theirs)


@pytest.mark.parametrize("seconds", [0.1, 0.2, -5, -LAG_S])
def test_a_sale_that_the_opening_reads_showed_is_not_booked_again(seconds: float) -> None:
    theirs = sold(seconds)
    desk = opened(**left(theirs))

    look(desk, 8, [theirs], **left(theirs))

    assert desk.journaled(ExternalFillSeen) == []
    assert_right(desk, theirs)


def test_of_several_sales_just_those_are_booked_that_the_reads_missed() -> None:
    first, second, third = theirs = [sold(number / 20, f"x-{number}", f"0.0{number}") for number in (1, 2, 3)]
    desk = opened(**left(first))

    look(desk, 8, theirs, **left(*theirs))

    assert [event.fill for event in desk.journaled(ExternalFillSeen)] == [second, third]
    assert_right(desk, *theirs)


def test_a_sale_that_is_listed_as_late_as_reads_may_lag_explains_the_difference_still() -> None:
    theirs = sold(0.1)
    desk = opened()
    look(desk, 3, **left(theirs))

    look(desk, 6, [theirs], **left(theirs))

    assert_right(desk, theirs)


def test_one_leg_that_was_read_before_a_sale_is_put_right_without_a_correction() -> None:
    theirs = sold(0.1)
    desk = opened(btc=left(theirs)["btc"])  # the dollars were read earlier

    look(desk, 8, [theirs], **left(theirs))

    assert desk.journaled(ExternalFillSeen) == []
    assert_right(desk, theirs)
    assert desk.desk.books.transfers["coinbase", "USD"] == Decimal("6399")  # no profit


def test_a_restart_books_what_the_opening_reads_missed() -> None:
    theirs = sold(0.1)
    desk = opened().restarted()
    desk.load()
    desk.hear(PrivateStreamChanged(ts_event=UTC, venue="coinbase", is_live=True))

    look(desk, 8, [theirs], **left(theirs))

    assert [event.fill for event in desk.journaled(ExternalFillSeen)] == [theirs]
    assert_right(desk, theirs)


def test_a_sale_of_the_opening_explains_no_later_loss() -> None:
    theirs = sold(0.1)
    desk = opened(**left(theirs))
    look(desk, 6, [theirs], **left(theirs))

    gone = left(theirs)["btc"] - theirs.quantity
    look(desk, 8, [theirs], usd=left(theirs)["usd"], btc=gone)

    assert [event.difference for event in desk.journaled(BalanceCorrected)] == [Decimal("-0.1")]
    assert len(desk.journaled(HaltRaised)) == 1


def test_what_a_sale_does_not_explain_exactly_is_corrected() -> None:
    theirs = sold(0.1)
    desk = opened()
    after = left(theirs)

    look(desk, 8, [theirs], usd=after["usd"] - 1, btc=after["btc"] - Decimal("0.01"))

    assert {event.difference for event in desk.journaled(BalanceCorrected)} == {Decimal("-0.11"), Decimal("6398")}
    assert len(desk.journaled(HaltRaised)) == 1


def test_two_legs_of_one_trade_are_weighed_once() -> None:
    desk = opened()

    look(desk, 8, usd="10006.40", btc="0.9999")  # 6.40 USD of each

    assert len(desk.journaled(BalanceCorrected)) == 2
    assert desk.journaled(HaltRaised) == []
