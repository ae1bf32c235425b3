from decimal import Decimal

import pytest

from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.ledger.order_ids import mint_client_order_id
from domain.messages.orders import (
    CancelOrder,
    CancelRejected,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OrderUnconfirmed,
    Purpose,
    QueryOrder,
    RequestSnapshot,
    SnapshotFailed,
    SubmitOrder,
)
from domain.messages.system import WindDown, WoundDown
from domain.settings import ProtectionSettings, Settings
from tests.builders import UTC, make_instrument
from tests.order_builders import BTC, DeskOnTime, make_accepted, make_fill, make_intent, make_report

S = OrderStatus
AFTER_HOLD = {"usd": "9359", "btc": "0.01"}  # of 10000: 0.01 at 64000, fee 1


@pytest.fixture
def desk() -> DeskOnTime:
    return DeskOnTime().ready()


def wind_down(desk: DeskOnTime, within_s: float = 3) -> None:
    desk.hear(WindDown(deadline_ns=desk.now.monotonic_ns + round(within_s * SECOND_NS)))


def protect(desk: DeskOnTime, quantity: str = "0.01") -> OrderReported:
    """Let the portfolio cover the position; return how the venue lists the bracket."""
    desk.hear(make_intent(Purpose.PROTECT, "guard", quantity=Decimal(quantity)))
    names = {"client_order_id": desk.order("guard").id, "venue_order_id": "v-guard"}
    desk.hear(make_accepted(**names))
    return make_report(S.OPEN, side=Side.SELL, **names)


def last_words(desk: DeskOnTime) -> WoundDown:
    (words,) = desk.sent(WoundDown)
    return words


def test_a_quiet_desk_compares_once_more_and_is_done(desk: DeskOnTime) -> None:
    wind_down(desk)
    assert desk.sent(WoundDown) == []

    desk.snapshot()

    assert last_words(desk) == WoundDown(
        ts_event=desk.now.utc_ns,
        is_reconciled=True,
        unconfirmed=(),
        protective=(),
        differences=(),
        journal_seq=len(desk.journal),
    )


def test_an_answer_to_a_question_from_before_the_last_fill_is_not_proof(desk: DeskOnTime) -> None:
    desk.hear(make_intent(), make_accepted())
    desk.advance(5)
    wind_down(desk)

    desk.fills(make_fill())
    guard = protect(desk)
    desk.snapshot(**AFTER_HOLD, open_orders=[guard])
    desk.advance(0.2)
    desk.snapshot(**AFTER_HOLD, open_orders=[guard])

    assert last_words(desk).is_reconciled
    assert len(desk.sent(RequestSnapshot)) >= 3


def test_it_waits_for_what_is_in_flight_and_for_exact_fills(desk: DeskOnTime) -> None:
    desk.hear(make_intent())
    wind_down(desk)
    desk.advance(0.1)

    desk.hear(make_report(S.FILLED, "0.01", fees="1"))
    guard = protect(desk)
    desk.advance(0.1)
    desk.snapshot(**AFTER_HOLD, open_orders=[guard])
    assert desk.sent(WoundDown) == []

    desk.advance(0.1)
    desk.snapshot(**AFTER_HOLD, fills=[make_fill()], open_orders=[guard])

    assert last_words(desk).is_reconciled
    assert desk.now.utc_ns - UTC < SECOND_NS


def test_protection_stays_and_is_listed(desk: DeskOnTime) -> None:
    desk.hold()
    desk.hear(make_intent(Purpose.PROTECT), make_accepted())
    wind_down(desk)

    desk.snapshot(**AFTER_HOLD, open_orders=[make_report(S.OPEN, side=Side.SELL)])

    assert desk.sent(CancelOrder) == []
    assert last_words(desk).protective == ("coinbase BTC-USD SELL 0.01 target 70000 stop 61000",)
    assert last_words(desk).is_reconciled


def test_a_stop_that_nobody_has_confirmed_is_not_called_in_place(desk: DeskOnTime) -> None:
    desk.hold()
    desk.hear(make_intent(Purpose.PROTECT))
    wind_down(desk)

    desk.advance(10)

    words = last_words(desk)
    assert words.protective == ()
    [unproven] = words.unproven
    assert unproven.startswith("coinbase BTC-USD SELL 0.01 target 70000 stop 61000 (SUBMITTED, id 6e7a657a-")
    assert words.bare == ("position coinbase:BTC-USD is not protected",)
    assert not words.is_reconciled


