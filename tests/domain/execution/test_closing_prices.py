"""A close leaves at a bounded price that can be believed, whatever the stream does, and widens with an alarm."""

from decimal import Decimal

import pytest

from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.ledger.order_ids import mint_client_order_id
from domain.messages.orders import (
    OrderNotSent,
    OrderRejected,
    OrderStatus,
    OrderUnconfirmed,
    Purpose,
    RequestTouch,
    SubmitOrder,
    TouchReported,
)
from domain.messages.system import AlarmRaised
from tests.order_builders import BTC, TimedOrderManager, make_intent, make_report

S = OrderStatus


@pytest.fixture
def manager() -> TimedOrderManager:
    """A position of 0.01 bought at 64000, and nothing in flight."""
    manager = TimedOrderManager().ready()
    manager.hold()
    held = manager.sent(SubmitOrder)[-1].client_order_id
    manager.hear(make_report(S.FILLED, "0.01", client_order_id=held, venue_order_id="v-held", fees="1"))
    manager.told.clear()
    return manager


def close(manager: TimedOrderManager, name: str = "close") -> None:
    expires_at = manager.now.utc_ns + 60 * SECOND_NS
    manager.hear(make_intent(Purpose.CLOSE, name, reference_price=Decimal("64000"), expires_at=expires_at))


def finds_nobody(manager: TimedOrderManager) -> None:
    order = manager.sent(SubmitOrder)[-1].client_order_id
    name = f"v-{order}"
    manager.hear(make_report(S.CANCELED, client_order_id=order, venue_order_id=name, side=Side.SELL))


def tells(manager: TimedOrderManager, bid: str | None, ask: str | None, last: str | None) -> None:
    bid_price, ask_price, last_price = (price and Decimal(price) for price in (bid, ask, last))
    manager.hear(
        TouchReported(
            ts_event=manager.now.utc_ns,
            venue="coinbase",
            instrument=BTC,
            bid_price=bid_price,
            ask_price=ask_price,
            last_price=last_price,
        )
    )


def limits(manager: TimedOrderManager) -> list[str]:
    return [str(order.limit_price) for order in manager.sent(SubmitOrder)]


def test_a_whole_quote_steers_and_the_venue_is_not_asked(manager: TimedOrderManager) -> None:
    manager.quote("60000.00", "60000.10")

    close(manager)

    assert limits(manager) == ["59880.00"]
    assert manager.sent(RequestTouch) == []


@pytest.mark.parametrize(
    "quote",
    [
        {"bid": "6400.00", "is_whole": False},
        {"bid": "90000.00"},  # crossed
        {"bid": "6400.00", "clock_offset_ns": None},
        {"bid": "6400.00", "lag_ns": 3 * SECOND_NS},
        {"bid": "6400.00", "alive_ns": 0},  # the venue has gone silent
    ],
)
def test_a_quote_that_cannot_be_believed_never_gives_the_limit(manager: TimedOrderManager, quote: dict) -> None:
    manager.quote(**quote)

    close(manager)

    assert limits(manager) == ["63872.00"]  # from the price it was decided at, at once
    assert manager.sent(RequestTouch) == [RequestTouch(venue="coinbase", instrument=BTC)]


def test_with_a_dead_feed_a_close_follows_the_venue_itself_far_below_the_last_quote(manager: TimedOrderManager) -> None:
    manager.advance(10)
    close(manager)
    tells(manager, "58000", "58001", "58000")

    finds_nobody(manager)
    manager.advance(0.25)

    assert limits(manager)[1:] == ["57768.00"]


@pytest.mark.parametrize(
    ("touch", "limit"),
    [
        ((None, None, "58000"), "57768.00"),  # a book that can't be believed
        ((None, "58001", "58000"), "57768.00"),  # nobody bids
        (("5800", "58001", "58000"), "57768.00"),  # hardly anybody bids
        (("58000", "58001", None), "57768.00"),
    ],
)
def test_the_last_trade_steers_where_the_book_does_not(manager: TimedOrderManager, touch: tuple, limit: str) -> None:
    manager.advance(10)
    close(manager)
    tells(manager, *touch)

    finds_nobody(manager)
    manager.advance(0.25)

    assert limits(manager)[1] == limit


