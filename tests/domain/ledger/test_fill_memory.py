"""Fills are booked once, however often, and however differently, a venue tells of them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.instant import SECOND_NS
from domain.instrument import InstrumentId
from domain.ledger import order_ledger
from domain.ledger.fill_memory import KEPT_NS, FillMemory, RetiredOrders
from domain.ledger.order_ids import mint_client_order_id
from domain.messages.account import RequestSnapshot
from domain.messages.halts import ResumeTrading
from domain.messages.journal import (
    ExternalFillSeen,
    FillContradicted,
    FillsCovered,
    HaltCleared,
    HaltRaised,
    OrderFilled,
    TotalsStand,
)
from domain.messages.orders import OrderStatus, QueryOrder, SubmitOrder
from domain.messages.system import AlarmRaised
from tests.builders import UTC
from tests.order_builders import BTC, CASH, TimedOrderManager, make_accepted, make_fill, make_intent, make_report

S = OrderStatus


def covered(until: int, forget_before: int) -> FillsCovered:
    return FillsCovered(ts_event=0, venue="coinbase", until=until, forget_before=forget_before)


# ---- the memory itself -----------------------------------------------------------------------------------


def test_what_can_be_listed_again_is_remembered_and_older_fills_are_known_to_be_known() -> None:
    memory = FillMemory()
    old, young = make_fill(fill_id="old", ts_event=100), make_fill(fill_id="young", ts_event=200)
    memory.book(old)
    memory.book(young)

    memory.cover(covered(1000, forget_before=100))

    assert memory.find("coinbase", "old") is None and memory.is_forgotten(old)
    assert memory.find("coinbase", "young") == young and not memory.is_forgotten(young)


def test_a_clock_that_was_set_back_makes_nothing_known_again() -> None:
    memory = FillMemory()
    memory.cover(covered(1000, forget_before=100))

    memory.cover(covered(500, forget_before=50))

    assert memory.covered == {"coinbase": 500}
    assert memory.forgotten == {"coinbase": 100}


def test_retired_orders_stay_recognisable_in_bounded_memory(monkeypatch) -> None:
    monkeypatch.setattr("domain.ledger.fill_memory.RETIRED_KEPT", 10)
    ids = [mint_client_order_id(f"i-{number}", 0, 1) for number in range(35)]
    retired = RetiredOrders()
    for client_order_id in ids[:34]:
        retired.add(client_order_id)

    assert all(client_order_id in retired for client_order_id in ids[20:34])
    assert ids[34] not in retired and ids[0] not in retired


# ---- orders that are forgotten ---------------------------------------------------------------------------


@pytest.fixture
def manager(monkeypatch) -> TimedOrderManager:
    monkeypatch.setattr(order_ledger, "FINISHED_KEPT", 2)
    return TimedOrderManager().ready()


def traded(manager: TimedOrderManager, number: int) -> SubmitOrder:
    """Open and fill 0.001 at once."""
    manager.advance(1)
    manager.quote()
    expires_at = manager.now.utc_ns + 5 * SECOND_NS
    manager.hear(make_intent(intent_id=f"t-{number}", quantity=Decimal("0.001"), expires_at=expires_at))
    order = manager.sent(SubmitOrder)[-1]
    manager.hear(make_accepted(client_order_id=order.client_order_id, venue_order_id=f"v-{number}"))
    manager.fills(fill_of(number))
    return order


def fill_of(number: int, fill_id: str = ""):
    return make_fill(
        "0.001",
        fill_id or f"f-{number}",
        venue_order_id=f"v-{number}",
        ts_event=UTC + number * SECOND_NS,
        fee=Decimal(0),
    )


def test_old_fills_of_forgotten_orders_that_are_listed_again_are_known(manager: TimedOrderManager) -> None:
    orders = [traded(manager, number) for number in range(1, 8)]
    assert orders[0].client_order_id not in manager.manager.ledger.orders
    manager.advance(5)

    manager.snapshot(usd=CASH - 7 * 64, btc="0.007", fills=[fill_of(number) for number in range(1, 8)])
    manager.advance(60)

    assert [query for query in manager.sent(QueryOrder) if not query.client_order_id] == []
    assert manager.journaled(ExternalFillSeen, HaltRaised) == []
    assert manager.manager.books.balances["coinbase", "", "BTC"] == Decimal("0.007")


def test_a_late_fill_of_a_forgotten_order_is_ours_and_alarmed(manager: TimedOrderManager) -> None:
    first, *_ = [traded(manager, number) for number in range(1, 8)]

    manager.fills(fill_of(1, "late"))
    manager.advance(0.25)
    (asked,) = [query for query in manager.sent(QueryOrder) if not query.client_order_id]
    report = make_report(S.FILLED, "0.002", client_order_id=first.client_order_id, venue_order_id=asked.venue_order_id)
    manager.hear(report, report)

    assert manager.journaled(HaltRaised, ExternalFillSeen) == []
    assert manager.manager.books.position(InstrumentId("coinbase", BTC)).quantity == Decimal("0.008")
    assert "long after it ended" in manager.sent(AlarmRaised)[-1].text
    assert manager.restarted().manager.books.position(InstrumentId("coinbase", BTC)).quantity == Decimal("0.008")


def test_an_order_whose_fills_are_still_to_come_is_not_forgotten(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_report(S.FILLED, "0.01", fees="1"))
    for number in range(11, 18):
        traded(manager, number)

    manager.fills(make_fill())

    assert manager.order().executions.provisional_quantity == 0
    assert manager.manager.books.position(InstrumentId("coinbase", BTC)).quantity == Decimal("0.017")


def test_a_fill_older_than_all_that_is_remembered_was_booked_once(manager: TimedOrderManager) -> None:
    traded(manager, 1)
    for number in range(2, 6):
        traded(manager, number)
    for _ in range(2 * KEPT_NS // (60 * SECOND_NS)):
        manager.advance(60)
        manager.snapshot(usd=CASH - 5 * 64, btc="0.005")
    assert manager.manager.ledger.fills.find("coinbase", "f-1") is None

    manager.fills(fill_of(1))
    manager.advance(30)

    assert [query for query in manager.sent(QueryOrder) if not query.client_order_id] == []
    assert manager.manager.books.position(InstrumentId("coinbase", BTC)).quantity == Decimal("0.005")


# ---- the same fill with other numbers --------------------------------------------------------------------


OTHER = make_fill("0.02", price="1")


def assert_the_first_stands(manager: TimedOrderManager) -> None:
    (told,) = manager.journaled(FillContradicted)
    assert (told.first, told.other) == (make_fill(), OTHER)
    assert manager.manager.books.position(InstrumentId("coinbase", BTC)).quantity == Decimal("0.01")
    alarms = [alarm.text for alarm in manager.sent(AlarmRaised) if "the first stands" in alarm.text]
    assert len(alarms) == 1


def test_a_fill_told_again_with_other_numbers_changes_nothing_and_is_told(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_accepted())
    manager.fills(make_fill())

    for _ in range(3):
        manager.fills(OTHER, make_fill())

    assert_the_first_stands(manager)
    next_run = manager.restarted()
    next_run.fills(OTHER)
    assert next_run.journaled(FillContradicted) == []


def test_of_two_tellings_within_one_listing_the_first_stands(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_accepted())

    manager.fills(make_fill(), OTHER)

    assert_the_first_stands(manager)


def test_of_two_tellings_of_a_fill_that_nobody_claims_yet_the_first_stands(manager: TimedOrderManager) -> None:
    manager.hear(make_intent())
    manager.fills(make_fill(), OTHER)
    assert manager.journaled(OrderFilled) == []

    manager.hear(make_accepted())

    assert_the_first_stands(manager)


def test_a_fill_of_somebody_else_told_again_with_other_numbers_is_told_too(manager: TimedOrderManager) -> None:
    manager.advance(2)
    theirs = make_fill("0.5", "x-1", venue_order_id="v-x", ts_event=manager.now.utc_ns)
    manager.fills(theirs)
    manager.hear(make_report(S.FILLED, "0.5", client_order_id="theirs", venue_order_id="v-x"))

    manager.fills(make_fill("0.7", "x-1", venue_order_id="v-x", ts_event=manager.now.utc_ns))

    assert len(manager.journaled(ExternalFillSeen)) == len(manager.journaled(FillContradicted)) == 1


# ---- totals whose rows never come ------------------------------------------------------------------------


def wait(manager: TimedOrderManager, seconds: int) -> None:
    for _ in range(seconds // 5):
        manager.advance(5)
        manager.quote()
        manager.snapshot(usd=CASH - 641, btc="0.01")


def test_totals_stand_after_a_while_and_the_venue_is_compared_again(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_report(S.FILLED, "0.01", fees="1"))
    wait(manager, 55)
    assert manager.manager.report(manager.now).reconciled_at < manager.now.utc_ns - 50 * SECOND_NS

    wait(manager, 15)

    (stands,) = manager.journaled(TotalsStand)
    assert (stands.client_order_id, stands.quantity) == (manager.order().id, Decimal("0.01"))
    (halt,) = manager.journaled(HaltRaised)
    assert halt.scope == f"coinbase:{BTC}" and "lists no fills" in halt.reason
    assert manager.manager.report(manager.now).reconciled_at == manager.now.utc_ns
    assert manager.manager.books.position(InstrumentId("coinbase", BTC)).quantity == Decimal("0.01")


def test_reads_that_are_slow_or_fail_do_not_let_totals_stand(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_report(S.FILLED, "0.01", fees="1"))
    manager.advance(90)  # nothing is answered
    wait(manager, 55)
    assert manager.journaled(TotalsStand, HaltRaised) == []

    manager.advance(90)
    assert manager.journaled(TotalsStand) == []
    wait(manager, 5)
    assert len(manager.journaled(TotalsStand)) == 1


def test_openings_resume_by_the_rows(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_report(S.FILLED, "0.01", fees="1"))
    wait(manager, 70)

    manager.fills(make_fill())
    wait(manager, 5)

    assert [event.scope for event in manager.journaled(HaltCleared)] == [f"coinbase:{BTC}"]
    assert list(manager.manager.ledger.halts) == []
    assert manager.manager.report(manager.now).is_reconciled


def test_what_ends_by_itself_takes_no_other_halt_along(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_report(S.FILLED, "0.01", fees="1"))
    wait(manager, 70)
    manager.fills(make_fill("0.02", "f-too-much"))

    wait(manager, 5)

    (cleared,) = manager.journaled(HaltCleared)
    assert (cleared.scope, cleared.reason) == (f"coinbase:{BTC}", manager.journaled(HaltRaised)[0].reason)
    (halt,) = manager.manager.halts
    assert "filled above its quantity" in halt.reason
    assert list(manager.restarted().manager.halts) == [halt]


def test_a_halt_for_totals_stands_until_the_rows_of_the_last_order_came(manager: TimedOrderManager) -> None:
    for number in (1, 2):
        names = {"venue_order_id": f"v-{number}", "fees": "1"}
        manager.hear(make_intent(intent_id=f"i-{number}"))
        order = manager.sent(SubmitOrder)[-1]
        manager.hear(make_report(S.FILLED, "0.01", client_order_id=order.client_order_id, **names))
    wait(manager, 70)
    (halt,) = manager.manager.halts
    assert halt.ends_when == "when they come"

    manager.fills(make_fill(venue_order_id="v-1"))
    wait(manager, 5)
    assert list(manager.manager.halts) == [halt]

    manager.fills(make_fill(fill_id="f-2", venue_order_id="v-2"))
    wait(manager, 5)
    assert list(manager.manager.halts) == []


def test_what_fills_after_a_persons_word_is_waited_for_anew(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_accepted(), make_report(S.PARTIALLY_FILLED, "0.004", fees="1"))
    wait(manager, 70)
    manager.hear(ResumeTrading())

    manager.hear(make_report(S.FILLED, "0.01", fees="2"))
    wait(manager, 55)
    assert len(manager.journaled(TotalsStand)) == 1
    wait(manager, 25)

    assert [stands.quantity for stands in manager.journaled(TotalsStand)] == [Decimal("0.004"), Decimal("0.01")]


def test_openings_resume_by_a_persons_word_and_stay_so_over_a_restart(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_report(S.FILLED, "0.01", fees="1"))
    wait(manager, 70)

    manager.hear(ResumeTrading())
    wait(manager, 70)
    next_run = manager.restarted()
    wait(next_run, 120)

    assert [*manager.manager.ledger.halts, *next_run.manager.ledger.halts] == []
    assert next_run.journaled(TotalsStand, HaltRaised) == []
    assert manager.sent(RequestSnapshot)[-1].fills_of == ("v-1",)  # they are still asked for


def test_a_forgotten_order_that_is_told_of_again_is_no_second_bot(manager: TimedOrderManager) -> None:
    orders = [traded(manager, number) for number in range(1, 8)]

    manager.hear(make_report(S.FILLED, "0.001", client_order_id=orders[0].client_order_id, venue_order_id="v-1"))

    assert manager.journaled(HaltRaised) == []
