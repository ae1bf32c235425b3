"""A sale that has ended, and nothing proves how much it sold: what is certainly ours waits for no read."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.instant import Instant
from domain.instrument import InstrumentId, Side
from domain.ledger.order_ids import mint_client_order_id
from domain.messages.account import RequestSnapshot, SnapshotFailed
from domain.messages.base import Event
from domain.messages.orders import OrderReported, OrderStatus, Purpose, QueryFailed, QueryOrder, SubmitOrder
from domain.messages.system import AlarmRaised
from domain.numbers import ZERO
from tests.domain.execution.test_final_words import ACTS, take_orders
from tests.domain.execution.test_order_manager_properties import Act, World
from tests.flaky_venue import FlakyVenue
from tests.order_builders import BTC, CASH, TimedOrderManager, make_accepted, make_fill, make_intent, make_report

S = OrderStatus
WITHIN_S = 5  # `protection.within_s`
SOON_S = WITHIN_S - 1  # a read has had half of that, and what follows takes its time
KEY = InstrumentId("coinbase", BTC)


def desk(theirs: str) -> TimedOrderManager:
    """A position of 0.01 coins of ours, in a wallet with coins of somebody's."""
    return TimedOrderManager().ready(btc=theirs).hold()


def sell(manager: TimedOrderManager, purpose: Purpose, intent_id: str) -> None:
    manager.hear(make_intent(purpose, intent_id))
    manager.hear(make_accepted(client_order_id=mint_client_order_id(intent_id, 0, 1), venue_order_id=f"v-{intent_id}"))


def canceled(intent_id: str, total: str | None, **changes) -> OrderReported:
    about = {"client_order_id": mint_client_order_id(intent_id, 0, 1), "venue_order_id": f"v-{intent_id}"}
    report = make_report(S.CANCELED, total or "0", side=Side.SELL, **about, **changes)
    return replace(report, cumulative_quantity=None if total is None else Decimal(total))


def closes(manager: TimedOrderManager) -> list[Decimal]:
    sent = [order for order in manager.sent(SubmitOrder) if order.purpose is Purpose.CLOSE]
    return [order.quantity for order in sent if not order.is_resubmission]


# ---- a stop -------------------------------------------------------------------------------------------------


def leaving(theirs: str) -> TimedOrderManager:
    """The stop of that position shall make way for its close."""
    manager = desk(theirs)
    sell(manager, Purpose.PROTECT, "stop")
    manager.quote()
    manager.hear(make_intent(Purpose.CLOSE, "close"))
    assert closes(manager) == []
    return manager


@pytest.mark.parametrize("theirs", ["0.00000001", "0.004", "1"])
def test_a_stop_that_the_market_never_touched_makes_way_at_the_first_word(theirs: str) -> None:
    manager = leaving(theirs)

    manager.hear(canceled("stop", "0"))

    assert closes(manager) == [Decimal("0.01")]


@pytest.mark.parametrize(("bid", "ask"), [("60999", "61000"), ("70000", "70001")])
def test_of_a_stop_that_the_market_is_at_a_read_is_awaited_and_not_for_long(bid: str, ask: str) -> None:
    manager = leaving("1")
    manager.quote(bid, ask)

    manager.hear(canceled("stop", "0"))
    assert closes(manager) == []

    manager.advance(SOON_S)
    assert closes(manager) == [Decimal("0.01")]
    assert any("what was told stands" in alarm.text for alarm in manager.sent(AlarmRaised))


def test_so_it_is_without_a_price_to_trust() -> None:
    manager = leaving("1")
    manager.quote(is_whole=False)

    manager.hear(canceled("stop", "0"))
    assert closes(manager) == []

    manager.quote()
    manager.advance(SOON_S)
    assert closes(manager) == [Decimal("0.01")]


def test_of_a_stop_that_was_filling_the_rest_is_closed_as_soon_as_a_read_may_take() -> None:
    manager = leaving("1")

    manager.hear(canceled("stop", "0.004"))
    assert closes(manager) == []

    manager.advance(SOON_S)
    assert closes(manager) == [Decimal("0.006")]


