"""A row of refusals of what would reduce a position: rarer tries without end, one alarm, no openings there."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from decimal import Decimal

import pytest

from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.ledger.refusals import ROW
from domain.messages.halts import ResumeTrading
from domain.messages.journal import HaltRaised
from domain.messages.orders import CancelOrder, OrderRejected, OrderStatus, Purpose, SubmitOrder
from domain.messages.system import AlarmRaised
from tests.builders import make_instrument
from tests.order_builders import BTC, TimedOrderManager, make_accepted, make_fill, make_intent, make_report

REDUCING = (Purpose.PROTECT, Purpose.CLOSE)
WORDS = {Purpose.PROTECT: "stops", Purpose.CLOSE: "closes"}


@pytest.fixture
def manager() -> TimedOrderManager:
    """A position of 0.01 without a stop."""
    manager = TimedOrderManager().ready()
    manager.hold()
    order = manager.sent(SubmitOrder)[-1].client_order_id
    manager.hear(make_report(OrderStatus.FILLED, "0.01", client_order_id=order, venue_order_id="v-held", fees="1"))
    manager.told.clear()
    return manager


def refuse(manager: TimedOrderManager, order: SubmitOrder) -> None:
    name = order.client_order_id
    manager.hear(OrderRejected(ts_event=manager.now.utc_ns, client_order_id=name, venue="coinbase", code="NO_COINS"))


def persist(
    manager: TimedOrderManager,
    purpose: Purpose,
    seconds: float,
    answer: Callable[[TimedOrderManager, SubmitOrder], None] = refuse,
) -> list[float]:
    """Want it plan after plan, as the portfolio does; return when an order left, in seconds from now."""
    began, left, seen = manager.now.monotonic_ns, [], len(manager.sent(SubmitOrder))
    for step in range(round(seconds * 4)):
        manager.quote()
        if not manager.manager.ledger.open_plans:
            until = manager.now.utc_ns + 60 * SECOND_NS
            manager.hear(make_intent(purpose, f"{purpose}-{len(manager.journal)}-{step}", expires_at=until))
        for order in manager.sent(SubmitOrder)[seen:]:
            left.append((manager.now.monotonic_ns - began) / SECOND_NS)
            answer(manager, order)
        seen = len(manager.sent(SubmitOrder))
        manager.advance(0.25)
    return left


def texts(manager: TimedOrderManager) -> list[str]:
    return [it.text for it in manager.sent(AlarmRaised) if "in a row" in it.text]


@pytest.mark.parametrize("purpose", REDUCING)
def test_tries_become_rare_and_never_end(manager: TimedOrderManager, purpose: Purpose) -> None:
    left = persist(manager, purpose, 200)

    pauses = [after - before for before, after in itertools.pairwise(left)]
    assert max(pauses[: ROW - 1]) <= 3  # a real chance is taken while there may be one
    assert pauses[: ROW - 1] == sorted(pauses[: ROW - 1])
    assert set(pauses[ROW - 1 :]) == {2.5}  # half the time that a position may be without a stop


@pytest.mark.parametrize("purpose", REDUCING)
def test_a_person_is_told_once_why_and_nothing_is_opened_there(manager: TimedOrderManager, purpose: Purpose) -> None:
    persist(manager, purpose, 200)

    text = f"{ROW} {WORDS[purpose]} in a row refused: the last one rejected:NO_COINS"
    assert texts(manager) == [f"halted: {text}"]
    assert [(halt.scope, halt.reason) for halt in manager.journaled(HaltRaised)] == [("coinbase:BTC-USD", text)]


def test_a_refused_close_is_over_and_the_next_one_leaves_the_stop_in_place_for_a_growing_pause(
    manager: TimedOrderManager,
) -> None:
    pauses = []
    for number in range(ROW + 3):
        manager.hear(make_intent(Purpose.PROTECT, f"stop-{number}"))
        stop = {"client_order_id": manager.sent(SubmitOrder)[-1].client_order_id, "venue_order_id": f"v-stop-{number}"}
        manager.hear(make_accepted(**stop))
        asked, began = len(manager.sent(CancelOrder)), manager.now.monotonic_ns
        until = manager.now.utc_ns + 60 * SECOND_NS
        manager.hear(make_intent(Purpose.CLOSE, f"close-{number}", expires_at=until))
        while len(manager.sent(CancelOrder)) == asked:
            manager.quote()
            manager.advance(0.25)
        pauses.append((manager.now.monotonic_ns - began) / SECOND_NS)
        manager.hear(make_report(OrderStatus.CANCELED, side=Side.SELL, **stop))
        manager.advance(0.25)
        refuse(manager, manager.sent(SubmitOrder)[-1])
        assert manager.manager.ledger.plans[f"close-{number}"].is_done

    assert pauses[:4] == [0, 0.25, 0.5, 1]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 15


def refuse_closes(manager: TimedOrderManager, count: int) -> None:
    """Let so many closes in a row be refused."""
    for number in range(count):
        until = manager.now.utc_ns + 60 * SECOND_NS
        manager.hear(make_intent(Purpose.CLOSE, f"refused-{number}", expires_at=until))
        manager.advance(3)
        refuse(manager, manager.sent(SubmitOrder)[-1])


def cover(manager: TimedOrderManager) -> dict[str, str]:
    """Let a stop rest at the venue; return its names."""
    manager.hear(make_intent(Purpose.PROTECT, "stop"))
    names = {"client_order_id": manager.sent(SubmitOrder)[-1].client_order_id, "venue_order_id": "v-stop"}
    manager.hear(make_accepted(**names))
    return names


def want_close(manager: TimedOrderManager) -> int:
    """Want the position gone; return how many orders had been sent before."""
    sent = len(manager.sent(SubmitOrder))
    manager.hear(make_intent(Purpose.CLOSE, "close", expires_at=manager.now.utc_ns + 60 * SECOND_NS))
    return sent


def test_a_row_of_refusals_that_is_long_past_keeps_no_close_waiting(manager: TimedOrderManager) -> None:
    refuse_closes(manager, ROW + 2)
    manager.advance(60)
    manager.quote()

    sent = want_close(manager)

    assert [it.purpose for it in manager.sent(SubmitOrder)[sent:]] == [Purpose.CLOSE]


def test_a_close_that_pauses_beside_a_stop_pauses_no_longer_than_a_bare_one_once_that_has_gone(
    manager: TimedOrderManager,
) -> None:
    refuse_closes(manager, ROW + 2)
    stop = cover(manager)
    sent = want_close(manager)
    manager.advance(4)
    assert manager.sent(CancelOrder) == manager.sent(SubmitOrder)[sent:] == []

    manager.hear(make_report(OrderStatus.CANCELED, side=Side.SELL, **stop))

    assert [it.purpose for it in manager.sent(SubmitOrder)[sent:]] == [Purpose.CLOSE]


def test_plans_that_find_nothing_to_send_are_a_row_too(manager: TimedOrderManager) -> None:
    manager.load(make_instrument(BTC, min_notional=Decimal(100_000)))

    assert persist(manager, Purpose.CLOSE, 10) == []
    assert texts(manager) == [f"halted: {ROW} closes in a row refused: the last one nothing that the venue would take"]


def test_the_row_goes_on_after_a_restart(manager: TimedOrderManager) -> None:
    persist(manager, Purpose.CLOSE, 2)
    assert manager.journaled(HaltRaised) == []
    usd = manager.manager.books.balances["coinbase", "", "USD"]

    reborn = manager.restarted()
    reborn.ready(usd=usd, btc="0.01")
    persist(reborn, Purpose.CLOSE, 8)

    assert len(reborn.journaled(HaltRaised)) == 1


def fill_a_little(manager: TimedOrderManager, order: SubmitOrder) -> None:
    name = f"v-{order.client_order_id}"
    manager.hear(make_accepted(client_order_id=order.client_order_id, venue_order_id=name))
    manager.fills(make_fill("0.0001", f"f-{name}", venue_order_id=name, side=Side.SELL))
    about = {"client_order_id": order.client_order_id, "venue_order_id": name, "side": Side.SELL}
    manager.hear(make_report(OrderStatus.CANCELED, "0.0001", **about))


def find_nobody(manager: TimedOrderManager, order: SubmitOrder) -> None:
    about = {"client_order_id": order.client_order_id, "venue_order_id": f"v-{order.client_order_id}"}
    manager.hear(make_report(OrderStatus.CANCELED, side=Side.SELL, **about))


@pytest.mark.parametrize("answer", [fill_a_little, find_nobody])
def test_a_close_that_the_venue_takes_ends_the_row(manager: TimedOrderManager, answer) -> None:
    persist(manager, Purpose.CLOSE, 2)
    persist(manager, Purpose.CLOSE, 1.5, answer)
    persist(manager, Purpose.CLOSE, 2)

    assert manager.journaled(HaltRaised) == []


def test_stops_that_are_refused_keep_no_close_waiting(manager: TimedOrderManager) -> None:
    persist(manager, Purpose.PROTECT, 30)
    for plan in list(manager.manager.ledger.open_plans.values()):
        manager.advance(60)  # for it to give up
        assert plan.is_done or plan.live_attempt
    sent = len(manager.sent(SubmitOrder))

    manager.hear(make_intent(Purpose.CLOSE, "close", expires_at=manager.now.utc_ns + 60 * SECOND_NS))

    assert [it.purpose for it in manager.sent(SubmitOrder)[sent:]] == [Purpose.CLOSE]


@pytest.mark.parametrize("purpose", REDUCING)
def test_another_grid_ends_the_row_and_the_halt_that_it_raised(manager: TimedOrderManager, purpose: Purpose) -> None:
    """What was refused may have been right by a listing that was old."""
    persist(manager, purpose, 60)
    assert manager.manager.halts

    manager.load(make_instrument(BTC, lot_size=Decimal("0.001")))

    assert manager.manager.halts == ()
    assert persist(manager, purpose, 2.75)  # and the next try is no later than half the time without a stop
    assert manager.manager.halts == ()


def test_the_same_grid_told_again_ends_no_halt(manager: TimedOrderManager) -> None:
    persist(manager, Purpose.CLOSE, 60)

    manager.load()

    assert len(manager.manager.halts) == 1


def test_after_a_resume_the_row_begins_anew(manager: TimedOrderManager) -> None:
    persist(manager, Purpose.CLOSE, 30)
    manager.hear(ResumeTrading())
    assert not manager.manager.ledger.halts

    persist(manager, Purpose.CLOSE, 200)

    assert len(manager.journaled(HaltRaised)) == 2
