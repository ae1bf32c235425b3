"""An opening that has ended short, the venue says: it may have filled, and is not tried again before that is proven."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.instant import SECOND_NS
from domain.instrument import InstrumentId
from domain.ledger.order_ids import mint_client_order_id
from domain.ledger.wallet import Wallet
from domain.messages.journal import BalanceCorrected, HaltRaised, IntentDenied, IntentDone
from domain.messages.orders import Fill, OrderReported, OrderStatus, Purpose, QueryOrder, SubmitOrder
from domain.messages.system import AlarmRaised, WindDown
from domain.numbers import ZERO
from tests.order_builders import BTC, CASH, TimedOrderManager, make_accepted, make_fill, make_intent, make_report

S = OrderStatus
KEY = InstrumentId("coinbase", BTC)


def opening(manager: TimedOrderManager, intent_id: str = "i-1") -> None:
    manager.quote()
    manager.hear(make_intent(intent_id=intent_id, expires_at=manager.now.utc_ns + 10**10))
    manager.hear(make_accepted(client_order_id=name(intent_id), venue_order_id=f"v-{intent_id}"))


def name(intent_id: str) -> str:
    return mint_client_order_id(intent_id, 0, 1)


def canceled(
    total: str, intent_id: str = "i-1", is_read: bool = False, status: OrderStatus = S.CANCELED
) -> OrderReported:
    about = {"client_order_id": name(intent_id), "venue_order_id": f"v-{intent_id}"}
    return make_report(status, total, is_read=is_read, **about)


def filled(intent_id: str = "i-1") -> Fill:
    return make_fill("0.01", f"f-{intent_id}", venue_order_id=f"v-{intent_id}")


def denied(manager: TimedOrderManager) -> list[str]:
    return [str(event.reason) for event in manager.journaled(IntentDenied)]


@pytest.fixture
def manager() -> TimedOrderManager:
    manager = TimedOrderManager().ready()
    opening(manager)
    return manager


@pytest.mark.parametrize("status", [S.CANCELED, S.EXPIRED])
@pytest.mark.parametrize("total", ["0", "0.004"])
def test_one_that_ends_short_is_asked_about_at_once_and_counts_in_full_until_fills_are_listed_so(
    manager: TimedOrderManager, total: str, status: OrderStatus
) -> None:
    manager.hear(canceled(total, status=status))

    assert [query.client_order_id for query in manager.sent(QueryOrder)] == [name("i-1")]
    assert manager.order().leaves_quantity == Decimal("0.01") - Decimal(total)
    assert manager.manager.books.reserved_cash(Wallet("coinbase", "", "USD"), ZERO) > 0
    [waiting] = manager.manager.report(manager.now).waiting
    assert waiting.scope == str(KEY)
    opening(manager, "again")
    assert denied(manager) == ["unconfirmed_order"]

    manager.hear(*[canceled(total, is_read=True, status=status)] * 3)
    manager.read_on(15)
    opening(manager, "after reads")
    assert denied(manager) == ["unconfirmed_order"] * 2

    rows = [make_fill(total, "f-i-1", venue_order_id="v-i-1", fee=ZERO)] if Decimal(total) else []
    manager.read_on(10, fills=rows)

    assert manager.order().status is status
    assert manager.manager.books.reserved_cash(Wallet("coinbase", "", "USD"), ZERO) == 0
    assert manager.manager.report(manager.now).waiting == ()
    opening(manager, "more")
    assert len(manager.sent(SubmitOrder)) == 2


def test_what_a_read_says_has_filled_after_all_is_booked_once(manager: TimedOrderManager) -> None:
    manager.hear(canceled("0"), canceled("0.01", is_read=True, status=S.FILLED))
    manager.fills(filled())

    assert manager.manager.books.position(KEY).quantity == Decimal("0.01")
    assert [done.filled_quantity for done in manager.journaled(IntentDone)] == [Decimal("0.01")]


def test_a_list_of_fills_that_no_read_lags_behind_ends_the_wait_though_no_other_read_comes(
    manager: TimedOrderManager,
) -> None:
    manager.hear(canceled("0"))
    manager.advance(14)
    manager.snapshot()
    assert not manager.order().is_final

    for _ in range(2):
        manager.advance(5)
        manager.snapshot()

    assert (manager.order().status, manager.order().filled_quantity) == (S.CANCELED, 0)
    assert not any("doesn't say" in alarm.text for alarm in manager.sent(AlarmRaised))


def test_while_the_coins_are_there_that_it_was_for_no_list_is_proof_and_a_person_hears_of_them(
    manager: TimedOrderManager,
) -> None:
    manager.hear(canceled("0"), canceled("0", is_read=True))

    manager.read_on(20, usd=CASH - 641, btc="0.01")
    assert not manager.order().is_final

    manager.read_on(40, usd=CASH - 641, btc="0.01")
    assert manager.order().is_final
    assert {event.currency for event in manager.journaled(BalanceCorrected)} == {"BTC", "USD"}
    assert len(manager.journaled(HaltRaised)) == 1


def test_at_the_end_of_a_run_a_read_is_enough_for_nothing_is_bought_again(manager: TimedOrderManager) -> None:
    manager.hear(canceled("0"))
    manager.hear(WindDown(deadline_ns=manager.now.monotonic_ns + 5 * SECOND_NS))

    manager.hear(canceled("0", is_read=True))

    assert manager.order().is_final


@pytest.mark.parametrize("purpose", [Purpose.PROTECT, Purpose.CLOSE])
def test_what_it_has_filled_for_certain_is_guarded_and_sold_meanwhile(
    manager: TimedOrderManager, purpose: Purpose
) -> None:
    manager.hear(canceled("0.004"))
    manager.quote()
    manager.hear(make_intent(purpose, "less", quantity=Decimal("0.004")))

    assert [order.quantity for order in manager.sent(SubmitOrder)[1:]] == [Decimal("0.004")]


def test_a_restart_forgets_no_such_doubt(manager: TimedOrderManager) -> None:
    manager.hear(canceled("0"))

    next_run = manager.restarted().ready()

    assert name("i-1") in {query.client_order_id for query in next_run.sent(QueryOrder)}
    assert next_run.order().leaves_quantity == Decimal("0.01")
    opening(next_run, "again")
    assert next_run.sent(SubmitOrder) == []
