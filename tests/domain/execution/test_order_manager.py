"""The failure scenarios of one venue's orders against the whole order manager, by their numbers F01 and so on."""

import itertools
from decimal import Decimal

import msgspec
import pytest

from domain.effects import Record, Role, Tell
from domain.instant import SECOND_NS, Instant
from domain.instrument import InstrumentId, Side
from domain.ledger.order_ids import mint_client_order_id
from domain.messages.account import RequestSnapshot, SnapshotFailed, ValueTransfer
from domain.messages.halts import HaltKind, HaltLine, RaiseHalt, ResumeTrading
from domain.messages.journal import (
    BalanceCorrected,
    EquityMarked,
    ExitEnded,
    ExitWished,
    ExternalFillSeen,
    HaltCleared,
    HaltRaised,
    IntentDenied,
    IntentDone,
    OrderClosed,
    OrderFilled,
    OrderFilledProvisionally,
    OrderResubmitted,
    OrderSubmitted,
    TransferValued,
)
from domain.messages.listing import Unread
from domain.messages.orders import (
    CancelOrder,
    CancelProtection,
    CancelRejected,
    CancelUnconfirmed,
    FillKind,
    OrderNotFound,
    OrderNotSent,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OrderUnconfirmed,
    PrivateStreamChanged,
    Purpose,
    QueryFailed,
    QueryOrder,
    SubmitOrder,
)
from domain.messages.system import (
    AlarmOver,
    AlarmRaised,
    EndExit,
    MarkEquity,
    VenueAccessChanged,
    VenueReadyChanged,
    WishExit,
)
from domain.settings import Settings, VenueSettings
from tests.builders import UTC
from tests.order_builders import (
    BTC,
    SETTINGS,
    TimedOrderManager,
    again,
    journaled,
    make_accepted,
    make_fill,
    make_intent,
    make_report,
)

S = OrderStatus
ID = mint_client_order_id("i-1", 0, 1)
GATEWAY = Role.EXCHANGE_GATEWAY.at("coinbase")


@pytest.fixture
def manager() -> TimedOrderManager:
    return TimedOrderManager().ready()


@pytest.fixture
def careful() -> TimedOrderManager:
    """An order manager at a venue where the same id twice might make two orders."""
    return TimedOrderManager(resubmits_safely=False).ready()


def unconfirmed(manager: TimedOrderManager) -> OrderUnconfirmed:
    return OrderUnconfirmed(ts_event=manager.now.utc_ns, client_order_id=ID, venue="coinbase", reason="timeout")


def not_found(manager: TimedOrderManager, is_proof: bool = False) -> OrderNotFound:
    return OrderNotFound(
        ts_event=manager.now.utc_ns,
        client_order_id=ID,
        venue="coinbase",
        listing_began_at=manager.now.utc_ns,
        is_proof=is_proof,
    )


def read_holds(manager: TimedOrderManager, **balances) -> None:
    """Let an account be read whose question is younger than everything so far."""
    manager.advance(11)  # an answer that never came is given up after ten
    manager.snapshot(**balances)


def rejected(code: str = "INSUFFICIENT_FUND") -> OrderRejected:
    return OrderRejected(ts_event=UTC, client_order_id=ID, venue="coinbase", code=code)


def protected(manager: TimedOrderManager) -> TimedOrderManager:
    """A position of ours with a resting bracket, known at the venue as v-1."""
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), make_accepted())
    return manager


# ---- submission ------------------------------------------------------------------------------------------


def test_an_order_is_journaled_before_it_is_sent(manager: TimedOrderManager) -> None:
    effects = manager.manager.apply(make_intent(), manager.now)

    kinds = [
        type(effect.event if isinstance(effect, Record) else effect.message).__name__
        for effect in effects
        if isinstance(effect, (Record, Tell))
    ]
    assert kinds == ["IntentAccepted", "LegRouted", "InstrumentDefined", "OrderSubmitted", "SubmitOrder"]
    assert effects[3].event.order == journaled(effects[4].message)
    assert (effects[3].event.quote_ask, effects[3].event.configuration_hash) == (Decimal("64000.10"), "hash")


def test_a_redelivered_intent_changes_nothing_now_or_after_a_restart(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_intent())
    manager.hear(make_accepted(), make_report(S.FILLED, "0.01"))
    next_run = manager.restarted().ready()
    next_run.hear(make_intent())

    assert len(manager.sent(SubmitOrder)) == 1
    assert next_run.sent(SubmitOrder) == []
    assert next_run.trace == []


def test_the_life_of_an_order_that_goes_well(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_accepted(), make_report(S.FILLED, "0.01", fees="3.84"))
    manager.fills(make_fill("0.01", fee=Decimal("3.84")))

    assert manager.trace == [
        "IntentAccepted",
        "OrderSubmitted",
        "OrderAccepted",
        "OrderFilledProvisionally",
        "OrderClosed",
        "IntentDone",
        "OrderFilled",
    ]
    report = manager.manager.report(manager.now)
    assert (report.counts["submitted"], report.counts["accepted"], report.counts["filled"]) == (1, 1, 1)
    assert report.by_venue == {"coinbase": {"orders": 1, "fills": 1}}
    assert manager.sent(AlarmRaised) == []


def test_f01_a_timeout_at_a_venue_that_accepted_becomes_unconfirmed_then_open(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), unconfirmed(manager))
    assert manager.order().status is S.UNCONFIRMED

    manager.advance(0.25)
    manager.hear(make_report(S.OPEN))

    assert manager.order().status is S.OPEN
    assert len(manager.sent(SubmitOrder)) == 1
    assert manager.sent(QueryOrder)[0] == QueryOrder(
        client_order_id=ID, venue="coinbase", instrument="BTC-USD", symbol="BTC-USD", sent_at=UTC
    )
    assert manager.journaled(OrderRejected) == []


def test_f01_silence_is_noticed_and_asked_about(manager: TimedOrderManager) -> None:
    manager.hear(make_intent())

    manager.advance(6.25)

    assert manager.journaled(OrderUnconfirmed)[0].reason == "no_acknowledgement"
    assert len(manager.sent(QueryOrder)) == 1


def test_f02_an_order_that_never_left_is_over_and_says_so(manager: TimedOrderManager) -> None:
    manager.hear(make_intent())
    manager.hear(OrderNotSent(ts_event=UTC, client_order_id=ID, venue="coinbase", reason="refused"))

    assert manager.order().evidence == "not_sent:refused"
    assert manager.journaled(IntentDone)[0].filled_quantity == 0
    assert manager.sent(QueryOrder) == []


