"""Signals into intents: the target position, once per signal, never past the journal."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.ledger.wallet import Wallet
from domain.messages.account import Balance
from domain.messages.halts import RaiseHalt
from domain.messages.journal import BalancesOpened, EquityMarked, HaltCleared, HaltRaised, IntentDenied
from domain.messages.orders import InstrumentsLoaded, OrderIntent, Purpose, TouchReported
from domain.messages.system import (
    BreakerChanged,
    BreakerState,
    MarkEquity,
    Operation,
    PositionLine,
    VenueReadyChanged,
    WindDown,
)
from domain.numbers import use_exact_decimals
from domain.settings import VENUES, ProtectionSettings, Settings
from tests.builders import MONO, UTC, make_quote
from tests.domain.account_harness import (
    BTC,
    FEE_RATIO,
    LOOSE,
    Account,
    accepted,
    ended,
    filled,
    make_signal,
    submitted,
)

use_exact_decimals()

BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
def long() -> Account:
    """An account that holds 0.0039 BTC, bought at 50,000 for a fee of 1.17, under a resting bracket."""
    account = Account()
    account.hear(make_signal(BUY, "entry"))
    (protect,) = account.execute(account.last_intent, "50000", fee="1.17")
    account.rest(protect)
    return account


# ---- entries and exits ---------------------------------------------------------------------------------


def test_a_buy_when_flat_opens_two_percent_of_equity(account: Account) -> None:
    told = account.hear(make_signal(BUY))

    assert told == [
        OrderIntent(
            intent_id="s1:open",
            signal_id="s1",
            venue="coinbase",
            instrument="BTC-USD",
            side=BUY,
            quantity=Decimal("0.0039"),  # 200 dollars at the ask plus collar, rounded down to the lot
            purpose=Purpose.OPEN,
            reference_price=Decimal("50000"),
            expires_at=UTC + 5 * SECOND_NS,
            expires_ns=MONO + 5 * SECOND_NS,
            origin_read_ns=MONO,
            known_seq=1,
        )
    ]
    assert account.manager.decisions == {"opened": 1}


def test_nothing_is_held_until_a_fill_says_so(account: Account) -> None:
    account.hear(make_signal(BUY))
    intent = account.last_intent

    account.journal(accepted(intent), submitted(intent))
    assert account.quantity == 0

    account.journal(filled(intent, "50000", "0.001"))
    assert account.quantity == Decimal("0.001")


def test_a_sell_closes_by_a_real_order_and_the_position_goes_with_its_fill(long: Account) -> None:
    (close,) = long.hear(make_signal(SELL, "exit"))

    assert (close.side, close.purpose, close.quantity) == (SELL, Purpose.CLOSE, Decimal("0.0039"))
    assert close.intent_id == "exit:close"
    assert long.quantity == Decimal("0.0039")
    long.journal(accepted(close), submitted(close))
    assert long.quantity == Decimal("0.0039")

    long.journal(filled(close, "51000", fee="1.1934"), *ended(close, close.quantity))

    assert long.quantity == 0


def test_a_round_trip_is_reported_to_the_cent(long: Account) -> None:
    long.hear(make_signal(SELL, "exit"))
    long.execute(long.last_intent, "51000", fee="1.1934")

    report = long.manager.report(long.now)

    assert report.realized_pnl == "3.9"
    assert report.fees == "2.3634"
    assert report.cash == report.equity == "10001.54"  # 10,000 + 3.9 - 2.3634
    assert (report.positions, report.net, report.is_complete) == ((), {}, True)


def test_an_open_position_is_marked_at_the_mid_of_a_whole_quote(long: Account) -> None:
    long.price("50999", "51001")

    report = long.manager.report(long.now)

    assert report.positions == (
        PositionLine(
            key="coinbase:BTC-USD",
            quantity="0.0039",
            average_price="50000",
            mark_price="51000",
            unrealized_pnl="3.9",
        ),
    )
    assert report.net == {"BTC": "0.0039"}
    assert report.cash == "9803.83"
    assert report.equity == "10002.73"
    assert report.is_complete


def test_a_stale_mark_keeps_its_last_price_and_says_that_the_sum_is_incomplete(long: Account) -> None:
    long.advance(4)
    long.price("1", "2", is_whole=False)

    report = long.manager.report(long.now)

    assert report.equity == "9998.83"
    assert not report.is_complete


def test_spot_never_goes_short(account: Account) -> None:
    assert account.hear(make_signal(SELL)) == []
    assert account.manager.decisions == {"no_position": 1}


def test_a_venue_that_takes_no_orders_gets_none() -> None:
    account = Account(Settings(risk=LOOSE, venues={**Settings().venues, "dydx": VENUES["dydx"]}))

    assert account.hear(make_signal(BUY, venue="dydx")) == []
    assert account.manager.decisions == {"prices_only": 1}
    assert account.hear(make_signal(BUY, "s2")) != []  # whose account is unknown there makes no difference here


def test_a_second_buy_finds_the_position_there(long: Account) -> None:
    assert long.hear(make_signal(BUY, "again")) == []
    assert long.manager.decisions["already_long"] == 1


def test_two_signals_at_once_make_one_position(account: Account) -> None:
    first = account.hear(make_signal(BUY, "s1"))
    second = account.hear(make_signal(BUY, "s2"))
    account.journal(accepted(first[0]))
    third = account.hear(make_signal(BUY, "s3"))

    assert (len(first), second, third) == (1, [], [])
    assert account.manager.decisions == {"opened": 1, "pending": 2}


def test_a_signal_is_decided_once_however_often_it_comes(account: Account) -> None:
    account.hear(make_signal(BUY))
    account.execute(account.last_intent, "50000")
    account.hear(make_signal(SELL, "exit"))
    account.execute(account.last_intent, "50000")

    assert account.hear(make_signal(BUY)) == []


def test_a_refused_signal_stays_refused_when_the_price_is_good_again(account: Account) -> None:
    account.price("49999", "50001", is_whole=False)
    account.hear(make_signal(BUY))

    account.advance(1, "49999", "50001")

    assert account.hear(make_signal(BUY)) == []
    assert account.manager.decisions == {"gapped_quote": 1}


def test_an_opening_dies_with_its_signal_and_a_close_outlives_it(account: Account) -> None:
    soon = UTC + SECOND_NS
    (entry,) = account.hear(make_signal(BUY, expires_at=soon))
    account.execute(entry, "50000")
    (close,) = account.hear(make_signal(SELL, "exit", expires_at=soon))

    assert (entry.expires_at, close.expires_at) == (soon, UTC + 60 * SECOND_NS)


def test_a_signal_that_the_journal_knows_is_not_decided_again_after_a_restart(account: Account) -> None:
    account.hear(make_signal(BUY))
    account.journal(
        IntentDenied(
            ts_event=UTC,
            intent_id="s1:open",
            venue="coinbase",
            instrument="BTC-USD",
            purpose=Purpose.OPEN,
            reason="stale_quote",
        )
    )

    restarted = account.restarted()
    assert restarted.hear(make_signal(BUY)) == []
    assert len(restarted.hear(make_signal(BUY, "another"))) == 1


def test_what_is_too_small_to_sell_is_dust_and_no_obstacle(account: Account) -> None:
    account.hear(make_signal(BUY))
    account.execute(account.last_intent, "50000", quantity="0.00009")

    assert account.hear(make_signal(SELL, "exit")) == []
    assert account.manager.decisions["dust"] == 1
    assert len(account.hear(make_signal(BUY, "again"))) == 1
    assert account.manager.report(account.now).positions[0].quantity == "0.00009"


def test_what_is_worth_the_minimum_at_the_mark_and_not_at_the_limit_of_a_close_is_dust(account: Account) -> None:
    account.hear(make_signal(BUY))
    account.execute(account.last_intent, "50000", quantity="0.0002")  # 10 dollars, 9.98 at that limit
    instrument = replace(BTC, min_notional=Decimal("10"))
    account.hear(
        InstrumentsLoaded(
            ts_event=UTC,
            venue="coinbase",
            instruments=(instrument,),
            taker_fee_ratio=FEE_RATIO,
            maker_fee_ratio=FEE_RATIO,
        )
    )

    account.hear(make_signal(SELL, "exit"))

    assert account.manager.decisions["dust"] == 1
    assert [it.purpose for it in account.intents if it.purpose is Purpose.CLOSE] == []


def test_foreign_coins_are_equity_but_never_sold(account: Account) -> None:
    account.hear(make_signal(BUY))
    intent = account.last_intent
    account.execute(intent, "50000")
    account.manager.portfolio.balances[Wallet("coinbase", "", "BTC")] += 5

    (close,) = account.hear(make_signal(SELL, "exit"))

    assert close.quantity == intent.quantity


# ---- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        ({"is_whole": False}, "gapped_quote"),
        ({"state": {"is_whole": False}}, "gapped_quote"),
        ({"bid": "50001", "ask": "50000"}, "crossed_quote"),
        ({"state": {"alive_ns": MONO - 4 * SECOND_NS}}, "stale_quote"),
        ({"state": {"alive_ns": 0}}, "stale_quote"),
        ({"state": {"is_connected": False}}, "stale_quote"),
        ({"state": {"clock_offset_ns": None}}, "unknown_clock_offset"),
        ({"state": {"lag_ns": 3 * SECOND_NS}}, "late_quote"),
        ({"bid": "50200", "ask": "50202"}, "price_drift"),
    ],
)
def test_nothing_is_opened_on_a_price_that_cannot_be_believed(account: Account, batch: dict, reason: str) -> None:
    account.price(**{"bid": "49999", "ask": "50001", **batch})

    assert account.hear(make_signal(BUY)) == []
    assert account.manager.decisions == {reason: 1}


def test_what_was_refused_last_is_told_with_its_numbers(account: Account) -> None:
    account.price(bid="50200", ask="50202")

    account.hear(make_signal(BUY))

    assert account.manager.report(account.now).declined == {"price_drift": "coinbase:BTC-USD: 0.00402 > 0.002"}


def test_no_quote_no_order(account: Account) -> None:
    assert account.hear(make_signal(BUY, instrument="ETH-USD")) == []
    assert account.manager.decisions == {"no_quote": 1}


def test_a_price_grows_stale_while_nothing_proves_the_stream_alive(account: Account) -> None:
    account.advance(3.5)

    account.hear(make_signal(BUY))

    assert account.manager.decisions["stale_quote"] == 1


@pytest.mark.parametrize("side", Side)
def test_an_old_signal_is_void_on_both_sides(long: Account, side: Side) -> None:
    assert long.hear(make_signal(side, "late", expires_at=UTC)) == []
    assert long.manager.decisions["expired"] == 1


def test_closing_passes_halts_stale_prices_open_breakers_and_unready_venues(long: Account) -> None:
    long.journal(HaltRaised(ts_event=UTC, scope="all", reason="drawdown"))
    long.hear(BreakerChanged(ts_event=UTC, venue="coinbase", operation=Operation.SUBMIT, state=BreakerState.OPEN))
    long.hear(VenueReadyChanged(ts_event=UTC, venue="coinbase", is_ready=False))
    long.price("49999", "50001", is_whole=False)

    (close,) = long.hear(make_signal(SELL, "exit"))

    assert close.purpose is Purpose.CLOSE


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (VenueReadyChanged(ts_event=UTC, venue="coinbase", is_ready=False), "venue_not_ready"),
        (
            BreakerChanged(ts_event=UTC, venue="coinbase", operation=Operation.SUBMIT, state=BreakerState.OPEN),
            "breaker_open",
        ),
        (WindDown(deadline_ns=MONO + SECOND_NS), "winding_down"),
    ],
)
def test_a_venue_that_takes_no_openings_gets_none(account: Account, message, reason: str) -> None:
    account.hear(message)

    assert account.hear(make_signal(BUY)) == []
    assert account.manager.decisions == {reason: 1}


def test_a_breaker_of_the_price_feed_stops_no_order_by_itself(account: Account) -> None:
    account.hear(BreakerChanged(ts_event=UTC, venue="coinbase", operation=Operation.DATA, state=BreakerState.OPEN))

    assert len(account.hear(make_signal(BUY))) == 1


@pytest.mark.parametrize("scope", ["all", "coinbase", "coinbase:BTC-USD"])
def test_a_halt_stops_openings_in_its_scope(account: Account, scope: str) -> None:
    account.journal(HaltRaised(ts_event=UTC, scope=scope, reason="drawdown"))

    account.hear(make_signal(BUY))

    assert account.manager.decisions == {"halted": 1}


# ---- told until journaled ------------------------------------------------------------------------------


def test_an_intent_is_told_again_under_the_same_name_until_the_journal_shows_it(account: Account) -> None:
    (intent,) = account.hear(make_signal(BUY))

    assert account.advance(1.0) == [intent, intent]

    account.journal(accepted(intent))
    assert account.advance(1.0) == []


def test_an_intent_without_an_answer_is_released_after_it_expired(account: Account) -> None:
    account.hear(make_signal(BUY))

    account.advance(7)

    assert account.manager.pending == ()
    assert account.manager.decisions["unanswered"] == 1


def test_what_is_pending_takes_cash_from_the_next_decision() -> None:
    account = Account(cash="10000")
    account.manager.portfolio.balances[Wallet("coinbase", "", "USD")] = Decimal("700")
    account.price("3000", "3000.02", instrument="ETH-USD")
    account.hear(make_signal(BUY))
    first = account.last_intent

    account.hear(make_signal(BUY, "s2", instrument="ETH-USD", candle_close=Decimal("3000")))
    second = account.last_intent

    spent = sum(intent.quantity * intent.reference_price for intent in (first, second))
    assert first.instrument != second.instrument
    assert spent * Decimal("1.006") <= Decimal("700") * Decimal("0.95")


# ---- protection ----------------------------------------------------------------------------------------


def test_a_fill_is_covered_at_once_by_one_bracket_of_its_size(account: Account) -> None:
    account.hear(make_signal(BUY))

    (protect,) = account.execute(account.last_intent, "50000")

    assert protect == OrderIntent(
        intent_id="protect:coinbase:BTC-USD:1",
        signal_id="protect:coinbase:BTC-USD",
        venue="coinbase",
        instrument="BTC-USD",
        side=SELL,
        quantity=Decimal("0.0039"),
        purpose=Purpose.PROTECT,
        reference_price=Decimal("50000"),
        expires_at=UTC + 60 * SECOND_NS,
        expires_ns=MONO + 60 * SECOND_NS,
        limit_price=Decimal("55000.00"),
        stop_price=Decimal("47500.00"),
        reason="protect",
    )
    assert account.manager.decisions["protected"] == 1


def test_winding_down_keeps_stops_and_opens_nothing(long: Account) -> None:
    assert long.hear(WindDown(deadline_ns=MONO + 3 * SECOND_NS)) == []
    assert long.advance(2, "49999", "50001") == []


def test_winding_down_takes_back_an_opening_that_was_not_journaled(account: Account) -> None:
    account.hear(make_signal(BUY))

    account.hear(WindDown(deadline_ns=MONO + 3 * SECOND_NS))

    assert account.advance(2, "49999", "50001") == []


def test_winding_down_still_covers_a_fill_that_comes_late(account: Account) -> None:
    account.hear(make_signal(BUY))
    intent = account.last_intent
    account.hear(WindDown(deadline_ns=MONO + 3 * SECOND_NS))

    (protect,) = account.execute(intent, "50000")

    assert protect.purpose is Purpose.PROTECT


def test_flatten_on_exit_closes_every_position() -> None:
    """TC-E06, TC-E82"""
    settings = Settings(risk=LOOSE, protection=ProtectionSettings(on_exit="flatten"))
    account = Account(settings)
    account.hear(make_signal(BUY))
    (protect,) = account.execute(account.last_intent, "50000")
    account.rest(protect)
    account.advance(1, "49999", "50001")

    (close,) = account.hear(WindDown(deadline_ns=MONO + 3 * SECOND_NS))

    assert (close.purpose, close.signal_id) == (Purpose.CLOSE, "flatten:coinbase:BTC-USD")
    assert account.journal(accepted(close)) == []
    assert account.advance(2, "49999", "50001") == []


# ---- losses --------------------------------------------------------------------------------------------


def losing_account() -> Account:
    """An account whose one position fell so far that half of its start is lost."""
    account = Account()
    account.advance(3, "49999", "50001")
    account.hear(make_signal(BUY))
    (protect,) = account.execute(account.last_intent, "50000")
    account.rest(protect)
    account.manager.portfolio.balances[Wallet("coinbase", "", "USD")] -= 6000
    return account


DAILY_LOSS, DRAWDOWN = (RaiseHalt(scope="all", reason=reason, kind=reason) for reason in ("daily_loss", "drawdown"))


def test_a_loss_seen_twice_two_seconds_apart_asks_for_a_halt_until_it_is_journaled() -> None:
    account = losing_account()

    assert DAILY_LOSS not in account.advance(2.0, "49999", "50001")
    assert account.advance(1.0, "49999", "50001") == [DAILY_LOSS, DRAWDOWN] * 2

    account.journal(HaltRaised(ts_event=UTC, scope="all", reason="daily_loss"))
    assert account.advance(0.5, "49999", "50001") == [DRAWDOWN]
    account.journal(HaltRaised(ts_event=UTC, scope="all", reason="drawdown"))
    assert account.advance(1.0, "49999", "50001") == []


def test_a_loss_is_told_though_everything_is_halted_for_something_else() -> None:
    account = losing_account()
    account.journal(HaltRaised(ts_event=UTC, scope="all", reason="disk_full"))

    assert DAILY_LOSS in account.advance(3.0, "49999", "50001")


def test_a_halt_that_ends_by_itself_leaves_the_loss_beside_it_and_its_measure() -> None:
    account = losing_account()
    account.journal(EquityMarked(ts_event=UTC, peak=Decimal(10000), day_start=Decimal(10000)))
    for reason in ("its rows are missing", "daily_loss"):
        account.journal(HaltRaised(ts_event=UTC, scope="all", reason=reason))

    account.journal(HaltCleared(ts_event=UTC, scope="all", reason="its rows are missing"))

    assert account.manager.portfolio.halts.has("all", "daily_loss")
    assert account.manager.portfolio.equity_mark is not None
    account.journal(HaltCleared(ts_event=UTC, scope="all"))
    assert account.manager.portfolio.equity_mark is None


def test_a_loss_stops_openings_before_the_halt_is_journaled() -> None:
    account = losing_account()
    account.price("3000", "3000.02", instrument="ETH-USD")

    account.hear(make_signal(BUY, "more", instrument="ETH-USD", candle_close=Decimal("3000")))

    assert account.manager.decisions["daily_loss"] == 1


def test_an_incomplete_reading_neither_trips_nor_clears() -> None:
    account = losing_account()
    account.advance(1.0, "49999", "50001")
    account.price("49999", "50001", is_whole=False)

    assert account.advance(3.0) == []  # stale: no reading at all
    assert account.advance(0.5, "49999", "50001") == [DAILY_LOSS, DRAWDOWN]


def test_a_held_asset_without_a_price_is_alarmed_once_and_entries_say_why_they_are_refused(
    account: Account,
) -> None:
    """EX-07"""
    balance = Balance(currency="DOGE", total=Decimal(7), hold=Decimal(0))
    account.journal(BalancesOpened(ts_event=UTC, venue="coinbase", balances=(balance,)))

    account.advance(9.0, "49999", "50001")
    assert account.alarms == []
    account.advance(30.0, "49999", "50001")

    [alarm] = account.alarms
    assert alarm.subject == "account"
    assert alarm.text == "equity incomplete: DOGE-USD: nothing is opened until it is whole"
    assert account.manager.report(account.now).missing == ("DOGE-USD",)
    account.hear(make_signal(BUY, "late", expires_at=account.now.utc_ns + SECOND_NS))
    assert account.manager.decisions == {"unknown_equity": 1}


def test_a_held_asset_that_no_stream_prices_is_valued_by_asking_the_venue_now_and_then(account: Account) -> None:
    balance = Balance(currency="DOGE", total=Decimal(1000), hold=Decimal(0))
    account.journal(BalancesOpened(ts_event=UTC, venue="coinbase", balances=(balance,)))
    account.advance(1.0, "49999", "50001")
    account.hear(touch("0.19", "0.21"))

    account.advance(29.0, "49999", "50001")
    fresh = account.manager.report(account.now)
    account.advance(3.0, "49999", "50001")
    stale = account.manager.report(account.now)

    assert account.asked == ["DOGE-USD"] * 4  # each 10 s
    assert (fresh.equity, fresh.is_complete, fresh.asked_prices) == ("10200", True, {"coinbase:DOGE-USD": "0.2"})
    assert (stale.equity, stale.missing) == ("10200", ("DOGE-USD",))


def test_half_a_book_values_nothing_and_what_is_sold_is_asked_for_no_more(account: Account) -> None:
    account.manager.portfolio.balances[Wallet("coinbase", "", "DOGE")] = Decimal(1000)
    account.advance(1.0, "49999", "50001")
    account.hear(touch("0.19", None))
    assert account.manager.report(account.now).missing == ("DOGE-USD",)

    account.manager.portfolio.balances[Wallet("coinbase", "", "DOGE")] = Decimal(0)
    account.advance(30.0, "49999", "50001")

    assert account.asked == ["DOGE-USD"]


@pytest.mark.parametrize(("bid", "ask"), [("0.12", "0.21"), ("0.19", "0.36")])
def test_one_odd_answer_values_nothing_and_halts_nothing(bid: str, ask: str) -> None:
    account = Account(Settings(risk=replace(LOOSE, daily_loss_ratio=0.03)))
    account.manager.portfolio.balances[Wallet("coinbase", "", "DOGE")] = Decimal(50000)  # as much as the dollars
    account.advance(1.0, "49999", "50001")
    account.hear(touch("0.199", "0.201"))
    account.advance(10.0, "49999", "50001")

    account.hear(replace(touch(bid, ask), last_price=Decimal("0.2")))
    told = account.advance(9.0, "49999", "50001")
    odd = account.manager.report(account.now)
    account.hear(touch("0.199", "0.201"))
    told += account.advance(9.0, "49999", "50001")

    assert odd.equity == "20000"
    assert [message for message in told if isinstance(message, RaiseHalt)] == []


def test_an_odd_answer_without_a_last_trade_is_one_reading_whatever_the_beats_between() -> None:
    account = Account(Settings(risk=replace(LOOSE, daily_loss_ratio=0.03)))
    account.manager.portfolio.balances[Wallet("coinbase", "", "DOGE")] = Decimal(50000)
    account.advance(1.0, "49999", "50001")
    for bid in ("0.199", "0.199", "0.12", "0.199", "0.199"):
        account.hear(replace(touch(bid, "0.201"), last_price=None))
        told = account.advance(9.0, "49999", "50001")
        assert [message for message in told if isinstance(message, RaiseHalt)] == []

    for bid in ("0.12", "0.12"):
        account.hear(replace(touch(bid, "0.201"), last_price=None))
        told = account.advance(9.0, "49999", "50001")
    assert DAILY_LOSS in told


def touch(bid: str, ask: str | None) -> TouchReported:
    return TouchReported(
        ts_event=UTC,
        venue="coinbase",
        instrument="DOGE-USD",
        bid_price=Decimal(bid),
        ask_price=Decimal(ask) if ask else None,
        last_price=(Decimal(bid) + Decimal(ask or bid)) / 2,
    )


def test_resuming_measures_from_where_the_person_resumed() -> None:
    account = losing_account()
    account.advance(3.0, "49999", "50001")

    account.journal(HaltRaised(ts_event=UTC, scope="all", reason="daily_loss"))
    account.journal(HaltCleared(ts_event=UTC, scope="all"))

    assert account.advance(3.0, "49999", "50001") == []
    (_, mark) = [message for message in account.told if isinstance(message, MarkEquity)]
    assert mark.day_start < 5000


def test_resuming_from_anything_but_a_loss_grants_no_fresh_loss() -> None:
    account = losing_account()
    account.journal(HaltRaised(ts_event=UTC, scope="coinbase", reason="corrected"))

    account.journal(HaltCleared(ts_event=UTC, scope="coinbase"))

    assert DAILY_LOSS in account.advance(3.0, "49999", "50001")


def test_the_fresh_measure_after_a_loss_survives_a_restart_before_its_first_reading() -> None:
    account = losing_account()
    account.advance(3.0, "49999", "50001")
    mark = EquityMarked(ts_event=UTC, peak=Decimal(10000), day_start=Decimal(10000))
    account.journal(mark, HaltRaised(ts_event=UTC, scope="all", reason="daily_loss"))
    account.journal(HaltCleared(ts_event=UTC, scope="all"))

    assert account.manager.portfolio.equity_mark is None


def test_half_a_second_of_an_odd_price_is_no_peak_to_lose_from() -> None:
    account = losing_account()
    account.manager.portfolio.balances[Wallet("coinbase", "", "USD")] += 6000
    account.manager.portfolio.balances[Wallet("coinbase", "", "BTC")] += Decimal("0.2")
    account.manager.portfolio.transfers["coinbase", "", "BTC"] += Decimal("0.2")

    told = account.advance(0.5, "49999", "80001")
    told += account.advance(10.0, "49999", "50001")

    assert [message for message in told if isinstance(message, RaiseHalt)] == []


def test_levels_are_journaled_at_the_first_readings_and_survive_a_restart(account: Account) -> None:
    account.advance(3.0, "49999", "50001")

    (mark,) = [message for message in account.told if isinstance(message, MarkEquity)]

    assert (mark.peak, mark.day_start) == (Decimal("10000"), Decimal("10000"))


def test_after_a_restart_losses_are_measured_from_the_journaled_peak(account: Account) -> None:
    account.journal(EquityMarked(ts_event=UTC, peak=Decimal("20001"), day_start=Decimal("10000")))

    told = account.restarted().advance(3, "49999", "50001")

    assert set(told) == {DRAWDOWN}


# ---- the journal ---------------------------------------------------------------------------------------


def test_reading_the_journal_again_gives_the_same_account(long: Account) -> None:
    long.hear(make_signal(SELL, "exit"))
    long.execute(long.last_intent, "51000", quantity="0.001", fee="0.306")

    other = long.restarted()
    other.price("49999", "50001")
    long.price("49999", "50001")

    before, after = long.manager.report(long.now), other.manager.report(other.now)
    assert after.journal_seq == before.journal_seq == len(long.entries)
    assert (after.positions, after.equity, after.fees, after.realized_pnl) == (
        before.positions,
        before.equity,
        before.fees,
        before.realized_pnl,
    )


def test_entries_heard_twice_count_once(long: Account) -> None:
    cash = long.manager.portfolio.balances[Wallet("coinbase", "", "USD")]

    other = long.restarted()
    other.manager.replay(long.entries, long.now)

    assert other.manager.portfolio.balances[Wallet("coinbase", "", "USD")] == cash


def test_a_message_that_is_not_ours_to_hear_is_a_bug(account: Account) -> None:
    with pytest.raises(TypeError, match="takes no Quote"):
        account.hear(make_quote())
