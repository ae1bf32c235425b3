"""An opening that has ended short, the venue says: it may have filled, and is not tried again before that is proven."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.instrument import InstrumentId
from domain.ledger.order_ids import mint_client_order_id
from domain.messages.journal import IntentDenied, IntentDone, OrderClosed
from domain.messages.orders import Fill, OrderReported, OrderStatus, Purpose, QueryOrder, SubmitOrder
from domain.messages.system import AlarmRaised
from domain.numbers import ZERO
from tests.order_builders import BTC, CASH, DeskOnTime, make_accepted, make_fill, make_intent, make_report

S = OrderStatus
KEY = InstrumentId("coinbase", BTC)


def opening(manager: DeskOnTime, intent_id: str = "i-1") -> None:
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


def denied(manager: DeskOnTime) -> list[str]:
    return [str(event.reason) for event in manager.journaled(IntentDenied)]


@pytest.fixture
def manager() -> DeskOnTime:
    manager = DeskOnTime().ready()
    opening(manager)
    return manager


@pytest.mark.parametrize("status", [S.CANCELED, S.EXPIRED])
@pytest.mark.parametrize("total", ["0", "0.004"])
def test_one_that_ends_short_is_asked_about_at_once_and_counts_in_full_until_a_read_says_the_same(
    manager: DeskOnTime, total: str, status: OrderStatus
) -> None:
    manager.hear(canceled(total, status=status))

    assert [query.client_order_id for query in manager.sent(QueryOrder)] == [name("i-1")]
    assert manager.order().leaves_quantity == Decimal("0.01") - Decimal(total)
    assert manager.manager.books.reserved_cash("coinbase", "USD", ZERO) > 0
    [waiting] = manager.manager.report(manager.now).waiting
    assert waiting.scope == str(KEY)
    opening(manager, "again")
    assert denied(manager) == ["unconfirmed_order"]

    manager.hear(canceled(total, is_read=True, status=status))

    assert manager.order().status is status
    assert manager.manager.books.reserved_cash("coinbase", "USD", ZERO) == 0
    assert manager.manager.report(manager.now).waiting == ()
    opening(manager, "more")
    assert len(manager.sent(SubmitOrder)) == 2


def test_what_a_read_says_has_filled_after_all_is_booked_once(manager: DeskOnTime) -> None:
    manager.hear(canceled("0"), canceled("0.01", is_read=True, status=S.FILLED))
    manager.fills(filled())

    assert manager.manager.books.position(KEY).quantity == Decimal("0.01")
    assert [done.filled_quantity for done in manager.journaled(IntentDone)] == [Decimal("0.01")]


def test_where_no_read_comes_a_list_of_fills_that_no_read_lags_behind_ends_the_wait(manager: DeskOnTime) -> None:
    manager.hear(canceled("0"))
    manager.advance(14)
    manager.snapshot()
    assert not manager.order().is_final

    for _ in range(2):
        manager.advance(5)
        manager.snapshot()

    assert (manager.order().status, manager.order().filled_quantity) == (S.CANCELED, 0)
    assert not any("doesn't say" in alarm.text for alarm in manager.sent(AlarmRaised))


def test_of_a_second_in_a_row_no_read_is_believed(manager: DeskOnTime) -> None:
    manager.hear(canceled("0"), canceled("0", is_read=True))
    opening(manager, "second")

    for _ in range(3):
        manager.hear(canceled("0", "second"), canceled("0", "second", is_read=True))
        manager.advance(1)

    assert not manager.order("second").is_final
    opening(manager, "third")
    assert denied(manager) == ["unconfirmed_order"]


def test_where_fills_have_belied_a_read_none_is_believed_any_more(manager: DeskOnTime) -> None:
    manager.hear(canceled("0"), canceled("0", is_read=True))
    manager.fills(filled())
    for _ in range(5):
        manager.advance(5)
        manager.snapshot(usd=CASH - 641, btc="0.01", fills=[filled()])

    opening(manager, "later")
    manager.hear(canceled("0", "later"), canceled("0", "later", is_read=True))

    assert not manager.order("later").is_final


def test_once_a_list_has_shown_the_first_a_read_is_enough_for_the_next(manager: DeskOnTime) -> None:
    manager.hear(canceled("0"), canceled("0", is_read=True))
    for _ in range(5):
        manager.advance(5)
        manager.snapshot()

    opening(manager, "later")
    manager.hear(canceled("0", "later"), canceled("0", "later", is_read=True))

    assert len(manager.journaled(OrderClosed)) == 2


@pytest.mark.parametrize("purpose", [Purpose.PROTECT, Purpose.CLOSE])
def test_what_it_has_filled_for_certain_is_guarded_and_sold_meanwhile(manager: DeskOnTime, purpose: Purpose) -> None:
    manager.hear(canceled("0.004"))
    manager.quote()
    manager.hear(make_intent(purpose, "less", quantity=Decimal("0.004")))

    assert [order.quantity for order in manager.sent(SubmitOrder)[1:]] == [Decimal("0.004")]


def test_a_restart_forgets_no_such_doubt(manager: DeskOnTime) -> None:
    manager.hear(canceled("0"))

    next_run = manager.restarted().ready()

    assert name("i-1") in {query.client_order_id for query in next_run.sent(QueryOrder)}
    assert next_run.order().leaves_quantity == Decimal("0.01")
    opening(next_run, "again")
    assert next_run.sent(SubmitOrder) == []
