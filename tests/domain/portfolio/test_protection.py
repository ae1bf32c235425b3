"""Each position is covered by exactly one bracket of its size, or goes."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.instant import SECOND_NS
from domain.instrument import InstrumentKind, Side
from domain.ledger.position import Position
from domain.messages.journal import BalanceCorrected, IntentDenied, PositionCorrected
from domain.messages.orders import CancelProtection, InstrumentsLoaded, OrderIntent, OrderUnconfirmed, Purpose
from domain.messages.system import AlarmOver
from domain.numbers import use_exact_decimals
from domain.portfolio.protection import Holding, Levels, Protection
from domain.settings import ProtectionSettings, Settings
from tests.builders import UTC
from tests.domain.account_harness import BTC, Account, accepted, ended, filled, make_signal, submitted

use_exact_decimals()

BID, ASK = "49999", "50001"


@pytest.fixture
def account() -> Account:
    """Flat, with one opening of 0.0039 BTC on its way."""
    account = Account()
    account.hear(make_signal(Side.BUY))
    return account


def denied(intent: OrderIntent) -> IntentDenied:
    return IntentDenied(
        ts_event=UTC,
        intent_id=intent.intent_id,
        venue=intent.venue,
        instrument=intent.instrument,
        purpose=intent.purpose,
        reason="no_quote",
    )


@pytest.mark.parametrize(
    ("quantity", "levels"),
    [
        ("0.3", Levels(stop=Decimal("47619.05"), target=Decimal("52631.58"))),
        ("-0.3", Levels(stop=Decimal("52631.57"), target=Decimal("47619.04"))),
    ],
)
def test_levels_lie_around_the_average_entry_on_the_tick_grid(quantity: str, levels: Levels) -> None:
    ratio = 0.05
    settings = Settings(protection=ProtectionSettings(stop_loss_ratio=ratio, take_profit_ratio=ratio))
    entry = Decimal("50125.3133")  # times 0.95 and 1.05: 47619.0476... and 52631.5789...
    side = Side.BUY if Decimal(quantity) > 0 else Side.SELL
    position = Position().after(side, abs(Decimal(quantity)), entry)

    assert Protection(settings).levels(Holding(BTC, position, abs(Decimal(quantity)), entry)) == levels


def test_an_entry_that_is_still_filling_waits_for_one_bracket_but_not_for_long(account: Account) -> None:
    entry = account.last_intent
    account.journal(accepted(entry), submitted(entry))

    assert account.journal(filled(entry, "50000", "0.001")) == []
    assert account.advance(2.0, BID, ASK) == []

    (protect,) = account.advance(0.5, BID, ASK)
    assert (protect.purpose, protect.quantity) == (Purpose.PROTECT, Decimal("0.001"))


def test_a_bracket_of_the_wrong_size_is_withdrawn_and_then_made_anew(account: Account) -> None:
    entry = account.last_intent
    (protect,) = account.execute(entry, "50000", quantity="0.003")
    account.rest(protect)
    account.advance(6, BID, ASK)

    told = account.journal(filled(entry, "50010", "0.0005"))  # a late fill
    assert [(type(it), it.reason) for it in told] == [(CancelProtection, "resized")]

    account.advance(0.4)
    account.journal(*ended(protect, Decimal(0)))
    told = account.advance(1, BID, ASK)
    assert [(intent.intent_id, intent.quantity) for intent in told] == [
        ("protect:coinbase:BTC-USD:2", Decimal("0.0035"))
    ] * len(told)
    assert told


def test_a_lot_that_has_grown_withdraws_no_good_stop(account: Account) -> None:
    (protect,) = account.execute(account.last_intent, "50000", quantity="0.0035")
    account.rest(protect)

    account.load(replace(BTC, lot_size=Decimal("0.001"), tick_size=Decimal("5")))

    assert account.advance(20, BID, ASK) == []


def test_a_withdrawal_that_got_lost_is_asked_for_again(account: Account) -> None:
    entry = account.last_intent
    (protect,) = account.execute(entry, "50000", quantity="0.003")
    account.rest(protect)
    account.journal(filled(entry, "50010", "0.0005"))

    told = account.advance(2, BID, ASK)

    assert len(told) >= 3
    assert {(type(it), it.reason) for it in told} == {(CancelProtection, "resized")}


def test_a_bracket_that_fills_partly_still_covers_the_rest(account: Account) -> None:
    (protect,) = account.execute(account.last_intent, "50000")
    account.rest(protect)

    assert account.journal(filled(protect, "55000", "0.001")) == []
    assert account.advance(3, BID, ASK) == []


def test_a_bracket_without_a_position_is_withdrawn(account: Account) -> None:
    (protect,) = account.execute(account.last_intent, "50000")
    account.rest(protect)
    account.advance(1, BID, ASK)
    (close,) = account.hear(make_signal(Side.SELL, "exit"))

    told = account.execute(close, "50000")

    assert told == [CancelProtection(venue="coinbase", instrument="BTC-USD", reason="flat")]


def corrected(difference: Decimal) -> BalanceCorrected:
    return BalanceCorrected(
        ts_event=0, correction_id="c", venue="coinbase", currency="BTC", difference=difference, reason=""
    )


@pytest.mark.parametrize("share", ["1", "0.5"])
def test_a_corrected_balance_withdraws_no_stop(account: Account, share: str) -> None:
    (protect,) = account.execute(account.last_intent, "50000")
    account.rest(protect)

    account.journal(corrected(-account.quantity * Decimal(share)))

    assert account.advance(20, BID, ASK) == []


def test_spot_below_zero_is_neither_bought_back_nor_guarded_and_its_stop_goes(account: Account) -> None:
    entry = account.last_intent
    (protect,) = account.execute(entry, "50000")
    account.rest(protect)
    account.advance(1, BID, ASK)
    sold = replace(entry, intent_id="sold", side=Side.SELL, purpose=Purpose.CLOSE, quantity=Decimal("0.01"))

    told = account.execute(sold, "50000")

    assert account.quantity < 0
    assert told == [CancelProtection(venue="coinbase", instrument="BTC-USD", reason="flat")]
    account.journal(*ended(protect, Decimal(0)))
    assert account.advance(20, BID, ASK) == []


def test_a_position_corrected_away_takes_its_stop_along(account: Account) -> None:
    (protect,) = account.execute(account.last_intent, "50000")
    account.rest(protect)
    account.advance(1, BID, ASK)

    told = account.journal(
        corrected(-account.quantity),
        PositionCorrected(
            ts_event=0,
            correction_id="p",
            venue="coinbase",
            instrument="BTC-USD",
            quantity=account.quantity,
            reason="",
        ),
    )

    assert told == [CancelProtection(venue="coinbase", instrument="BTC-USD", reason="flat")]


def test_dust_gets_no_order_and_keeps_what_is_left_of_its_bracket(account: Account) -> None:
    entry = account.last_intent
    (protect,) = account.execute(entry, "50000")
    account.rest(protect)
    account.advance(1, BID, ASK)

    assert account.journal(filled(protect, "55000", "0.00385")) == []
    assert account.advance(6, BID, ASK) == []
    account.journal(*ended(protect, Decimal("0.00385")))
    assert account.advance(6, BID, ASK) == []
    assert account.quantity == Decimal("0.00005")


def test_a_bracket_that_would_sell_more_than_the_dust_that_is_left_goes(account: Account) -> None:
    entry = account.last_intent
    (protect,) = account.execute(entry, "50000")
    account.rest(protect)
    account.advance(1, BID, ASK)
    sold = replace(entry, intent_id="sold", side=Side.SELL, purpose=Purpose.CLOSE, quantity=Decimal("0.00385"))

    told = account.execute(sold, "50000")

    assert told == [CancelProtection(venue="coinbase", instrument="BTC-USD", reason="flat")]


@pytest.mark.parametrize("kind", [InstrumentKind.SPOT, InstrumentKind.PERPETUAL])
@pytest.mark.parametrize("grid", [{"min_notional": Decimal(500)}, {"lot_size": Decimal("0.1")}])
def test_a_stop_stays_when_the_venue_raises_its_minimum_and_a_person_is_told_once(
    account: Account, kind: InstrumentKind, grid: dict
) -> None:
    (protect,) = account.execute(account.last_intent, "50000")
    account.rest(protect)
    account.advance(1, BID, ASK)

    account.load(replace(BTC, kind=kind, **grid))

    assert account.advance(20, BID, ASK) + account.advance(20, "40000", "40001") == []
    [alarm] = account.alarms
    assert (alarm.subject, alarm.text.partition(":")[0]) == ("coinbase:BTC-USD", "no order can close the position")
    account.load(BTC)
    account.advance(1, BID, ASK)
    assert isinstance(account.alarms[-1], AlarmOver) and account.alarms[-1].text == alarm.text


def test_a_position_that_nothing_covers_in_time_is_closed(account: Account) -> None:
    (protect,) = account.execute(account.last_intent, "50000")
    assert account.journal(denied(protect)) == []  # not at once: it would be denied again
    told = account.advance(4.5, BID, ASK)
    assert {intent.purpose for intent in told} == {Purpose.PROTECT}

    (close, *_) = account.advance(1.5, BID, ASK)[-1:]

    assert (close.purpose, close.side, close.quantity) == (Purpose.CLOSE, Side.SELL, Decimal("0.0039"))
    assert (close.intent_id, close.signal_id) == ("close:coinbase:BTC-USD:1", "uncovered:coinbase:BTC-USD")


def test_while_a_position_goes_without_cover_nothing_is_opened_and_a_person_knows(account: Account) -> None:
    account.execute(account.last_intent, "50000")
    account.price("49999", "50001", "ETH-USD")
    account.advance(5, BID, ASK)
    assert account.alarms == []

    account.advance(5, BID, ASK)
    account.price("49999", "50001", "ETH-USD")
    told = account.hear(make_signal(Side.BUY, "s2", instrument="ETH-USD", expires_at=UTC + 60 * SECOND_NS))

    assert [alarm.subject for alarm in account.alarms] == ["coinbase:BTC-USD"]
    assert told == []
    assert account.manager.decisions["unprotected"] == 1


def test_a_plan_whose_order_never_leaves_is_no_cover(account: Account) -> None:
    (protect,) = account.execute(account.last_intent, "50000")
    account.journal(accepted(protect))

    told = account.advance(6, BID, ASK)

    assert told[-1].signal_id == "uncovered:coinbase:BTC-USD"


def test_an_order_on_its_way_or_in_doubt_is_no_cover(account: Account) -> None:
    (protect,) = account.execute(account.last_intent, "50000")
    order_id = f"order:{protect.intent_id}"
    account.journal(accepted(protect), submitted(protect))
    account.advance(2, BID, ASK)
    account.journal(OrderUnconfirmed(ts_event=UTC, client_order_id=order_id, venue="coinbase", reason="timeout"))

    assert account.advance(3, BID, ASK) == []
    (close,) = account.advance(0.5, BID, ASK)

    assert (close.purpose, close.signal_id) == (Purpose.CLOSE, "uncovered:coinbase:BTC-USD")


def test_a_new_try_has_a_new_name_and_a_repeated_one_the_old(account: Account) -> None:
    (first,) = account.execute(account.last_intent, "50000")
    repeated = account.advance(1, BID, ASK)
    account.journal(denied(first))
    (second,) = account.advance(0.5, BID, ASK)

    assert set(repeated) == {first}
    assert [first.intent_id[-2:], second.intent_id[-2:]] == [":1", ":2"]


def test_a_close_under_way_needs_no_new_cover_and_what_it_leaves_does(account: Account) -> None:
    (protect,) = account.execute(account.last_intent, "50000")
    account.rest(protect)
    account.advance(1, BID, ASK)
    (close,) = account.hear(make_signal(Side.SELL, "exit"))
    account.journal(accepted(close))
    assert account.journal(*ended(protect, Decimal(0))) == []  # the bracket makes way

    account.journal(submitted(close), filled(close, "50000", "0.003"))
    (again,) = account.journal(*ended(close, Decimal("0.003")))

    assert (again.purpose, again.quantity) == (Purpose.PROTECT, Decimal("0.0009"))


def test_a_price_beyond_the_stop_for_two_seconds_closes_what_the_venue_did_not(account: Account) -> None:
    (protect,) = account.execute(account.last_intent, "50000")
    account.rest(protect)

    assert account.advance(2.0, "47000", "47002") == []
    (close,) = account.advance(0.5, "47000", "47002")

    assert (close.purpose, close.signal_id) == (Purpose.CLOSE, "stop_jumped:coinbase:BTC-USD")


def test_a_price_beyond_a_stop_that_nobody_holds_closes_at_once(account: Account) -> None:
    (protect,) = account.execute(account.last_intent, "50000")
    account.journal(accepted(protect), submitted(protect))  # a venue would refuse it by now

    (close,) = account.advance(0.5, "47499", "47501")

    assert (close.purpose, close.signal_id) == (Purpose.CLOSE, "stop_jumped:coinbase:BTC-USD")


@pytest.mark.parametrize(
    ("bid", "ask"),
    [("47450", "47452"), ("47500", "47502")],  # inside the collar of a stop at 47,500
)
def test_a_price_that_the_stop_should_catch_is_left_to_it(account: Account, bid: str, ask: str) -> None:
    (protect,) = account.execute(account.last_intent, "50000")
    account.rest(protect)

    assert account.advance(6, bid, ask) == []


def test_a_recovery_starts_the_count_again(account: Account) -> None:
    (protect,) = account.execute(account.last_intent, "50000")
    account.rest(protect)

    account.advance(1.5, "47000", "47002")
    account.advance(0.5, BID, ASK)

    assert account.advance(1.5, "47000", "47002") == []


def test_a_price_that_cannot_be_believed_closes_nothing(account: Account) -> None:
    (protect,) = account.execute(account.last_intent, "50000")
    account.rest(protect)
    account.advance(0.5, BID, ASK)
    account.price("47000", "47002", is_whole=False)

    assert account.advance(6) == []


def test_after_a_restart_the_cover_in_the_journal_is_enough(account: Account) -> None:
    (protect,) = account.execute(account.last_intent, "50000")
    account.rest(protect)
    restarted = account.restarted()

    assert restarted.advance(6, BID, ASK) == []


def test_the_stop_of_a_perpetual_is_not_withdrawn_for_want_of_coins(account: Account) -> None:
    (protect,) = account.execute(account.last_intent, "50000")
    account.rest(protect)
    perpetual = replace(BTC, kind=InstrumentKind.PERPETUAL)  # opened by a version that took it for spot
    account.hear(
        InstrumentsLoaded(
            ts_event=UTC,
            venue="coinbase",
            instruments=(perpetual,),
            taker_fee_ratio=Decimal(0),
            maker_fee_ratio=Decimal(0),
        )
    )

    told = account.journal(
        BalanceCorrected(
            ts_event=UTC,
            correction_id="1",
            venue="coinbase",
            currency="BTC",
            difference=-account.quantity,
            reason="no fill explains it",
        )
    )

    assert told + account.advance(2, BID, ASK) == []
    account.hear(make_signal(Side.SELL, "exit"))
    assert account.last_intent.purpose is Purpose.CLOSE
    assert account.last_intent.quantity == account.quantity