def test_a_total_that_is_behind_what_is_known_does_not_stand() -> None:
    manager = leaving("1")

    manager.fills(make_fill("0.004", "f-2", venue_order_id="v-stop", side=Side.SELL))
    manager.hear(canceled("stop", "0.001"))
    manager.advance(10)

    assert closes(manager) == []


def test_a_stop_that_ended_unasked_may_have_sold_at_a_price_of_which_we_hear_later() -> None:
    manager = desk("1")
    sell(manager, Purpose.PROTECT, "stop")
    manager.quote()

    manager.hear(canceled("stop", "0"), canceled("stop", "0", is_read=True))
    manager.hear(make_intent(Purpose.CLOSE, "close"))
    manager.read_on(15, btc="1")
    assert closes(manager) == []

    sold = make_fill(fill_id="f-2", venue_order_id="v-stop", side=Side.SELL)
    manager.read_on(10, btc="1", fills=[sold])
    assert closes(manager) == [] and manager.manager.books.position(KEY).is_flat


def test_so_may_one_whose_end_an_earlier_run_heard_of() -> None:
    manager = desk("1")
    sell(manager, Purpose.PROTECT, "stop")
    manager.hear(canceled("stop", "0"))
    manager.hear(make_intent(Purpose.CLOSE, "close"))

    after = manager.restarted().ready(usd=CASH - 641, btc="1.01")
    after.hear(canceled("stop", "0", is_read=True))
    after.advance(SOON_S)

    assert after.order("stop").is_cancel_pending and closes(after) == []


# ---- a close that found too little --------------------------------------------------------------------------


def closing(theirs: str) -> TimedOrderManager:
    manager = desk(theirs)
    sell(manager, Purpose.CLOSE, "close")
    return manager


def test_coins_too_few_for_an_order_are_nobodys_to_lose() -> None:
    manager = closing("0.00001")

    manager.hear(canceled("close", "0.004"))
    manager.advance(0.5)

    assert closes(manager) == [Decimal("0.01"), Decimal("0.006")]


@pytest.mark.parametrize("total", [None, "0", "0.004"])
@pytest.mark.parametrize("theirs", ["0.001", "0.006", "0.02"])
def test_beside_others_coins_nothing_is_sold_again_before_it_is_proven(theirs: str, total: str | None) -> None:
    manager = closing(theirs)

    manager.hear(canceled("close", total))
    manager.advance(SOON_S + 30)

    assert closes(manager) == [Decimal("0.01")]


@pytest.mark.parametrize("reads", [1, 5])
def test_what_stream_and_reads_call_cancelled_is_not_sold_again_before_fills_are_listed_so(reads: int) -> None:
    manager = closing("1")

    manager.hear(canceled("close", "0"), *[canceled("close", "0", is_read=True)] * reads)
    manager.read_on(15)
    assert closes(manager) == [Decimal("0.01")]

    manager.read_on(10)
    manager.quote()
    manager.advance(5)
    assert closes(manager) == [Decimal("0.01")] * 2


def test_no_list_of_fills_is_proof_while_coins_are_gone() -> None:
    manager = closing("1")

    manager.hear(canceled("close", "0"), canceled("close", "0", is_read=True))
    manager.read_on(25, btc="1")
    assert not manager.order("close").is_final

    manager.read_on(10, btc="1", fills=[make_fill(fill_id="f-2", venue_order_id="v-close", side=Side.SELL)])
    assert closes(manager) == [Decimal("0.01")] and manager.manager.books.position(KEY).is_flat


def closing_a_part(theirs: str) -> TimedOrderManager:
    manager = desk(theirs)
    manager.hear(make_intent(Purpose.CLOSE, "close", quantity=Decimal("0.004")))
    about = {"client_order_id": mint_client_order_id("close", 0, 1), "venue_order_id": "v-close"}
    manager.hear(make_accepted(**about))
    return manager


