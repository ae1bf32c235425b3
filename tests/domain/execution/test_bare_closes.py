"""Position after position that no stop protects: the instrument is halted before the fees eat the account."""

from decimal import Decimal

import pytest

from domain.instant import SECOND_NS
from domain.instrument import InstrumentId, Side
from domain.ledger.bare_closes import BareCloses
from domain.ledger.order_ids import mint_client_order_id
from domain.messages.halts import ResumeTrading
from domain.messages.journal import HaltRaised
from domain.messages.orders import OrderRejected, OrderStatus, Purpose, SubmitOrder
from domain.messages.system import AlarmRaised
from tests.order_builders import BTC, TimedOrderManager, make_accepted, make_fill, make_intent, make_report

S = OrderStatus
KEY = InstrumentId("coinbase", BTC)


@pytest.fixture
def manager() -> TimedOrderManager:
    return TimedOrderManager().ready()


def open_position(manager: TimedOrderManager, number: int) -> None:
    manager.hear(make_intent(intent_id=f"open-{number}"))
    order = mint_client_order_id(f"open-{number}", 0, 1)
    name = f"v-open-{number}"
    manager.hear(make_accepted(client_order_id=order, venue_order_id=name))
    manager.fills(make_fill("0.01", f"f-open-{number}", venue_order_id=name))


def protect(manager: TimedOrderManager, number: int) -> str:
    """The venue takes a bracket; return the order's id."""
    manager.hear(make_intent(Purpose.PROTECT, f"protect-{number}"))
    order = mint_client_order_id(f"protect-{number}", 0, 1)
    manager.hear(make_accepted(client_order_id=order, venue_order_id=f"v-protect-{number}"))
    return order


def ends(manager: TimedOrderManager, order: str, name: str, status: OrderStatus) -> None:
    manager.hear(make_report(status, client_order_id=order, venue_order_id=name, side=Side.SELL))


def close(manager: TimedOrderManager, number: int, reason: str = "uncovered") -> None:
    manager.hear(make_intent(Purpose.CLOSE, f"close-{number}", signal_id=f"{reason}:coinbase:{BTC}"))
    order, name = mint_client_order_id(f"close-{number}", 0, 1), f"v-close-{number}"
    manager.hear(make_accepted(client_order_id=order, venue_order_id=name))
    manager.fills(make_fill("0.01", f"f-close-{number}", venue_order_id=name, side=Side.SELL))


def test_the_third_uncovered_close_in_a_row_halts_the_instrument_with_an_alarm(manager: TimedOrderManager) -> None:
    for number in range(3):
        assert manager.journaled(HaltRaised) == []
        open_position(manager, number)
        close(manager, number)

    (halt,) = manager.journaled(HaltRaised)
    assert halt.scope == "coinbase:BTC-USD"
    assert halt.reason == "3 positions in a row closed for want of a stop"
    assert manager.sent(AlarmRaised)[-1].text == f"halted: {halt.reason}"
    assert manager.manager.books.position(KEY).quantity == 0  # the close itself goes on


def test_the_count_survives_a_restart(manager: TimedOrderManager) -> None:
    for number in range(2):
        open_position(manager, number)
        close(manager, number)

    next_run = manager.restarted().ready(usd=manager.manager.books.balances["coinbase", "", "USD"])
    open_position(next_run, 2)
    close(next_run, 2)

    assert len(next_run.journaled(HaltRaised)) == 1


def test_a_venue_that_takes_each_bracket_and_drops_it_is_no_better(manager: TimedOrderManager) -> None:
    for number in range(3):
        open_position(manager, number)
        ends(manager, protect(manager, number), f"v-protect-{number}", S.REJECTED)
        close(manager, number)

    assert len(manager.journaled(HaltRaised)) == 1


def test_a_stop_passed_before_the_venue_had_it_counts_as_none(manager: TimedOrderManager) -> None:
    for number in range(3):
        open_position(manager, number)
        close(manager, number, "stop_jumped")

    assert len(manager.journaled(HaltRaised)) == 1


def test_a_position_given_up_under_its_stop_ends_the_row(manager: TimedOrderManager) -> None:
    for number, reason in enumerate(("uncovered", "uncovered", "signal", "uncovered", "uncovered")):
        open_position(manager, number)
        if reason == "signal":
            order = protect(manager, number)
            manager.hear(make_intent(Purpose.CLOSE, f"close-{number}"))
            ends(manager, order, f"v-protect-{number}", S.CANCELED)
        close(manager, number, reason)

    assert manager.journaled(HaltRaised) == []


def test_a_stop_that_filled_ends_the_row(manager: TimedOrderManager) -> None:
    for number in range(2):
        open_position(manager, number)
        close(manager, number)
    open_position(manager, 2)
    protect(manager, 2)
    manager.fills(make_fill("0.01", "f-stop", venue_order_id="v-protect-2", side=Side.SELL))

    open_position(manager, 3)
    close(manager, 3)

    assert manager.journaled(HaltRaised) == []


def test_one_position_that_is_hard_to_close_counts_once(manager: TimedOrderManager) -> None:
    open_position(manager, 0)
    for number in range(8):
        intent = f"close-{number}"
        wanted_until = manager.now.utc_ns + 60 * SECOND_NS
        about = {"signal_id": f"uncovered:coinbase:{BTC}", "expires_at": wanted_until}
        sent = len(manager.sent(SubmitOrder))
        manager.hear(make_intent(Purpose.CLOSE, intent, **about))
        while len(manager.sent(SubmitOrder)) == sent:
            manager.advance(0.25)
        order = manager.sent(SubmitOrder)[-1].client_order_id
        manager.hear(OrderRejected(ts_event=manager.now.utc_ns, client_order_id=order, venue="coinbase", code="NO"))

    assert manager.manager.books.bare_closes[KEY] == 1
    (halt,) = manager.journaled(HaltRaised)
    assert halt.reason == "6 closes in a row refused: the last one rejected:NO"


def test_a_resumed_instrument_starts_anew(manager: TimedOrderManager) -> None:
    for number in range(3):
        open_position(manager, number)
        close(manager, number)
    manager.hear(ResumeTrading())

    open_position(manager, 3)
    close(manager, 3)

    assert len(manager.journaled(HaltRaised)) == 1
    assert manager.manager.books.position(KEY).quantity == Decimal(0)


@pytest.mark.parametrize(("reason", "count"), [("uncovered", 1), ("signal", 0)])
def test_why_a_close_was_wanted_is_said_by_its_reason_whatever_its_signal_is_called(reason: str, count: int) -> None:
    rows, key = BareCloses(), InstrumentId("coinbase", BTC)

    rows.accepted(
        make_intent(Purpose.CLOSE, signal_id="uncovered:by a strategy of that name", reason=reason), key, False
    )

    assert rows.counts[key] == count
