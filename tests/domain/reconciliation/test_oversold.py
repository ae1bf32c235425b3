"""Somebody else's coins beside ours: they feed no second sale, and what went of them is not bought back."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.instrument import InstrumentId, Side
from domain.ledger.order_ids import mint_client_order_id
from domain.messages.halts import ResumeTrading
from domain.messages.journal import HaltRaised, OrderAdopted
from domain.messages.orders import OrderReported, OrderStatus, OrderType, OrderUnconfirmed, Purpose, SubmitOrder
from domain.messages.system import AlarmRaised
from tests.builders import UTC
from tests.order_builders import BTC, CASH, TimedOrderManager, make_accepted, make_fill, make_intent, make_report

S = OrderStatus
HALT = "sold 0.01 more than our books had: the coins were not of this position"


def sale(status: OrderStatus, intent_id: str, quantity: str = "0") -> OrderReported:
    return make_report(
        status,
        quantity,
        client_order_id=mint_client_order_id(intent_id, 0, 1),
        venue_order_id=f"v-{intent_id}",
        side=Side.SELL,
    )


def with_a_stop_in_doubt(manager: TimedOrderManager) -> TimedOrderManager:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT, "stop"))
    order = manager.sent(SubmitOrder)[-1].client_order_id
    manager.hear(OrderUnconfirmed(ts_event=UTC, client_order_id=order, venue="coinbase", reason="timeout"))
    return manager


def closes(manager: TimedOrderManager) -> list[SubmitOrder]:
    return [order for order in manager.sent(SubmitOrder) if order.intent_id == "close"]


@pytest.mark.parametrize("theirs", ["0.0001", "0.004", "1"])
def test_a_close_waits_for_a_stop_in_doubt_where_somebodys_coins_could_feed_both(theirs: str) -> None:
    manager = with_a_stop_in_doubt(TimedOrderManager().ready(btc=theirs))

    manager.hear(make_intent(Purpose.CLOSE, "close"))
    manager.advance(4)
    assert closes(manager) == []

    manager.hear(sale(S.CANCELED, "stop"))
    assert closes(manager) == []  # its total may be behind

    manager.hear(replace(sale(S.CANCELED, "stop"), is_read=True))
    assert [order.quantity for order in closes(manager)] == [Decimal("0.01")]


@pytest.mark.parametrize("theirs", ["0.000000009", "0.00000001", "0.00001"])
def test_coins_too_few_for_an_order_feed_nothing(theirs: str) -> None:
    manager = with_a_stop_in_doubt(TimedOrderManager().ready(btc=theirs))

    manager.hear(make_intent(Purpose.CLOSE, "close"))

    assert len(closes(manager)) == 1


def test_coins_that_only_the_newest_reading_shows_are_somebodys_too() -> None:
    manager = with_a_stop_in_doubt(TimedOrderManager().ready())
    manager.advance(5)
    manager.snapshot(usd=CASH - 641, btc="0.51")

    manager.hear(make_intent(Purpose.CLOSE, "close"))

    assert closes(manager) == []


def test_a_reading_older_than_a_part_of_the_close_makes_the_rest_of_it_wait_for_nothing() -> None:
    manager = with_a_stop_in_doubt(TimedOrderManager().ready())
    manager.advance(1)
    manager.snapshot(usd=CASH - 641, btc="0.01")
    manager.hear(make_intent(Purpose.CLOSE, "close"))

    manager.hear(sale(S.CANCELED, "close", "0.004"))
    manager.advance(0.5)
    manager.quote()
    manager.advance(0.5)

    assert [order.quantity for order in closes(manager)] == [Decimal("0.01"), Decimal("0.006")]


@pytest.fixture
def oversold() -> TimedOrderManager:
    """Stop and close have both filled: somebody's coins came in just then."""
    manager = with_a_stop_in_doubt(TimedOrderManager().ready())
    manager.hear(make_intent(Purpose.CLOSE, "close"))
    for intent_id in ("close", "stop"):
        order, name = mint_client_order_id(intent_id, 0, 1), f"v-{intent_id}"
        manager.hear(make_accepted(client_order_id=order, venue_order_id=name))
        manager.fills(make_fill("0.01", f"f-{intent_id}", venue_order_id=name, side=Side.SELL))
    return manager


