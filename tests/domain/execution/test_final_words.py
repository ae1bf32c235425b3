"""A venue's final word about an order proves no quantity by itself: what it may have sold is not sold again."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.instant import SECOND_NS, Instant
from domain.instrument import InstrumentId, Side
from domain.ledger.order_ids import mint_client_order_id
from domain.messages.account import RequestSnapshot, VenueSnapshot
from domain.messages.base import Event
from domain.messages.journal import IntentDone, OrderClosed, OrderFilledProvisionally
from domain.messages.orders import (
    FINAL,
    CancelOrder,
    FillsReported,
    OrderNotFound,
    OrderReported,
    OrderStatus,
    OrderUnconfirmed,
    Purpose,
    QueryOrder,
    SubmitOrder,
)
from domain.messages.system import AlarmRaised
from domain.numbers import ZERO
from tests.domain.execution.test_order_manager_properties import Act, World
from tests.flaky_venue import FlakyVenue, TrueOrder
from tests.order_builders import CASH, TimedOrderManager, make_accepted, make_fill, make_intent, make_report

S = OrderStatus
CLOSE = mint_client_order_id("close", 0, 1)
OPEN = mint_client_order_id("i-1", 0, 1)


def closing(theirs: str, purpose: Purpose = Purpose.CLOSE) -> TimedOrderManager:
    """A sale of 0.01 coins of ours, in a wallet with as many coins of somebody's."""
    manager = TimedOrderManager().ready(btc=theirs).hold()
    manager.hear(make_intent(purpose, "close", quantity=Decimal("0.01")))
    manager.hear(make_accepted(client_order_id=CLOSE, venue_order_id="v-close"))
    manager.told.clear()
    return manager


def word(status: OrderStatus, total: str | None, **changes) -> OrderReported:
    about = {"client_order_id": CLOSE, "venue_order_id": "v-close", "side": Side.SELL, **changes}
    return replace(
        make_report(status, total or "0", **about), cumulative_quantity=None if total is None else Decimal(total)
    )


def asked_about(manager: TimedOrderManager) -> bool:
    return any(query.client_order_id == CLOSE for query in manager.sent(QueryOrder))


@pytest.mark.parametrize("total", [None, "0", "0.005"])
@pytest.mark.parametrize("theirs", ["0", "1"])
def test_filled_with_a_total_that_is_behind_sells_nothing_again_and_is_asked_about_at_once(total, theirs: str) -> None:
    manager = closing(theirs)

    manager.hear(word(S.FILLED, total))

    assert manager.sent(SubmitOrder) == [] and not manager.journaled(OrderClosed)[1:]
    assert asked_about(manager)
    assert manager.order("close").leaves_quantity == Decimal("0.01") - Decimal(total or 0)

    manager.hear(word(S.FILLED, "0.01", is_read=True))
    assert manager.order("close").status is S.FILLED
    assert manager.sent(SubmitOrder) == []


def test_filled_that_nobody_quantifies_is_booked_in_full_at_a_price_to_reckon_with_and_told() -> None:
    manager = closing("1")

    manager.hear(word(S.FILLED, None))
    manager.hear(word(S.FILLED, None, is_read=True))
    manager.advance(2.6)

    [step] = manager.journaled(OrderFilledProvisionally)
    assert (step.quantity, step.price) == (Decimal("0.01"), manager.order("close").order.limit_price)
    assert manager.order("close").status is S.FILLED
    assert manager.manager.books.position(InstrumentId("coinbase", "BTC-USD")).is_flat
    assert any("booked in full" in alarm.text for alarm in manager.sent(AlarmRaised))
    assert manager.sent(SubmitOrder) == []

    manager.fills(make_fill("0.01", "f-2", "63999", venue_order_id="v-close", side=Side.SELL))
    assert manager.order("close").filled_quantity == Decimal("0.01")
    assert not manager.manager.ledger.unexplained


def test_an_opening_filled_without_a_total_is_guarded_as_soon_as_one_that_has_one() -> None:
    manager = TimedOrderManager().ready()
    manager.hear(make_intent(), make_accepted(), replace(make_report(S.FILLED), cumulative_quantity=None))

    manager.advance(2.6)

    assert manager.manager.books.position(InstrumentId("coinbase", "BTC-USD")).quantity == Decimal("0.01")


@pytest.mark.parametrize("status", [S.CANCELED, S.EXPIRED, S.REJECTED])
@pytest.mark.parametrize("total", [None, "0", "0.005"])
def test_an_end_short_of_the_quantity_is_no_room_for_another_sale_before_fills_are_listed_so(status, total) -> None:
    manager = closing("1")

    manager.hear(word(status, total))
    manager.advance(1)
    assert manager.sent(SubmitOrder) == [] and asked_about(manager)

    manager.hear(word(status, "0.009", is_read=True))
    manager.read_on(15)
    assert manager.sent(SubmitOrder) == []

    manager.read_on()
    manager.quote()
    manager.advance(5)
    assert manager.order("close").filled_quantity == Decimal("0.009")
    sent = [order.quantity for order in manager.sent(SubmitOrder) if not order.is_resubmission]
    assert sent == ([] if status is S.REJECTED else [Decimal("0.001")])


