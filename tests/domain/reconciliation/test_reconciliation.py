from decimal import Decimal

import pytest

from domain.instant import SECOND_NS
from domain.instrument import InstrumentId, Side
from domain.ledger.order_ids import mint_client_order_id
from domain.ledger.wallet import Wallet
from domain.messages.account import Balance, RequestSnapshot, SnapshotFailed, VenueSnapshot
from domain.messages.halts import ResumeTrading
from domain.messages.journal import (
    BalanceCorrected,
    BalancesOpened,
    ExternalFillSeen,
    FillsCovered,
    HaltRaised,
    IntentDenied,
    PositionCorrected,
    VenueReconciled,
)
from domain.messages.orders import (
    Fill,
    OrderNotFound,
    OrderStatus,
    PrivateStreamChanged,
    Purpose,
    QueryOrder,
    SubmitOrder,
)
from domain.messages.system import AlarmOver, AlarmRaised, ExternalOrdersSeen, MarkEquity, VenueReadyChanged
from domain.reconciliation.agreement import told_totals
from domain.reconciliation.differences import describe, differences_between
from tests.builders import UTC
from tests.order_builders import (
    CASH,
    TimedOrderManager,
    make_accepted,
    make_fill,
    make_intent,
    make_report,
)

S = OrderStatus
AFTER_HOLD = {"usd": "9359", "btc": "0.01"}  # of 10000: 0.01 at 64000, fee 1


@pytest.fixture
def manager() -> TimedOrderManager:
    return TimedOrderManager().ready()


def readiness(manager: TimedOrderManager) -> list[tuple[bool, str]]:
    return [(news.is_ready, news.reason) for news in manager.sent(VenueReadyChanged)]


# ---- the comparison itself -------------------------------------------------------------------------------


def balance(currency: str, total: str, wallet: str = "") -> Balance:
    return Balance(currency=currency, total=Decimal(total), hold=Decimal(0), wallet=wallet)


def at(currency: str, wallet: str = "") -> Wallet:
    return Wallet("coinbase", wallet, currency)


def test_a_currency_that_one_side_does_not_name_is_zero_there() -> None:
    ours = {at("USD"): Decimal(5), at("BTC"): Decimal(0), at("ETH"): Decimal(1)}
    theirs = [balance("USD", "5.00"), balance("SOL", "0"), balance("DOGE", "2")]

    assert differences_between(ours, told_totals("coinbase", theirs)) == {
        at("DOGE"): Decimal(2),
        at("ETH"): Decimal(-1),
    }


def test_wallets_of_one_currency_are_added_up() -> None:
    theirs = [balance("USD", "5"), balance("USD", "7")]

    assert differences_between({at("USD"): Decimal(12)}, told_totals("coinbase", theirs)) == {}


def test_the_collateral_of_perpetuals_is_no_cash_of_spot() -> None:
    theirs = [balance("USD", "5"), balance("USD", "7", "perpetual")]

    differences = differences_between({at("USD"): Decimal(12)}, told_totals("coinbase", theirs))

    assert describe(differences) == ("USD -7", "USD (perpetual) +7")


def test_differences_are_told_with_their_sign() -> None:
    assert describe({at("BTC"): Decimal("-0.10"), at("USD"): Decimal("2")}) == ("BTC -0.1", "USD +2")


# ---- becoming ready --------------------------------------------------------------------------------------


def test_the_first_snapshot_ever_opens_the_books_and_makes_the_venue_ready() -> None:
    manager = TimedOrderManager().ready()

    (opened,) = manager.journaled(BalancesOpened)
    assert {balance.currency: balance.total for balance in opened.balances} == {"USD": CASH, "BTC": 0}
    assert manager.journaled(VenueReconciled)[0].is_equal
    assert readiness(manager) == [
        (False, "instruments"),
        (False, "private_stream"),
        (False, "reconciliation"),
        (True, ""),
    ]
    assert manager.manager.report(manager.now).is_reconciled


def test_a_later_run_compares_instead_of_opening_again(manager: TimedOrderManager) -> None:
    manager.hold()
    next_run = manager.restarted().ready(**AFTER_HOLD)

    assert next_run.journaled(BalancesOpened, BalanceCorrected) == []
    assert readiness(next_run)[-1] == (True, "")


def test_readiness_is_told_again_to_a_portfolio_that_has_just_appeared(manager: TimedOrderManager) -> None:
    manager._perform(manager.manager.announce(manager.now))

    assert readiness(manager)[-2:] == [(True, ""), (True, "")]


def test_a_private_stream_that_comes_back_is_a_reason_to_look_at_once(manager: TimedOrderManager) -> None:
    before = len(manager.sent(RequestSnapshot))
    for is_live in (False, True):
        manager.hear(PrivateStreamChanged(ts_event=UTC, venue="coinbase", is_live=is_live))

    assert readiness(manager)[-2:] == [(False, "private_stream"), (True, "")]
    assert len(manager.sent(RequestSnapshot)) == before + 1


# ---- asking ----------------------------------------------------------------------------------------------


