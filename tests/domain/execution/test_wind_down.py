from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.ledger.order_ids import mint_client_order_id
from domain.messages.account import RequestSnapshot, SnapshotFailed
from domain.messages.orders import (
    CancelOrder,
    CancelRejected,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OrderType,
    OrderUnconfirmed,
    Purpose,
    QueryOrder,
    SubmitOrder,
)
from domain.messages.system import WindDown, WindDownCompleted
from domain.settings import ProtectionSettings, Settings
from tests.builders import UTC, make_instrument
from tests.order_builders import BTC, TimedOrderManager, make_accepted, make_fill, make_intent, make_report

S = OrderStatus
AFTER_HOLD = {"usd": "9359", "btc": "0.01"}  # of 10000: 0.01 at 64000, fee 1


@pytest.fixture
def manager() -> TimedOrderManager:
    return TimedOrderManager().ready()


def wind_down(manager: TimedOrderManager, within_s: float = 3) -> None:
    manager.hear(WindDown(deadline_ns=manager.now.monotonic_ns + round(within_s * SECOND_NS)))


def protect(manager: TimedOrderManager, quantity: str = "0.01") -> OrderReported:
    """Let the portfolio cover the position; return how the venue lists the bracket."""
    manager.hear(make_intent(Purpose.PROTECT, "guard", quantity=Decimal(quantity)))
    names = {"client_order_id": manager.order("guard").id, "venue_order_id": "v-guard"}
    manager.hear(make_accepted(**names))
    return make_report(S.OPEN, side=Side.SELL, **names)


def last_words(manager: TimedOrderManager) -> WindDownCompleted:
    (words,) = manager.sent(WindDownCompleted)
    return words


def test_a_quiet_desk_compares_once_more_and_is_done(manager: TimedOrderManager) -> None:
    wind_down(manager)
    assert manager.sent(WindDownCompleted) == []

    manager.snapshot()

    assert last_words(manager) == WindDownCompleted(
        ts_event=manager.now.utc_ns,
        is_reconciled=True,
        unconfirmed=(),
        protective=(),
        differences=(),
        journal_seq=len(manager.journal),
    )


def test_an_answer_to_a_question_from_before_the_last_fill_is_not_proof(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_accepted())
    manager.advance(5)
    wind_down(manager)

    manager.fills(make_fill())
    guard = protect(manager)
    manager.snapshot(**AFTER_HOLD, open_orders=[guard])
    manager.advance(0.2)
    manager.snapshot(**AFTER_HOLD, open_orders=[guard])

    assert last_words(manager).is_reconciled
    assert len(manager.sent(RequestSnapshot)) >= 3


def test_it_waits_for_what_is_in_flight_and_for_exact_fills(manager: TimedOrderManager) -> None:
    manager.hear(make_intent())
    wind_down(manager)
    manager.advance(0.1)

    manager.hear(make_report(S.FILLED, "0.01", fees="1"))
    guard = protect(manager)
    manager.advance(0.1)
    manager.snapshot(**AFTER_HOLD, open_orders=[guard])
    assert manager.sent(WindDownCompleted) == []

    manager.advance(0.1)
    manager.snapshot(**AFTER_HOLD, fills=[make_fill()], open_orders=[guard])

    assert last_words(manager).is_reconciled
    assert manager.now.utc_ns - UTC < SECOND_NS


def test_protection_stays_and_is_listed(manager: TimedOrderManager) -> None:
    """TC-E81"""
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), make_accepted())
    wind_down(manager)

    manager.snapshot(**AFTER_HOLD, open_orders=[make_report(S.OPEN, side=Side.SELL)])

    assert manager.sent(CancelOrder) == []
    assert last_words(manager).protective == ("coinbase BTC-USD SELL 0.01 target 70000 stop 61000",)
    assert last_words(manager).is_reconciled


def test_a_stop_without_a_position_in_our_books_stays_and_is_said_to_be_one() -> None:
    manager = TimedOrderManager().ready(btc="0.01")  # the journal with its purchase was lost
    stop = replace(
        make_report(S.OPEN),
        client_order_id=mint_client_order_id("lost", 0, 1),
        side=Side.SELL,
        order_type=OrderType.BRACKET,
        quantity=Decimal("0.01"),
        leaves_quantity=Decimal("0.01"),
        limit_price=Decimal(70000),
        stop_price=Decimal(61000),
    )
    manager.snapshot(btc="0.01", held="0.01", open_orders=[stop])
    wind_down(manager)

    manager.advance(10)

    assert manager.sent(CancelOrder) == []
    [protective] = last_words(manager).protective
    assert protective == ("coinbase BTC-USD SELL 0.01 target 70000 stop 61000, though our books have no position there")


