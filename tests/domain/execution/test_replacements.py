"""A change of a live order is one order before, amid and after, in whatever order the venue's words of it come."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.execution.order_rules import Capabilities, PlainOrders
from domain.instrument import InstrumentId, Side
from domain.ledger.account import Portfolio
from domain.ledger.order import OrderLifecycle
from domain.ledger.order_ledger import OrderLedger
from domain.messages.journal import HaltRaised, OrderClosed
from domain.messages.orders import (
    CancelOrder,
    CancelProtection,
    OrderReported,
    OrderStatus,
    Purpose,
    QueryOrder,
)
from domain.messages.replacements import (
    ModifyAccepted,
    ModifyOrder,
    ModifyRejected,
    ModifyRequested,
    ModifyUnconfirmed,
    OrderReplaced,
)
from domain.messages.system import AlarmRaised
from domain.settings import VenueSettings
from tests.builders import UTC
from tests.changing_venue import ChangingVenue
from tests.domain.execution.test_order_manager_properties import ACTS, Act, World, account, state
from tests.order_builders import BTC, TimedOrderManager, make_accepted, make_fill, make_intent, make_report

S = OrderStatus


class Changeable(PlainOrders):
    """A venue that changes orders in place."""

    def __init__(self, settings: VenueSettings) -> None:
        self.capabilities = Capabilities(replaces=True)


def resized(quantity: str, limit: str = "70000", stop: str = "61000") -> CancelProtection:
    return CancelProtection(
        venue="coinbase",
        instrument=BTC,
        reason="resized",
        quantity=Decimal(quantity),
        limit_price=Decimal(limit),
        stop_price=Decimal(stop),
    )


@pytest.fixture
def desk() -> TimedOrderManager:
    """A position of 0.02, of which a bracket that the venue calls v-1 guards 0.01."""
    desk = TimedOrderManager(order_rules=Changeable).ready().hold("0.02")
    desk.hear(make_intent(Purpose.PROTECT))
    desk.hear(make_accepted())
    desk.told.clear()
    return desk


def stop(desk: TimedOrderManager) -> OrderLifecycle:
    return desk.order()


def told_of(status: OrderStatus, name: str, filled: str = "0", **changes) -> OrderReported:
    fields = {"side": Side.SELL, "venue_order_id": name, "ts_event": UTC + 1, **changes}
    return replace(make_report(status, filled, "70000"), **fields)


def answer(kind: type, **changes):
    return kind(ts_event=UTC + 1, client_order_id=make_accepted().client_order_id, venue="coinbase", **changes)


def fill(quantity: str, fill_id: str, name: str):
    return make_fill(quantity, fill_id, "70000", venue_order_id=name, side=Side.SELL)


def ended(desk: TimedOrderManager) -> list[OrderClosed]:
    return [event for event in desk.journaled(OrderClosed) if event.client_order_id == stop(desk).id]


def is_one_live_order(desk: TimedOrderManager, name: str, quantity: str) -> bool:
    order, alone = stop(desk), Portfolio()
    alone.replay(desk.journal)
    assert ended(desk) == []
    assert alone.orders[order.id].leaves_quantity == order.leaves_quantity
    assert alone.covered_quantity("coinbase", BTC) == desk.manager.books.covered_quantity("coinbase", BTC)
    stands = order.status, order.venue_order_id, order.leaves_quantity, order.pending_replace
    return stands == (S.OPEN, name, Decimal(quantity), None)


def test_a_change_is_journaled_before_it_is_sent_and_no_stop_is_cancelled(desk: TimedOrderManager) -> None:
    desk.hear(resized("0.02", "71000", "60000"))

    [asked], [sent] = desk.journaled(ModifyRequested), desk.sent(ModifyOrder)
    assert (asked.quantity, asked.limit_price, asked.stop_price) == (Decimal("0.02"), 71000, 60000)
    assert (sent.venue_order_id, sent.remaining_quantity, sent.order.stop_price) == ("v-1", Decimal("0.02"), 60000)
    assert desk.sent(CancelOrder) == []
    # Until it is proven, either may be: no more may be sold than the larger, no more is guarded than the smaller.
    assert stop(desk).leaves_quantity == Decimal("0.02")
    assert desk.manager.books.covered_quantity("coinbase", BTC) == Decimal("0.01")


def test_where_the_venue_changes_nothing_in_place_the_stop_is_cancelled_as_ever() -> None:
    desk = TimedOrderManager().ready().hold("0.02")
    desk.hear(make_intent(Purpose.PROTECT))
    desk.hear(make_accepted())

    desk.hear(resized("0.02"))

    assert desk.sent(ModifyOrder) == []
    assert len(desk.sent(CancelOrder)) == 1


@pytest.mark.parametrize("first", ["answer", "old ends", "new begins"])
def test_f13_the_end_of_the_old_name_before_the_begin_of_the_new_ends_nothing(
    desk: TimedOrderManager, first: str
) -> None:
    words = {
        "answer": answer(ModifyAccepted, venue_order_id="v-2"),
        "old ends": told_of(S.CANCELED, "v-1"),
        "new begins": told_of(S.OPEN, "v-2", quantity=Decimal("0.02")),
    }
    desk.hear(resized("0.02"))

    desk.hear(words.pop(first), *words.values())

    assert is_one_live_order(desk, "v-2", "0.02")
    assert len(desk.journaled(OrderReplaced)) == 1
    assert desk.manager.books.covered_quantity("coinbase", BTC) == Decimal("0.02")


def test_f14_the_same_where_the_answer_is_lost(desk: TimedOrderManager) -> None:
    desk.hear(resized("0.02"))

    desk.hear(answer(ModifyUnconfirmed, reason="timeout"), told_of(S.CANCELED, "v-1"))
    assert stop(desk).status is S.UNCONFIRMED
    assert desk.sent(QueryOrder)[-1].venue_order_id == ""  # the old name would never lead to the new order
    desk.hear(told_of(S.OPEN, "v-2", is_read=True))

    assert is_one_live_order(desk, "v-2", "0.02")


def test_f15_after_a_partial_fill_only_the_rest_is_asked_for_and_nothing_overfills(desk: TimedOrderManager) -> None:
    desk.fills(fill("0.004", "f-1", "v-1"))
    desk.hear(resized("0.016"))

    [sent] = desk.sent(ModifyOrder)
    assert (sent.order.quantity, sent.remaining_quantity) == (Decimal("0.020"), Decimal("0.016"))
    desk.hear(answer(ModifyAccepted, venue_order_id="v-2"), told_of(S.CANCELED, "v-1", "0.004"))
    assert stop(desk).leaves_quantity == Decimal("0.016")

    desk.hear(told_of(S.FILLED, "v-2", "0.016"))  # its totals begin at nothing
    desk.fills(fill("0.016", "f-2", "v-2"))

    [closed] = ended(desk)
    assert (closed.status, closed.filled_quantity) == (S.FILLED, Decimal("0.020"))
    assert stop(desk).executions.provisional_quantity == 0
    assert desk.journaled(HaltRaised) == []


def test_what_filled_on_the_way_leaves_the_new_order_its_size_and_a_halt_tells_of_too_much(
    desk: TimedOrderManager,
) -> None:
    desk.hear(resized("0.02"))
    desk.hear(answer(ModifyAccepted, venue_order_id="v-2"))

    desk.fills(fill("0.003", "f-1", "v-1"))  # just before the change arrived
    assert stop(desk).leaves_quantity == Decimal("0.02")
    desk.fills(fill("0.02", "f-2", "v-2"))

    assert stop(desk).status is S.FILLED
    assert stop(desk).filled_quantity == Decimal("0.023")
    assert f"order {stop(desk).id} filled above its quantity" in [halt.reason for halt in desk.journaled(HaltRaised)]


def test_a_fill_under_the_new_name_waits_for_the_word_that_it_is_ours(desk: TimedOrderManager) -> None:
    desk.hear(resized("0.02"))
    desk.fills(fill("0.005", "f-1", "v-2"))
    assert stop(desk).filled_quantity == 0

    desk.hear(told_of(S.PARTIALLY_FILLED, "v-2", "0.005", is_read=True))

    assert stop(desk).filled_quantity == Decimal("0.005")
    assert stop(desk).leaves_quantity == Decimal("0.015")
    assert stop(desk).executions.provisional_quantity == 0


def test_a_refused_change_leaves_the_order_as_it_was(desk: TimedOrderManager) -> None:
    desk.hear(resized("0.02"))

    desk.hear(answer(ModifyRejected, code="TOO_LATE"))

    assert is_one_live_order(desk, "v-1", "0.01")


def test_a_venue_that_keeps_the_name_is_believed_by_the_terms(desk: TimedOrderManager) -> None:
    terms = {"quantity": Decimal("0.02"), "limit_price": Decimal(70000), "stop_price": Decimal(61000)}
    desk.hear(resized("0.02"))

    desk.hear(told_of(S.OPEN, "v-1", **{**terms, "quantity": Decimal("0.01")}))
    assert stop(desk).pending_replace
    desk.hear(told_of(S.OPEN, "v-1", **terms))

    assert is_one_live_order(desk, "v-1", "0.02")


@pytest.mark.parametrize(("status", "is_over"), [(S.OPEN, False), (S.CANCELED, True)])
def test_a_change_that_never_arrived_is_over_once_a_late_read_says_so(
    desk: TimedOrderManager, status: OrderStatus, is_over: bool
) -> None:
    desk.hear(resized("0.02"))
    desk.hear(told_of(status, "v-1", is_read=True))
    assert stop(desk).pending_replace

    desk.advance(120)
    read = told_of(status, "v-1", is_read=True)
    desk.hear(read, read)

    assert [event.code for event in desk.journaled(ModifyRejected)] == ["not_replaced"]
    assert stop(desk).is_final is is_over


def test_a_restart_amid_a_change_waits_for_the_same_proof_and_sends_nothing_again(desk: TimedOrderManager) -> None:
    desk.hear(resized("0.02"))
    reborn = desk.restarted(order_rules=Changeable)
    assert stop(reborn).pending_replace == desk.journaled(ModifyRequested)[0]

    reborn.hear(told_of(S.CANCELED, "v-1"))
    reborn.hear(told_of(S.OPEN, "v-2", is_read=True))

    assert reborn.sent(ModifyOrder) == []
    assert is_one_live_order(reborn, "v-2", "0.02")


def test_a_cancel_goes_on_under_the_new_name(desk: TimedOrderManager) -> None:
    desk.hear(resized("0.02"))
    desk.hear(CancelProtection(venue="coinbase", instrument=BTC, reason="flat"))
    assert [command.venue_order_id for command in desk.sent(CancelOrder)] == ["v-1"]

    desk.hear(told_of(S.OPEN, "v-2", is_read=True))

    assert [command.venue_order_id for command in desk.sent(CancelOrder)] == ["v-1", "v-2"]


def test_an_old_name_says_nothing_of_an_order_that_has_ended(desk: TimedOrderManager) -> None:
    desk.hear(resized("0.02"), answer(ModifyAccepted, venue_order_id="v-2"))
    desk.fills(fill("0.02", "f-2", "v-2"))

    desk.advance(60)
    desk.hear(told_of(S.OPEN, "v-1", ts_event=desk.now.utc_ns))

    assert stop(desk).status is S.FILLED
    assert desk.journaled(HaltRaised) == []


def test_a_change_that_the_journal_has_lost_is_known_by_the_name_that_it_led_to(desk: TimedOrderManager) -> None:
    desk.hear(resized("0.02"))
    begins = [type(entry.event) for entry in desk.journal].index(ModifyRequested)
    del desk.journal[begins:]
    reborn = desk.restarted(order_rules=Changeable)
    assert stop(reborn).pending_replace is None

    reborn.hear(told_of(S.OPEN, "v-2", quantity=Decimal("0.02"), is_read=True))
    reborn.fills(fill("0.005", "f-1", "v-2"))

    assert (stop(reborn).venue_order_id, stop(reborn).leaves_quantity) == ("v-2", Decimal("0.015"))


def test_where_no_order_is_changed_a_strange_name_of_ours_changes_nothing() -> None:
    manager = TimedOrderManager().ready().hold("0.02")
    manager.hear(make_intent(Purpose.PROTECT), make_accepted())

    manager.hear(told_of(S.OPEN, "strange"))
    assert stop(manager).venue_order_ids == ["v-1"]
    read = told_of(S.CANCELED, "v-1", is_read=True)
    manager.hear(read, read)

    assert stop(manager).ended is S.CANCELED or stop(manager).is_final


# ---- whatever happens ------------------------------------------------------------------------------------


# ---- changed by somebody else ------------------------------------------------------------------------------


def read_of(status: OrderStatus, size: str, filled: str = "0") -> OrderReported:
    return told_of(status, "v-1", filled, is_read=True, quantity=Decimal(size))


def covered(desk: TimedOrderManager) -> Decimal:
    alone = Portfolio()
    alone.replay(desk.journal)
    assert alone.covered_quantity("coinbase", BTC) == desk.manager.books.covered_quantity("coinbase", BTC)
    return alone.covered_quantity("coinbase", BTC)


@pytest.mark.parametrize("size", ["0.004", "0.013"])
def test_a_size_that_a_person_has_changed_at_the_venue_is_what_the_order_may_come_to(
    desk: TimedOrderManager, size: str
) -> None:
    desk.hear(read_of(S.OPEN, size), read_of(S.OPEN, size))

    assert (covered(desk), stop(desk).leaves_quantity) == (Decimal(size), Decimal(size))
    [alarm] = desk.sent(AlarmRaised)
    assert alarm.text == f"somebody has changed its size at the venue: {size} instead of 0.01"
    assert desk.journaled(HaltRaised) == []


def test_what_was_made_smaller_before_it_filled_is_never_booked_beyond_its_row(desk: TimedOrderManager) -> None:
    desk.hear(told_of(S.FILLED, "v-1", "0.004"))
    assert ended(desk) == []

    desk.hear(read_of(S.FILLED, "0.004", "0.004"))
    desk.advance(60)

    assert [(event.status, event.filled_quantity) for event in ended(desk)] == [(S.FILLED, Decimal("0.004"))]
    assert desk.manager.books.position(InstrumentId("coinbase", BTC)).quantity == Decimal("0.016")


def test_a_read_that_lags_behind_our_own_change_takes_nothing_back(desk: TimedOrderManager) -> None:
    desk.hear(resized("0.02"))
    desk.hear(answer(ModifyAccepted, venue_order_id="v-1"))

    desk.hear(read_of(S.OPEN, "0.01"))

    assert covered(desk) == Decimal("0.02")


class ChangingWorld(World):
    """The world of the other orders, and now and then its stop shall guard something else."""

    def __init__(self, resubmits_safely: bool) -> None:
        super().__init__(resubmits_safely, ChangingVenue())
        for decision, fills in ((0, True), (1, False)):  # an opening that fills, and its stop
            self.act(Act.DECIDE, decision)
            while self.commands:
                self.words += self.venue.answer(self.commands.pop(0), 0, self.now)
            self.words += self.venue.trade(1, self.now) if fills else []
            while self.words:
                self.manager.hear(self.words.pop(0))
            self._collect()
        assert len(self.venue.orders) == 2

    def _desk(self, resubmits_safely: bool) -> TimedOrderManager:
        return TimedOrderManager(resubmits_safely=resubmits_safely, order_rules=Changeable)

    def _restarted(self) -> TimedOrderManager:
        return self.manager.restarted(order_rules=Changeable)

    def resize(self, luck: int) -> None:
        held = self.manager.manager.books.positions
        for position in held.values():
            quarters = luck % 4 + 1
            self.manager.hear(replace(resized("1"), quantity=position.quantity * quarters * Decimal("0.25")))
        self._collect()


CHANGES = st.lists(st.tuples(ACTS, st.integers(0, 1000)), max_size=4)


def live_through(world: ChangingWorld, changes) -> None:
    for acts, luck in changes:
        for act, act_luck in acts[:20]:
            world.act(act, act_luck)
            world.check()
        world.resize(luck)


@given(changes=CHANGES, resubmits_safely=st.booleans())
def test_one_order_every_fill_once_and_in_the_end_the_truth(changes, resubmits_safely: bool) -> None:
    world = ChangingWorld(resubmits_safely)

    live_through(world, changes)
    world.calm()

    world.check()
    ledger = world.manager.manager.ledger
    for client_order_id, true in world.venue.orders.items():
        order = ledger.orders[client_order_id]
        assert order.filled_quantity == true.filled
        assert order.executions.provisional_quantity == 0
        assert order.is_final is not true.is_live
        assert order.pending_replace is None
        if true.is_live:
            assert (order.venue_order_id, order.leaves_quantity) == (true.venue_order_id, true.leaves)


@given(changes=CHANGES, resubmits_safely=st.booleans())
def test_replaying_the_journal_equals_having_lived_it(changes, resubmits_safely: bool) -> None:
    world, reborn, alone = ChangingWorld(resubmits_safely), OrderLedger(), Portfolio()

    live_through(world, changes)
    reborn.replay(world.manager.journal)
    alone.replay(world.manager.journal)

    lived = world.manager.manager.ledger
    assert state(reborn) == state(lived)
    assert account(alone) == account(lived.books)


def test_the_world_changes_orders_at_all() -> None:
    world = ChangingWorld(True)

    for luck in (2, 0):
        world.resize(luck)
        world.calm()

    assert list(world.venue.named) == ["v-2+", "v-2++"]