def test_a_venue_that_names_no_price_leaves_the_one_the_close_was_decided_at(manager: TimedOrderManager) -> None:
    manager.advance(10)
    close(manager)
    tells(manager, None, "58001", None)

    finds_nobody(manager)
    manager.advance(0.25)

    assert limits(manager)[1] == "63744.00"


def test_what_the_venue_told_is_soon_too_old_and_asked_for_again(manager: TimedOrderManager) -> None:
    manager.advance(10)
    close(manager)
    tells(manager, "58000", "58001", "58000")
    manager.advance(4)

    finds_nobody(manager)
    manager.advance(0.5)

    assert limits(manager)[1] == "63744.00"
    assert len(manager.sent(RequestTouch)) == 2


def test_each_step_further_out_is_told_to_a_person(manager: TimedOrderManager) -> None:
    close(manager)
    for _ in range(5):
        finds_nobody(manager)
        manager.quote()
        manager.advance(2.5)

    assert limits(manager) == ["63872.00", "63744.00", "63488.00", "62976.00", "61952.00", "60800.00"]
    told = [alarm.text for alarm in manager.sent(AlarmRaised)]
    assert told == [
        f"a close widens to {ratio} % beyond the touch: limit {limit}"
        for ratio, limit in (
            ("0.4", "63744"), ("0.8", "63488"), ("1.6", "62976"), ("3.2", "61952"), ("5", "60800"),
        )
    ]  # fmt: skip


def test_a_refusal_says_nothing_about_the_price_and_widens_nothing(manager: TimedOrderManager) -> None:
    for attempt in range(4):
        close(manager, f"close-{attempt}")
        manager.quote()
        manager.advance(2.5)  # the pause after a refusal
        order = manager.sent(SubmitOrder)[-1].client_order_id
        about = {"ts_event": manager.now.utc_ns, "client_order_id": order, "venue": "coinbase"}
        refused = OrderRejected(**about, code="ORDER_ENTRY_DISABLED")
        manager.hear(refused if attempt % 2 else OrderNotSent(**about, reason="dns"))

    close(manager)
    manager.quote()
    manager.advance(2.5)
    finds_nobody(manager)
    manager.quote()
    manager.advance(2.5)

    assert limits(manager) == ["63872.00"] * 5 + ["63744.00"]
    assert len([alarm for alarm in manager.sent(AlarmRaised) if "widens" in alarm.text]) == 1


def test_the_next_plan_goes_on_where_the_last_found_nobody(manager: TimedOrderManager) -> None:
    close(manager)
    for _ in range(6):
        finds_nobody(manager)
        manager.quote()
        manager.advance(2.5)

    close(manager, "again")

    assert limits(manager)[6] == "60800.00"


def test_a_close_that_found_somebody_lets_the_next_begin_near_the_price(manager: TimedOrderManager) -> None:
    close(manager)
    for attempt in range(1, 7):
        order = mint_client_order_id("close", 0, attempt)
        name = f"v-{attempt}"
        manager.hear(make_report(S.CANCELED, "0.001", client_order_id=order, venue_order_id=name, side=Side.SELL))
        manager.quote()
        manager.advance(2.5)

    close(manager, "again")

    assert limits(manager)[6] == "63872.00"


def test_a_close_in_doubt_is_sent_again_though_no_quote_can_be_believed(manager: TimedOrderManager) -> None:
    manager.quote("6400.00", is_whole=False)
    close(manager)
    order = manager.sent(SubmitOrder)[0].client_order_id
    about = {"ts_event": manager.now.utc_ns, "client_order_id": order, "venue": "coinbase"}

    manager.hear(OrderUnconfirmed(**about, reason="timeout"))
    manager.advance(1)  # nobody answers the question

    assert [again.is_resubmission for again in manager.sent(SubmitOrder)] == [False, True]