def test_what_is_certainly_ours_goes_on_after_a_restart_too_until_the_fills_are_listed() -> None:
    manager = closing_a_part("0.001")
    manager.hear(canceled("close", "0"))
    manager.advance(SOON_S)
    first, second = manager.manager.ledger.plans["close"].attempts
    assert (first.leaves_quantity, second.leaves_quantity) == (Decimal("0.004"), Decimal("0.004"))

    after = manager.restarted()
    first, second = after.manager.ledger.plans["close"].attempts
    assert (first.leaves_quantity, after.manager.books.in_doubt(KEY)) == (Decimal("0.004"), Decimal("0.004"))
    after.ready(usd=CASH - 641, btc="0.011")
    for _ in range(3):
        after.advance(8)
        after.snapshot(usd=CASH - 641, btc="0.011")

    assert after.manager.books.in_doubt(KEY) == 0
    assert first.is_final


def test_a_fill_that_is_told_late_was_left_alone_for_that() -> None:
    manager = closing_a_part("0.001")
    manager.hear(canceled("close", "0"))
    manager.advance(SOON_S)

    manager.fills(make_fill("0.0004", "f-2", venue_order_id="v-close", side=Side.SELL))

    assert manager.manager.books.in_doubt(KEY) == Decimal("0.0036")
    assert manager.order("close").leaves_quantity == Decimal("0.0036")


def test_one_that_lives_after_all_is_taken_back() -> None:
    manager = closing("0.001")
    manager.hear(canceled("close", "0"))
    manager.advance(31 + WITHIN_S)

    manager.hear(replace(canceled("close", "0", is_read=True), status=S.OPEN, ts_event=manager.now.utc_ns))

    order = manager.order("close")
    assert (order.leaves_quantity, order.is_cancel_pending) == (Decimal("0.01"), True)
    assert manager.manager.books.in_doubt(KEY) == 0


# ---- whatever becomes of reads ------------------------------------------------------------------------------


class UnreadableVenue(FlakyVenue):
    """It tells every end with its total over its stream, and answers no question from some moment on."""

    def __init__(self, theirs: Decimal) -> None:
        super().__init__()
        self.theirs = self.coins = theirs
        self.is_down = False

    def answer(self, command, luck: int, now: Instant) -> list[Event]:
        about = {"ts_event": now.utc_ns, "venue": "coinbase"}
        match command:
            case QueryOrder() if self.is_down:
                return [QueryFailed(**about, client_order_id=command.client_order_id, reason="503")]
            case RequestSnapshot() if self.is_down:
                return [SnapshotFailed(**about, request_id=command.request_id, reason="503")]
        return super().answer(command, luck, now)

    def _find(self, query: QueryOrder, luck: int, now: Instant) -> Event:
        found = super()._find(query, luck, now)
        return replace(found, is_read=True) if isinstance(found, OrderReported) else found

    @property
    def spared(self) -> Decimal:
        return self.coins - sum((it.leaves for it in self._live() if it.order.side is Side.SELL), ZERO)


@given(
    acts=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 1000)), min_size=10, max_size=60),
    theirs=st.sampled_from(("0.00000001", "0.00001", "0.0001", "0.002", "0.006")),
)
def test_whatever_becomes_of_reads_others_keep_their_coins(acts, theirs: str) -> None:
    venue = UnreadableVenue(Decimal(theirs))
    world = World(resubmits_safely=True, venue=venue)
    for act, luck in [(Act.DECIDE, 0), (Act.TRADE, 2), (Act.DELIVER, 0), (Act.DELIVER, 0), *acts]:
        world.act(act, luck)
        take_orders(world)
        venue.is_down = True
        assert venue.spared >= venue.theirs
    venue.is_down = False
    world.calm()

    assert venue.spared >= venue.theirs
    assert world.manager.manager.books.position(KEY).quantity == venue.coins - venue.theirs
