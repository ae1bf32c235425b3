"""Position after position that no stop protects: the instrument is halted before the fees eat the account."""

from decimal import Decimal

import pytest

from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.ledger.order_ids import mint_client_order_id
from domain.messages.journal import HaltRaised
from domain.messages.orders import OrderRejected, OrderStatus, Purpose, SubmitOrder
from domain.messages.system import AlarmRaised, ResumeTrading
from tests.order_builders import BTC, DeskOnTime, make_accepted, make_fill, make_intent, make_report

S = OrderStatus
KEY = "coinbase", BTC


@pytest.fixture
def desk() -> DeskOnTime:
    return DeskOnTime().ready()


def open_position(desk: DeskOnTime, number: int) -> None:
    desk.hear(make_intent(intent_id=f"open-{number}"))
    order = mint_client_order_id(f"open-{number}", 0, 1)
    name = f"v-open-{number}"
    desk.hear(make_accepted(client_order_id=order, venue_order_id=name))
    desk.fills(make_fill("0.01", f"f-open-{number}", venue_order_id=name))


def protect(desk: DeskOnTime, number: int) -> str:
    """The venue takes a bracket; return the order's id."""
    desk.hear(make_intent(Purpose.PROTECT, f"protect-{number}"))
    order = mint_client_order_id(f"protect-{number}", 0, 1)
    desk.hear(make_accepted(client_order_id=order, venue_order_id=f"v-protect-{number}"))
    return order


def ends(desk: DeskOnTime, order: str, name: str, status: OrderStatus) -> None:
    desk.hear(make_report(status, client_order_id=order, venue_order_id=name, side=Side.SELL))


def close(desk: DeskOnTime, number: int, reason: str = "uncovered") -> None:
    desk.hear(make_intent(Purpose.CLOSE, f"close-{number}", signal_id=f"{reason}:coinbase:{BTC}"))
    order, name = mint_client_order_id(f"close-{number}", 0, 1), f"v-close-{number}"
    desk.hear(make_accepted(client_order_id=order, venue_order_id=name))
    desk.fills(make_fill("0.01", f"f-close-{number}", venue_order_id=name, side=Side.SELL))


def test_the_third_uncovered_close_in_a_row_halts_the_instrument_with_an_alarm(desk: DeskOnTime) -> None:
    for number in range(3):
        assert desk.journaled(HaltRaised) == []
        open_position(desk, number)
        close(desk, number)

    (halt,) = desk.journaled(HaltRaised)
    assert halt.scope == "coinbase:BTC-USD"
    assert halt.reason == "3 positions in a row closed for want of a stop"
    assert desk.sent(AlarmRaised)[-1].text == f"halted: {halt.reason}"
    assert desk.desk.books.position(*KEY).quantity == 0  # the close itself goes on


def test_the_count_survives_a_restart(desk: DeskOnTime) -> None:
    for number in range(2):
        open_position(desk, number)
        close(desk, number)

    next_run = desk.restarted().ready(usd=desk.desk.books.balances["coinbase", "USD"])
    open_position(next_run, 2)
    close(next_run, 2)

    assert len(next_run.journaled(HaltRaised)) == 1


def test_a_venue_that_takes_each_bracket_and_drops_it_is_no_better(desk: DeskOnTime) -> None:
    for number in range(3):
        open_position(desk, number)
        ends(desk, protect(desk, number), f"v-protect-{number}", S.REJECTED)
        close(desk, number)

    assert len(desk.journaled(HaltRaised)) == 1


def test_a_stop_passed_before_the_venue_had_it_counts_as_none(desk: DeskOnTime) -> None:
    for number in range(3):
        open_position(desk, number)
        close(desk, number, "stop_jumped")

    assert len(desk.journaled(HaltRaised)) == 1


def test_a_position_given_up_under_its_stop_ends_the_row(desk: DeskOnTime) -> None:
    for number, reason in enumerate(("uncovered", "uncovered", "signal", "uncovered", "uncovered")):
        open_position(desk, number)
        if reason == "signal":
            order = protect(desk, number)
            desk.hear(make_intent(Purpose.CLOSE, f"close-{number}"))
            ends(desk, order, f"v-protect-{number}", S.CANCELED)
        close(desk, number, reason)

    assert desk.journaled(HaltRaised) == []


def test_a_stop_that_filled_ends_the_row(desk: DeskOnTime) -> None:
    for number in range(2):
        open_position(desk, number)
        close(desk, number)
    open_position(desk, 2)
    protect(desk, 2)
    desk.fills(make_fill("0.01", "f-stop", venue_order_id="v-protect-2", side=Side.SELL))

    open_position(desk, 3)
    close(desk, 3)

    assert desk.journaled(HaltRaised) == []


def test_one_position_that_is_hard_to_close_counts_once(desk: DeskOnTime) -> None:
    open_position(desk, 0)
    for number in range(8):
        intent = f"close-{number}"
        wanted_until = desk.now.utc_ns + 60 * SECOND_NS
        about = {"signal_id": f"uncovered:coinbase:{BTC}", "expires_at": wanted_until}
        sent = len(desk.sent(SubmitOrder))
        desk.hear(make_intent(Purpose.CLOSE, intent, **about))
        while len(desk.sent(SubmitOrder)) == sent:
            desk.advance(0.25)
        order = desk.sent(SubmitOrder)[-1].client_order_id
        desk.hear(OrderRejected(ts_event=desk.now.utc_ns, client_order_id=order, venue="coinbase", code="NO"))

    assert desk.desk.books.bare_closes[KEY] == 1
    (halt,) = desk.journaled(HaltRaised)
    assert halt.reason == "6 closes in a row refused: the last one rejected:NO"


def test_a_resumed_instrument_starts_anew(desk: DeskOnTime) -> None:
    for number in range(3):
        open_position(desk, number)
        close(desk, number)
    desk.hear(ResumeTrading())

    open_position(desk, 3)
    close(desk, 3)

    assert len(desk.journaled(HaltRaised)) == 1
    assert desk.desk.books.position(*KEY).quantity == Decimal(0)