def test_a_close_in_progress_may_finish(desk: DeskOnTime) -> None:
    desk.hold()
    desk.hear(make_intent(Purpose.PROTECT), make_accepted(), make_intent(Purpose.CLOSE, "close"))
    wind_down(desk)

    desk.hear(make_report(S.CANCELED, side=Side.SELL))

    assert desk.sent(SubmitOrder)[-1].intent_id == "close"
    assert desk.sent(WoundDown) == []


def test_an_order_in_doubt_is_asked_about_at_once_and_named_at_the_deadline(desk: DeskOnTime) -> None:
    desk.hear(make_intent(expires_at=UTC + 1))
    order = desk.order().id
    desk.hear(OrderUnconfirmed(ts_event=UTC, client_order_id=order, venue="coinbase", reason="timeout"))
    asked = len(desk.sent(QueryOrder))

    wind_down(desk)
    assert len(desk.sent(QueryOrder)) == asked + 1
    desk.advance(3)

    assert last_words(desk).unconfirmed == (order,)
    assert not last_words(desk).is_reconciled


def test_a_venue_that_does_not_answer_is_named_at_the_deadline(desk: DeskOnTime) -> None:
    wind_down(desk)
    desk.advance(2.999)
    assert desk.sent(WoundDown) == []

    desk.advance(0.001)

    assert last_words(desk).differences == (
        "coinbase: its account could not be read and compared after trading had stopped; the next start does that",
    )


def test_a_failed_snapshot_is_asked_for_again_within_the_deadline(desk: DeskOnTime) -> None:
    wind_down(desk)
    request = desk.sent(RequestSnapshot)[-1]
    desk.hear(
        SnapshotFailed(ts_event=UTC, request_id=request.request_id, venue="coinbase", reason="503")
    )
    desk.advance(0.2)

    desk.snapshot()

    assert last_words(desk).is_reconciled


def test_a_difference_is_looked_at_until_the_deadline_and_then_told(desk: DeskOnTime) -> None:
    wind_down(desk)
    for _ in range(29):
        desk.snapshot(usd="9999")
        desk.advance(0.1)
    assert desk.sent(WoundDown) == []

    desk.advance(0.1)

    assert last_words(desk).differences == ("coinbase: USD -1",)


def test_a_position_is_not_left_without_protection(desk: DeskOnTime) -> None:
    desk.hold()
    wind_down(desk)
    desk.snapshot(**AFTER_HOLD)
    assert desk.sent(WoundDown) == []

    guard = protect(desk)
    desk.advance(0.2)
    desk.snapshot(**AFTER_HOLD, open_orders=[guard])

    assert last_words(desk).is_reconciled


def test_a_position_that_nobody_protected_is_named_at_the_deadline(desk: DeskOnTime) -> None:
    desk.hold()
    wind_down(desk)
    desk.advance(3)

    assert "position coinbase:BTC-USD is not protected" in last_words(desk).differences
    assert not last_words(desk).is_reconciled


def test_whoever_wants_to_end_flat_waits_until_the_position_is_closed() -> None:
    flatten = ProtectionSettings(on_exit="flatten")
    desk = DeskOnTime(settings=Settings(protection=flatten)).ready()
    desk.hold()
    guard = protect(desk)
    wind_down(desk)

    desk.snapshot(**AFTER_HOLD, open_orders=[guard])
    desk.advance(3)

    assert "position coinbase:BTC-USD is not closed" in last_words(desk).differences


def test_what_no_close_could_sell_keeps_nobody_waiting() -> None:
    desk = DeskOnTime(settings=Settings(protection=ProtectionSettings(on_exit="flatten"))).ready()
    desk.hold()
    desk.load(make_instrument(BTC, min_notional=Decimal("640")))  # 640.0005 at the mid, 638.7 at a close's limit
    wind_down(desk)

    desk.snapshot(**AFTER_HOLD)

    assert last_words(desk).bare == ()