def test_a_stop_that_nobody_has_confirmed_is_not_called_in_place(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT))
    wind_down(manager)

    manager.advance(10)

    words = last_words(manager)
    assert words.protective == ()
    [unproven] = words.unproven
    assert unproven.startswith("coinbase BTC-USD SELL 0.01 target 70000 stop 61000 (SUBMITTED, id 6e7a657a-")
    assert words.bare == ("position coinbase:BTC-USD is not protected",)
    assert not words.is_reconciled


def test_a_close_in_progress_may_finish(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), make_accepted(), make_intent(Purpose.CLOSE, "close"))
    wind_down(manager)

    manager.hear(make_report(S.CANCELED, side=Side.SELL))

    assert manager.sent(SubmitOrder)[-1].intent_id == "close"
    assert manager.sent(WindDownCompleted) == []


def test_an_order_in_doubt_is_asked_about_at_once_and_named_at_the_deadline(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(expires_at=UTC + 1))
    order = manager.order().id
    manager.hear(OrderUnconfirmed(ts_event=UTC, client_order_id=order, venue="coinbase", reason="timeout"))
    asked = len(manager.sent(QueryOrder))

    wind_down(manager)
    assert len(manager.sent(QueryOrder)) == asked + 1
    manager.advance(3)

    assert last_words(manager).unconfirmed == (order,)
    assert not last_words(manager).is_reconciled


def test_a_venue_that_does_not_answer_is_named_at_the_deadline(manager: TimedOrderManager) -> None:
    wind_down(manager)
    manager.advance(2.999)
    assert manager.sent(WindDownCompleted) == []

    manager.advance(0.001)

    assert last_words(manager).differences == (
        "coinbase: its account could not be read and compared after trading had stopped; the next start does that",
    )


def test_a_failed_snapshot_is_asked_for_again_within_the_deadline(manager: TimedOrderManager) -> None:
    wind_down(manager)
    request = manager.sent(RequestSnapshot)[-1]
    manager.hear(SnapshotFailed(ts_event=UTC, request_id=request.request_id, venue="coinbase", reason="503"))
    manager.advance(0.2)

    manager.snapshot()

    assert last_words(manager).is_reconciled


def test_a_difference_is_looked_at_until_the_deadline_and_then_told(manager: TimedOrderManager) -> None:
    wind_down(manager)
    for _ in range(29):
        manager.snapshot(usd="9999")
        manager.advance(0.1)
    assert manager.sent(WindDownCompleted) == []

    manager.advance(0.1)

    assert last_words(manager).differences == ("coinbase: USD -1",)


def test_a_position_is_not_left_without_protection(manager: TimedOrderManager) -> None:
    manager.hold()
    wind_down(manager)
    manager.snapshot(**AFTER_HOLD)
    assert manager.sent(WindDownCompleted) == []

    guard = protect(manager)
    manager.advance(0.2)
    manager.snapshot(**AFTER_HOLD, open_orders=[guard])

    assert last_words(manager).is_reconciled


def test_a_position_that_nobody_protected_is_named_at_the_deadline(manager: TimedOrderManager) -> None:
    manager.hold()
    wind_down(manager)
    manager.advance(3)

    assert "position coinbase:BTC-USD is not protected" in last_words(manager).differences
    assert not last_words(manager).is_reconciled


def test_whoever_wants_to_end_flat_waits_until_the_position_is_closed() -> None:
    flatten = ProtectionSettings(on_exit="flatten")
    manager = TimedOrderManager(settings=Settings(protection=flatten)).ready()
    manager.hold()
    guard = protect(manager)
    wind_down(manager)

    manager.snapshot(**AFTER_HOLD, open_orders=[guard])
    manager.advance(3)

    assert "position coinbase:BTC-USD is not closed" in last_words(manager).differences


def test_what_no_close_could_sell_keeps_nobody_waiting_and_is_told() -> None:
    manager = TimedOrderManager(settings=Settings(protection=ProtectionSettings(on_exit="flatten"))).ready()
    manager.hold()
    manager.load(make_instrument(BTC, min_notional=Decimal("640")))  # 640.0005 at the mid, 638.7 at a close's limit
    wind_down(manager)

    manager.snapshot(**AFTER_HOLD)

    too_small = "it is below the venue's minimum, so no order can close it"
    assert last_words(manager).bare == (f"position coinbase:BTC-USD is not closed: {too_small}",)


