"""Orders of ours that the journal has lost come back by the venue's word; those of another instance don't."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.instant import SECOND_NS
from domain.instrument import InstrumentId, Side
from domain.ledger.order_ids import NO_INSTANCE, instance_of, mint_client_order_id
from domain.ledger.order_ledger import OrderLedger
from domain.messages.journal import ExternalFillSeen, HaltRaised, OrderAdopted
from domain.messages.orders import (
    CancelOrder,
    OrderReported,
    OrderStatus,
    OrderType,
    PrivateStreamChanged,
    Purpose,
    QueryOrder,
    SubmitOrder,
)
from domain.messages.system import AlarmRaised
from tests.builders import UTC
from tests.order_builders import BTC, CASH, TimedOrderManager, make_accepted, make_fill, make_intent, make_report

S = OrderStatus
LOST = mint_client_order_id("i-9", 0, 1)


def after_the_power_cut(
    held: bool = False, behind_s: float = 0, knows_time: bool = True, **changes
) -> TimedOrderManager:
    """An order manager whose journal ends before its last order left.

    Args:
        behind_s: by so much the wall clock has come back behind the venue's.
        knows_time: the venue has told its time.
    """
    manager = TimedOrderManager().ready()
    if held:
        manager.hold()
    manager.set_clock(-behind_s)
    next_run = manager.restarted(**changes)
    next_run.load()
    next_run.hear(PrivateStreamChanged(ts_event=UTC, venue="coinbase", is_live=True))
    if knows_time:
        next_run.quote(clock_offset_ns=round(-behind_s * SECOND_NS))
    return next_run


def bracket(**changes) -> OrderReported:
    told = {
        "client_order_id": LOST,
        "venue_order_id": "v-9",
        "side": Side.SELL,
        "order_type": OrderType.BRACKET,
        "quantity": Decimal("0.01"),
        "leaves_quantity": Decimal("0.01"),
        "limit_price": Decimal(70000),
        "stop_price": Decimal(61000),
    }
    return replace(make_report(S.OPEN), **{**told, **changes})


def test_a_stop_that_the_journal_lost_protects_again() -> None:
    manager = after_the_power_cut(held=True)

    manager.snapshot("9359", "0.01", held="0.01", open_orders=[bracket()])

    order = manager.manager.ledger.orders[LOST]
    assert (order.status, order.order.purpose, order.venue_order_id) == (S.OPEN, Purpose.PROTECT, "v-9")
    assert (order.order.limit_price, order.order.stop_price) == (70000, 61000)
    assert manager.manager.books.covered_quantity("coinbase", BTC) == Decimal("0.01")
    assert manager.journaled(HaltRaised) == []
    assert "taken back as our PROTECT order" in manager.sent(AlarmRaised)[-1].text
    assert manager.manager.report(manager.now).external_orders == 0


def test_a_purchase_that_the_journal_lost_is_a_position_of_ours() -> None:
    manager = after_the_power_cut()
    manager.advance(2)
    fill = make_fill("0.01", "f-9", venue_order_id="v-9", ts_event=manager.now.utc_ns)
    manager.snapshot("9359", "0.01", fills=[fill])
    manager.advance(0.25)
    assert [query.venue_order_id for query in manager.sent(QueryOrder)] == ["v-9"]

    manager.hear(make_report(S.FILLED, "0.01", client_order_id=LOST, venue_order_id="v-9", fees="1"))
    manager.advance(5)
    manager.snapshot("9359", "0.01", fills=[fill])

    assert manager.manager.books.position(InstrumentId("coinbase", BTC)).quantity == Decimal("0.01")
    assert manager.journaled(ExternalFillSeen, HaltRaised) == []
    assert manager.manager.ledger.open_plans == {}
    assert manager.manager.report(manager.now).is_reconciled


def test_a_sale_that_the_journal_lost_reduces_the_position_and_sends_nothing_more() -> None:
    manager = after_the_power_cut(held=True)

    told = make_report(S.CANCELED, "0.004", client_order_id=LOST, venue_order_id="v-9", side=Side.SELL)
    manager.hear(replace(told, quantity=Decimal("0.01")))
    manager.advance(5)

    assert manager.manager.books.position(InstrumentId("coinbase", BTC)).quantity == Decimal("0.006")
    assert manager.manager.ledger.orders[LOST].order.purpose is Purpose.CLOSE
    assert manager.manager.ledger.open_plans == {}
    assert manager.sent(SubmitOrder) == manager.sent(CancelOrder) == []


def test_it_is_adopted_once_and_replay_equals_having_lived_it() -> None:
    manager = after_the_power_cut(held=True)
    for _ in range(3):
        manager.hear(bracket())

    reborn = OrderLedger()
    reborn.replay(manager.journal)

    assert len(manager.journaled(OrderAdopted)) == 1
    assert reborn.orders == manager.manager.ledger.orders
    assert reborn.live.keys() == {LOST}


@pytest.mark.parametrize(
    "changes",
    [
        {"client_order_id": mint_client_order_id("i-9", 0, 1, "beef")},
        {"created_at": UTC + 3600 * SECOND_NS},  # nobody loses what was made after the start
        {"quantity": None, "leaves_quantity": None},
    ],
)
def test_what_this_system_has_not_lost_is_a_second_bots(changes: dict) -> None:
    manager = after_the_power_cut(held=True)

    manager.hear(bracket(**changes))

    (halt,) = manager.journaled(HaltRaised)
    assert halt.scope == "coinbase" and "second bot" in halt.reason
    assert manager.journaled(OrderAdopted) == []


@pytest.mark.parametrize("behind_s", [70, 180, -3600])
def test_when_this_run_began_is_told_by_the_venues_clock(behind_s: float) -> None:
    manager = after_the_power_cut(held=True, behind_s=behind_s)

    manager.hear(bracket(created_at=UTC))
    assert len(manager.journaled(OrderAdopted)) == 1

    second = bracket(client_order_id=mint_client_order_id("i-8", 0, 1), venue_order_id="v-8")
    manager.hear(replace(second, created_at=UTC + 62 * SECOND_NS))
    assert "second bot" in manager.journaled(HaltRaised)[0].reason


def test_nobody_is_judged_before_the_venue_has_told_its_time() -> None:
    manager = after_the_power_cut(behind_s=180, knows_time=False)
    manager.advance(2)
    fill = make_fill("0.01", "f-9", venue_order_id="v-9", ts_event=UTC + 2 * SECOND_NS)
    told = make_report(S.FILLED, "0.01", client_order_id=LOST, venue_order_id="v-9", fees="1", created_at=UTC)
    manager.fills(fill)

    manager.hear(told)
    assert manager.journaled(HaltRaised, OrderAdopted, ExternalFillSeen) == []
    manager.advance(3)
    assert len(manager.sent(QueryOrder)) > 1  # it is asked about again
    manager.quote(clock_offset_ns=round(-180 * SECOND_NS))
    manager.hear(told)

    assert len(manager.journaled(OrderAdopted)) == 1
    assert manager.manager.books.position(InstrumentId("coinbase", BTC)).quantity == Decimal("0.01")
    assert manager.journaled(HaltRaised) == []


def test_an_order_of_ours_of_which_nothing_came_is_neither_adopted_nor_a_second_bots() -> None:
    manager = after_the_power_cut()

    manager.hear(make_report(S.CANCELED, client_order_id=LOST, venue_order_id="v-9"))

    assert manager.journaled(HaltRaised, OrderAdopted) == []


def test_a_lost_order_of_which_too_little_is_told_waits_for_a_better_word() -> None:
    manager = after_the_power_cut()
    unsaid = replace(make_report(S.FILLED, client_order_id=LOST, venue_order_id="v-9"), cumulative_quantity=None)

    manager.hear(unsaid)
    assert manager.journaled(HaltRaised, OrderAdopted) == []

    manager.hear(replace(unsaid, quantity=Decimal("0.01")))
    manager.advance(2.6)
    assert len(manager.journaled(OrderAdopted)) == 1
    assert manager.manager.books.position(InstrumentId("coinbase", BTC)).quantity == Decimal("0.01")


def test_an_adopted_order_ends_like_any_other() -> None:
    manager = after_the_power_cut(held=True)
    manager.hear(bracket())

    manager.fills(make_fill("0.01", "f-9", venue_order_id="v-9", side=Side.SELL, price="70000"))

    assert manager.manager.ledger.orders[LOST].status is S.FILLED
    assert manager.manager.books.position(InstrumentId("coinbase", BTC)).is_flat
    assert manager.manager.books.balances["coinbase", "", "USD"] > CASH


def test_the_instance_is_part_of_the_id_and_can_be_told_from_it() -> None:
    ours, theirs = mint_client_order_id("i", 0, 1, "12ab"), mint_client_order_id("i", 0, 1, "0f0f")

    assert (instance_of(ours), instance_of(theirs)) == ("12ab", "0f0f")
    assert ours != theirs
    assert instance_of(LOST) == NO_INSTANCE
    assert instance_of("11111111-2222-4333-8444-555555555555") == instance_of("") == ""


def test_a_desk_mints_with_its_own_instance() -> None:
    manager = TimedOrderManager(instance="12ab").ready()

    manager.hear(make_intent(), make_accepted())

    (order,) = manager.sent(SubmitOrder)
    assert instance_of(order.client_order_id) == "12ab"


def test_what_a_journal_lost_before_it_moved_is_taken_back_and_what_came_there_since_is_a_second_bots() -> None:
    manager = after_the_power_cut(held=True, instance="12ab", former_instances=(NO_INSTANCE,))

    manager.hear(bracket(created_at=UTC))
    assert len(manager.journaled(OrderAdopted)) == 1
    assert manager.journaled(HaltRaised) == []

    other = bracket(client_order_id=mint_client_order_id("i-8", 0, 1), venue_order_id="v-8")
    manager.hear(replace(other, created_at=manager.now.utc_ns + 3 * SECOND_NS))

    assert "second bot" in manager.journaled(HaltRaised)[0].reason
    assert len(manager.journaled(OrderAdopted)) == 1


def test_the_first_order_of_a_copy_of_our_journal_is_a_second_bots_at_once() -> None:
    original = after_the_power_cut(held=True)

    original.hear(bracket(client_order_id=mint_client_order_id("i-9", 0, 1, "12ab"), created_at=original.now.utc_ns))

    assert "second bot" in original.journaled(HaltRaised)[0].reason


@pytest.mark.parametrize("side", list(Side))
def test_a_lost_order_that_should_have_ended_by_itself_is_cancelled(side: Side) -> None:
    manager = after_the_power_cut(held=True)
    kept = bracket(order_type=OrderType.LIMIT, side=side, stop_price=None)
    manager.snapshot("9359", "0.01", open_orders=[kept])

    manager.advance(2.5)

    assert "v-9" in {order.venue_order_id for order in manager.sent(CancelOrder)}


# ---- what it was for -------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(
    ("told", "purpose"),
    [
        ({"order_type": OrderType.STOP, "stop_price": Decimal(61000), "reduce_only": True}, Purpose.PROTECT),
        ({"order_type": OrderType.TAKE_PROFIT, "stop_price": Decimal(61000)}, Purpose.PROTECT),
        ({"order_type": None, "stop_price": Decimal(61000)}, Purpose.PROTECT),
        ({"order_type": OrderType.LIMIT, "stop_price": None, "reduce_only": True}, Purpose.CLOSE),
        ({"order_type": None, "stop_price": None, "reduce_only": False}, Purpose.OPEN),
    ],
)
def test_a_lost_order_is_for_what_its_trigger_and_flags_say_on_either_side(side: Side, told, purpose: Purpose) -> None:
    manager = after_the_power_cut()

    manager.hear(bracket(side=side, **told))

    order = manager.manager.ledger.orders[LOST].order
    assert (order.purpose, order.reduce_only) == (purpose, told.get("reduce_only") is True)
    assert order.order_type is (told["order_type"] or (OrderType.STOP if told["stop_price"] else OrderType.LIMIT))


def test_where_the_venue_tells_neither_the_side_does() -> None:
    manager = after_the_power_cut()

    manager.hear(bracket(order_type=OrderType.LIMIT, stop_price=None))

    assert manager.manager.ledger.orders[LOST].order.purpose is Purpose.CLOSE