def test_each_venue_is_asked_every_few_seconds(manager: TimedOrderManager) -> None:
    before = len(manager.sent(RequestSnapshot))
    for _ in range(4):
        manager.advance(5)
        manager.snapshot()

    assert len(manager.sent(RequestSnapshot)) == before + 4


def test_a_failed_snapshot_is_asked_for_again_soon(manager: TimedOrderManager) -> None:
    manager.advance(5)
    request = manager.sent(RequestSnapshot)[-1]
    manager.hear(SnapshotFailed(ts_event=UTC, request_id=request.request_id, venue="coinbase", reason="503"))
    manager.advance(1)

    assert manager.sent(RequestSnapshot)[-1].request_id != request.request_id


def fail(manager: TimedOrderManager, times: int, reason: str = "unreadable") -> None:
    """Answer questions with a failure."""
    for _ in range(times):
        request = manager.sent(RequestSnapshot)[-1]
        failed = SnapshotFailed(ts_event=UTC, request_id=request.request_id, venue="coinbase", reason=reason)
        manager.hear(failed)
        manager.advance(1)


def test_an_account_that_cannot_be_read_takes_no_openings_after_a_few_tries_and_is_told(
    manager: TimedOrderManager,
) -> None:
    manager.advance(5)
    fail(manager, 2)
    assert readiness(manager)[-1] == (True, "")

    fail(manager, 5)

    assert readiness(manager)[-1] == (False, "account")
    [halt] = manager.manager.halts
    text = "the account there can't be read: its answers can't be read"
    assert (halt.scope, halt.reason, halt.ends_when) == ("coinbase", text, "when it can")
    assert [(alarm.subject, alarm.text) for alarm in manager.sent(AlarmRaised)] == [("coinbase", text)]
    manager.quote()
    manager.hear(make_intent(expires_at=manager.now.utc_ns + 10**10))
    assert [denied.reason for denied in manager.journaled(IntentDenied)] == ["venue_not_ready"]

    manager.snapshot()

    assert (readiness(manager)[-1], manager.manager.halts) == ((True, ""), ())
    assert [(over.subject, over.text) for over in manager.sent(AlarmOver)] == [("coinbase", text)]


def test_an_account_that_can_be_read_again_is_compared_before_openings(manager: TimedOrderManager) -> None:
    manager.advance(5)
    fail(manager, 3)

    manager.snapshot(usd="1")

    assert not manager.manager.report(manager.now).is_reconciled
    assert not readiness(manager)[-1][0]


def test_failures_between_answers_add_up_to_nothing(manager: TimedOrderManager) -> None:
    manager.advance(5)
    for _ in range(5):
        fail(manager, 2)
        manager.snapshot()
        manager.advance(5)

    assert readiness(manager)[-1] == (True, "")


def test_questions_that_are_never_answered_take_the_openings_too(manager: TimedOrderManager) -> None:
    manager.advance(60)

    assert readiness(manager)[-1] == (False, "account")


def test_an_answer_that_never_comes_does_not_stop_the_asking(manager: TimedOrderManager) -> None:
    manager.advance(5)
    lost = manager.sent(RequestSnapshot)[-1]
    manager.advance(11)

    assert manager.sent(RequestSnapshot)[-1].request_id > lost.request_id


def test_how_old_a_live_order_is_does_not_lengthen_the_listing(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), make_accepted())
    for _ in range(720):
        manager.advance(5)
        manager.snapshot(**AFTER_HOLD, held="0.01", open_orders=[RESTS])

    manager.advance(5)
    asked = manager.sent(RequestSnapshot)[-1]
    assert asked.fills_since >= manager.now.utc_ns - 65 * SECOND_NS
    assert asked.fills_of == ()


def test_fills_are_asked_for_from_before_the_last_answered_question(manager: TimedOrderManager) -> None:
    manager.advance(5)
    asked_at = manager.now.utc_ns
    manager.advance(3)
    manager.snapshot()
    manager.advance(2)

    assert manager.sent(RequestSnapshot)[-1].fills_since == asked_at - 60 * SECOND_NS


def test_a_restart_asks_for_all_that_no_answer_has_covered(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), make_accepted())
    manager.advance(600)  # reads fail, and other things are journaled
    manager.hear(MarkEquity(peak=Decimal(1), day_start=Decimal(1), marked_at=manager.now.utc_ns))

    (asked,) = manager.restarted(after_s=3600).sent(RequestSnapshot)

    assert asked.fills_since == UTC - 60 * SECOND_NS
    assert asked.fills_of == ("v-1",)  # it may have filled meanwhile


def test_what_is_covered_is_journaled_once_a_minute(manager: TimedOrderManager) -> None:
    for _ in range(60):
        manager.advance(5)
        manager.snapshot()

    covered = [event.until - UTC for event in manager.journaled(FillsCovered)]
    assert covered == [minutes * 60 * SECOND_NS for minutes in (1, 2, 3, 4, 5)]
    (asked,) = manager.restarted(after_s=3600).sent(RequestSnapshot)
    assert asked.fills_since == UTC + 240 * SECOND_NS


