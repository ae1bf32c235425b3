"""An exit signal is remembered, and acts on whatever there is of the position, until that is gone."""

from decimal import Decimal

import msgspec
import pytest

from domain.instrument import Side
from domain.messages.account import Balance
from domain.messages.journal import (
    BalancesOpened,
    ExitEnded,
    ExitWished,
    HaltRaised,
    IntentDenied,
    IntentDone,
    OrderClosed,
)
from domain.messages.orders import InstrumentsLoaded, OrderAccepted, OrderIntent, OrderStatus, OrderUnconfirmed, Purpose
from domain.messages.system import EndExit, WishExit
from domain.settings import Settings, VenueSettings
from tests.builders import UTC
from tests.domain.account_harness import (
    BTC,
    LOOSE,
    Account,
    accepted,
    ended,
    filled,
    make_signal,
    submitted,
)

BID, ASK = "49999", "50001"


@pytest.fixture
def doubtful() -> Account:
    """An opening of 0.0039 BTC, UNCONFIRMED."""
    account = Account()
    account.hear(make_signal(Side.BUY))
    entry = account.last_intent
    account.journal(accepted(entry, account.now.utc_ns), submitted(entry))
    account.journal(
        OrderUnconfirmed(ts_event=UTC, client_order_id=f"order:{entry.intent_id}", venue="coinbase", reason="timeout")
    )
    return account


@pytest.fixture
def two_venues() -> Account:
    """An opening of 0.0039 BTC at coinbase, on its way; another venue would do as well."""
    venues = {name: VenueSettings(instruments=("BTC-USD",)) for name in ("coinbase", "other")}
    account = Account(Settings(venues=venues, risk=LOOSE))
    account.hear(
        InstrumentsLoaded(
            ts_event=UTC,
            venue="other",
            instruments=(msgspec.structs.replace(BTC, venue="other"),),
            taker_fee_ratio=Decimal(0),
            maker_fee_ratio=Decimal(0),
        )
    )
    cash = Balance(currency="USD", total=Decimal(0), hold=Decimal(0))
    account.journal(BalancesOpened(ts_event=UTC, venue="other", balances=(cash,)))
    account.hear(make_signal(Side.BUY))
    entry = account.last_intent
    account.journal(accepted(entry, account.now.utc_ns), submitted(entry))
    return account


@pytest.fixture
def long() -> Account:
    """A position of 0.0039 BTC under its bracket."""
    account = Account()
    account.hear(make_signal(Side.BUY))
    (protect,) = account.execute(account.last_intent, "50000")
    account.rest(protect)
    return account


def exit_now(account: Account, name: str = "exit") -> None:
    expires_at = account.now.utc_ns + 5 * 10**9
    expires_ns = account.now.monotonic_ns + 5 * 10**9
    account.hear(make_signal(Side.SELL, name, expires_at=expires_at, expires_ns=expires_ns))


def journal_exits(account: Account) -> list[str]:
    """Journal what was told of exits, as the router does, and forget it; return what it was, in words."""
    words = []
    for told in list(account.told):
        if isinstance(told, WishExit):
            about = {"venue": told.venue, "instrument": told.instrument, "signal_id": told.signal_id}
            account.journal(ExitWished(ts_event=account.now.utc_ns, **about))
            words.append(f"wished {told.signal_id}")
        elif isinstance(told, EndExit):
            account.journal(ExitEnded(ts_event=account.now.utc_ns, venue=told.venue, instrument=told.instrument))
            words.append("ended")
    account.told = [told for told in account.told if not isinstance(told, WishExit | EndExit)]
    return words


def closes(account: Account) -> list[tuple[str, Decimal]]:
    """The closes asked for; what is told again under its id is the same one."""
    return list({it.intent_id: it.quantity for it in account.intents if it.purpose is Purpose.CLOSE}.items())


def in_vain(account: Account, intent: OrderIntent) -> None:
    """Journal a close's life to its end: it found nobody."""
    account.journal(accepted(intent, account.now.utc_ns), submitted(intent), *ended(intent, Decimal(0)))


