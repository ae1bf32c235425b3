"""A stop that rests stays there, unless a close that can be sent wants it gone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.instant import SECOND_NS
from domain.messages.journal import CancelWithdrawn, IntentDone
from domain.messages.orders import (
    CancelOrder,
    CancelProtection,
    CancelRejected,
    OrderStatus,
    Purpose,
    QueryOrder,
    SubmitOrder,
)
from domain.messages.system import WindDown
from tests.builders import make_instrument
from tests.order_builders import BTC, DeskOnTime, make_accepted, make_intent, make_report


@pytest.fixture
def desk() -> DeskOnTime:
    """A position of ours whose stop rests at the venue."""
    desk = DeskOnTime().ready()
    desk.hold()
    desk.hear(make_intent(Purpose.PROTECT), make_accepted())
    return desk


def close(desk: DeskOnTime) -> None:
    desk.hear(make_intent(Purpose.CLOSE, "exit", expires_at=desk.now.utc_ns + 60 * SECOND_NS))


def stop_of(desk: DeskOnTime):
    (stop,) = (order for order in desk.desk.ledger.live_orders() if order.order.purpose is Purpose.PROTECT)
    return stop


def test_a_stop_that_the_last_run_kept_is_not_cancelled_by_the_next(desk: DeskOnTime) -> None:
    close(desk)
    assert len(desk.sent(CancelOrder)) == 1  # nobody answers it
    desk.hear(WindDown(deadline_ns=desk.now.monotonic_ns + 3 * SECOND_NS))
    desk.advance(4)
    assert [done.intent_id for done in desk.journaled(IntentDone)][-1] == "exit"

    next_run = desk.restarted()
    next_run.advance(10)

    assert next_run.sent(CancelOrder) == []
    assert not stop_of(next_run).is_cancel_pending
    assert [type(event) for event in next_run.journaled(CancelWithdrawn)] == [CancelWithdrawn]


def test_a_stop_makes_way_again_for_a_close_that_a_restart_found_open(desk: DeskOnTime) -> None:
    close(desk)

    next_run = desk.restarted()

    assert len(next_run.sent(CancelOrder)) == 1
    assert next_run.journaled(CancelWithdrawn) == []


def refuse_cancels(desk: DeskOnTime, seconds: float) -> None:
    """Let the venue refuse for so long to cancel the stop, and show that it is there."""
    for _ in range(round(seconds)):
        asked = len(desk.sent(CancelOrder))
        desk.advance(1)
        if len(desk.sent(CancelOrder)) > asked:
            refused = {"client_order_id": stop_of(desk).id, "venue": "coinbase", "code": "NO"}
            desk.hear(CancelRejected(ts_event=desk.now.utc_ns, **refused), make_report(OrderStatus.OPEN))


def test_a_close_that_has_expired_wants_no_stop_gone_any_more(desk: DeskOnTime) -> None:
    close(desk)
    refuse_cancels(desk, 61)
    assert desk.desk.ledger.plans["exit"].is_done
    assert not stop_of(desk).is_cancel_pending
    asked = len(desk.sent(CancelOrder))

    desk.advance(60)

    assert len(desk.sent(CancelOrder)) == asked
    assert desk.desk.books.covered_quantity("coinbase", BTC) == desk.desk.books.position("coinbase", BTC).quantity


def test_a_close_after_one_that_expired_has_the_stop_make_way_again(desk: DeskOnTime) -> None:
    close(desk)
    refuse_cancels(desk, 61)
    asked = len(desk.sent(CancelOrder))

    desk.hear(make_intent(Purpose.CLOSE, "next", expires_at=desk.now.utc_ns + 60 * SECOND_NS))
    assert len(desk.sent(CancelOrder)) == asked + 1
    sent = len(desk.sent(SubmitOrder))
    desk.hear(make_report(OrderStatus.CANCELED))

    assert [it.intent_id for it in desk.sent(SubmitOrder)[sent:]] == ["next"]


def test_whether_the_cancel_of_a_stop_that_shall_stay_has_worked_is_asked(desk: DeskOnTime) -> None:
    close(desk)
    desk.advance(59.9)
    asked = len(desk.sent(QueryOrder))

    desk.advance(0.5)

    assert len(desk.journaled(CancelWithdrawn)) == 1
    assert len(desk.sent(QueryOrder)) == asked + 1


def test_a_stop_stays_where_nothing_is_left_that_a_close_could_sell(desk: DeskOnTime) -> None:
    close(desk)
    desk.load(make_instrument(BTC, min_notional=Decimal(100_000)))
    desk.advance(1)

    assert desk.desk.ledger.plans["exit"].is_done
    assert not stop_of(desk).is_cancel_pending


def test_a_stop_that_has_the_wrong_size_goes_whatever_becomes_of_a_close(desk: DeskOnTime) -> None:
    desk.hear(CancelProtection(venue="coinbase", instrument=BTC, reason="resized"))
    close(desk)
    refuse_cancels(desk, 61)

    assert desk.desk.ledger.plans["exit"].is_done
    assert stop_of(desk).is_cancel_pending and not desk.journaled(CancelWithdrawn)


@pytest.mark.parametrize("said_by", ["stream", "listing"])
def test_where_nothing_trades_no_stop_makes_way_until_it_does(desk: DeskOnTime, said_by: str) -> None:
    def trade(is_on: bool) -> None:
        if said_by == "listing":
            desk.load(make_instrument(BTC, is_tradable=is_on))
        desk.quote(halted=() if is_on or said_by == "listing" else (BTC,))

    trade(False)
    close(desk)
    desk.advance(5)
    assert desk.sent(CancelOrder) == []

    trade(True)
    desk.advance(1)
    assert len(desk.sent(CancelOrder)) == 1


def test_a_bare_position_is_closed_whatever_is_said_about_trading() -> None:
    desk = DeskOnTime().ready()
    desk.hold()
    desk.quote(halted=(BTC,))
    sent = len(desk.sent(SubmitOrder))

    close(desk)

    assert len(desk.sent(SubmitOrder)) == sent + 1