def test_what_a_persons_sale_holds_is_named_by_whoever_wants_to_end_flat() -> None:
    desk = DeskOnTime(settings=Settings(protection=ProtectionSettings(on_exit="flatten"))).ready()
    desk.hold()
    theirs = make_report(
        S.OPEN,
        client_order_id="by-hand",
        venue_order_id="v-x",
        side=Side.SELL,
        leaves_quantity=Decimal("0.01"),
        limit_price=Decimal(80000),
    )
    wind_down(desk)

    for _ in range(2):  # the first was asked for before the end began
        desk.snapshot(**AFTER_HOLD, held="0.01", open_orders=[theirs])
        desk.advance(0.2)

    text = "position coinbase:BTC-USD is not closed: 0.01 of it are held for an order that is not ours"
    assert last_words(desk).bare == (text,)  # long before the deadline: waiting would not close it


def test_after_the_last_word_nothing_is_sent(desk: DeskOnTime) -> None:
    desk.hold()
    guard = protect(desk)
    wind_down(desk)
    desk.snapshot(**AFTER_HOLD, open_orders=[guard])
    sent = len(desk.sent(SubmitOrder))

    desk.hear(make_intent(Purpose.CLOSE, "close"), make_intent(intent_id="i-9"))
    desk.advance(10)

    assert len(desk.sent(SubmitOrder)) == sent


def test_a_close_whose_stop_is_still_to_go_is_given_up_before_the_deadline(desk: DeskOnTime) -> None:
    desk.hold()
    desk.hear(make_intent(Purpose.PROTECT), make_accepted(), make_intent(Purpose.CLOSE, "close"))
    wind_down(desk)
    desk.advance(3)
    sent = len(desk.sent(SubmitOrder))

    desk.hear(make_report(S.CANCELED, side=Side.SELL))

    assert len(desk.sent(SubmitOrder)) == sent
    assert desk.desk.ledger.plans["close"].is_done  # and the next start sends nothing for it
    (unproven,) = last_words(desk).unproven  # its cancel may have worked
    assert unproven.startswith("coinbase BTC-USD SELL 0.01 target 70000 stop 61000")


def refuse_close(desk: DeskOnTime) -> None:
    order = desk.sent(SubmitOrder)[-1]
    assert order.purpose is Purpose.CLOSE
    refused = {"client_order_id": order.client_order_id, "venue": "coinbase", "code": "ORDER_ENTRY_DISABLED"}
    desk.hear(OrderRejected(ts_event=desk.now.utc_ns, **refused))


def test_a_close_that_pauses_near_the_deadline_leaves_it_to_the_stop() -> None:
    flatten = ProtectionSettings(on_exit="flatten")
    desk = DeskOnTime(settings=Settings(protection=flatten)).ready()
    desk.hold()
    held = desk.sent(SubmitOrder)[-1].client_order_id
    desk.hear(make_report(S.FILLED, "0.01", client_order_id=held, venue_order_id="v-held", fees="1"))
    wind_down(desk, within_s=2.4)
    for number in range(15):
        if not desk.desk.ledger.open_plans:
            desk.hear(make_intent(Purpose.CLOSE, f"close-{number}"))
        desk.advance(0.1)
        if desk.desk.ledger.live:
            refuse_close(desk)
    assert desk.desk.ledger.open_plans

    desk.advance(0.1)  # a third of the time is left
    assert not desk.desk.ledger.open_plans
    guard = protect(desk)
    desk.hear(make_intent(Purpose.CLOSE, "late"))
    for _ in range(2):  # the first was asked for before
        desk.advance(0.2)
        desk.snapshot(**AFTER_HOLD, fills=[make_fill(venue_order_id="v-held", fill_id="f-held")], open_orders=[guard])

    assert desk.sent(CancelOrder) == []
    assert desk.sent(SubmitOrder)[-1].purpose is Purpose.PROTECT
    words = last_words(desk)
    assert words.protective == ("coinbase BTC-USD SELL 0.01 target 70000 stop 61000",)
    assert words.bare == ("position coinbase:BTC-USD is not closed",)