def unprotected(account: Account) -> None:
    """Journal the end of the bracket, as the router does for a close."""
    (protect,) = [it for it in account.intents if it.purpose is Purpose.PROTECT][-1:]
    order = f"order:{protect.intent_id}"
    closed = OrderClosed(
        ts_event=UTC,
        client_order_id=order,
        intent_id=protect.intent_id,
        status=OrderStatus.CANCELED,
        filled_quantity=Decimal(0),
        evidence="reported",
    )
    account.journal(closed, IntentDone(ts_event=UTC, intent_id=protect.intent_id, filled_quantity=Decimal(0)))


def test_an_exit_acts_on_what_an_opening_in_doubt_has_filled(doubtful: Account) -> None:
    entry = doubtful.last_intent
    doubtful.journal(filled(entry, "50000", "0.002"))

    exit_now(doubtful)

    assert closes(doubtful) == [("exit:close", Decimal("0.002"))]
    assert doubtful.manager.decisions["closed"] == 1


def test_an_exit_that_comes_before_the_fill_is_remembered(doubtful: Account) -> None:
    entry = doubtful.last_intent
    exit_now(doubtful)
    assert closes(doubtful) == []
    doubtful.advance(300, BID, ASK)

    doubtful.journal(filled(entry, "50000", "0.002"))

    assert closes(doubtful) == [("exit:close", Decimal("0.002"))]


def test_what_fills_later_goes_as_well(doubtful: Account) -> None:
    entry = doubtful.last_intent
    doubtful.journal(filled(entry, "50000", "0.002"))
    exit_now(doubtful)
    doubtful.execute(doubtful.last_intent, "49900")

    doubtful.advance(30, BID, ASK)
    doubtful.journal(filled(entry, "50000", "0.0019"))
    doubtful.advance(3, BID, ASK)

    assert [quantity for _, quantity in closes(doubtful)] == [Decimal("0.002"), Decimal("0.0019")]
    assert len({intent_id for intent_id, _ in closes(doubtful)}) == 2


def test_an_exit_ends_when_nothing_is_held_and_nothing_can_come(doubtful: Account) -> None:
    entry = doubtful.last_intent
    exit_now(doubtful)
    doubtful.journal(*ended(entry, Decimal(0)))
    doubtful.advance(1, BID, ASK)

    doubtful.hear(make_signal(Side.BUY, "another", expires_at=doubtful.now.utc_ns + 5 * 10**9))
    doubtful.execute(doubtful.last_intent, "50000")
    doubtful.rest(doubtful.last_intent)  # its bracket
    doubtful.advance(10, BID, ASK)

    assert closes(doubtful) == []


def test_a_close_that_found_nobody_is_asked_for_again_once_the_stop_is_back(long: Account) -> None:
    exit_now(long)
    unprotected(long)
    in_vain(long, long.last_intent)
    long.advance(0.5, BID, ASK)
    assert long.last_intent.purpose is Purpose.PROTECT
    long.rest(long.last_intent)

    long.advance(5, BID, ASK)

    assert [intent_id for intent_id, _ in closes(long)] == ["exit:close", "exit:close:2"]


def test_an_exit_is_given_up_in_the_end_and_a_person_told(long: Account) -> None:
    exit_now(long)
    for _ in range(20):
        long.advance(5, BID, ASK)
        if long.last_intent.purpose is Purpose.CLOSE and long.manager.pending:
            in_vain(long, long.last_intent)
    asked = len(closes(long))

    long.advance(60, BID, ASK)

    assert 3 < asked == len(closes(long)) < 20
    assert long.manager.decisions["exit_expired"] == 1
    assert [alarm.text for alarm in long.alarms] == ["an exit did not happen in time and is given up: the stop stays"]


def test_a_newer_entry_signal_withdraws_the_exit(doubtful: Account) -> None:
    entry = doubtful.last_intent
    exit_now(doubtful)
    doubtful.hear(make_signal(Side.BUY, "changed", expires_at=doubtful.now.utc_ns + 5 * 10**9))

    doubtful.journal(filled(entry, "50000", "0.002"))
    doubtful.advance(5, BID, ASK)

    assert closes(doubtful) == []