def test_a_fill_that_nobody_claims_holds_back_what_is_covered(manager: TimedOrderManager) -> None:
    found = make_fill("0.01", "x-1", venue_order_id="v-x", ts_event=UTC + 10 * SECOND_NS)
    for _ in range(60):
        manager.advance(5)
        manager.snapshot(fills=[found])

    assert [event.until for event in manager.journaled(FillsCovered)] == []
    next_run = manager.restarted(after_s=3600)
    assert next_run.sent(RequestSnapshot)[0].fills_since <= found.ts_event
    next_run.load()
    next_run.snapshot(fills=[found])
    next_run.advance(0.25)
    assert [query.venue_order_id for query in next_run.sent(QueryOrder)] == ["v-x"]


def test_totals_without_fills_are_asked_about_by_the_name_of_their_order(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_report(S.FILLED, "0.01", fees="1"))
    manager.advance(5)

    assert manager.sent(RequestSnapshot)[-1].fills_of == ("v-1",)


# ---- what was missed -------------------------------------------------------------------------------------


def test_a_fill_that_the_stream_lost_is_found(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_accepted())
    manager.advance(5)

    manager.snapshot("9359", "0.01", fills=[make_fill()])
    manager.advance(1)
    manager.snapshot("9359", "0.01", fills=[make_fill()])

    assert manager.order().status is S.FILLED
    assert manager.journaled(BalanceCorrected) == []
    assert manager.manager.report(manager.now).is_reconciled


def test_a_live_order_missing_at_the_venue_is_asked_about_not_closed(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), make_accepted())
    manager.advance(5)

    manager.snapshot(**AFTER_HOLD)
    manager.advance(0.25)

    assert manager.order().status is S.OPEN
    assert [query.client_order_id for query in manager.sent(QueryOrder)] == [manager.order().id]


def test_an_order_that_has_just_left_is_not_missing_yet(manager: TimedOrderManager) -> None:
    manager.advance(5)
    manager.quote()
    manager.hear(make_intent())

    manager.snapshot()
    manager.advance(4)

    assert manager.sent(QueryOrder) == []


def test_an_order_listed_at_the_venue_needs_no_question(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), make_accepted())
    manager.advance(5)

    manager.snapshot(**AFTER_HOLD, open_orders=[make_report(S.OPEN, side=Side.SELL)])
    manager.advance(4)

    assert manager.sent(QueryOrder) == []


def test_an_order_in_doubt_that_the_listing_shows_is_in_doubt_no_more(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT))
    next_run = manager.restarted()

    next_run.snapshot(**AFTER_HOLD, open_orders=[make_report(S.OPEN, side=Side.SELL)])

    assert next_run.order().status is S.OPEN


# ---- what is not ours ------------------------------------------------------------------------------------


def foreign_fill(**changes):
    return make_fill("0.5", "x-1", venue_order_id="foreign", **changes)


def test_a_foreign_fill_moves_balances_once_and_never_our_position(manager: TimedOrderManager) -> None:
    theirs = make_report(S.FILLED, "0.5", client_order_id="theirs", venue_order_id="foreign")
    for _ in range(3):
        manager.advance(5)
        manager.snapshot(usd=CASH - 32001, btc="0.5", fills=[foreign_fill()])
        manager.hear(theirs)

    assert len(manager.journaled(ExternalFillSeen)) == 1
    assert manager.manager.books.position(InstrumentId("coinbase", "BTC-USD")).is_flat
    assert manager.journaled(BalanceCorrected) == []
    assert manager.manager.report(manager.now).is_reconciled


def test_foreign_fills_from_before_our_books_are_in_the_opening_balances() -> None:
    manager = TimedOrderManager().ready(fills=[foreign_fill()])
    manager.advance(1)
    manager.snapshot(fills=[foreign_fill()])
    next_run = manager.restarted().ready(fills=[foreign_fill()])

    assert manager.journaled(ExternalFillSeen) + next_run.journaled(ExternalFillSeen) == []


@pytest.mark.parametrize("ahead_s", [30, 1_548_000_000])
def test_the_books_are_not_opened_in_the_future_whatever_a_fill_is_stamped(ahead_s: int) -> None:
    manager = TimedOrderManager()
    manager.quote(clock_offset_ns=0)
    absurd = foreign_fill(ts_event=UTC + ahead_s * SECOND_NS)
    manager.ready(fills=[absurd])
    for _ in range(17):
        manager.advance(1)
        manager.snapshot(fills=[absurd])

    (opened,) = manager.journaled(BalancesOpened)
    assert opened.ts_event < UTC + 20 * SECOND_NS


def test_the_books_do_not_open_on_balances_that_a_foreign_fill_may_have_missed() -> None:
    manager = TimedOrderManager().ready(fills=[foreign_fill()])  # the balances were read just before it
    assert manager.journaled(BalancesOpened) == []
    assert readiness(manager)[-1] == (False, "reconciliation")

    for _ in range(15):  # for so long the balances may be older than the fill
        manager.advance(1)
        assert manager.journaled(BalancesOpened) == []
        manager.snapshot(usd="9000", btc="0.5", fills=[foreign_fill()])

    (opened,) = manager.journaled(BalancesOpened)
    assert {balance.currency: balance.total for balance in opened.balances} == {
        "USD": Decimal("9000"),
        "BTC": Decimal("0.5"),
    }
    assert readiness(manager)[-1] == (True, "")
    assert manager.journaled(BalanceCorrected, ExternalFillSeen) == []


