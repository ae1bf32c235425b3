from decimal import Decimal
from itertools import product

import pytest

from domain.instrument import Side
from domain.ledger.account import Portfolio
from domain.ledger.order import OrderLifecycle
from domain.ledger.order_status import NEXT_STATUS
from domain.ledger.unconfirmed import not_sent
from domain.messages.base import Event
from domain.messages.journal import CancelRequested, OrderClosed, OrderFilled, OrderResubmitted
from domain.messages.orders import (
    FINAL,
    FillKind,
    OrderNotSent,
    OrderRejected,
    OrderStatus,
    OrderType,
    OrderUnconfirmed,
    TimeInForce,
)
from tests.builders import UTC
from tests.order_builders import make_accepted, make_fill, make_order, make_report, make_submitted

S = OrderStatus
LIVE = (S.SUBMITTED, S.UNCONFIRMED, S.OPEN, S.PARTIALLY_FILLED)


def lifecycle(status: OrderStatus = S.SUBMITTED, **order) -> OrderLifecycle:
    """An order that got to `status` by the shortest road."""
    it = OrderLifecycle(make_submitted(make_order(**order)))
    match status:
        case S.UNCONFIRMED:
            it.apply(unconfirmed(it))
        case S.OPEN:
            it.apply(make_accepted())
        case S.PARTIALLY_FILLED:
            tell(it, it.judge_fill(make_fill("0.001", "first")))
        case status if status in FINAL:
            it.apply(it.closed(status, "test", UTC))
    assert it.status is status
    return it


def tell(it: OrderLifecycle, events: list[Event]) -> list[str]:
    for event in events:
        it.apply(event)
    return [type(event).__name__ for event in events]


def unconfirmed(it: OrderLifecycle) -> OrderUnconfirmed:
    return OrderUnconfirmed(ts_event=UTC, client_order_id=it.id, venue="coinbase", reason="timeout")


def rejected(it: OrderLifecycle) -> OrderRejected:
    return OrderRejected(ts_event=UTC, client_order_id=it.id, venue="coinbase", code="INSUFFICIENT_FUND")


# ---- the table -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", LIVE)
@pytest.mark.parametrize("reported", [S.PARTIALLY_FILLED, *sorted(FINAL)])
def test_every_live_status_can_reach_every_later_one(status: OrderStatus, reported: OrderStatus) -> None:
    it = lifecycle(status)

    filled = "0.01" if reported is S.FILLED else "0.004"
    tell(it, it.judge_report(make_report(reported, filled)))

    assert it.status is reported
    assert it.filled_quantity == Decimal(filled)


NEWS = (
    make_accepted(),
    OrderUnconfirmed(ts_event=UTC, client_order_id=make_order().client_order_id, venue="coinbase", reason="r"),
    *OrderLifecycle(make_submitted()).judge_fill(make_fill("0.001"))[1:],
    *OrderLifecycle(make_submitted()).judge_report(make_report(S.OPEN, "0.001"))[1:],
)


def test_the_order_and_the_books_agree_where_each_story_leads() -> None:
    for trace in product(NEWS, repeat=4):
        it, books = lifecycle(), Portfolio()
        books.apply(it.submitted)
        for event in trace:
            it.apply(event)
            books.apply(event)
            assert books.orders[it.id].status is it.status


@pytest.mark.parametrize("kind", [FillKind.REVERSAL, FillKind.CORRECTION])
def test_the_order_and_the_books_agree_what_may_still_fill_after_a_fill_was_mended(kind: FillKind) -> None:
    it, books = lifecycle(), Portfolio()
    books.apply(it.submitted)

    for fill in (make_fill("0.004", "first"), make_fill("0.001", "second", kind=kind)):
        for event in it.judge_fill(fill):
            it.apply(event)
            books.apply(event)

    left = {FillKind.REVERSAL: "0.007", FillKind.CORRECTION: "0.005"}[kind]
    assert books.orders[it.id].leaves_quantity == it.leaves_quantity == Decimal(left)


def test_final_statuses_have_no_way_out() -> None:
    assert set(NEXT_STATUS) == set(OrderStatus) - FINAL


@pytest.mark.parametrize("final", sorted(FINAL))
def test_nothing_said_later_changes_a_final_status(final: OrderStatus) -> None:
    it = lifecycle(final)

    tell(it, it.judge_report(make_report(S.OPEN)))
    tell(it, it.judge_report(make_report(S.CANCELED)))
    tell(it, it.judge_accepted(make_accepted()))
    tell(it, it.judge_refused(rejected(it)))
    tell(it, it.judge_unconfirmed(unconfirmed(it)))
    it.apply(unconfirmed(it))

    assert it.status is final
    assert it.evidence == "test"


@pytest.mark.parametrize("final", sorted(FINAL))
def test_a_fill_is_booked_in_every_final_status(final: OrderStatus) -> None:
    it = lifecycle(final)

    tell(it, it.judge_fill(make_fill("0.003")))
    tell(it, it.judge_report(make_report(final, "0.005")))

    assert it.filled_quantity == Decimal("0.005")
    assert it.status is final


def test_a_pending_cancel_is_a_flag_beside_the_status() -> None:
    it = lifecycle(S.OPEN, time_in_force=TimeInForce.GTC)
    assert not it.is_in_flight

    it.apply(CancelRequested(ts_event=UTC, client_order_id=it.id, reason="r"))

    assert it.status is S.OPEN
    assert it.is_cancel_pending and it.is_in_flight


# ---- what words prove ------------------------------------------------------------------------------------