def test_f03_an_unknown_outcome_is_asked_about_at_growing_intervals_without_end(careful: TimedOrderManager) -> None:
    careful.hear(make_intent(), unconfirmed(careful))
    asked_at = []

    for _ in range(4 * 70):
        careful.advance(0.25)
        asked_at += [careful.now.monotonic_ns] * (len(careful.sent(QueryOrder)) - len(asked_at))

    gaps_s = [(later - earlier) / SECOND_NS for earlier, later in itertools.pairwise(asked_at)]
    assert gaps_s == [0.5, 1, 2, 4, 8, 14.25, 15, 15]  # one when absence begins to be proof, after 30 s
    assert careful.order().status is S.UNCONFIRMED


def test_an_order_in_doubt_for_long_is_told_to_a_person_once(careful: TimedOrderManager) -> None:
    careful.hear(make_intent(), unconfirmed(careful))

    careful.advance(25)
    assert careful.sent(AlarmRaised) == []
    careful.advance(60)

    (alarm,) = (one for one in careful.sent(AlarmRaised) if one.subject == "coinbase:BTC-USD")
    assert alarm.text.startswith("its order to BUY 0.01 (OPEN), sent at 20") and alarm.text.endswith(f"(id {ID})")


def test_how_long_an_order_is_in_doubt_is_counted_from_its_send_over_restarts_and_its_end_is_told(
    careful: TimedOrderManager,
) -> None:
    careful.hear(make_intent(), unconfirmed(careful))
    next_run = careful.restarted(after_s=3600).ready()

    next_run.advance(5)
    (alarm,) = [one for one in next_run.sent(AlarmRaised) if "not confirmed" in one.text]
    next_run.hear(make_report(S.CANCELED))
    next_run.read_on()

    (over,) = next_run.sent(AlarmOver)
    assert (over.subject, over.text) == (alarm.subject, alarm.text)


def test_a_halt_that_was_cleared_is_over_for_its_alarm_too(manager: TimedOrderManager) -> None:
    manager.hear(RaiseHalt(scope="all", reason="drawdown"), ResumeTrading())

    (over,) = manager.sent(AlarmOver)
    assert (over.subject, over.text) == ("all", "halted: drawdown")


def test_f08_a_fill_replayed_after_a_reconnect_counts_once(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_accepted())

    manager.fills(make_fill("0.004"), make_fill("0.004"))
    manager.fills(make_fill("0.004"))

    assert manager.order().filled_quantity == Decimal("0.004")
    assert manager.manager.books.position(InstrumentId("coinbase", "BTC-USD")).quantity == Decimal("0.004")
    assert len(manager.journaled(OrderFilled)) == 1


def test_f10_a_fill_before_the_acknowledgement_waits_for_it(manager: TimedOrderManager) -> None:
    manager.hear(make_intent())
    manager.fills(make_fill("0.01"))
    assert manager.trace == ["IntentAccepted", "OrderSubmitted"]

    manager.hear(make_accepted())

    assert manager.trace[2:] == ["OrderAccepted", "OrderFilled", "OrderClosed", "IntentDone"]


def test_f10_totals_before_the_acknowledgement_prove_acceptance(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_report(S.FILLED, "0.01"), make_accepted())

    assert manager.trace[2:] == ["OrderAccepted", "OrderFilledProvisionally", "OrderClosed", "IntentDone"]


# ---- fills that nobody claims ----------------------------------------------------------------------------

THEIRS = "11111111-2222-4333-8444-555555555555"


def their_report(**changes) -> OrderReported:
    return make_report(S.FILLED, "0.01", venue_order_id="v-x", **{"client_order_id": THEIRS, **changes})


def test_the_venue_is_asked_whose_order_is_behind_a_fill_until_it_tells(manager: TimedOrderManager) -> None:
    manager.fills(make_fill("0.01", venue_order_id="v-x"))
    manager.advance(0.75)

    assert manager.sent(QueryOrder) == 2 * [
        QueryOrder(
            client_order_id="",
            venue="coinbase",
            instrument="BTC-USD",
            sent_at=UTC + SECOND_NS,
            venue_order_id="v-x",
        )
    ]
    manager.hear(their_report())
    manager.advance(60)
    assert len(manager.sent(QueryOrder)) == 2
    assert len(manager.journaled(ExternalFillSeen)) == 1


def test_a_fill_is_somebody_elses_only_when_the_venue_says_so(manager: TimedOrderManager) -> None:
    manager.hear(make_intent())
    manager.fills(make_fill("0.01", venue_order_id="v-x"))

    manager.hear(rejected())
    assert manager.journaled(ExternalFillSeen) == []
    manager.hear(their_report())

    assert manager.journaled(ExternalFillSeen)[0].fill.venue_order_id == "v-x"
    assert manager.manager.books.position(InstrumentId("coinbase", "BTC-USD")).is_flat


def proven_absent(manager: TimedOrderManager) -> TimedOrderManager:
    manager.hear(make_intent(), unconfirmed(manager))
    for seconds in (30, 15):
        manager.advance(seconds)
        manager.hear(not_found(manager))
    read_holds(manager)
    assert manager.order().status is S.REJECTED
    return manager


@pytest.mark.parametrize(("currency", "fee"), [("", 5), ("USD", 5), ("BTC", 0)])
def test_fees_that_are_not_paid_in_cash_wait_for_the_rows_that_tell_of_them(
    manager: TimedOrderManager, currency: str, fee: int
) -> None:
    manager.hear(make_intent(), make_accepted())

    manager.hear(make_report(S.FILLED, "0.01", fees="5", fee_currency=currency))

    [filled] = manager.journaled(OrderFilledProvisionally)
    assert filled.fee == fee


def test_a_late_fill_of_an_order_proven_absent_is_booked_and_alarmed(careful: TimedOrderManager) -> None:
    proven_absent(careful)

    careful.fills(make_fill("0.01", venue_order_id="v-x"))
    careful.advance(0.25)
    careful.hear(make_report(S.FILLED, "0.01", venue_order_id="v-x"))

    assert careful.manager.books.position(InstrumentId("coinbase", "BTC-USD")).quantity == Decimal("0.01")
    assert len(careful.journaled(OrderFilled)) == 1
    assert careful.journaled(ExternalFillSeen) == []
    assert careful.order().executions.provisional_quantity == 0
    assert "after it was REJECTED" in careful.sent(AlarmRaised)[-1].text