def test_a_restarted_portfolio_takes_up_an_exit_whose_opening_may_still_fill(doubtful: Account) -> None:
    entry = doubtful.last_intent
    doubtful.journal(filled(entry, "50000", "0.002"))
    exit_now(doubtful)
    close = doubtful.last_intent
    doubtful.journal(accepted(close, doubtful.now.utc_ns), submitted(close))

    again = doubtful.restarted()
    fill = filled(close, "49900")
    again.journal(fill, *ended(close, close.quantity))
    again.journal(filled(entry, "50000", "0.0019"))
    again.advance(3, BID, ASK)

    assert [quantity for _, quantity in closes(again)] == [Decimal("0.0019")]


def move_to_other(account: Account, entry: OrderIntent) -> OrderIntent:
    """Journal that the venue refused the opening and that it went on to another; return it as it is there."""
    there = msgspec.structs.replace(entry, venue="other")
    order = msgspec.structs.replace(submitted(there).order, client_order_id="second")
    refused = OrderClosed(
        ts_event=UTC,
        client_order_id=f"order:{entry.intent_id}",
        intent_id=entry.intent_id,
        status=OrderStatus.REJECTED,
        filled_quantity=Decimal(0),
        evidence="rejected:NO",
    )
    account.journal(refused, msgspec.structs.replace(submitted(there), order=order, attempt=2))
    return there


@pytest.mark.parametrize("has_moved_before", [False, True])
def test_an_exit_goes_where_its_opening_goes(two_venues: Account, has_moved_before: bool) -> None:
    entry = two_venues.last_intent
    if not has_moved_before:
        exit_now(two_venues)
    there = move_to_other(two_venues, entry)
    if has_moved_before:
        exit_now(two_venues)
    assert closes(two_venues) == []

    two_venues.journal(msgspec.structs.replace(filled(there, "50000", "0.002"), client_order_id="second"))
    two_venues.advance(1, BID, ASK)

    assert two_venues.last_intent.venue == "other"
    assert closes(two_venues) == [("exit:close:other", Decimal("0.002"))]


def test_an_exit_closes_what_its_opening_became_elsewhere(two_venues: Account) -> None:
    entry = two_venues.last_intent
    there = move_to_other(two_venues, entry)
    fill = msgspec.structs.replace(filled(there, "50000"), client_order_id="second")
    two_venues.journal(fill, IntentDone(ts_event=UTC, intent_id=entry.intent_id, filled_quantity=entry.quantity))

    exit_now(two_venues)

    assert closes(two_venues) == [("exit:close:other", entry.quantity)]
    assert two_venues.manager.decisions["closed"] == 1


def test_an_exit_leaves_alone_what_another_venue_opened_for_itself(two_venues: Account) -> None:
    entry = two_venues.last_intent
    there = move_to_other(two_venues, entry)
    two_venues.journal(IntentDone(ts_event=UTC, intent_id=entry.intent_id, filled_quantity=Decimal(0)))
    own = msgspec.structs.replace(there, intent_id="own:open", signal_id="own")
    two_venues.journal(accepted(own), submitted(own), filled(own, "50000"), *ended(own, own.quantity))

    exit_now(two_venues)
    two_venues.advance(1, BID, ASK)

    assert closes(two_venues) == []
    assert two_venues.manager.decisions["no_position"] == 1


def test_an_exit_that_waits_for_a_fill_survives_a_restart(doubtful: Account) -> None:
    entry = doubtful.last_intent
    exit_now(doubtful)
    assert journal_exits(doubtful) == ["wished exit"]
    doubtful.advance(300, BID, ASK)  # for as long as the opening is in doubt

    again = doubtful.restarted()
    again.journal(filled(entry, "50000", "0.002"), *ended(entry, Decimal("0.002")))
    again.advance(1, BID, ASK)

    assert closes(again) == [("exit:close", Decimal("0.002"))]


