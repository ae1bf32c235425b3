"""An order found live after it was called dead is live again in every sense."""

from decimal import Decimal

import msgspec
import pytest

from domain.instrument import InstrumentId, Side
from domain.ledger.account import Portfolio
from domain.ledger.order_ids import mint_client_order_id
from domain.ledger.order_ledger import OrderLedger
from domain.messages.halts import ResumeTrading
from domain.messages.journal import HaltRaised, IntentDone, JournalEntry, OrderReopened
from domain.messages.orders import (
    CancelOrder,
    OrderNotFound,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OrderUnconfirmed,
    Purpose,
    SubmitOrder,
)
from tests.order_builders import BTC, TimedOrderManager, make_accepted, make_fill, make_intent, make_report

S = OrderStatus
ID = mint_client_order_id("i-1", 0, 1)
ALIVE = make_report(S.OPEN, side=Side.SELL)


@pytest.fixture
def absent() -> TimedOrderManager:
    """A position of 0.01, its bracket proven absent, and the plan for it over."""
    manager = TimedOrderManager(resubmits_safely=False).ready()
    manager.hold()
    held = manager.sent(SubmitOrder)[-1].client_order_id
    manager.hear(make_report(S.FILLED, "0.01", client_order_id=held, venue_order_id="v-held", fees="1"))
    manager.hear(make_intent(Purpose.PROTECT))
    for attempt in range(1, 7):
        order = mint_client_order_id("i-1", 0, attempt)
        about = {"ts_event": manager.now.utc_ns, "client_order_id": order, "venue": "coinbase"}
        manager.hear(OrderUnconfirmed(**about, reason="timeout"))
        manager.hear(OrderNotFound(**about, listing_began_at=manager.now.utc_ns, is_proof=True))
        manager.advance(5)
    assert manager.manager.ledger.plans["i-1"].is_done
    manager.told.clear()
    return manager


def counts(manager: TimedOrderManager) -> dict[str, int]:
    return manager.manager.report(manager.now).counts


def test_it_counts_in_exposure_lists_and_books(absent: TimedOrderManager) -> None:
    rejected = counts(absent)["rejected"]
    absent.hear(ALIVE)

    ledger, books = absent.manager.ledger, absent.manager.books
    assert ledger.reducible_quantity("coinbase", BTC, Side.SELL) == 0
    assert [line.client_order_id for line in absent.manager.report(absent.now).open_orders] == [ID]
    assert books.covered_quantity("coinbase", BTC) == Decimal("0.01")
    assert [plan.intent.intent_id for plan in books.plans_of("coinbase", BTC, Purpose.PROTECT)] == ["i-1"]
    assert (counts(absent)["rejected"], counts(absent)["open"]) == (rejected - 1, 1)
    assert absent.journaled(HaltRaised)[0].scope == "coinbase:BTC-USD"
    assert absent.journaled(OrderReopened)[0].evidence == "reported OPEN although absent:venue_rule"


def test_its_cancel_is_repeated_until_its_end_is_proven(absent: TimedOrderManager) -> None:
    absent.hear(ALIVE)

    absent.advance(8)
    assert len(absent.sent(CancelOrder)) == 4
    absent.hear(make_report(S.CANCELED, side=Side.SELL))
    absent.advance(60)

    assert len(absent.sent(CancelOrder)) == 4
    assert absent.order().status is S.CANCELED
    assert absent.sent(SubmitOrder) == []  # its plan sends nothing more
    assert [done.intent_id for done in absent.journaled(IntentDone)] == ["held", "i-1", "i-1"]
    assert absent.manager.books.plans == {} and absent.manager.books.orders == {}


def test_its_fills_are_booked_as_ours(absent: TimedOrderManager) -> None:
    absent.hear(ALIVE)

    absent.fills(make_fill("0.01", "f-stop", price="61000", side=Side.SELL))

    assert absent.order().status is S.FILLED
    assert absent.manager.books.position(InstrumentId("coinbase", BTC)).quantity == 0


def test_a_restarted_desk_and_portfolio_know_it_too(absent: TimedOrderManager) -> None:
    absent.hear(ALIVE)

    next_run = absent.restarted()
    portfolio = Portfolio()
    portfolio.replay(absent.journal)

    assert [order.id for order in next_run.manager.ledger.live_orders()] == [ID]
    assert len(next_run.sent(CancelOrder)) == 1
    assert portfolio.covered_quantity("coinbase", BTC) == Decimal("0.01")


def test_the_event_survives_the_journal(absent: TimedOrderManager) -> None:
    absent.hear(ALIVE)

    again = msgspec.json.decode(msgspec.json.encode(absent.journal), type=list[JournalEntry])

    assert again == absent.journal
    ledger = OrderLedger()
    ledger.replay(again)
    assert ledger.orders[ID].status is S.OPEN


def test_an_old_read_of_an_order_that_the_venue_ended_wakes_nobody() -> None:
    manager = TimedOrderManager().ready()
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), make_accepted())
    manager.hear(make_report(S.CANCELED, side=Side.SELL))

    manager.advance(12)
    manager.hear(msgspec.structs.replace(ALIVE, ts_event=manager.now.utc_ns))

    assert manager.order().status is S.CANCELED
    assert manager.journaled(HaltRaised, OrderReopened) == []


def test_an_order_that_the_venue_ended_and_still_lists_a_minute_later_lives() -> None:
    manager = TimedOrderManager().ready()
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), make_accepted())
    manager.hear(make_report(S.CANCELED, side=Side.SELL))

    manager.advance(60)
    manager.hear(msgspec.structs.replace(ALIVE, ts_event=manager.now.utc_ns))

    assert manager.order().status is S.OPEN
    assert len(manager.sent(CancelOrder)) == 1


def test_one_that_was_refused_and_lives_all_the_same_can_rise_twice() -> None:
    manager = TimedOrderManager().ready()
    manager.hear(make_intent())
    manager.hear(OrderRejected(ts_event=manager.now.utc_ns, client_order_id=ID, venue="coinbase", code="NO"))
    manager.hear(make_report(S.OPEN), make_report(S.CANCELED))
    manager.read_on()
    manager.hear(ResumeTrading())

    manager.advance(60)
    again: OrderReported = make_report(S.PARTIALLY_FILLED, "0.004", ts_event=manager.now.utc_ns)
    manager.hear(again)

    assert manager.order().status is S.PARTIALLY_FILLED
    assert manager.manager.books.position(InstrumentId("coinbase", BTC)).quantity == Decimal("0.004")
    assert [event.was for event in manager.journaled(OrderReopened)] == [S.REJECTED, S.CANCELED]