@pytest.mark.parametrize(("age_s", "opens"), [(15, False), (15.1, True)])
def test_a_fill_older_than_reads_may_lag_by_the_venues_clock_is_in_the_balances(age_s: float, opens: bool) -> None:
    manager = TimedOrderManager()
    manager.set_clock(3600)  # what ours shows is no matter
    manager.load()
    manager.hear(PrivateStreamChanged(ts_event=UTC, venue="coinbase", is_live=True))
    manager.quote(clock_offset_ns=3600 * SECOND_NS)

    manager.snapshot(fills=[make_fill(venue_order_id="v-x", ts_event=UTC - round(age_s * SECOND_NS))])

    assert len(manager.journaled(BalancesOpened)) is int(opens)


def test_f18_foreign_open_orders_are_counted_and_left_alone(manager: TimedOrderManager) -> None:
    theirs = make_report(S.OPEN, client_order_id="11111111-2222-4333-8444-555555555555")
    before = len(manager.told)
    manager.advance(5)

    manager.snapshot(open_orders=[theirs])

    assert manager.manager.report(manager.now).external_orders == 1
    assert [type(message) for _, message in manager.told[before:]] == [RequestSnapshot, ExternalOrdersSeen]


def test_a_listed_order_with_our_tag_from_nowhere_halts_the_venue(manager: TimedOrderManager) -> None:
    manager.advance(5)

    manager.snapshot(open_orders=[make_report(S.OPEN, client_order_id=mint_client_order_id("?", 0, 1, "beef"))])

    assert manager.journaled(HaltRaised)[0].scope == "coinbase"


# ---- corrections -----------------------------------------------------------------------------------------


LASTING = 6  # answers 5 s apart: the fifth is asked for more than 15 s after the first, the sixth is equal to it


def differ(manager: TimedOrderManager, times: int, **balances) -> None:
    for _ in range(times):
        manager.advance(5)
        manager.snapshot(**balances)


def test_one_difference_is_only_noted_and_blocks_openings(manager: TimedOrderManager) -> None:
    differ(manager, 1, usd="9999")

    assert manager.journaled(BalanceCorrected) == []
    assert manager.journaled(VenueReconciled)[-1].differences == ("USD -1",)
    assert readiness(manager)[-1] == (False, "reconciliation")


def test_two_equal_differences_apart_become_a_correction_and_the_venue_is_ready(manager: TimedOrderManager) -> None:
    differ(manager, LASTING - 1, usd="9999")
    assert manager.journaled(BalanceCorrected) == []
    differ(manager, 1, usd="9999")

    (correction,) = manager.journaled(BalanceCorrected)
    assert (correction.currency, correction.difference) == ("USD", Decimal(-1))
    assert readiness(manager)[-1] == (True, "")
    assert manager.manager.report(manager.now).corrections == 1
    assert manager.journaled(HaltRaised) == []


def test_a_correction_tells_what_it_was_worth_then(manager: TimedOrderManager) -> None:
    differ(manager, LASTING, usd="9990", btc="0.0001")

    worths = {event.currency: event.worth for event in manager.journaled(BalanceCorrected)}
    assert worths == {"USD": Decimal(-10), "BTC": Decimal("6.400005")}


def test_f20_reconciling_again_finds_nothing(manager: TimedOrderManager) -> None:
    differ(manager, LASTING, usd="9999")
    before = list(manager.journal)

    differ(manager, 3, usd="9999")
    next_run = manager.restarted().ready(usd="9999")

    assert manager.journal == before
    assert next_run.trace == []


def test_of_a_difference_that_changes_what_was_there_throughout_is_corrected_and_the_rest_starts_over(
    manager: TimedOrderManager,
) -> None:
    for usd in (9999, 9990, 9980, 9970, 9960, 9950):
        assert manager.journaled(BalanceCorrected) == []
        differ(manager, 1, usd=str(usd))

    assert [event.difference for event in manager.journaled(BalanceCorrected)] == [Decimal(-1)]
    assert manager.journaled(VenueReconciled)[-1].differences == ("USD -49",)
    assert readiness(manager)[-1] == (False, "reconciliation")


@pytest.mark.parametrize("changed", [{"usd": "10001"}, {"usd": "9999", "btc": "0.001"}, {}])
def test_a_difference_that_turns_or_is_in_something_else_starts_over(manager: TimedOrderManager, changed) -> None:
    differ(manager, LASTING - 1, usd="9999")
    differ(manager, 1, **changed)
    differ(manager, LASTING - 2, usd="9999")

    assert manager.journaled(BalanceCorrected) == []