def test_a_read_that_knows_of_less_than_was_told_proves_no_end() -> None:
    manager = closing("1")

    manager.hear(word(S.CANCELED, "0.009"), word(S.CANCELED, "0", is_read=True))

    assert manager.order("close").leaves_quantity == Decimal("0.001")


def test_where_nobody_elses_coins_are_a_sale_goes_on_at_once() -> None:
    manager = closing("0")

    manager.hear(word(S.CANCELED, "0.004"))
    manager.advance(1)

    assert [order.quantity for order in manager.sent(SubmitOrder)] == [Decimal("0.006")]


def test_where_nobody_elses_coins_are_two_words_without_a_total_are_enough() -> None:
    manager = closing("0")

    manager.hear(word(S.CANCELED, None), word(S.CANCELED, None, is_read=True))
    manager.advance(1)

    assert [order.quantity for order in manager.sent(SubmitOrder)] == [Decimal("0.01")]


def listed(manager: TimedOrderManager, **changes) -> None:
    manager.snapshot(usd=CASH - 641, btc="1.01", **changes)


def test_without_any_total_a_list_of_fills_that_no_read_lags_behind_ends_the_wait() -> None:
    manager = closing("1", Purpose.PROTECT)
    manager.hear(word(S.CANCELED, None), word(S.CANCELED, None, is_read=True))
    manager.advance(14)
    listed(manager)
    assert not manager.order("close").is_final

    for _ in range(2):
        manager.advance(2)
        listed(manager, fills=(make_fill("0.004", "f-2", venue_order_id="v-close", side=Side.SELL),))

    assert (manager.order("close").status, manager.order("close").filled_quantity) == (S.CANCELED, Decimal("0.004"))
    assert any("the fills that it lists stand" in alarm.text for alarm in manager.sent(AlarmRaised))


def test_an_older_read_of_life_takes_no_end_back_and_a_late_one_does() -> None:
    manager = closing("1", Purpose.PROTECT)
    manager.hear(word(S.CANCELED, None), word(S.OPEN, "0", is_read=True, ts_event=manager.now.utc_ns))
    assert manager.order("close").ended is S.CANCELED

    manager.advance(31)
    manager.hear(word(S.OPEN, "0", is_read=True, ts_event=manager.now.utc_ns))
    assert (manager.order("close").status, manager.order("close").ended) == (S.OPEN, None)


def test_an_order_that_ended_without_a_total_is_not_closed_for_being_found_nowhere() -> None:
    manager = closing("1", Purpose.PROTECT)
    manager.hear(word(S.CANCELED, None))

    for _ in range(5):
        manager.advance(5)
        about = {"client_order_id": CLOSE, "venue": "coinbase", "listing_began_at": manager.now.utc_ns}
        manager.hear(OrderNotFound(ts_event=manager.now.utc_ns, **about))

    assert not manager.order("close").is_final


def test_a_restart_forgets_no_such_end() -> None:
    manager = closing("1")
    manager.hear(word(S.FILLED, None))

    next_run = manager.restarted().ready(usd=CASH - 641, btc="1.01")
    assert asked_about(next_run) and next_run.sent(SubmitOrder) == []
    next_run.advance(2.6)

    assert next_run.order("close").status is S.FILLED
    assert next_run.sent(SubmitOrder) == []


def test_what_has_ended_is_not_cancelled_for_being_overdue() -> None:
    manager = closing("1")

    manager.hear(word(S.CANCELED, None))
    manager.advance(10)

    assert manager.sent(CancelOrder) == []
    assert not any("should have ended" in alarm.text for alarm in manager.sent(AlarmRaised))


def test_the_same_word_again_and_again_fills_no_journal() -> None:
    manager = closing("1")

    for _ in range(3):
        manager.hear(word(S.CANCELED, None))

    assert len(manager.journaled(OrderUnconfirmed)) == 1
    assert not any(it.intent_id == "close" for it in manager.journaled(IntentDone))


# ---- whatever totals come with final words ----------------------------------------------------------------

THEIRS = Decimal("0.05")
LAG_NS = 15 * SECOND_NS