def test_a_fill_of_an_order_with_our_tag_that_we_never_sent_is_a_second_bot(manager: TimedOrderManager) -> None:
    manager.fills(make_fill("0.01", venue_order_id="v-x"))

    manager.hear(their_report(client_order_id=mint_client_order_id("other", 0, 1, "beef")))

    assert "second bot" in manager.journaled(HaltRaised)[0].reason
    assert len(manager.journaled(ExternalFillSeen)) == 1


def test_nothing_is_opened_in_an_instrument_where_a_fill_is_unclaimed(manager: TimedOrderManager) -> None:
    manager.fills(make_fill("0.01", venue_order_id="v-x"))

    manager.hear(make_intent(intent_id="i-1"))
    assert [denied.reason for denied in manager.journaled(IntentDenied)] == ["unclaimed_fill"]
    manager.hear(their_report(), make_intent(intent_id="i-2"))

    assert [order.intent_id for order in manager.sent(SubmitOrder)] == ["i-2"]


def test_an_unclaimed_fill_may_be_a_bare_position_and_is_asked_about_often(manager: TimedOrderManager) -> None:
    manager.fills(make_fill("0.01", venue_order_id="v-x"))
    manager.advance(60)
    asked = len(manager.sent(QueryOrder))

    manager.advance(10)

    assert len(manager.sent(QueryOrder)) == asked + 4


def test_balances_are_not_compared_while_a_fill_is_unclaimed(manager: TimedOrderManager) -> None:
    fill = make_fill("0.01", venue_order_id="v-x")
    for _ in range(5):
        manager.advance(5)
        manager.snapshot(usd=Decimal("9359"), btc="0.01", fills=[fill])
    assert manager.journaled(BalanceCorrected) == []

    manager.hear(their_report())
    manager.advance(1)
    manager.snapshot(usd=Decimal("9359"), btc="0.01", fills=[fill])

    assert manager.journaled(BalanceCorrected) == []
    assert manager.manager.report(manager.now).is_reconciled


def test_a_fill_that_stays_unclaimed_is_told_to_a_person_once_until_its_owner_is_known(
    manager: TimedOrderManager,
) -> None:
    manager.fills(make_fill("0.01", venue_order_id="v-x"))

    manager.advance(100)

    assert [one.subject for one in manager.sent(AlarmRaised) if one.subject != "coinbase"] == ["venue_order_id=v-x"]

    manager.hear(make_report(S.FILLED, client_order_id="by-hand", venue_order_id="v-x"))

    [alarm] = [one for one in manager.sent(AlarmRaised) if one.subject == "venue_order_id=v-x"]
    assert [(over.subject, over.text) for over in manager.sent(AlarmOver)] == [(alarm.subject, alarm.text)]


# ---- acceptance ------------------------------------------------------------------------------------------


def test_an_accepted_ioc_order_that_falls_silent_is_asked_about(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_accepted())

    manager.advance(0.9)
    assert manager.sent(QueryOrder) == []
    manager.advance(0.1)

    assert [query.venue_order_id for query in manager.sent(QueryOrder)] == ["v-1"]


def test_an_order_found_resting_is_left_in_peace(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), unconfirmed(manager), make_report(S.OPEN, side=Side.SELL))

    manager.advance(4)

    assert manager.sent(QueryOrder) == []


# ---- proof of absence ------------------------------------------------------------------------------------


def test_f25_one_absence_proves_nothing(careful: TimedOrderManager) -> None:
    careful.hear(make_intent(), unconfirmed(careful))

    careful.advance(31)
    careful.hear(not_found(careful))
    careful.advance(9.9)
    careful.hear(not_found(careful))

    assert careful.order().status is S.UNCONFIRMED


def test_two_listings_apart_after_the_token_expired_prove_it_dead(careful: TimedOrderManager) -> None:
    careful.hear(make_intent(), unconfirmed(careful))

    careful.advance(30)
    careful.hear(not_found(careful))
    careful.advance(15)
    careful.hear(not_found(careful))
    read_holds(careful)

    (closed,) = careful.journaled(OrderClosed)
    assert (closed.status, closed.evidence) == (S.REJECTED, "absent:twice 15.0 s apart")


def doubted_sale(manager: TimedOrderManager) -> TimedOrderManager:
    """A stop whose create got no answer, and which two late enough listings don't show."""
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), unconfirmed(manager))
    for seconds in (30, 15):
        manager.advance(seconds)
        manager.hear(not_found(manager))
    return manager


def test_listings_that_lag_behind_an_order_that_landed_late_prove_nothing(careful: TimedOrderManager) -> None:
    careful.hear(make_intent(), unconfirmed(careful))

    careful.advance(30)  # it landed a second ago, and shows fifteen seconds later
    for seconds in (0, 10, 4.9):
        careful.advance(seconds)
        careful.hear(not_found(careful))
        careful.snapshot()
    read_holds(careful)

    assert careful.order().status is S.UNCONFIRMED


def test_absence_waits_for_a_read_of_what_is_held(careful: TimedOrderManager) -> None:
    doubted_sale(careful)
    assert careful.order().status is S.UNCONFIRMED

    read_holds(careful, usd="9359", btc="0.01")

    assert careful.order().status is S.REJECTED


def test_a_hold_that_no_order_explains_may_be_the_lost_orders(careful: TimedOrderManager) -> None:
    doubted_sale(careful)

    for _ in range(5):
        read_holds(careful, usd="9359", btc="0.01", held="0.01")
        careful.hear(not_found(careful))

    assert careful.order().status is S.UNCONFIRMED


def test_a_hold_that_was_there_before_the_send_is_not_the_lost_orders() -> None:
    careful = doubted_sale(TimedOrderManager(resubmits_safely=False).ready(btc="3", held="2"))

    read_holds(careful, btc="3.01", held="2")

    assert careful.order().status is S.REJECTED


def test_a_hold_of_a_foreign_order_is_explained_by_it(careful: TimedOrderManager) -> None:
    doubted_sale(careful)
    theirs = make_report(
        S.OPEN, client_order_id=THEIRS, venue_order_id="v-x", side=Side.SELL, leaves_quantity=Decimal(2)
    )

    read_holds(careful, btc="3.01", held="2", open_orders=[theirs])

    assert careful.order().status is S.REJECTED