def test_two_answers_too_close_together_are_not_enough(manager: TimedOrderManager) -> None:
    differ(manager, LASTING - 1, usd="9999")
    for is_live in (False, True):  # makes the order manager look at once
        manager.hear(PrivateStreamChanged(ts_event=UTC, venue="coinbase", is_live=is_live))
    manager.snapshot(usd="9999")

    assert manager.journaled(BalanceCorrected) == []


@pytest.mark.parametrize(("usd", "is_halted"), [("9990", False), ("9989.99", True), ("10010.01", True)])
def test_a_correction_above_the_threshold_halts_the_venue(manager: TimedOrderManager, usd, is_halted) -> None:
    differ(manager, LASTING, usd=usd)

    assert len(manager.journaled(BalanceCorrected)) == 1
    assert [halt.scope for halt in manager.journaled(HaltRaised)] == ["coinbase"] * is_halted


def test_many_small_corrections_of_one_day_halt_the_venue_once_and_after_a_restart_too(
    manager: TimedOrderManager,
) -> None:
    differ(manager, LASTING, usd="9994")
    assert manager.journaled(HaltRaised) == []
    next_run = manager.restarted().ready(usd="9994")

    differ(next_run, LASTING, usd="9988")
    differ(next_run, LASTING, usd="9982")

    assert len(next_run.journaled(BalanceCorrected)) == 2
    [halt] = next_run.journaled(HaltRaised)
    assert (halt.scope, halt.reason) == ("coinbase", "balances corrected by 12 USD within 24 hours, little by little")
    next_run.hear(ResumeTrading())
    differ(next_run, LASTING, usd="9976")
    assert next_run.journaled(HaltRaised) == [halt]


def test_a_correction_that_is_taken_back_is_no_leak(manager: TimedOrderManager) -> None:
    differ(manager, LASTING, usd="9994")
    differ(manager, LASTING, usd="10000")

    assert len(manager.journaled(BalanceCorrected)) == 2
    assert manager.journaled(HaltRaised) == []


def test_positions_that_leave_little_by_little_halt_too_and_count_once(manager: TimedOrderManager) -> None:
    manager.hold()

    differ(manager, 7, usd="9359", btc="0.0099")
    [position], [balance] = manager.journaled(PositionCorrected), manager.journaled(BalanceCorrected)
    assert (position.worth, balance.worth) == (0, Decimal("-6.400005"))
    assert manager.journaled(HaltRaised) == []

    differ(manager, 7, usd="9359", btc="0.0098")
    assert "12.80001 USD within 24 hours" in manager.journaled(HaltRaised)[0].reason


def test_coins_are_weighed_at_their_price(manager: TimedOrderManager) -> None:
    differ(manager, LASTING, btc="0.0002")

    assert "worth 12.8" in manager.journaled(HaltRaised)[0].reason


def test_what_cannot_be_priced_halts() -> None:
    manager = TimedOrderManager()
    manager.snapshot()
    differ(manager, LASTING, btc="0.00000001")

    assert "unknown worth" in manager.journaled(HaltRaised)[0].reason


def test_nothing_is_compared_while_an_order_is_in_flight(manager: TimedOrderManager) -> None:
    manager.hear(make_intent())

    differ(manager, 4, usd="5000")

    assert manager.journaled(BalanceCorrected) == []
    assert all(verdict.is_equal for verdict in manager.journaled(VenueReconciled))


def test_nothing_is_compared_when_a_fill_came_between_question_and_answer(manager: TimedOrderManager) -> None:
    manager.advance(5)
    manager.quote()
    manager.hold()

    manager.snapshot()  # read before the fill

    assert all(verdict.is_equal for verdict in manager.journaled(VenueReconciled))


def test_nothing_is_compared_when_a_resting_order_filled_meanwhile(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), make_accepted())
    manager.advance(5)
    manager.fills(make_fill(side=Side.SELL, price="70000"))

    manager.snapshot(**AFTER_HOLD)  # read before the fill

    assert all(verdict.is_equal for verdict in manager.journaled(VenueReconciled))


def test_nothing_is_compared_when_an_order_was_in_flight_as_the_question_left(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_accepted())
    manager.advance(5)
    manager.hear(make_report(S.CANCELED))

    manager.snapshot(usd="9000")

    assert all(verdict.is_equal for verdict in manager.journaled(VenueReconciled))


def test_nothing_is_compared_while_quantity_is_known_from_totals_only(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_report(S.FILLED, "0.01", fees="1"))
    manager.advance(5)
    manager.snapshot("9359.01", "0.01")
    assert all(verdict.is_equal for verdict in manager.journaled(VenueReconciled))

    manager.advance(1)
    manager.snapshot("9358.99", "0.01", fills=[make_fill(fee=Decimal("1.01"))])

    assert manager.manager.report(manager.now).is_reconciled
    assert manager.manager.report(manager.now).reconciled_at == manager.now.utc_ns


def test_an_answer_to_an_older_question_is_used_for_its_fills_only(manager: TimedOrderManager) -> None:
    manager.hear(make_intent(), make_accepted())
    before = manager.manager.report(manager.now).reconciled_at
    manager.advance(5)

    manager.hear(
        VenueSnapshot(ts_event=UTC, request_id=1, venue="coinbase", balances=(), open_orders=(), fills=(make_fill(),))
    )

    assert manager.order().status is S.FILLED
    assert manager.manager.report(manager.now).reconciled_at == before


