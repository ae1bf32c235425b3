"""Closes and stops are each the other's fallback: no position stays bare where the venue takes one of them."""

from __future__ import annotations

import pytest

from domain.instant import SECOND_NS
from domain.messages.journal import IntentDone, OrderClosed
from domain.messages.orders import OrderIntent, OrderStatus, Purpose
from domain.messages.system import WindDown
from domain.settings import ProtectionSettings, Settings
from tests.builders import UTC
from tests.domain.account_harness import LOOSE, Account, accepted, ended, make_signal, submitted

BID, ASK = "49999", "50001"


def bare(settings: Settings = Settings(risk=LOOSE)) -> tuple[Account, OrderIntent]:
    """A position whose stop has made way for a close that is journaled and not sent yet."""
    account = Account(settings)
    account.hear(make_signal())
    (protect,) = account.execute(account.last_intent, "50000")
    account.rest(protect)
    account.advance(1, BID, ASK)
    (close,) = account.hear(make_signal(account.last_intent.side, "exit", expires_at=UTC + 60 * SECOND_NS))
    account.journal(accepted(close))
    assert account.journal(*ended(protect, account.quantity * 0)) == []
    return account, close


@pytest.fixture
def account() -> Account:
    """A position without a stop: the close that it made way for was refused just now."""
    account, close = bare()
    (stop,) = refuse(account, close)
    assert (stop.purpose, stop.quantity) == (Purpose.PROTECT, account.quantity)
    return account


def refuse(account: Account, intent: OrderIntent) -> list[OrderIntent]:
    """Let the venue refuse the order of an intent, and its plan end; return what is told then."""
    known = intent.intent_id in account.manager.portfolio.plans
    closed = OrderClosed(
        ts_event=UTC,
        client_order_id=f"order:{intent.intent_id}",
        intent_id=intent.intent_id,
        status=OrderStatus.REJECTED,
        filled_quantity=account.quantity * 0,
        evidence="rejected:NO",
    )
    done = IntentDone(ts_event=UTC, intent_id=intent.intent_id, filled_quantity=account.quantity * 0)
    return account.journal(*([] if known else [accepted(intent)]), submitted(intent), closed, done)


def purposes(told: list) -> list[Purpose]:
    return [message.purpose for message in told]


def test_however_long_it_was_bare_a_refused_close_is_followed_by_a_stop() -> None:
    account, close = bare()
    account.journal(submitted(close))
    assert account.advance(8, BID, ASK) == []  # its fate is unknown

    assert purposes(refuse(account, close)) == [Purpose.PROTECT]


def test_a_stop_that_is_refused_as_well_gives_the_turn_back(account: Account) -> None:
    account.advance(5.5, BID, ASK)
    refuse(account, account.last_intent) if account.last_intent.purpose is Purpose.PROTECT else None

    assert account.advance(1, BID, ASK)[-1].purpose is Purpose.CLOSE


def test_a_stop_that_nobody_answers_waits_no_longer_than_a_position_may_be_bare(account: Account) -> None:
    stop = account.last_intent
    account.journal(accepted(stop), submitted(stop))

    told = account.advance(6, BID, ASK)

    assert purposes(told[-1:]) == [Purpose.CLOSE]


def test_a_close_that_pauses_in_the_router_keeps_no_stop_away(account: Account) -> None:
    stop = account.last_intent
    account.rest(stop)
    close = next(one for one in account.advance(10, BID, ASK) if one.purpose is Purpose.CLOSE)  # of the exit
    account.journal(accepted(close))
    account.journal(*ended(stop, account.quantity * 0))  # gone, whoever has canceled it

    assert purposes(account.advance(3, BID, ASK)[:1]) == [Purpose.PROTECT]


def test_beyond_the_stop_closing_goes_on_for_a_venue_would_refuse_the_stop() -> None:
    account, close = bare()
    account.price("47000", "47002")

    (again,) = refuse(account, close)

    assert (again.purpose, again.signal_id) == (Purpose.CLOSE, "stop_jumped:coinbase:BTC-USD")


@pytest.mark.parametrize("on_exit", ["keep_stops", "flatten"])
def test_the_last_thing_before_a_run_ends_is_the_stop(on_exit: str) -> None:
    account, close = bare(Settings(risk=LOOSE, protection=ProtectionSettings(on_exit=on_exit)))
    account.hear(WindDown(deadline_ns=account.now.monotonic_ns + 3 * SECOND_NS))
    assert account.advance(1.5, BID, ASK) == []

    account.advance(0.5, BID, ASK)  # a third of the time is left: the router gives the close up
    account.journal(IntentDone(ts_event=UTC, intent_id=close.intent_id, filled_quantity=account.quantity * 0))
    stop = account.last_intent
    assert stop.purpose is Purpose.PROTECT
    account.rest(stop)

    assert account.advance(1, BID, ASK) == []  # neither the exit nor the flattening takes it away again