def test_an_exit_survives_that_its_opening_fills_while_nobody_looks(doubtful: Account) -> None:
    entry = doubtful.last_intent
    exit_now(doubtful)
    journal_exits(doubtful)
    doubtful.advance(300, BID, ASK)
    _, done = ended(entry, Decimal("0.002"))
    doubtful.journal(filled(entry, "50000", "0.002"), msgspec.structs.replace(done, ts_event=doubtful.now.utc_ns))

    again = doubtful.restarted()
    again.advance(1, BID, ASK)

    assert closes(again) == [("exit:close", Decimal("0.002"))]


def test_an_exit_whose_close_found_nobody_survives_a_restart(long: Account) -> None:
    exit_now(long)
    unprotected(long)
    in_vain(long, long.last_intent)

    again = long.restarted()
    again.advance(1, BID, ASK)

    assert [intent_id for intent_id, _ in closes(again)] == ["exit:close:2"]


def test_a_restart_does_not_make_an_exit_young_again(long: Account) -> None:
    exit_now(long)
    unprotected(long)
    in_vain(long, long.last_intent)
    long.now = long.now._replace(utc_ns=long.now.utc_ns + 61 * 10**9)  # the machine was off

    again = long.restarted()
    again.advance(5, BID, ASK)

    assert closes(again) == []
    assert again.manager.decisions["exit_expired"] == 1


def test_the_journal_is_told_of_an_exit_until_it_knows_and_when_it_is_over(doubtful: Account) -> None:
    entry = doubtful.last_intent
    exit_now(doubtful)
    doubtful.advance(1, BID, ASK)
    assert set(journal_exits(doubtful)) == {"wished exit"}
    doubtful.advance(1, BID, ASK)
    assert journal_exits(doubtful) == []

    doubtful.journal(*ended(entry, Decimal(0)))
    doubtful.advance(1, BID, ASK)

    assert set(journal_exits(doubtful)) == {"ended"}
    assert doubtful.manager.portfolio.exits.wanted == {}


@pytest.mark.parametrize(
    "weakness",
    [
        {"confidence": 0.01},
        {"candle_close": Decimal("60000")},  # of another market than now
        {"halted": True},
    ],
    ids=str,
)
def test_an_entry_signal_that_is_refused_withdraws_no_exit(long: Account, weakness: dict) -> None:
    exit_now(long)
    unprotected(long)
    in_vain(long, long.last_intent)
    if weakness.pop("halted", False):
        long.journal(HaltRaised(ts_event=UTC, scope="all", reason="a person"))
    entry = make_signal(Side.BUY, "weak", expires_at=long.now.utc_ns + 5 * 10**9, **weakness)
    long.hear(entry)
    long.advance(5, BID, ASK)

    assert [intent_id for intent_id, _ in closes(long)] == ["exit:close", "exit:close:2"]


def test_an_exit_waits_for_the_products_to_be_told(long: Account) -> None:
    again = Account.__new__(Account)
    again.__dict__ |= {**long.__dict__, "told": [], "alarms": [], "_wakeups": []}
    again.manager = type(long.manager)(long.settings)
    again._perform(again.manager.replay(again.entries, again.now))

    exit_now(again)
    assert closes(again) == []
    again.open_market()
    again.advance(1, BID, ASK)

    assert [intent_id for intent_id, _ in closes(again)] == ["exit:close"]
    assert OrderAccepted in {type(entry.event) for entry in again.entries}


def test_an_exit_that_is_denied_is_asked_for_again_after_a_growing_pause(long: Account) -> None:
    """As while everything winds down: the answer to each denial must not be the next request."""
    exit_now(long)

    asked = []
    for _ in range(20):
        asked.append(len(closes(long)))
        denied = closes(long)[-1][0]
        if denied not in long.manager.portfolio.intents:
            long.journal(
                IntentDenied(
                    ts_event=long.now.utc_ns,
                    intent_id=denied,
                    venue="coinbase",
                    instrument="BTC-USD",
                    purpose=Purpose.CLOSE,
                    reason="winding_down",
                )
            )
        long.advance(0.5, BID, ASK)

    assert asked == [1] * 4 + [2] * 8 + [3] * 8