@pytest.mark.parametrize("is_early", [True, False], ids=["wanted before", "wanted at the end"])
@pytest.mark.parametrize("purpose", [Purpose.CLOSE, Purpose.PROTECT])
def test_what_was_refused_before_the_end_is_tried_again_while_there_is_time(
    desk: DeskOnTime, purpose: Purpose, is_early: bool
) -> None:
    desk.hold()
    for number in range(8):
        desk.hear(make_intent(purpose, f"refused-{number}"))
        while desk.desk.ledger.open_plans:
            desk.advance(0.25)
            for order in list(desk.desk.ledger.live):
                desk.hear(OrderRejected(ts_event=UTC, client_order_id=order, venue="coinbase", code="NOT_NOW"))
    sent, wanted = len(desk.sent(SubmitOrder)), make_intent(purpose, "wanted", expires_at=desk.now.utc_ns + 60 * SECOND_NS)

    if is_early:
        desk.hear(wanted)
    wind_down(desk, within_s=2.3)
    desk.hear(wanted)
    desk.advance(0.75)

    assert [it.purpose for it in desk.sent(SubmitOrder)[sent:]] == [purpose]


def test_a_cancel_that_was_refused_before_the_end_is_tried_again_at_once(desk: DeskOnTime) -> None:
    desk.hold()
    protect(desk)
    desk.hear(make_intent(Purpose.CLOSE, "close"))
    for _ in range(70):
        desk.advance(0.25)
        order = desk.sent(CancelOrder)[-1].client_order_id
        desk.hear(CancelRejected(ts_event=desk.now.utc_ns, client_order_id=order, venue="coinbase", code="NO"))
    asked = len(desk.sent(CancelOrder))

    wind_down(desk, within_s=2.3)
    desk.advance(1)

    assert len(desk.sent(CancelOrder)) == asked + 2


def test_after_the_last_word_no_stop_is_canceled_any_more() -> None:
    desk = DeskOnTime(settings=Settings(protection=ProtectionSettings(on_exit="flatten"))).ready()
    desk.hold()
    protect(desk)
    wind_down(desk)
    desk.hear(make_intent(Purpose.CLOSE, "close"))
    order = desk.sent(CancelOrder)[-1].client_order_id
    desk.advance(3)
    asked = len(desk.sent(CancelOrder))
    assert last_words(desk).protective == () and len(last_words(desk).unproven) == 1

    refused = {"client_order_id": order, "venue": "coinbase", "code": "NO"}
    desk.hear(CancelRejected(ts_event=desk.now.utc_ns, **refused))
    desk.advance(30)

    assert len(desk.sent(CancelOrder)) == asked


def test_a_supervisor_that_asks_again_hears_the_last_word_again(desk: DeskOnTime) -> None:
    wind_down(desk)
    desk.snapshot()

    wind_down(desk)

    first, second = desk.sent(WoundDown)
    assert first == second


def test_it_fits_into_its_time_with_slow_venues(desk: DeskOnTime) -> None:
    """Every call takes 150 ms, a snapshot four of them; the stop comes in the middle of an order."""
    desk.hear(make_intent())
    wind_down(desk)
    desk.advance(0.15)
    desk.hear(make_accepted())
    desk.advance(0.15)
    desk.hear(make_report(S.CANCELED, "0.005", fees="0.5"))
    guard = protect(desk, "0.005")
    desk.advance(0.6)
    desk.snapshot("9679.5", "0.005", open_orders=[guard])
    desk.advance(0.7)
    fills = [make_fill("0.005", fee=Decimal("0.5"))]
    desk.snapshot("9679.5", "0.005", fills=fills, open_orders=[guard])

    assert last_words(desk).is_reconciled


def test_live_orders_that_are_not_ours_are_told_at_the_end_and_one_with_our_tag_is_not_reconciled(desk: DeskOnTime) -> None:
    tagged = make_report(S.OPEN, client_order_id=mint_client_order_id("another's", 0, 1, "beef"))
    plain_one = make_report(S.OPEN, client_order_id="by hand", venue_order_id="v-hand")

    wind_down(desk)
    desk.snapshot(open_orders=[tagged, plain_one])

    words = last_words(desk)
    assert not words.is_reconciled
    assert ["with our tag" in line for line in words.external] == [True, False]
    assert words.differences[0].startswith("an order that we can't account for: coinbase BTC-USD BUY")