class LyingVenue(FlakyVenue):
    """Somebody's coins lie in the wallet. Final words have any total, and call cancelled what has filled; reads lag.

    Only of a resting order is the end true, and of one that it cancels the total, where it tells one: that is believed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.coins = THEIRS
        self.lies: list[int] = []
        self.at = 0
        self.wallets = [(0, self.coins, self.cash)]  # since when (UTC ns) it held that

    def _luck(self) -> int:
        self.at += 1
        return self.lies[self.at % len(self.lies)] if self.lies else 3

    def report(self, order: TrueOrder, now: Instant) -> OrderReported:
        truth = super().report(order, now)
        if truth.status not in FINAL:
            return truth
        totals = [None, ZERO, truth.cumulative_quantity / 2, truth.cumulative_quantity]
        if order.order.purpose is not Purpose.PROTECT and self._luck() % 2:
            truth = replace(truth, status=S.CANCELED)
        elif truth.status is S.CANCELED and order.order.purpose is Purpose.PROTECT:
            totals = [None, truth.cumulative_quantity]
        return replace(truth, cumulative_quantity=totals[self._luck() % len(totals)])

    def trade(self, luck: int, now: Instant) -> list[Event]:
        told = super().trade(luck, now)
        self.wallets.append((now.utc_ns, self.coins, self.cash))
        return [word for word in told if not (self.lies and isinstance(word, FillsReported))]  # those are listed late

    def _find(self, query: QueryOrder, luck: int, now: Instant) -> Event:
        found = super()._find(query, luck, now)
        if not isinstance(found, OrderReported):
            return found
        order = self.orders[found.client_order_id]
        if any(self._is_hidden(fill.ts_event, now) for fill in order.fills):
            return replace(found, is_read=True)
        truth = FlakyVenue.report(self, order, now)
        if self._luck() % 3 == 0:
            truth = replace(truth, cumulative_quantity=None)
        return replace(truth, is_read=True)

    def _is_hidden(self, since: int, now: Instant) -> bool:
        return bool(self.lies) and now.utc_ns - since < LAG_NS

    def _snapshot(self, request: RequestSnapshot, now: Instant) -> VenueSnapshot:
        """Fill rows and balances lag behind, as far as reads may."""
        whole = super()._snapshot(request, now)
        shown = tuple(fill for fill in whole.fills if not self._is_hidden(fill.ts_event, now))
        _, coins, cash = [wallet for wallet in self.wallets if not self._is_hidden(wallet[0], now)][-1]
        usd, btc = whole.balances
        return replace(whole, fills=shown, balances=(replace(usd, total=cash), replace(btc, total=coins)))

    @property
    def spared(self) -> Decimal:
        """Return what is left of the wallet once all that is for sale is sold."""
        sales = (it.leaves for it in self._live() if it.order.side is Side.SELL)
        return self.coins - sum(sales, ZERO)


def wrongly_over(world: World) -> list[str]:
    """Return the orders that we call over with less than they have filled, so that they may be tried again."""
    over = [order for order in world.manager.manager.ledger.orders.values() if order.is_final]
    tried = [order for order in over if order.order.purpose is not Purpose.PROTECT and order.id in world.venue.orders]
    return [order.id for order in tried if order.filled_quantity < world.venue.orders[order.id].filled]


def take_orders(world: World) -> None:
    """Let the venue take what is sent, and say so at once: an order without a name is another case."""
    for order in [it for it in world.commands if isinstance(it, SubmitOrder)]:
        world.commands.remove(order)
        world.manager.hear(*world.venue.answer(order, 0, world.now))
        world.act(Act.LAND, 0)


ACTS = (
    Act.DECIDE,
    Act.TRADE,
    Act.END_IOC,
    Act.DELIVER,
    Act.DELIVER,
    Act.ANSWER,
    Act.ANSWER,
    Act.WAIT,
    Act.REPEAT,
    Act.LOSE,
    Act.CRASH,
)


@given(
    acts=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 1000)), min_size=10, max_size=60),
    lies=st.lists(st.integers(0, 11), min_size=1, max_size=12),
    decided=st.sampled_from((0, 2)),  # an opening, a close
)
def test_whatever_final_words_and_reads_say_nothing_is_sold_or_bought_a_second_time(acts, lies, decided: int) -> None:
    venue = LyingVenue()
    world = World(resubmits_safely=True, venue=venue)
    for act, luck in [(Act.DECIDE, 0), (Act.TRADE, 2), (Act.DELIVER, 0), (Act.DELIVER, 0)]:
        world.act(act, luck)
        take_orders(world)
    venue.lies = lies
    for act, luck in [(Act.DECIDE, decided), (Act.TRADE, 2), *acts]:
        world.act(act, luck)
        take_orders(world)
        assert venue.spared >= THEIRS
        assert wrongly_over(world) == []
    venue.lies = []
    world.calm()

    assert venue.spared >= THEIRS
    assert world.manager.manager.books.position(InstrumentId("coinbase", "BTC-USD")).quantity == venue.coins - THEIRS