def test_a_fill_that_nobody_claims_may_be_the_lost_orders(careful: TimedOrderManager) -> None:
    careful.hear(make_intent(), unconfirmed(careful))
    careful.advance(30)
    careful.hear(not_found(careful))
    careful.fills(make_fill("0.002", venue_order_id="v-x"))
    careful.advance(15)
    careful.hear(not_found(careful))
    read_holds(careful)
    assert careful.order().status is S.UNCONFIRMED

    careful.hear(their_report())
    read_holds(careful)

    assert careful.order().status is S.REJECTED


def test_listings_begun_while_the_token_was_valid_count_for_nothing(careful: TimedOrderManager) -> None:
    careful.hear(make_intent(), unconfirmed(careful))

    for _ in range(29):
        careful.advance(1)
        careful.hear(not_found(careful))
    careful.advance(1)
    careful.hear(not_found(careful))

    assert careful.order().status is S.UNCONFIRMED


@pytest.mark.parametrize(("look_s", "counts"), [(37.9, False), (38, True)])
def test_a_send_that_nobody_answers_may_be_signed_again_until_its_call_has_ended(
    careful: TimedOrderManager, look_s: float, counts: bool
) -> None:
    careful.hear(make_intent())  # leaves within 3 s, its call ends 5 s later, its last token lives for 30 s
    careful.advance(look_s)
    assert careful.order().status is S.UNCONFIRMED

    careful.hear(not_found(careful))
    careful.advance(16)
    careful.hear(not_found(careful))
    read_holds(careful)

    assert careful.order().is_final is counts


@pytest.mark.parametrize("is_answered", [False, True])
def test_a_second_send_is_given_all_its_time_as_well_unless_an_answer_ends_it(
    manager: TimedOrderManager, is_answered: bool
) -> None:
    sent_twice(manager)
    if is_answered:
        manager.hear(unconfirmed(manager))
    manager.advance(37.5)
    manager.hear(not_found(manager))
    manager.advance(16)
    manager.hear(not_found(manager))
    read_holds(manager)

    assert manager.order().is_final is is_answered


def test_what_a_gateway_took_along_puts_the_proof_of_absence_off(careful: TimedOrderManager) -> None:
    careful.hear(make_intent())
    careful.advance(6.5)
    careful._perform(careful.manager.gateway_restarted("coinbase", careful.now))
    careful.advance(31)  # 37.5 s after the send
    careful.hear(not_found(careful))
    careful.advance(16)
    careful.hear(not_found(careful))
    read_holds(careful)

    assert not careful.order().is_final


def test_a_step_of_our_wall_clock_does_not_hasten_the_proof(careful: TimedOrderManager) -> None:
    careful.hear(make_intent(), unconfirmed(careful))
    for _ in range(2):
        careful.now = Instant(careful.now.monotonic_ns, careful.now.utc_ns + 3600 * SECOND_NS)
        careful.advance(5)
        careful.hear(not_found(careful))

    assert careful.order().status is S.UNCONFIRMED


def test_the_adapters_proof_by_the_venues_own_rule_is_enough(careful: TimedOrderManager) -> None:
    careful.hear(make_intent(), unconfirmed(careful), not_found(careful, is_proof=True))

    assert careful.order().evidence == "absent:venue_rule"


@pytest.mark.parametrize("status", ["submitted", "open"])
def test_f25_not_found_says_nothing_about_orders_that_are_not_in_doubt(manager: TimedOrderManager, status: str) -> None:
    manager.hear(make_intent())
    if status == "open":
        manager.hear(make_accepted())

    manager.hear(not_found(manager, is_proof=True))

    assert not manager.order().is_final
    assert len(manager.sent(SubmitOrder)) == 1


@pytest.mark.parametrize("sign_of_life", [make_report(S.OPEN), make_accepted()])
def test_an_order_that_rises_after_proof_of_death_halts_and_is_taken_back(careful, sign_of_life) -> None:
    careful.hear(make_intent(), unconfirmed(careful), not_found(careful, is_proof=True))

    careful.hear(sign_of_life)
    careful.fills(make_fill("0.002"))

    assert careful.journaled(HaltRaised)[0].scope == "coinbase:BTC-USD"
    (cancel,) = careful.sent(CancelOrder)
    assert (cancel.client_order_id, cancel.venue_order_id) == (ID, "v-1")
    assert careful.manager.books.position(InstrumentId("coinbase", "BTC-USD")).quantity == Decimal("0.002")


# ---- resubmission ----------------------------------------------------------------------------------------


def test_where_it_is_safe_the_same_id_and_body_is_sent_again(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), unconfirmed(manager), not_found(manager))

    first, second = manager.sent(SubmitOrder)
    assert second == again(first, manager.now)
    assert manager.trace[-1] == "OrderResubmitted"
    manager.hear(make_accepted())
    assert manager.order().status is S.OPEN


def test_it_is_not_sent_a_third_time_before_the_second_is_answered(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), unconfirmed(manager), not_found(manager), not_found(manager))
    assert len(manager.sent(SubmitOrder)) == 2

    manager.hear(unconfirmed(manager), not_found(manager))

    assert len(manager.sent(SubmitOrder)) == 3