@pytest.mark.parametrize(("has_stop", "bare"), [(True, 0), (False, 1)])
def test_a_position_below_the_venues_new_minimum_is_told_unless_its_stop_rests(has_stop: bool, bare: int) -> None:
    manager = TimedOrderManager().ready()
    manager.hold()
    open_orders = [protect(manager)] if has_stop else []
    manager.load(make_instrument(BTC, min_notional=Decimal("5000")))
    wind_down(manager)

    manager.snapshot(**AFTER_HOLD, open_orders=open_orders)

    assert len(last_words(manager).bare) == bare


def test_dust_that_no_close_could_sell_is_left_in_silence() -> None:
    manager = TimedOrderManager().ready()
    manager.hold("0.0001")
    manager.load(make_instrument(BTC, min_notional=Decimal("7")))
    wind_down(manager)

    manager.snapshot(usd="9992.6", btc="0.0001")

    assert last_words(manager).bare == ()


def test_what_a_persons_sale_holds_is_named_by_whoever_wants_to_end_flat() -> None:
    manager = TimedOrderManager(settings=Settings(protection=ProtectionSettings(on_exit="flatten"))).ready()
    manager.hold()
    theirs = make_report(
        S.OPEN,
        client_order_id="by-hand",
        venue_order_id="v-x",
        side=Side.SELL,
        leaves_quantity=Decimal("0.01"),
        limit_price=Decimal(80000),
    )
    wind_down(manager)

    for _ in range(2):  # the first was asked for before the end began
        manager.snapshot(**AFTER_HOLD, held="0.01", open_orders=[theirs])
        manager.advance(0.2)

    text = "position coinbase:BTC-USD is not closed: 0.01 of it are held for an order that is not ours"
    assert last_words(manager).bare == (text,)  # long before the deadline: waiting would not close it


def test_after_the_last_word_nothing_is_sent(manager: TimedOrderManager) -> None:
    """TC-E83"""
    manager.hold()
    guard = protect(manager)
    wind_down(manager)
    manager.snapshot(**AFTER_HOLD, open_orders=[guard])
    sent = len(manager.sent(SubmitOrder))

    manager.hear(make_intent(Purpose.CLOSE, "close"), make_intent(intent_id="i-9"))
    manager.advance(10)

    assert len(manager.sent(SubmitOrder)) == sent


def test_a_close_whose_stop_is_still_to_go_is_given_up_before_the_deadline(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), make_accepted(), make_intent(Purpose.CLOSE, "close"))
    wind_down(manager)
    manager.advance(3)
    sent = len(manager.sent(SubmitOrder))

    manager.hear(make_report(S.CANCELED, side=Side.SELL))

    assert len(manager.sent(SubmitOrder)) == sent
    assert manager.manager.ledger.plans["close"].is_done  # and the next start sends nothing for it
    (unproven,) = last_words(manager).unproven  # its cancel may have worked
    assert unproven.startswith("coinbase BTC-USD SELL 0.01 target 70000 stop 61000")


def refuse_close(manager: TimedOrderManager) -> None:
    order = manager.sent(SubmitOrder)[-1]
    assert order.purpose is Purpose.CLOSE
    refused = {"client_order_id": order.client_order_id, "venue": "coinbase", "code": "ORDER_ENTRY_DISABLED"}
    manager.hear(OrderRejected(ts_event=manager.now.utc_ns, **refused))


def test_a_close_that_pauses_near_the_deadline_leaves_it_to_the_stop() -> None:
    flatten = ProtectionSettings(on_exit="flatten")
    manager = TimedOrderManager(settings=Settings(protection=flatten)).ready()
    manager.hold()
    held = manager.sent(SubmitOrder)[-1].client_order_id
    manager.hear(make_report(S.FILLED, "0.01", client_order_id=held, venue_order_id="v-held", fees="1"))
    wind_down(manager, within_s=2.4)
    for number in range(15):
        if not manager.manager.ledger.open_plans:
            manager.hear(make_intent(Purpose.CLOSE, f"close-{number}"))
        manager.advance(0.1)
        if manager.manager.ledger.live:
            refuse_close(manager)
    assert manager.manager.ledger.open_plans

    manager.advance(0.1)  # a third of the time is left
    assert not manager.manager.ledger.open_plans
    guard = protect(manager)
    manager.hear(make_intent(Purpose.CLOSE, "late"))
    for _ in range(2):  # the first was asked for before
        manager.advance(0.2)
        manager.snapshot(
            **AFTER_HOLD, fills=[make_fill(venue_order_id="v-held", fill_id="f-held")], open_orders=[guard]
        )

    assert manager.sent(CancelOrder) == []
    assert manager.sent(SubmitOrder)[-1].purpose is Purpose.PROTECT
    words = last_words(manager)
    assert words.protective == ("coinbase BTC-USD SELL 0.01 target 70000 stop 61000",)
    assert words.bare == ("position coinbase:BTC-USD is not closed",)