# ---- a stop that is there no more ------------------------------------------------------------------------


@pytest.fixture
def guarded(manager: TimedOrderManager) -> TimedOrderManager:
    """A position whose stop the venue has had for a minute."""
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), make_accepted())
    for _ in range(12):
        manager.advance(5)
        manager.snapshot(**AFTER_HOLD, held="0.01", open_orders=[RESTS])
    return manager


RESTS = make_report(S.OPEN, side=Side.SELL)


def look_in_vain(manager: TimedOrderManager, seconds: float, held: str = "0") -> None:
    """Answer all questions as a venue does that neither lists nor finds the stop."""
    answered = set(map(id, manager.told))
    for _ in range(round(10 * seconds)):
        manager.advance(0.1)
        for _, message in list(manager.told):
            if id(message) in answered:
                continue
            answered.add(id(message))
            if isinstance(message, RequestSnapshot):
                manager.snapshot(**AFTER_HOLD, held=held)
            if isinstance(message, QueryOrder):
                manager.hear(not_found(manager))


def not_found(manager: TimedOrderManager) -> OrderNotFound:
    identity = {"client_order_id": manager.order().id, "venue": "coinbase"}
    return OrderNotFound(ts_event=manager.now.utc_ns, listing_began_at=manager.now.utc_ns, **identity)


def test_a_stop_that_is_neither_listed_nor_found_is_none_and_another_may_follow(guarded) -> None:
    look_in_vain(guarded, 5 + 5)

    assert guarded.order().status is S.CANCELED
    assert guarded.order().evidence.startswith("absent:twice")
    assert "neither lists nor finds it" in guarded.sent(AlarmRaised)[-1].text
    assert guarded.manager.books.covered_quantity("coinbase", "BTC-USD") == 0
    guarded.quote()
    guarded.hear(make_intent(Purpose.PROTECT, "p-2", expires_at=UTC + 3600 * SECOND_NS))
    assert guarded.sent(SubmitOrder)[-1].intent_id == "p-2"


def test_a_stop_missed_once_is_no_cover_until_it_shows_again(guarded: TimedOrderManager) -> None:
    guarded.advance(5)
    guarded.snapshot(**AFTER_HOLD)
    guarded.advance(0.25)
    guarded.hear(not_found(guarded))
    assert guarded.order().status is S.UNCONFIRMED
    assert guarded.manager.books.covered_quantity("coinbase", "BTC-USD") == 0

    guarded.hear(RESTS)

    assert guarded.order().status is S.OPEN
    assert guarded.manager.books.covered_quantity("coinbase", "BTC-USD") == Decimal("0.01")
    assert guarded.journaled(HaltRaised) == []


@pytest.fixture
def half_sold(guarded: TimedOrderManager) -> TimedOrderManager:
    """A stop whose target has sold part of the position, and that nobody finds a moment later."""
    sold = {"side": Side.SELL, "price": "70000"}
    guarded.fills(make_fill("0.004", "f-target", ts_event=guarded.now.utc_ns, **sold))
    assert guarded.order().status is S.PARTIALLY_FILLED
    guarded.advance(5)
    guarded.snapshot(usd="9639", btc="0.006")
    guarded.advance(0.25)
    guarded.hear(not_found(guarded))
    return guarded


def test_a_stop_that_has_sold_a_part_and_is_missed_is_no_cover_for_the_rest(half_sold: TimedOrderManager) -> None:
    books = half_sold.manager.books
    (live,) = books.orders_of("coinbase", "BTC-USD", Purpose.PROTECT)

    assert (half_sold.order().status, live.status) == (S.UNCONFIRMED, S.UNCONFIRMED)
    assert books.covered_quantity("coinbase", "BTC-USD") == 0
    assert books.position(InstrumentId("coinbase", "BTC-USD")).quantity == Decimal("0.006")


def test_a_late_row_of_a_fill_is_no_proof_that_the_rest_of_a_missed_stop_is_there(half_sold) -> None:
    half_sold.fills(make_fill("0.001", "f-late", side=Side.SELL, price="70000", ts_event=UTC))

    assert half_sold.order().status is S.UNCONFIRMED
    assert half_sold.order().filled_quantity == Decimal("0.005")
    assert half_sold.manager.books.covered_quantity("coinbase", "BTC-USD") == 0

    half_sold.hear(make_report(S.OPEN, "0.005", "70000", "2", side=Side.SELL))

    assert not half_sold.order().is_unproven
    assert half_sold.manager.books.covered_quantity("coinbase", "BTC-USD") == Decimal("0.005")