@pytest.mark.parametrize("obstacle", ["expired", "collar", "halt", "stale", "exit", "no_idempotence"])
def test_a_resubmission_must_still_be_wanted_and_safe(obstacle: str) -> None:
    manager = TimedOrderManager(resubmits_safely=obstacle != "no_idempotence").ready()
    manager.hear(make_intent(expires_at=UTC + SECOND_NS // 2), unconfirmed(manager))
    match obstacle:
        case "expired":
            manager.advance(0.5)
            manager.quote()
        case "collar":
            manager.quote("63000.00", "63000.10")
        case "halt":
            manager.hear(RaiseHalt(scope="all", reason="drawdown"))
        case "exit":
            manager.hear(WishExit(venue="coinbase", instrument=BTC, signal_id="exit"))
        case "stale":
            manager.quote(alive_ns=manager.now.monotonic_ns - 4 * SECOND_NS)

    manager.hear(not_found(manager))

    assert manager.journaled(OrderResubmitted) == []
    assert not manager.order().is_final


@pytest.mark.parametrize("silence", ["not_found", "failed", "unanswered"])
def test_an_order_is_sent_again_whatever_keeps_the_venue_from_telling(manager: TimedOrderManager, silence: str) -> None:
    manager.hear(make_intent(), unconfirmed(manager))
    manager.advance(0.25)
    match silence:
        case "not_found":
            manager.hear(not_found(manager))
        case "failed":
            manager.hear(QueryFailed(ts_event=UTC, client_order_id=ID, venue="coinbase", reason="503"))
        case "unanswered":
            assert len(manager.sent(SubmitOrder)) == 1  # the answer may be on its way
            manager.advance(0.5)

    assert len(manager.sent(QueryOrder)) == 1 + (silence == "unanswered")
    assert len(manager.sent(SubmitOrder)) == 2


def test_a_bracket_is_sent_again_long_after_an_opening_would_have_expired(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT))

    manager.advance(7.5)  # nobody answers, not even that the call hangs
    manager.hear(not_found(manager))

    assert manager.sent(SubmitOrder)[-1] == again(manager.sent(SubmitOrder)[-2], manager.now)


def test_a_bracket_that_holds_coins_from_a_close_is_sent_again_to_learn_the_name_that_a_cancel_needs(
    manager: TimedOrderManager,
) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), unconfirmed(manager))
    manager.hear(make_intent(Purpose.CLOSE, "close"))
    manager.hear(not_found(manager))
    assert manager.journaled(OrderResubmitted) == []  # it would take the coins from the close
    close = mint_client_order_id("close", 0, 1)
    manager.hear(msgspec.structs.replace(rejected(), client_order_id=close))

    manager.hear(not_found(manager), make_accepted(venue_order_id="v-2"))
    (cancel,) = manager.sent(CancelOrder)
    manager.hear(make_report(S.CANCELED, venue_order_id="v-2", side=Side.SELL))
    manager.advance(0.25)

    assert len(manager.journaled(OrderResubmitted)) == 1
    assert (cancel.client_order_id, cancel.venue_order_id) == (ID, "v-2")
    assert manager.sent(SubmitOrder)[-1].client_order_id == mint_client_order_id("close", 0, 2)


def test_a_bracket_whose_position_is_gone_is_not_sent_again(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), unconfirmed(manager))
    manager.fills(make_fill("0.01", "f-2", venue_order_id="v-held", kind=FillKind.REVERSAL))

    manager.hear(not_found(manager))

    assert manager.journaled(OrderResubmitted) == []


def test_an_opening_that_shall_be_canceled_is_not_sent_again(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(), unconfirmed(manager))
    manager.hear(make_intent(Purpose.CLOSE, "close"))  # would trade with it
    assert manager.order().is_cancel_pending

    manager.hear(not_found(manager))

    assert manager.journaled(OrderResubmitted) == []


def test_a_refused_resubmission_leaves_the_first_send_in_doubt(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), unconfirmed(manager), not_found(manager))

    manager.hear(rejected())

    assert manager.order().status is S.UNCONFIRMED


def sent_twice(manager: TimedOrderManager) -> TimedOrderManager:
    """The first send was 29 s ago, the second is now."""
    manager.quote("63000.00", "63000.10")  # meanwhile the price was no good
    manager.hear(make_intent(reference_price=Decimal("63000.05")), unconfirmed(manager))
    manager.quote("62000.00", "62000.10")
    manager.advance(29)
    manager.quote("63000.00", "63000.10")
    manager.hear(not_found(manager))
    assert len(manager.sent(SubmitOrder)) == 2
    manager.quote("62000.00", "62000.10")
    return manager


def test_proof_of_absence_starts_over_with_each_send(manager: TimedOrderManager) -> None:
    sent_twice(manager).hear(unconfirmed(manager))
    manager.advance(29)

    for _ in range(2):
        manager.hear(not_found(manager))
        manager.advance(10)

    assert not manager.order().is_final


def test_a_send_that_came_to_nothing_leaves_the_proof_where_it_was(manager: TimedOrderManager) -> None:
    void = msgspec.structs.replace(unconfirmed(manager), is_void=True)
    sent_twice(manager).hear(void)
    manager.advance(1)  # 30 s after the only send that may rest

    for _ in range(2):
        manager.hear(not_found(manager))
        manager.advance(15)
    read_holds(manager)

    assert manager.order().status is S.REJECTED
    assert manager.order().evidence.startswith("absent:twice")


def test_a_last_try_after_a_refusal_does_not_put_off_the_proof(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), unconfirmed(manager))
    while manager.now.utc_ns < UTC + 4 * SECOND_NS:
        no = msgspec.structs.replace(unconfirmed(manager), is_void=True, is_refused=True)
        manager.hear(not_found(manager), no)
        manager.advance(1)
    manager.advance(1)
    manager.hear(no)
    tries = len(manager.journaled(OrderResubmitted))
    assert tries >= 4

    manager.hear(not_found(manager))
    manager.advance(15)
    manager.hear(not_found(manager))
    read_holds(manager)

    assert len(manager.journaled(OrderResubmitted)) == tries
    assert manager.order().evidence.startswith("absent:twice")


def test_an_order_that_a_position_depends_on_is_asked_about_often(manager: TimedOrderManager) -> None:
    protected(manager).hear(CancelProtection(venue="coinbase", instrument="BTC-USD", reason="resize"))
    manager.advance(60)  # each answer is as old as a lagging read may be
    asked = len(manager.sent(QueryOrder))

    manager.advance(10)

    assert len(manager.sent(QueryOrder)) == asked + 4


def test_the_venue_is_asked_when_its_answer_would_be_proof(careful: TimedOrderManager) -> None:
    careful.hear(make_intent(), unconfirmed(careful))
    careful.advance(30)
    first_at = len(careful.sent(QueryOrder))
    careful.hear(not_found(careful))

    careful.advance(15)
    assert len(careful.sent(QueryOrder)) == first_at + 1
    careful.hear(not_found(careful))
    read_holds(careful)

    assert careful.order().evidence == "absent:twice 15.0 s apart"


# ---- cancels ---------------------------------------------------------------------------------------------


def test_f06_a_cancel_times_out_and_the_fill_wins(manager: TimedOrderManager) -> None:
    protected(manager)
    manager.hear(CancelProtection(venue="coinbase", instrument="BTC-USD", reason="resize"))
    manager.hear(CancelUnconfirmed(ts_event=UTC, client_order_id=ID, venue="coinbase", reason="timeout"))

    manager.hear(make_report(S.FILLED, "0.01", side=Side.SELL))

    assert manager.order().status is S.FILLED
    assert [event.status for event in manager.journaled(OrderClosed)][1:] == [S.FILLED]


