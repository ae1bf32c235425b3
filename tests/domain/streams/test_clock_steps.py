"""Our wall clock is set while orders live: nothing that decides about money may follow it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.instant import SECOND_NS, Instant
from domain.instrument import Side
from domain.messages.account import Balance, RequestSnapshot, VenueSnapshot
from domain.messages.journal import BalancesOpened, IntentDenied
from domain.messages.orders import OrderIntent, OrderNotFound, Purpose, QueryOrder, SubmitOrder
from tests.builders import MONO, UTC
from tests.domain.account_harness import Account, make_signal
from tests.order_builders import BTC, TimedOrderManager, make_intent

HOUR_S = 3600
STEPS_S = [-HOUR_S, -1, 1, HOUR_S]


def expiring(manager: TimedOrderManager, seconds: float, purpose: Purpose = Purpose.OPEN) -> OrderIntent:
    left_ns = round(seconds * SECOND_NS)
    end = {"expires_at": manager.now.utc_ns + left_ns, "expires_ns": manager.now.monotonic_ns + left_ns}
    return make_intent(purpose, **end)


@pytest.fixture
def manager() -> TimedOrderManager:
    return TimedOrderManager().ready()


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.mark.parametrize("step_s", STEPS_S)
def test_an_opening_decided_before_the_step_is_not_sent_after_it(manager: TimedOrderManager, step_s: float) -> None:
    intent = expiring(manager, 5)

    manager.set_clock(step_s)
    manager.quote()
    manager.hear(intent)

    assert [denied.reason for denied in manager.journaled(IntentDenied)] == ["expired"]


@pytest.mark.parametrize("step_s", STEPS_S)
def test_a_close_decided_before_the_step_is_sent_after_it(manager: TimedOrderManager, step_s: float) -> None:
    manager.hold()
    intent = expiring(manager, 60, Purpose.CLOSE)

    manager.set_clock(step_s)
    manager.hear(intent)

    assert manager.sent(SubmitOrder)[-1].purpose is Purpose.CLOSE


@pytest.mark.parametrize("step_s", STEPS_S)
def test_an_order_may_leave_for_three_seconds_whatever_the_wall_clock_shows(
    manager: TimedOrderManager, step_s: float
) -> None:
    manager.set_clock(step_s)
    manager.quote()
    manager.hear(expiring(manager, 5))

    (order,) = manager.sent(SubmitOrder)
    assert order.leave_by_ns == MONO + 3 * SECOND_NS


@pytest.mark.parametrize("step_s", STEPS_S)
def test_no_opening_is_made_on_a_quote_told_before_the_step(manager: TimedOrderManager, step_s: float) -> None:
    manager.set_clock(step_s)
    manager.hear(expiring(manager, 5))

    assert [denied.reason for denied in manager.journaled(IntentDenied)] == ["stale_quote"]


@pytest.mark.parametrize("step_s", STEPS_S)
def test_a_signal_to_buy_from_before_the_step_opens_nothing(account: Account, step_s: float) -> None:
    signal = make_signal(expires_ns=account.now.monotonic_ns + 5 * SECOND_NS)

    account.now = account.now._replace(utc_ns=account.now.utc_ns + step_s * SECOND_NS)
    account.hear(signal)

    assert account.manager.decisions == {"expired": 1}


@pytest.mark.parametrize("step_s", STEPS_S)
def test_a_signal_to_sell_from_before_the_step_still_closes(account: Account, step_s: float) -> None:
    account.hear(make_signal())
    account.execute(account.last_intent, "50000")
    signal = make_signal(Side.SELL, "s2", expires_ns=account.now.monotonic_ns + 5 * SECOND_NS)

    account.now = account.now._replace(utc_ns=account.now.utc_ns + step_s * SECOND_NS)
    account.hear(signal)

    assert account.last_intent.purpose is Purpose.CLOSE
    assert account.last_intent.instrument == BTC


@pytest.mark.parametrize("step_s", STEPS_S)
def test_a_request_is_told_again_until_its_own_time_is_over(account: Account, step_s: float) -> None:
    account.hear(make_signal())

    account.now = account.now._replace(utc_ns=account.now.utc_ns + step_s * SECOND_NS)
    account.advance(4)
    waiting = len(account.manager.pending)
    account.advance(3)

    assert (waiting, account.manager.decisions["unanswered"]) == (1, 1)


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S])
def test_a_clock_set_during_a_restart_neither_hastens_nor_puts_off_the_proof_of_absence(step_s: float) -> None:
    manager = TimedOrderManager(resubmits_safely=False).ready()
    manager.hear(make_intent())
    manager.set_clock(step_s)

    again = manager.restarted().ready()
    took_s = 0
    while not again.order().is_final and took_s < 100:
        again.advance(1)
        took_s += 1
        again.snapshot()
        query = again.sent(QueryOrder)[-1]
        began = {"listing_began_at": again.now.utc_ns, "listing_began_ns": again.now.monotonic_ns}
        again.hear(
            OrderNotFound(
                ts_event=again.now.utc_ns,
                client_order_id=query.client_order_id,
                venue="coinbase",
                **began,
            )
        )

    # What may leave 3 s from now, in a call of 5 s, has a token of 30 s, and reads lag by 15 s behind its end.
    assert took_s in (53, 54)


@pytest.mark.parametrize(("error_s", "words"), [(-180, "180 s behind"), (2.1, "2 s ahead of")])
def test_a_clock_that_is_not_the_venues_halts_openings_there_until_it_is_set(
    manager: TimedOrderManager, error_s: float, words: str
) -> None:
    manager.quote(clock_error_ns=round(error_s * SECOND_NS))
    manager.hear(expiring(manager, 5))
    halts = manager.manager.report(manager.now).halts
    manager.quote(clock_error_ns=SECOND_NS)
    healed = manager.manager.report(manager.now).halts
    manager.hear(make_intent(intent_id="i-2"))

    assert [denied.reason for denied in manager.journaled(IntentDenied)] == ["venue_not_ready"]
    reason, ends_when = f"our clock is {words} coinbase's", "when it is set"
    assert [(halt.scope, halt.reason, halt.ends_when) for halt in halts] == [("coinbase", reason, ends_when)]
    assert (healed, len(manager.sent(SubmitOrder))) == ((), 1)


def test_a_wrong_clock_holds_up_no_close(manager: TimedOrderManager) -> None:
    manager.hold()
    manager.quote(clock_error_ns=HOUR_S * SECOND_NS)

    manager.hear(expiring(manager, 60, Purpose.CLOSE))

    assert manager.sent(SubmitOrder)[-1].purpose is Purpose.CLOSE


@pytest.mark.parametrize("error_s", [-HOUR_S, HOUR_S])
def test_what_became_of_an_order_is_asked_by_the_venues_time_whatever_ours_is_set_to(error_s: float) -> None:
    manager = TimedOrderManager(now=Instant(MONO, UTC + error_s * SECOND_NS)).ready()
    manager.quote(clock_offset_ns=error_s * SECOND_NS)
    manager.hear(expiring(manager, 5))

    manager.set_clock(-error_s)
    manager.advance(7)
    next_run = manager.restarted()

    assert {query.sent_at for query in manager.sent(QueryOrder) + next_run.sent(QueryOrder)} == {UTC}


@pytest.mark.parametrize("error_s", [-HOUR_S, -180, 180, HOUR_S])
def test_fills_are_asked_for_by_the_venues_time_whatever_ours_shows_now_or_at_the_next_start(
    error_s: float,
) -> None:
    wrong_ns = error_s * SECOND_NS
    manager = TimedOrderManager(now=Instant(MONO, UTC + wrong_ns))
    manager.load()
    manager.quote(clock_offset_ns=wrong_ns)
    manager.snapshot()
    manager.advance(6)
    manager.snapshot()
    manager.set_clock(-error_s)  # somebody sets it right

    next_run = manager.restarted()

    true_ns = next_run.now.utc_ns
    since = [manager.sent(RequestSnapshot)[-1].fills_since, next_run.sent(RequestSnapshot)[-1].fills_since]
    assert all(true_ns - 67 * SECOND_NS < ns <= true_ns - 60 * SECOND_NS for ns in since)


def test_the_venues_time_is_also_known_from_its_answers() -> None:
    manager = TimedOrderManager(now=Instant(MONO, UTC + HOUR_S * SECOND_NS))
    manager.load()
    asked = manager.sent(RequestSnapshot)[-1]
    balances = (Balance(currency="USD", total=Decimal(100), hold=Decimal(0)),)

    manager.hear(
        VenueSnapshot(
            ts_event=UTC,
            told_ns=MONO,
            request_id=asked.request_id,
            venue="coinbase",
            balances=balances,
            open_orders=(),
            fills=(),
        )
    )

    assert [opened.ts_event for opened in manager.journaled(BalancesOpened)] == [UTC]
