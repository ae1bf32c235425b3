"""Books that open while a person trades: each trade is in them once, however the reads fell around it."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.messages.journal import BalanceCorrected, BalancesOpened, ExternalFillSeen, HaltRaised
from domain.messages.orders import Fill, PrivateStreamChanged
from tests.builders import UTC
from tests.order_builders import TimedOrderManager, make_fill

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


def opened(after_s: float = 0.2, fills: Sequence[Fill] = (), **balances) -> TimedOrderManager:
    """Return an order manager whose first question left at UTC, and was heard a little later."""
    manager = TimedOrderManager()
    manager.load()
    manager.hear(PrivateStreamChanged(ts_event=UTC, venue="coinbase", is_live=True))
    manager.quote()
    manager.advance(after_s)
    manager.snapshot(**{**BEFORE, **balances}, fills=fills)
    assert len(manager.journaled(BalancesOpened)) == 1
    return manager


def look(manager: TimedOrderManager, times: int, fills: Sequence[Fill] = (), **balances) -> None:
    for _ in range(times):
        manager.advance(5)
        manager.quote()
        manager.snapshot(**balances, fills=fills)


def assert_right(manager: TimedOrderManager, *fills: Fill) -> None:
    books = manager.manager.books.balances
    assert {"usd": books["coinbase", "", "USD"], "btc": books["coinbase", "", "BTC"]} == left(*fills)
    assert manager.journaled(BalanceCorrected, HaltRaised) == []
    assert manager.manager.report(manager.now).is_reconciled


@pytest.mark.parametrize("seconds", [0.1, 0.2, -5, -LAG_S])
def test_a_sale_that_the_opening_reads_missed_is_booked_as_what_it_is(seconds: float) -> None:
    theirs = sold(seconds)
    manager = opened()

    look(manager, 8, [theirs], **left(theirs))

    assert [event.fill for event in manager.journaled(ExternalFillSeen)] == [theirs]
    assert_right(manager, theirs)


@pytest.mark.parametrize("seconds", [0.1, 0.2, -5, -LAG_S])
def test_a_sale_that_the_opening_reads_showed_is_not_booked_again(seconds: float) -> None:
    theirs = sold(seconds)
    manager = opened(**left(theirs))

    look(manager, 8, [theirs], **left(theirs))

    assert manager.journaled(ExternalFillSeen) == []
    assert_right(manager, theirs)


def test_of_several_sales_just_those_are_booked_that_the_reads_missed() -> None:
    first, second, third = theirs = [sold(number / 20, f"x-{number}", f"0.0{number}") for number in (1, 2, 3)]
    manager = opened(**left(first))

    look(manager, 8, theirs, **left(*theirs))

    assert [event.fill for event in manager.journaled(ExternalFillSeen)] == [second, third]
    assert_right(manager, *theirs)


def test_a_sale_that_is_listed_as_late_as_reads_may_lag_explains_the_difference_still() -> None:
    theirs = sold(0.1)
    manager = opened()
    look(manager, 3, **left(theirs))

    look(manager, 6, [theirs], **left(theirs))

    assert_right(manager, theirs)


def test_one_leg_that_was_read_before_a_sale_is_put_right_without_a_correction() -> None:
    theirs = sold(0.1)
    manager = opened(btc=left(theirs)["btc"])  # the dollars were read earlier

    look(manager, 8, [theirs], **left(theirs))

    assert manager.journaled(ExternalFillSeen) == []
    assert_right(manager, theirs)
    assert manager.manager.books.transfers["coinbase", "", "USD"] == Decimal("6399")  # no profit


def test_a_restart_books_what_the_opening_reads_missed() -> None:
    theirs = sold(0.1)
    manager = opened().restarted()
    manager.load()
    manager.hear(PrivateStreamChanged(ts_event=UTC, venue="coinbase", is_live=True))

    look(manager, 8, [theirs], **left(theirs))

    assert [event.fill for event in manager.journaled(ExternalFillSeen)] == [theirs]
    assert_right(manager, theirs)


def test_a_sale_of_the_opening_explains_no_later_loss() -> None:
    theirs = sold(0.1)
    manager = opened(**left(theirs))
    look(manager, 6, [theirs], **left(theirs))

    gone = left(theirs)["btc"] - theirs.quantity
    look(manager, 8, [theirs], usd=left(theirs)["usd"], btc=gone)

    assert [event.difference for event in manager.journaled(BalanceCorrected)] == [Decimal("-0.1")]
    assert len(manager.journaled(HaltRaised)) == 1


def test_what_a_sale_does_not_explain_exactly_is_corrected() -> None:
    theirs = sold(0.1)
    manager = opened()
    after = left(theirs)

    look(manager, 8, [theirs], usd=after["usd"] - 1, btc=after["btc"] - Decimal("0.01"))

    assert {event.difference for event in manager.journaled(BalanceCorrected)} == {Decimal("-0.11"), Decimal("6398")}
    assert len(manager.journaled(HaltRaised)) == 1


def test_two_legs_of_one_trade_are_weighed_once() -> None:
    manager = opened()

    look(manager, 8, usd="10006.40", btc="0.9999")  # 6.40 USD of each

    assert len(manager.journaled(BalanceCorrected)) == 2
    assert manager.journaled(HaltRaised) == []