def test_a_position_below_zero_halts_its_instrument_and_tells_a_person(oversold: TimedOrderManager) -> None:
    assert oversold.manager.books.position(InstrumentId("coinbase", BTC)).quantity == Decimal("-0.01")
    assert [(halt.scope, halt.reason) for halt in oversold.manager.halts] == [("coinbase:BTC-USD", HALT)]
    assert f"halted: {HALT}" in [alarm.text for alarm in oversold.sent(AlarmRaised)]


@pytest.mark.parametrize("purpose", [Purpose.CLOSE, Purpose.PROTECT])
def test_nothing_reduces_it_by_buying(oversold: TimedOrderManager, purpose: Purpose) -> None:
    sent = len(oversold.sent(SubmitOrder))

    oversold.hear(make_intent(purpose, "back", side=Side.BUY))

    assert len(oversold.sent(SubmitOrder)) == sent
    assert oversold.manager.ledger.open_plans == {}


def test_it_is_told_once_and_again_at_the_next_start(oversold: TimedOrderManager) -> None:
    oversold.hear(ResumeTrading())
    oversold.advance(20)
    assert len(oversold.journaled(HaltRaised)) == 1

    next_run = oversold.restarted()

    assert [halt.reason for halt in next_run.journaled(HaltRaised)] == [HALT]


def test_a_lost_sale_that_comes_back_before_the_purchase_is_no_such_thing() -> None:
    manager = TimedOrderManager().ready()
    manager = manager.restarted().ready()
    manager.advance(2)
    bought = make_fill("0.01", "f-8", venue_order_id="v-lost-8", ts_event=manager.now.utc_ns)
    sold = make_fill("0.01", "f-9", venue_order_id="v-lost-9", side=Side.SELL, ts_event=manager.now.utc_ns)
    manager.fills(bought, sold)

    manager.hear(sale(S.FILLED, "lost-9", "0.01"))
    assert manager.manager.books.position(InstrumentId("coinbase", BTC)).quantity == Decimal("-0.01")
    purchase = mint_client_order_id("lost-8", 0, 1)
    manager.hear(make_report(S.FILLED, "0.01", client_order_id=purchase, venue_order_id="v-lost-8"))

    assert len(manager.journaled(OrderAdopted)) == 2
    assert manager.manager.books.position(InstrumentId("coinbase", BTC)).is_flat
    assert manager.journaled(HaltRaised) == []


def test_a_lost_stop_that_fires_over_coins_that_are_not_ours_halts_before_its_rows_come() -> None:
    """A salvaged journal knows neither the position nor the stop: nothing else was bought that could be behind it."""
    manager = TimedOrderManager().ready(btc="0.01")
    stop = replace(
        sale(S.OPEN, "stop"),
        order_type=OrderType.BRACKET,
        quantity=Decimal("0.01"),
        limit_price=Decimal("70000"),
        stop_price=Decimal("61000"),
    )
    manager.hear(stop)
    assert len(manager.journaled(OrderAdopted)) == 1

    manager.hear(replace(sale(S.FILLED, "stop", "0.01"), order_type=OrderType.BRACKET))

    assert manager.manager.books.position(InstrumentId("coinbase", BTC)).quantity == Decimal("-0.01")
    assert [halt.reason for halt in manager.journaled(HaltRaised)] == [HALT]


def test_a_fill_of_nobodys_that_sold_more_explains_no_sale() -> None:
    manager = with_a_stop_in_doubt(TimedOrderManager().ready())
    manager.fills(make_fill("1", "f-x", venue_order_id="v-x", side=Side.SELL, ts_event=manager.now.utc_ns))
    manager.hear(make_intent(Purpose.CLOSE, "close"))
    for intent_id in ("close", "stop"):
        order, name = mint_client_order_id(intent_id, 0, 1), f"v-{intent_id}"
        manager.hear(make_accepted(client_order_id=order, venue_order_id=name))
        manager.fills(make_fill("0.01", f"f-{intent_id}", venue_order_id=name, side=Side.SELL))

    assert [halt.reason for halt in manager.journaled(HaltRaised)] == [HALT]