def test_f11_a_fill_after_our_cancel_is_booked_and_alarmed(manager: TimedOrderManager) -> None:
    protected(manager)
    manager.hear(CancelProtection(venue="coinbase", instrument="BTC-USD", reason="resize"))
    manager.hear(make_report(S.CANCELED, side=Side.SELL))

    manager.fills(make_fill("0.004", side=Side.SELL))

    assert manager.order().status is S.CANCELED
    assert manager.manager.books.position(InstrumentId("coinbase", "BTC-USD")).quantity == Decimal("0.006")
    assert "after it was CANCELED" in manager.sent(AlarmRaised)[0].text


def test_f51_a_refused_cancel_is_asked_about_and_repeated_while_the_order_lives(manager: TimedOrderManager) -> None:
    protected(manager)
    manager.hear(CancelProtection(venue="coinbase", instrument="BTC-USD", reason="resize"))
    manager.hear(CancelRejected(ts_event=UTC, client_order_id=ID, venue="coinbase", code="UNKNOWN"))
    assert len(manager.sent(QueryOrder)) == 1

    manager.hear(make_report(S.OPEN, side=Side.SELL))
    manager.advance(1)

    assert len(manager.sent(CancelOrder)) == 2


def test_a_cancel_just_asked_for_is_given_a_moment(manager: TimedOrderManager) -> None:
    protected(manager)
    manager.hear(CancelProtection(venue="coinbase", instrument="BTC-USD", reason="resize"))

    manager.hear(make_report(S.OPEN, side=Side.SELL))
    assert len(manager.sent(CancelOrder)) == 1
    manager.advance(1)

    assert len(manager.sent(CancelOrder)) == 2


def test_a_cancel_wished_before_the_venue_named_the_order_goes_out_with_the_name(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT))
    manager.hear(CancelProtection(venue="coinbase", instrument="BTC-USD", reason="resize"))
    assert manager.sent(CancelOrder) == []

    manager.hear(make_accepted())

    assert manager.sent(CancelOrder) == [
        CancelOrder(client_order_id=ID, venue="coinbase", venue_order_id="v-1", instrument="BTC-USD", symbol="BTC-USD")
    ]


def test_a_restart_between_cancel_asked_and_answered_asks_again(manager: TimedOrderManager) -> None:
    protected(manager)
    manager.hear(CancelProtection(venue="coinbase", instrument="BTC-USD", reason="resize"))

    next_run = manager.restarted()

    assert len(next_run.sent(CancelOrder)) == 1
    assert [query.client_order_id for query in next_run.sent(QueryOrder)] == [ID]


# ---- surprises -------------------------------------------------------------------------------------------


def test_fills_above_the_quantity_are_booked_in_full_and_halt_the_instrument(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_accepted())

    manager.fills(make_fill("0.01", "a"), make_fill("0.005", "b"))

    assert manager.manager.books.position(InstrumentId("coinbase", "BTC-USD")).quantity == Decimal("0.015")
    assert [halt.scope for halt in manager.journaled(HaltRaised)] == ["coinbase:BTC-USD"]


def test_an_order_with_our_tag_that_the_journal_does_not_know_is_a_second_bot(manager: TimedOrderManager) -> None:
    foreign = mint_client_order_id("of another journal", 0, 1)

    manager.hear(make_report(S.OPEN, client_order_id=foreign))
    manager.hear(make_report(S.OPEN, client_order_id=foreign))

    (halt,) = manager.journaled(HaltRaised)
    assert halt.scope == "coinbase" and "second bot" in halt.reason


def test_duplicate_and_late_acknowledgements_change_nothing(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_accepted(), make_accepted(), make_report(S.FILLED, "0.01"))
    before = list(manager.journal)

    manager.hear(make_report(S.OPEN), make_accepted(), unconfirmed(manager), rejected(), not_found(manager))

    assert manager.journal == before


def test_words_about_orders_that_nobody_knows_change_nothing(manager: TimedOrderManager) -> None:
    before = list(manager.journal)

    manager.hear(
        make_accepted(),
        unconfirmed(manager),
        rejected(),
        not_found(manager),
        make_report(S.FILLED, "1", client_order_id="11111111-2222-4333-8444-555555555555"),
    )

    assert manager.journal == before


# ---- restarts --------------------------------------------------------------------------------------------


def test_f16_an_order_journaled_but_perhaps_never_sent_is_asked_about_and_sent_once(manager: TimedOrderManager) -> None:
    manager.hear(make_intent())

    next_run = manager.restarted()
    (query,) = next_run.sent(QueryOrder)
    assert query.client_order_id == ID
    assert next_run.order().status is S.UNCONFIRMED
    assert next_run.sent(SubmitOrder) == []

    next_run.ready()
    next_run.hear(not_found(next_run))

    assert next_run.sent(SubmitOrder) == [again(manager.sent(SubmitOrder)[0], next_run.now)]


def test_f16_where_sending_again_is_unsafe_it_ends_marked_as_never_arrived(careful: TimedOrderManager) -> None:
    careful.hear(make_intent())

    next_run = careful.restarted()
    for seconds in (30, 8, 15):  # it may leave within 3 s of being told to, and be signed again for 5 s more
        assert not next_run.order().is_final
        next_run.advance(seconds)
        next_run.hear(not_found(next_run))

    read_holds(next_run)

    assert next_run.sent(SubmitOrder) == []
    assert next_run.order().evidence == "absent:twice 15.0 s apart"


def test_f17_an_order_sent_before_the_crash_is_found_by_its_id_and_not_sent_again(manager: TimedOrderManager) -> None:
    manager.hear(make_intent())

    next_run = manager.restarted()
    next_run.hear(make_report(S.FILLED, "0.01"))

    assert next_run.sent(SubmitOrder) == []
    assert next_run.order().status is S.FILLED
    assert next_run.manager.books.position(InstrumentId("coinbase", "BTC-USD")).quantity == Decimal("0.01")


def test_f21_a_position_that_crossed_zero_while_we_were_down_is_flipped_with_the_right_pnl(
    manager: TimedOrderManager,
) -> None:
    protected(manager)

    next_run = manager.restarted()
    next_run.load()
    sold = {"price": "65000", "side": Side.SELL}
    next_run.snapshot(fills=[make_fill("0.01", "f-1", **sold), make_fill("0.02", "f-2", **sold)])

    position = next_run.manager.books.position(InstrumentId("coinbase", "BTC-USD"))
    assert (position.quantity, position.average_price) == (Decimal("-0.02"), Decimal("65000"))
    assert position.realized_pnl == Decimal("10")  # 0.01 bought at 64,000
    assert "above its quantity" in next_run.manager.ledger.halts.over("coinbase", "BTC-USD").reason