@pytest.mark.parametrize("is_early", [True, False], ids=["wanted before", "wanted at the end"])
@pytest.mark.parametrize("purpose", [Purpose.CLOSE, Purpose.PROTECT])
def test_what_was_refused_before_the_end_is_tried_again_while_there_is_time(
    manager: TimedOrderManager, purpose: Purpose, is_early: bool
) -> None:
    manager.hold()
    for number in range(8):
        manager.hear(make_intent(purpose, f"refused-{number}"))
        while manager.manager.ledger.open_plans:
            manager.advance(0.25)
            for order in list(manager.manager.ledger.live):
                manager.hear(OrderRejected(ts_event=UTC, client_order_id=order, venue="coinbase", code="NOT_NOW"))
    sent, wanted = (
        len(manager.sent(SubmitOrder)),
        make_intent(purpose, "wanted", expires_at=manager.now.utc_ns + 60 * SECOND_NS),
    )

    if is_early:
        manager.hear(wanted)
    wind_down(manager, within_s=2.3)
    manager.hear(wanted)
    manager.advance(0.75)

    assert [it.purpose for it in manager.sent(SubmitOrder)[sent:]] == [purpose]


def test_a_cancel_that_was_refused_before_the_end_is_tried_again_at_once(manager: TimedOrderManager) -> None:
    manager.hold()
    protect(manager)
    manager.hear(make_intent(Purpose.CLOSE, "close"))
    for _ in range(70):
        manager.advance(0.25)
        order = manager.sent(CancelOrder)[-1].client_order_id
        manager.hear(CancelRejected(ts_event=manager.now.utc_ns, client_order_id=order, venue="coinbase", code="NO"))
    asked = len(manager.sent(CancelOrder))

    wind_down(manager, within_s=2.3)
    manager.advance(1)

    assert len(manager.sent(CancelOrder)) == asked + 2


def test_after_the_last_word_no_stop_is_canceled_any_more() -> None:
    manager = TimedOrderManager(settings=Settings(protection=ProtectionSettings(on_exit="flatten"))).ready()
    manager.hold()
    protect(manager)
    wind_down(manager)
    manager.hear(make_intent(Purpose.CLOSE, "close"))
    order = manager.sent(CancelOrder)[-1].client_order_id
    manager.advance(3)
    asked = len(manager.sent(CancelOrder))
    assert last_words(manager).protective == () and len(last_words(manager).unproven) == 1

    refused = {"client_order_id": order, "venue": "coinbase", "code": "NO"}
    manager.hear(CancelRejected(ts_event=manager.now.utc_ns, **refused))
    manager.advance(30)

    assert len(manager.sent(CancelOrder)) == asked


def test_a_supervisor_that_asks_again_hears_the_last_word_again(manager: TimedOrderManager) -> None:
    wind_down(manager)
    manager.snapshot()

    wind_down(manager)

    first, second = manager.sent(WindDownCompleted)
    assert first == second


def test_it_fits_into_its_time_with_slow_venues(manager: TimedOrderManager) -> None:
    """Every call takes 150 ms, a snapshot four of them; the stop comes in the middle of an order."""
    manager.hear(make_intent())
    wind_down(manager)
    manager.advance(0.15)
    manager.hear(make_accepted())
    manager.advance(0.15)
    manager.hear(make_report(S.CANCELED, "0.005", fees="0.5"))
    guard = protect(manager, "0.005")
    manager.advance(0.15)
    manager.hear(make_report(S.CANCELED, "0.005", fees="0.5", is_read=True))
    manager.advance(0.45)
    manager.snapshot("9679.5", "0.005", open_orders=[guard])
    manager.advance(0.7)
    fills = [make_fill("0.005", fee=Decimal("0.5"))]
    manager.snapshot("9679.5", "0.005", fills=fills, open_orders=[guard])

    assert last_words(manager).is_reconciled


def test_live_orders_that_are_not_ours_are_told_at_the_end_and_one_with_our_tag_is_not_reconciled(
    manager: TimedOrderManager,
) -> None:
    tagged = make_report(S.OPEN, client_order_id=mint_client_order_id("another's", 0, 1, "beef"))
    plain_one = make_report(S.OPEN, client_order_id="by hand", venue_order_id="v-hand")

    wind_down(manager)
    manager.snapshot(open_orders=[tagged, plain_one])

    words = last_words(manager)
    assert not words.is_reconciled
    assert ["with our tag" in line for line in words.external] == [True, False]
    assert words.differences[0].startswith("an order that we can't account for: coinbase BTC-USD BUY")
