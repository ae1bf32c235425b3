"""A stop that rests stays there, unless a close that can be sent wants it gone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.instant import SECOND_NS
from domain.instrument import InstrumentId
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
from tests.order_builders import BTC, TimedOrderManager, make_accepted, make_intent, make_report


@pytest.fixture
def manager() -> TimedOrderManager:
    """A position of ours whose stop rests at the venue."""
    manager = TimedOrderManager().ready()
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), make_accepted())
    return manager


def close(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(Purpose.CLOSE, "exit", expires_at=manager.now.utc_ns + 60 * SECOND_NS))


def stop_of(manager: TimedOrderManager):
    (stop,) = (order for order in manager.manager.ledger.live_orders() if order.order.purpose is Purpose.PROTECT)
    return stop


def test_a_stop_that_the_last_run_kept_is_not_cancelled_by_the_next(manager: TimedOrderManager) -> None:
    close(manager)
    assert len(manager.sent(CancelOrder)) == 1  # nobody answers it
    manager.hear(WindDown(deadline_ns=manager.now.monotonic_ns + 3 * SECOND_NS))
    manager.advance(4)
    assert [done.intent_id for done in manager.journaled(IntentDone)][-1] == "exit"

    next_run = manager.restarted()
    next_run.advance(10)

    assert next_run.sent(CancelOrder) == []
    assert not stop_of(next_run).is_cancel_pending
    assert [type(event) for event in next_run.journaled(CancelWithdrawn)] == [CancelWithdrawn]


def test_a_stop_makes_way_again_for_a_close_that_a_restart_found_open(manager: TimedOrderManager) -> None:
    close(manager)

    next_run = manager.restarted()

    assert len(next_run.sent(CancelOrder)) == 1
    assert next_run.journaled(CancelWithdrawn) == []


def refuse_cancels(manager: TimedOrderManager, seconds: float) -> None:
    """Let the venue refuse for so long to cancel the stop, and show that it is there."""
    for _ in range(round(seconds)):
        asked = len(manager.sent(CancelOrder))
        manager.advance(1)
        if len(manager.sent(CancelOrder)) > asked:
            refused = {"client_order_id": stop_of(manager).id, "venue": "coinbase", "code": "NO"}
            manager.hear(CancelRejected(ts_event=manager.now.utc_ns, **refused), make_report(OrderStatus.OPEN))


def test_a_close_that_has_expired_wants_no_stop_gone_any_more(manager: TimedOrderManager) -> None:
    close(manager)
    refuse_cancels(manager, 61)
    assert manager.manager.ledger.plans["exit"].is_done
    assert not stop_of(manager).is_cancel_pending
    asked = len(manager.sent(CancelOrder))

    manager.advance(60)

    assert len(manager.sent(CancelOrder)) == asked
    assert (
        manager.manager.books.covered_quantity("coinbase", BTC)
        == manager.manager.books.position(InstrumentId("coinbase", BTC)).quantity
    )


def test_a_close_after_one_that_expired_has_the_stop_make_way_again(manager: TimedOrderManager) -> None:
    close(manager)
    refuse_cancels(manager, 61)
    asked = len(manager.sent(CancelOrder))

    manager.hear(make_intent(Purpose.CLOSE, "next", expires_at=manager.now.utc_ns + 60 * SECOND_NS))
    assert len(manager.sent(CancelOrder)) == asked + 1
    sent = len(manager.sent(SubmitOrder))
    manager.hear(make_report(OrderStatus.CANCELED))

    assert [it.intent_id for it in manager.sent(SubmitOrder)[sent:]] == ["next"]


def test_whether_the_cancel_of_a_stop_that_shall_stay_has_worked_is_asked(manager: TimedOrderManager) -> None:
    close(manager)
    manager.advance(59.9)
    asked = len(manager.sent(QueryOrder))

    manager.advance(0.5)

    assert len(manager.journaled(CancelWithdrawn)) == 1
    assert len(manager.sent(QueryOrder)) == asked + 1


def test_a_stop_stays_where_nothing_is_left_that_a_close_could_sell(manager: TimedOrderManager) -> None:
    close(manager)
    manager.load(make_instrument(BTC, min_notional=Decimal(100_000)))
    manager.advance(1)

    assert manager.manager.ledger.plans["exit"].is_done
    assert not stop_of(manager).is_cancel_pending


def test_a_stop_that_has_the_wrong_size_goes_whatever_becomes_of_a_close(manager: TimedOrderManager) -> None:
    manager.hear(CancelProtection(venue="coinbase", instrument=BTC, reason="resized"))
    close(manager)
    refuse_cancels(manager, 61)

    assert manager.manager.ledger.plans["exit"].is_done
    assert stop_of(manager).is_cancel_pending and not manager.journaled(CancelWithdrawn)


@pytest.mark.parametrize("said_by", ["stream", "listing"])
def test_where_nothing_trades_no_stop_makes_way_until_it_does(manager: TimedOrderManager, said_by: str) -> None:
    def trade(is_on: bool) -> None:
        if said_by == "listing":
            manager.load(make_instrument(BTC, is_tradable=is_on))
        manager.quote(halted=() if is_on or said_by == "listing" else (BTC,))

    trade(False)
    close(manager)
    manager.advance(5)
    assert manager.sent(CancelOrder) == []

    trade(True)
    manager.advance(1)
    assert len(manager.sent(CancelOrder)) == 1


def test_a_bare_position_is_closed_whatever_is_said_about_trading() -> None:
    manager = TimedOrderManager().ready()
    manager.hold()
    manager.quote(halted=(BTC,))
    sent = len(manager.sent(SubmitOrder))

    close(manager)

    assert len(manager.sent(SubmitOrder)) == sent + 1