def test_a_restarted_gateway_puts_what_went_through_it_in_doubt(manager: TimedOrderManager) -> None:
    manager.hear(make_intent())

    effects = manager.manager.gateway_restarted("coinbase", manager.now)

    assert any(isinstance(effect, Tell) and isinstance(effect.message, QueryOrder) for effect in effects)
    assert manager.order().status is S.UNCONFIRMED


def test_counts_begin_with_the_run_and_go_on_when_only_the_router_was_restarted(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_accepted())

    same_run = manager.restarted().manager.report(manager.now)
    next_run = manager.restarted(counts_since=manager.now.utc_ns + 1).manager.report(manager.now)

    assert [same_run.counts[name] for name in ("submitted", "accepted", "open")] == [1, 1, 1]
    assert [next_run.counts[name] for name in ("submitted", "accepted", "open")] == [0, 0, 1]
    assert (same_run.by_venue["coinbase"]["orders"], next_run.by_venue["coinbase"]["orders"]) == (1, 0)


# ---- halts -----------------------------------------------------------------------------------------------


def test_an_instrument_for_closes_only_is_never_opened() -> None:
    only = VenueSettings(closes_only=("BTC-USD",))
    manager = TimedOrderManager(settings=Settings(venues={"coinbase": only})).ready()

    manager.hear(make_intent())

    assert manager.sent(SubmitOrder) == []
    assert [event.reason for event in manager.journaled(IntentDenied)] == ["closes_only"]


def test_a_halt_survives_a_restart_and_only_a_person_clears_it(manager: TimedOrderManager) -> None:
    manager.hear(*[RaiseHalt(scope="all", reason="drawdown")] * 2)
    next_run = manager.restarted().ready()
    next_run.hear(make_intent())
    assert next_run.sent(SubmitOrder) == []

    next_run.hear(ResumeTrading())
    next_run.snapshot()
    next_run.hear(make_intent(intent_id="i-2"))

    assert len(manager.journaled(HaltRaised)) == 1
    assert next_run.journaled(HaltCleared) == [HaltCleared(ts_event=next_run.now.utc_ns, scope="all")]
    assert len(next_run.sent(SubmitOrder)) == 1


def test_every_cause_of_a_halt_is_journaled_once_and_listed_and_a_person_clears_all_of_a_scope(
    manager: TimedOrderManager,
) -> None:
    for amount in (11, 12):
        for reason in (f"balance corrected by something worth {amount} USD", "disk_full", "drawdown"):
            manager.hear(RaiseHalt(scope="all", reason=reason))
    manager.advance(4)
    reasons = ["balance corrected by something worth 11 USD", "disk_full", "drawdown"]

    assert [event.reason for event in manager.journaled(HaltRaised)] == reasons
    assert [halt.reason for halt in manager.restarted().manager.halts] == reasons

    manager.hear(ResumeTrading(scope="all"))

    assert manager.journaled(HaltCleared) == [HaltCleared(ts_event=manager.now.utc_ns, scope="all")]
    assert (list(manager.manager.halts), manager.manager.books.rebased) == ([], 1)


def test_losses_are_not_measured_anew_when_none_was_among_what_a_person_cleared(manager: TimedOrderManager) -> None:
    manager.hear(*(RaiseHalt(scope="all", reason=reason) for reason in ("disk_full", "recorder gave up")))

    manager.hear(ResumeTrading())

    assert manager.manager.books.rebased == 0


def test_a_halt_whose_cause_stands_is_raised_again_before_anything_is_opened(manager: TimedOrderManager) -> None:
    stranger = make_report(S.OPEN, client_order_id=mint_client_order_id("another's", 0, 1, "beef"))
    manager.hear(stranger)

    manager.hear(ResumeTrading(), make_intent(intent_id="i-1"))
    manager.snapshot(open_orders=(stranger,))
    manager.hear(make_intent(intent_id="i-2"))

    assert [event.reason for event in manager.journaled(IntentDenied)] == ["venue_not_ready", "halted"]
    assert len(manager.journaled(HaltRaised)) == 2


def test_openings_wait_after_a_resume_for_a_look_at_the_accounts_that_began_after_it(
    manager: TimedOrderManager,
) -> None:
    manager.hear(RaiseHalt(scope="coinbase:ETH-USD", reason="looked odd"))
    manager.advance(30)  # a question is under way

    manager.hear(ResumeTrading())
    asked = manager.sent(RequestSnapshot)
    manager.hear(SnapshotFailed(ts_event=UTC, request_id=asked[-2].request_id, venue="coinbase", reason="old"))
    manager.hear(make_intent(intent_id="i-1"))
    manager.snapshot()
    manager.quote()
    manager.hear(make_intent(intent_id="i-2"))

    assert [event.intent_id for event in manager.journaled(IntentDenied)] == ["i-1"]
    assert [order.intent_id for order in manager.sent(SubmitOrder)] == ["i-2"]


def test_while_an_order_with_our_tag_rests_that_we_do_not_know_nothing_is_called_reconciled(
    manager: TimedOrderManager,
) -> None:
    stranger = make_report(S.OPEN, client_order_id=mint_client_order_id("another's", 0, 1, "beef"))
    manager.advance(31)

    manager.snapshot(open_orders=(stranger,))
    report = manager.manager.report(manager.now)

    assert (report.is_reconciled, report.external_orders) == (False, 1)
    assert "with our tag, but not in our journal" in report.waiting[0].reason
    manager.advance(31)
    manager.snapshot()
    assert manager.manager.report(manager.now).is_reconciled


def test_why_the_venue_refuses_orders_is_told_and_counted_over_restarts(manager: TimedOrderManager) -> None:
    for number in range(3):
        manager.hear(make_intent(intent_id=f"i-{number}"))
        refused = OrderRejected(
            ts_event=UTC,
            client_order_id=manager.sent(SubmitOrder)[-1].client_order_id,
            venue="coinbase",
            code="ORDER_ENTRY_DISABLED",
            reason="orders are off",
        )
        manager.hear(refused)

    told = [(alarm.subject, alarm.text) for alarm in manager.sent(AlarmRaised)]
    assert told == [("coinbase:BTC-USD", "orders refused: ORDER_ENTRY_DISABLED: orders are off")] * 3
    expected = {"coinbase: ORDER_ENTRY_DISABLED: orders are off": 3}
    assert manager.manager.report(manager.now).refused == expected
    assert manager.restarted(counts_since=0).manager.report(manager.now).refused == expected


