from decimal import Decimal

import pytest

from domain.ledger import order_ledger
from domain.ledger.order_ledger import OrderLedger
from domain.messages.journal import HaltRaised, IntentAccepted, IntentDenied, IntentDone, JournalEntry
from domain.messages.orders import OrderRejected, OrderStatus, OrderUnconfirmed, Purpose
from tests.builders import UTC
from tests.order_builders import TimedOrderManager, make_intent


def entry(seq: int) -> JournalEntry:
    return JournalEntry(seq=seq, recorded_at=UTC, event=HaltRaised(ts_event=UTC, scope="all", reason="r"))


def test_a_hole_in_the_journal_is_not_read_over() -> None:
    with pytest.raises(ValueError, match="entry 3 follows 1"):
        OrderLedger().replay([entry(1), entry(3)])


@pytest.mark.parametrize("scope", ["all", "coinbase", "coinbase:BTC-USD"])
def test_a_halt_covers_what_its_scope_names(scope: str) -> None:
    ledger = OrderLedger()

    ledger.apply(HaltRaised(ts_event=UTC, scope=scope, reason="drawdown"))

    assert ledger.halt_over("coinbase", "BTC-USD") == "drawdown"
    assert bool(ledger.halt_over("coinbase", "ETH-USD")) is (scope in ("all", "coinbase"))
    assert bool(ledger.halt_over("dydx", "BTC-USD")) is (scope == "all")


def test_finished_plans_and_denials_are_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_ledger, "FINISHED_KEPT", 3)
    monkeypatch.setattr(order_ledger, "IDS_KEPT", 3)
    manager = TimedOrderManager().ready()
    ledger = manager.manager.ledger

    for number in range(10):
        manager.hear(make_intent(intent_id=f"i-{number}"))
        order = ledger.plans[f"i-{number}"].attempts[0].id
        manager.hear(OrderRejected(ts_event=UTC, client_order_id=order, venue="coinbase", code="NO"))
        ledger.apply(
            IntentDenied(
                ts_event=UTC,
                intent_id=f"d-{number}",
                venue="coinbase",
                instrument="BTC-USD",
                purpose=Purpose.OPEN,
                reason="halted",
            )
        )

    assert list(ledger.plans) == ["i-7", "i-8", "i-9"]
    assert len(ledger.orders) == 3
    assert list(ledger.denied) == ["d-7", "d-8", "d-9"]
    assert not ledger.live and not ledger.open_plans


def test_a_plan_is_kept_while_one_of_its_orders_may_yet_turn_out_to_have_filled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(order_ledger, "FINISHED_KEPT", 1)
    manager = TimedOrderManager().ready(btc="0.001").hold()
    ledger = manager.manager.ledger
    manager.hear(make_intent(Purpose.CLOSE, "close"))
    order = ledger.plans["close"].attempts[0]
    ledger.apply(
        OrderUnconfirmed(
            ts_event=UTC,
            client_order_id=order.id,
            venue="coinbase",
            reason="",
            ended=OrderStatus.CANCELED,
            may_have_filled=Decimal("0.001"),
        )
    )
    for intent_id in ("close", *(f"i-{number}" for number in range(5))):
        if intent_id not in ledger.plans:
            ledger.apply(IntentAccepted(ts_event=UTC, intent=make_intent(intent_id=intent_id)))
        ledger.apply(IntentDone(ts_event=UTC, intent_id=intent_id, filled_quantity=Decimal(0)))

    assert order.id in ledger.orders and "close" in ledger.plans
