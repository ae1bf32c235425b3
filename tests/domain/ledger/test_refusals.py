"""A row of refusals of what would reduce a position: rarer tries without end, one alarm, no openings there."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.ledger.refusals import ROW
from domain.messages.journal import HaltRaised
from domain.messages.orders import CancelOrder, OrderRejected, OrderStatus, Purpose, SubmitOrder
from domain.messages.system import AlarmRaised, ResumeTrading
from tests.builders import make_instrument
from tests.order_builders import BTC, DeskOnTime, make_accepted, make_fill, make_intent, make_report

REDUCING = (Purpose.PROTECT, Purpose.CLOSE)
WORDS = {Purpose.PROTECT: "stops", Purpose.CLOSE: "closes"}


@pytest.fixture
def desk() -> DeskOnTime:
    """A position of 0.01 without a stop."""
    desk = DeskOnTime().ready()
    desk.hold()
    order = desk.sent(SubmitOrder)[-1].client_order_id
    desk.hear(make_report(OrderStatus.FILLED, "0.01", client_order_id=order, venue_order_id="v-held", fees="1"))
    desk.told.clear()
    return desk


def refuse(desk: DeskOnTime, order: SubmitOrder) -> None:
    name = order.client_order_id
    desk.hear(OrderRejected(ts_event=desk.now.utc_ns, client_order_id=name, venue="coinbase", code="NO_COINS"))


def persist(
    desk: DeskOnTime,
    purpose: Purpose,
    seconds: float,
    answer: Callable[[DeskOnTime, SubmitOrder], None] = refuse,
) -> list[float]:
    """Want it plan after plan, as the portfolio does; return when an order left, in seconds from now."""
    began, left, seen = desk.now.monotonic_ns, [], len(desk.sent(SubmitOrder))
    for step in range(round(seconds * 4)):
        desk.quote()
        if not desk.desk.ledger.open_plans:
            until = desk.now.utc_ns + 60 * SECOND_NS
            desk.hear(make_intent(purpose, f"{purpose}-{len(desk.journal)}-{step}", expires_at=until))
        for order in desk.sent(SubmitOrder)[seen:]:
            left.append((desk.now.monotonic_ns - began) / SECOND_NS)
            answer(desk, order)
        seen = len(desk.sent(SubmitOrder))
        desk.advance(0.25)
    return left


def texts(desk: DeskOnTime) -> list[str]:
    return [it.text for it in desk.sent(AlarmRaised) if "in a row" in it.text]


@pytest.mark.parametrize("purpose", REDUCING)
def test_tries_become_rare_and_never_end(desk: DeskOnTime, purpose: Purpose) -> None:
    left = persist(desk, purpose, 200)

    pauses = [after - before for before, after in zip(left, left[1:])]
    assert max(pauses[: ROW - 1]) <= 3  # a real chance is taken while there may be one
    assert pauses[: ROW - 1] == sorted(pauses[: ROW - 1])
    assert set(pauses[ROW - 1 :]) == {2.5}  # half the time that a position may be without a stop


@pytest.mark.parametrize("purpose", REDUCING)
def test_a_person_is_told_once_why_and_nothing_is_opened_there(desk: DeskOnTime, purpose: Purpose) -> None:
    persist(desk, purpose, 200)

    text = f"{ROW} {WORDS[purpose]} in a row refused: the last one rejected:NO_COINS"
    assert texts(desk) == [f"halted: {text}"]
    assert [(halt.scope, halt.reason) for halt in desk.journaled(HaltRaised)] == [("coinbase:BTC-USD", text)]


def test_a_refused_close_is_over_and_the_next_one_leaves_the_stop_in_place_for_a_growing_pause(desk: DeskOnTime) -> None:
    pauses = []
    for number in range(ROW + 3):
        desk.hear(make_intent(Purpose.PROTECT, f"stop-{number}"))
        stop = {"client_order_id": desk.sent(SubmitOrder)[-1].client_order_id, "venue_order_id": f"v-stop-{number}"}
        desk.hear(make_accepted(**stop))
        asked, began = len(desk.sent(CancelOrder)), desk.now.monotonic_ns
        until = desk.now.utc_ns + 60 * SECOND_NS
        desk.hear(make_intent(Purpose.CLOSE, f"close-{number}", expires_at=until))
        while len(desk.sent(CancelOrder)) == asked:
            desk.quote()
            desk.advance(0.25)
        pauses.append((desk.now.monotonic_ns - began) / SECOND_NS)
        desk.hear(make_report(OrderStatus.CANCELED, side=Side.SELL, **stop))
        desk.advance(0.25)
        refuse(desk, desk.sent(SubmitOrder)[-1])
        assert desk.desk.ledger.plans[f"close-{number}"].is_done

    assert pauses[:4] == [0, 0.25, 0.5, 1]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 15


def refuse_closes(desk: DeskOnTime, count: int) -> None:
    """Let so many closes in a row be refused."""
    for number in range(count):
        until = desk.now.utc_ns + 60 * SECOND_NS
        desk.hear(make_intent(Purpose.CLOSE, f"refused-{number}", expires_at=until))
        desk.advance(3)
        refuse(desk, desk.sent(SubmitOrder)[-1])


def cover(desk: DeskOnTime) -> dict[str, str]:
    """Let a stop rest at the venue; return its names."""
    desk.hear(make_intent(Purpose.PROTECT, "stop"))
    names = {"client_order_id": desk.sent(SubmitOrder)[-1].client_order_id, "venue_order_id": "v-stop"}
    desk.hear(make_accepted(**names))
    return names


def want_close(desk: DeskOnTime) -> int:
    """Want the position gone; return how many orders had been sent before."""
    sent = len(desk.sent(SubmitOrder))
    desk.hear(make_intent(Purpose.CLOSE, "close", expires_at=desk.now.utc_ns + 60 * SECOND_NS))
    return sent


def test_a_row_of_refusals_that_is_long_past_keeps_no_close_waiting(desk: DeskOnTime) -> None:
    refuse_closes(desk, ROW + 2)
    desk.advance(60)
    desk.quote()

    sent = want_close(desk)

    assert [it.purpose for it in desk.sent(SubmitOrder)[sent:]] == [Purpose.CLOSE]


def test_a_close_that_pauses_beside_a_stop_pauses_no_longer_than_a_bare_one_once_that_has_gone(desk: DeskOnTime) -> None:
    refuse_closes(desk, ROW + 2)
    stop = cover(desk)
    sent = want_close(desk)
    desk.advance(4)
    assert desk.sent(CancelOrder) == desk.sent(SubmitOrder)[sent:] == []

    desk.hear(make_report(OrderStatus.CANCELED, side=Side.SELL, **stop))

    assert [it.purpose for it in desk.sent(SubmitOrder)[sent:]] == [Purpose.CLOSE]


def test_plans_that_find_nothing_to_send_are_a_row_too(desk: DeskOnTime) -> None:
    desk.load(make_instrument(BTC, min_notional=Decimal(100_000)))

    assert persist(desk, Purpose.CLOSE, 10) == []
    assert texts(desk) == [f"halted: {ROW} closes in a row refused: the last one nothing that the venue would take"]


def test_the_row_goes_on_after_a_restart(desk: DeskOnTime) -> None:
    persist(desk, Purpose.CLOSE, 2)
    assert desk.journaled(HaltRaised) == []
    usd = desk.desk.books.balances["coinbase", "USD"]

    reborn = desk.restarted()
    reborn.ready(usd=usd, btc="0.01")
    persist(reborn, Purpose.CLOSE, 8)

    assert len(reborn.journaled(HaltRaised)) == 1


def fill_a_little(desk: DeskOnTime, order: SubmitOrder) -> None:
    name = f"v-{order.client_order_id}"
    desk.hear(make_accepted(client_order_id=order.client_order_id, venue_order_id=name))
    desk.fills(make_fill("0.0001", f"f-{name}", venue_order_id=name, side=Side.SELL))
    about = {"client_order_id": order.client_order_id, "venue_order_id": name, "side": Side.SELL}
    desk.hear(make_report(OrderStatus.CANCELED, "0.0001", **about))


def find_nobody(desk: DeskOnTime, order: SubmitOrder) -> None:
    about = {"client_order_id": order.client_order_id, "venue_order_id": f"v-{order.client_order_id}"}
    desk.hear(make_report(OrderStatus.CANCELED, side=Side.SELL, **about))


@pytest.mark.parametrize("answer", [fill_a_little, find_nobody])
def test_a_close_that_the_venue_takes_ends_the_row(desk: DeskOnTime, answer) -> None:
    persist(desk, Purpose.CLOSE, 2)
    persist(desk, Purpose.CLOSE, 1.5, answer)
    persist(desk, Purpose.CLOSE, 2)

    assert desk.journaled(HaltRaised) == []


def test_stops_that_are_refused_keep_no_close_waiting(desk: DeskOnTime) -> None:
    persist(desk, Purpose.PROTECT, 30)
    for plan in list(desk.desk.ledger.open_plans.values()):
        desk.advance(60)  # for it to give up
        assert plan.is_done or plan.live_attempt
    sent = len(desk.sent(SubmitOrder))

    desk.hear(make_intent(Purpose.CLOSE, "close", expires_at=desk.now.utc_ns + 60 * SECOND_NS))

    assert [it.purpose for it in desk.sent(SubmitOrder)[sent:]] == [Purpose.CLOSE]


@pytest.mark.parametrize("purpose", REDUCING)
def test_another_grid_ends_the_row_and_the_halt_that_it_raised(desk: DeskOnTime, purpose: Purpose) -> None:
    """What was refused may have been right by a listing that was old."""
    persist(desk, purpose, 60)
    assert desk.desk.halts

    desk.load(make_instrument(BTC, lot_size=Decimal("0.001")))

    assert desk.desk.halts == ()
    assert persist(desk, purpose, 2.75)  # and the next try is no later than half the time without a stop
    assert desk.desk.halts == ()


def test_the_same_grid_told_again_ends_no_halt(desk: DeskOnTime) -> None:
    persist(desk, Purpose.CLOSE, 60)

    desk.load()

    assert len(desk.desk.halts) == 1


def test_after_a_resume_the_row_begins_anew(desk: DeskOnTime) -> None:
    persist(desk, Purpose.CLOSE, 30)
    desk.hear(ResumeTrading())
    assert not desk.desk.ledger.halts

    persist(desk, Purpose.CLOSE, 200)

    assert len(desk.journaled(HaltRaised)) == 2