def test_a_young_stop_that_lagging_reads_do_not_show_is_left_in_place(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.hear(make_intent(Purpose.PROTECT), make_accepted())

    look_in_vain(manager, 14)

    assert manager.order().status is S.OPEN
    assert len(manager.sent(QueryOrder)) > 1


def test_a_stop_whose_coins_are_still_held_is_not_proven_gone(guarded: TimedOrderManager) -> None:
    look_in_vain(guarded, 60, held="0.01")

    assert guarded.order().status is S.UNCONFIRMED


def test_a_stop_known_from_the_journal_only_is_given_the_read_lag_to_show(guarded: TimedOrderManager) -> None:
    next_run = guarded.restarted()
    next_run.load()

    look_in_vain(next_run, 14)
    assert next_run.order().status is S.OPEN

    look_in_vain(next_run, 10)
    assert next_run.order().status is S.CANCELED


def test_a_stop_that_is_there_no_more_is_not_sent_a_second_time_under_its_id(guarded: TimedOrderManager) -> None:
    sends = len(guarded.sent(SubmitOrder))

    look_in_vain(guarded, 60, held="0.01")

    assert len(guarded.sent(SubmitOrder)) == sends


# ---- balances that lag -----------------------------------------------------------------------------------


@pytest.mark.parametrize("lag_s", [4, 9, 15])
def test_balances_that_lag_behind_a_fill_are_corrected_by_nobody(manager: TimedOrderManager, lag_s: int) -> None:
    manager.advance(6)
    manager.snapshot()
    manager.quote()
    manager.hold()
    filled_ns = manager.now.monotonic_ns
    for _ in range(40):
        manager.advance(1)
        is_late = manager.now.monotonic_ns - filled_ns < lag_s * SECOND_NS
        manager.snapshot(**({} if is_late else AFTER_HOLD))

    assert manager.journaled(BalanceCorrected, HaltRaised) == []
    assert all(verdict.is_equal for verdict in manager.journaled(VenueReconciled))


def test_a_difference_is_told_once_reads_no_more_lag_behind_our_last_fill(manager: TimedOrderManager) -> None:
    manager.hold()
    differ(manager, 3, usd="9358", btc="0.01")  # begun 5, 10 and 15 s after the fill
    assert manager.journaled(VenueReconciled)[-1].is_equal

    differ(manager, 1, usd="9358", btc="0.01")
    assert manager.journaled(VenueReconciled)[-1].differences == ("USD -1",)
    assert manager.journaled(BalanceCorrected) == []

    differ(manager, 2, usd="9358", btc="0.01")
    assert [event.difference for event in manager.journaled(BalanceCorrected)] == [Decimal(-1)]


def bought_by_hand(manager: TimedOrderManager) -> Fill:
    return make_fill("0.002", "x-1", venue_order_id="v-x", fee=Decimal(0), ts_event=manager.now.utc_ns)


@pytest.mark.parametrize("answers", [1, 2, 3])
def test_a_trade_that_nobody_told_us_of_is_listed_as_late_as_reads_may_lag(manager: TimedOrderManager, answers) -> None:
    manager.advance(30)
    theirs, after = bought_by_hand(manager), {"usd": CASH - 128, "btc": "0.002"}
    differ(manager, answers, **after)
    manager.advance(5)
    manager.snapshot(**after, fills=[theirs])
    manager.hear(make_report(S.FILLED, "0.002", client_order_id="by-hand", venue_order_id="v-x"))

    differ(manager, LASTING, **after, fills=[theirs])

    assert manager.journaled(BalanceCorrected, HaltRaised) == []
    assert manager.manager.books.balances["coinbase", "", "BTC"] == Decimal("0.002")
    assert manager.manager.report(manager.now).is_reconciled


def test_a_second_trade_that_leaves_the_difference_of_the_first_is_given_its_time_as_well(
    manager: TimedOrderManager,
) -> None:
    manager.advance(30)
    differ(manager, LASTING - 2, btc="0.002")
    first = bought_by_hand(manager)
    manager.fills(first)  # its dollars come later than its coins: an odd venue
    manager.hear(make_report(S.FILLED, "0.002", client_order_id="by-hand", venue_order_id="v-x"))

    differ(manager, LASTING - 1, usd=CASH - 128, btc="0.004")

    assert manager.journaled(BalanceCorrected, HaltRaised) == []


def test_what_somebody_elses_order_has_filled_is_a_movement(manager: TimedOrderManager) -> None:
    manager.advance(30)
    manager.hear(make_report(S.FILLED, "0.002", client_order_id="by-hand", venue_order_id="v-x"))

    differ(manager, 2, usd=CASH - 128, btc="0.002")

    assert all(verdict.is_equal for verdict in manager.journaled(VenueReconciled))


def test_a_difference_that_outlasts_the_lag_is_told_though_other_things_move(manager: TimedOrderManager) -> None:
    for number in range(5):
        manager.quote()
        manager.hear(make_intent(intent_id=f"i-{number}", quantity=Decimal("0.001")))
        order, name = manager.sent(SubmitOrder)[-1], f"v-{number}"
        manager.hear(make_accepted(client_order_id=order.client_order_id, venue_order_id=name))
        manager.fills(make_fill("0.001", name, venue_order_id=name, fee=Decimal(0)))
        manager.advance(5)
        manager.snapshot(usd=CASH - 64 * (number + 1) - 1, btc=f"0.00{number + 1}")

    assert manager.journaled(VenueReconciled)[-1].differences == ("USD -1",)
    assert readiness(manager)[-1] == (False, "reconciliation")
    assert manager.journaled(BalanceCorrected) == []


def test_what_a_resting_stop_of_ours_holds_is_there_whatever_the_total_says(guarded: TimedOrderManager) -> None:
    for _ in range(10):
        guarded.advance(5)
        guarded.snapshot(usd="9359", btc="0", held="0.01", open_orders=[RESTS])

    assert guarded.journaled(BalanceCorrected, PositionCorrected) == []
    assert guarded.manager.report(guarded.now).is_reconciled


# ---- positions that are not there ------------------------------------------------------------------------


def sold_by_hand(manager: TimedOrderManager, quantity: str = "0.01") -> dict:
    """Let a person sell coins of the wallet; return what the venue lists from then on."""
    manager.advance(1)
    theirs = make_fill(
        quantity, "x-1", venue_order_id="v-x", side=Side.SELL, fee=Decimal(0), ts_event=manager.now.utc_ns
    )
    manager.fills(theirs)
    manager.hear(make_report(S.FILLED, quantity, client_order_id="by-hand", venue_order_id="v-x"))
    left = manager.manager.books.balances
    return {"usd": left["coinbase", "", "USD"], "btc": left["coinbase", "", "BTC"], "fills": [theirs]}


def test_coins_sold_by_hand_are_ours_no_more_once_two_answers_agree(manager: TimedOrderManager) -> None:
    manager.hold()
    listed = sold_by_hand(manager)

    differ(manager, 4, **listed)
    assert manager.journaled(PositionCorrected) == []
    assert manager.manager.books.position(InstrumentId("coinbase", "BTC-USD")).quantity == Decimal("0.01")
    differ(manager, 2, **listed)

    (corrected,) = manager.journaled(PositionCorrected)
    assert (corrected.instrument, corrected.quantity) == ("BTC-USD", Decimal("0.01"))
    position = manager.manager.books.position(InstrumentId("coinbase", "BTC-USD"))
    assert (position.quantity, position.realized_pnl) == (0, 0)
    assert "ours no more" in " ".join(alarm.text for alarm in manager.sent(AlarmRaised))
    assert manager.journaled(BalanceCorrected) == []
    assert manager.manager.report(manager.now).corrections == 1


def test_coins_that_left_without_a_trade_leave_the_position_with_the_balance(manager: TimedOrderManager) -> None:
    manager.hold()

    differ(manager, 7, usd="9359", btc="0.004")

    assert [event.difference for event in manager.journaled(BalanceCorrected)] == [Decimal("-0.006")]
    assert [event.quantity for event in manager.journaled(PositionCorrected)] == [Decimal("0.006")]
    position = manager.manager.books.position(InstrumentId("coinbase", "BTC-USD"))
    assert (position.quantity, position.average_price) == (Decimal("0.004"), Decimal(64000))
    assert "worth 384" in manager.journaled(HaltRaised)[0].reason
    next_run = manager.restarted()
    next_run.load()
    assert next_run.manager.books.position(InstrumentId("coinbase", "BTC-USD")) == position
    differ(next_run, 3, usd="9359", btc="0.004")
    assert next_run.journaled(BalanceCorrected, PositionCorrected) == []


def test_a_foreign_sale_of_what_was_there_before_us_leaves_our_position_alone() -> None:
    manager = TimedOrderManager().ready(btc="0.5")
    manager.hold()
    listed = sold_by_hand(manager, "0.5")

    differ(manager, 8, **listed)

    assert manager.journaled(PositionCorrected) == []
    assert manager.manager.books.position(InstrumentId("coinbase", "BTC-USD")).quantity == Decimal("0.01")


def test_what_a_resting_stop_sells_is_no_phantom(guarded: TimedOrderManager) -> None:
    for _ in range(10):
        guarded.advance(5)
        guarded.snapshot(usd="9359", btc="0", open_orders=[RESTS])  # no hold is told either

    assert guarded.journaled(PositionCorrected) == []
    assert guarded.order().status is S.OPEN


@pytest.mark.parametrize("name", ["BTC-PERP-INTX", "BIP-20DEC30-CDE", "nodash"])
def test_a_fill_of_a_product_that_is_not_spot_is_somebody_elses_and_touches_nothing(name: str) -> None:
    manager = TimedOrderManager().ready()
    balances, questions = dict(manager.manager.books.balances), len(manager.sent(QueryOrder))
    manager.advance(6)
    fill = make_fill("1", "f-perp", venue_order_id="v-perp", instrument=name, ts_event=manager.now.utc_ns)

    manager.quote()
    manager.snapshot(fills=[fill])
    manager.snapshot(fills=[fill])

    assert [event.fill for event in manager.journaled(ExternalFillSeen)] == [fill]
    assert dict(manager.manager.books.balances) == balances
    assert len(manager.sent(QueryOrder)) == questions
    assert manager.journaled(VenueReconciled)[-1].is_equal
    manager.hear(make_intent(expires_at=manager.now.utc_ns + 10**10))
    assert manager.journaled(IntentDenied) == []