def test_an_order_in_doubt_and_a_stream_that_is_down_are_said_to_keep_openings_waiting(
    manager: TimedOrderManager,
) -> None:
    assert manager.manager.report(manager.now).waiting == ()

    manager.hear(make_intent(), unconfirmed(manager))
    manager.hear(PrivateStreamChanged(ts_event=manager.now.utc_ns, venue="coinbase", is_live=False))

    stream, order = manager.manager.report(manager.now).waiting
    assert (stream.scope, stream.reason) == ("coinbase", "its private stream is down")
    assert order.scope == "coinbase:BTC-USD"
    assert order.reason.startswith("its order to BUY 0.01 (OPEN), sent at 20")


def test_a_person_may_clear_one_scope_and_the_others_stand(manager: TimedOrderManager) -> None:
    for scope in ("all", "coinbase", "coinbase:BTC-USD"):
        manager.hear(RaiseHalt(scope=scope, reason="looked odd"))

    manager.hear(ResumeTrading(scope="coinbase"))
    manager.hear(ResumeTrading(scope="coinbase:ETH-USD"))

    assert [halt.scope for halt in manager.manager.halts] == ["all", "coinbase:BTC-USD"]
    assert [event.scope for event in manager.journaled(HaltCleared)] == ["coinbase"]


def test_a_halt_is_reported_since_it_was_raised_also_after_a_restart(manager: TimedOrderManager) -> None:
    raised_at = manager.now.utc_ns
    manager.hear(RaiseHalt(scope="all", reason="drawdown"))
    manager.advance(seconds=60)

    (halt,) = manager.restarted().manager.report(manager.now).halts

    assert halt == HaltLine(scope="all", reason="drawdown", since=raised_at, kind="drawdown")


def test_f49_on_a_full_disk_openings_halt_and_cancels_and_closes_pass(manager: TimedOrderManager) -> None:
    protected(manager)
    manager._perform(manager.manager.halt("all", HaltKind.DISK_FULL, "disk_full", manager.now))

    manager.hear(make_intent(intent_id="i-2"), make_intent(Purpose.CLOSE, "i-3"))
    manager.hear(make_report(S.CANCELED, side=Side.SELL))

    assert len(manager.sent(CancelOrder)) == 1
    assert [order.purpose for order in manager.sent(SubmitOrder)][2:] == [Purpose.CLOSE]


def test_the_equity_mark_is_journaled_once_per_stamp(manager: TimedOrderManager) -> None:
    mark = MarkEquity(peak=Decimal(2), day_start=Decimal(1), marked_at=UTC + 7)

    manager.hear(mark, mark)

    assert manager.journaled(EquityMarked) == [EquityMarked(ts_event=UTC + 7, peak=Decimal(2), day_start=Decimal(1))]


def test_what_a_transfer_was_worth_is_journaled_once() -> None:
    manager = TimedOrderManager()
    manager.ready(btc="2", unread=[Unread(kind="balance", reason="no number", currency="BTC")])
    again = manager.restarted()
    again.ready(btc="2")
    about = {"venue": "coinbase", "wallet": "", "currency": "BTC", "worth": Decimal(128000)}
    whole = ValueTransfer(quantity=Decimal(2), **about)

    again.hear(ValueTransfer(quantity=Decimal(1), **about), whole, whole)

    assert again.journaled(TransferValued) == [TransferValued(ts_event=again.now.utc_ns, quantity=Decimal(2), **about)]
    assert again.manager.books.wallets.transferred == 128000


def test_an_exit_is_journaled_once_and_so_is_its_end(manager: TimedOrderManager) -> None:
    about = {"venue": "coinbase", "instrument": BTC}
    wish = WishExit(signal_id="exit", **about)

    manager.hear(EndExit(**about), wish, wish, EndExit(**about), EndExit(**about))

    assert manager.journaled(ExitWished, ExitEnded) == [
        ExitWished(ts_event=UTC, signal_id="exit", **about),
        ExitEnded(ts_event=UTC, **about),
    ]


def test_no_opening_is_taken_where_an_exit_is_wanted(manager: TimedOrderManager) -> None:
    manager.hear(WishExit(venue="coinbase", instrument=BTC, signal_id="exit"), make_intent())

    (denial,) = manager.journaled(IntentDenied)
    assert denial.reason == "exit_wanted"


def test_the_screen_sees_live_orders_in_plain_numbers(manager: TimedOrderManager) -> None:
    protected(manager)

    (line,) = manager.manager.report(manager.now).open_orders

    assert (line.purpose, line.quantity, line.filled_quantity, line.limit_price, line.status) == (
        "PROTECT", "0.01", "0", "70000", "OPEN",
    )  # fmt: skip


def test_gateways_are_addressed_by_venue(manager: TimedOrderManager) -> None:
    manager.hear(make_intent())

    assert {to for to, message in manager.told if isinstance(message, SubmitOrder)} == {GATEWAY}
    assert manager.journaled(OrderSubmitted)[0].order.venue == "coinbase"


def test_a_venue_that_takes_no_orders_is_asked_nothing_and_missed_by_nobody() -> None:
    prices_only = VenueSettings(takes_orders=False)
    settings = msgspec.structs.replace(SETTINGS, venues={**SETTINGS.venues, "dydx": prices_only})

    manager = TimedOrderManager(settings).ready()

    assert {to for to, _ in manager.told} & {"exchange_gateway:dydx"} == set()
    assert manager.manager.report(manager.now).is_reconciled


def test_refused_credentials_stop_openings_before_they_are_journaled(manager: TimedOrderManager) -> None:
    refusal = "the venue refuses our credentials for reading (401)"
    manager.hear(VenueAccessChanged(ts_event=UTC, venue="coinbase", refusal=refusal))

    ready = [event for event in manager.sent(VenueReadyChanged) if event.venue == "coinbase"][-1]
    assert (ready.is_ready, ready.reason) == (False, "credentials")
    (halt,) = manager.manager.report(manager.now).halts
    assert (halt.scope, halt.reason) == ("coinbase", refusal)
    assert halt.ends_when == "when it takes them"
    assert manager.journaled(HaltRaised) == []

    manager.hear(VenueAccessChanged(ts_event=UTC, venue="coinbase", refusal=""))
    assert manager.sent(VenueReadyChanged)[-1].is_ready
    assert manager.manager.report(manager.now).halts == ()