def test_a_fill_before_the_acknowledgement_is_an_acceptance_then_a_fill() -> None:
    it = lifecycle()

    trace = tell(it, it.judge_fill(make_fill("0.004")))
    late = it.judge_accepted(make_accepted())

    assert trace == ["OrderAccepted", "OrderFilled"]
    assert it.status is S.PARTIALLY_FILLED
    assert late == []


def test_a_refusal_of_the_first_send_ends_the_order_with_its_evidence() -> None:
    it = lifecycle()

    tell(it, it.judge_refused(rejected(it)))

    assert (it.status, it.evidence) == (S.REJECTED, "rejected:INSUFFICIENT_FUND")


def test_a_refusal_of_a_second_send_proves_nothing_about_the_first() -> None:
    it = lifecycle(S.UNCONFIRMED)
    it.apply(OrderResubmitted(ts_event=UTC + 5, client_order_id=it.id))

    not_sent = OrderNotSent(ts_event=UTC, client_order_id=it.id, venue="coinbase", reason="refused")

    assert it.judge_refused(rejected(it)) == []
    assert it.judge_refused(not_sent) == []
    assert it.last_sent_at == UTC + 5


def test_a_first_send_that_did_not_leave_proves_the_order_dead() -> None:
    it = lifecycle()

    word = not_sent(it.order, "gateway_down", UTC)

    assert tell(it, it.judge_refused(word)) == ["OrderNotSent", "OrderClosed"]
    assert it.evidence == "not_sent:gateway_down"


def test_a_second_send_that_did_not_leave_is_void_and_leaves_the_first_in_doubt() -> None:
    it = lifecycle(is_resubmission=True)

    word = not_sent(it.order, "gateway_down", UTC)

    assert word == OrderUnconfirmed(
        ts_event=UTC, client_order_id=it.id, venue="coinbase", reason="gateway_down", is_void=True
    )


def test_a_refusal_of_an_order_that_the_venue_has_is_not_believed() -> None:
    it = lifecycle(S.OPEN)

    assert it.judge_refused(rejected(it)) == []


def test_a_doubt_after_the_acknowledgement_is_out_of_date() -> None:
    assert lifecycle(S.OPEN).judge_unconfirmed(unconfirmed(lifecycle())) == []


def test_a_final_report_books_what_it_shows_before_it_ends_the_order() -> None:
    it = lifecycle(S.OPEN)

    trace = tell(it, it.judge_report(make_report(S.CANCELED, "0.004", fees="1.5", reason="IOC")))

    assert trace == ["OrderFilledProvisionally", "OrderClosed"]
    assert it.filled_quantity == Decimal("0.004")
    assert it.evidence == "reported:IOC"
    assert it.leaves_quantity == 0


def test_full_quantity_fills_the_order_though_nobody_said_so() -> None:
    it = lifecycle(S.OPEN)
    tell(it, it.judge_report(make_report(S.OPEN, "0.004")))

    trace = tell(it, it.judge_fill(make_fill("0.01")))

    assert trace == ["OrderFilled", "OrderClosed"]
    assert it.status is S.FILLED


def test_a_reversal_never_fills_an_order() -> None:
    it = lifecycle(S.OPEN)

    events = it.judge_fill(make_fill("0.01", kind=FillKind.REVERSAL))

    assert [type(event) for event in events] == [OrderFilled]


def test_f53_two_fills_reported_as_one_total_count_once_and_with_exact_fees() -> None:
    it = lifecycle(S.OPEN)

    tell(it, it.judge_report(make_report(S.FILLED, "0.01", "64000.5", "3.90")))
    tell(it, it.judge_fill(make_fill("0.004", "a", "64000", fee=Decimal("1.536"))))
    tell(it, it.judge_fill(make_fill("0.006", "b", "64000.9", fee=Decimal("2.304"))))
    repeated = it.judge_fill(make_fill("0.006", "b", "64000.9", fee=Decimal("2.304")))

    assert repeated == []
    assert it.filled_quantity == Decimal("0.01")
    assert it.executions.provisional_quantity == 0
    assert it.executions.exact_fees == Decimal("3.840")


def test_more_than_the_quantity_is_booked_in_full_and_said() -> None:
    it = lifecycle(S.OPEN)

    tell(it, it.judge_fill(make_fill("0.01", "a")))
    tell(it, it.judge_fill(make_fill("0.002", "b")))

    assert it.filled_quantity == Decimal("0.012")
    assert it.is_overfilled


def test_only_the_first_end_is_kept() -> None:
    it = lifecycle(S.FILLED)

    it.apply(it.closed(S.CANCELED, "late", UTC))

    assert it.status is S.FILLED
    assert isinstance(it.closed(S.CANCELED, "late", UTC), OrderClosed)


# ---- against our own orders ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "side", "price", "crosses"),
    [
        (Side.SELL, Side.BUY, "65000", True),
        (Side.SELL, Side.BUY, "64999.99", False),
        (Side.BUY, Side.SELL, "65000", True),
        (Side.BUY, Side.SELL, "65000.01", False),
        (Side.BUY, Side.BUY, "66000", False),
    ],
)
def test_an_order_crosses_ours_when_their_prices_meet(own, side, price, crosses) -> None:
    it = lifecycle(S.UNCONFIRMED, side=own, limit_price=Decimal("65000"), order_type=OrderType.LIMIT)

    assert it.crosses(side, Decimal(price)) is crosses


def test_a_dead_order_crosses_nothing() -> None:
    it = lifecycle(S.CANCELED, side=Side.SELL, limit_price=Decimal("65000"))

    assert not it.crosses(Side.BUY, Decimal("66000"))
