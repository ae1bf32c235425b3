"""The gate before every opening: one table row per check, and the order in which they speak."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.instant import SECOND_NS
from domain.instrument import InstrumentId, InstrumentKind, Side
from domain.ledger.position import Position
from domain.messages.journal import HaltRaised, OrderClosed
from domain.messages.orders import OrderStatus, OrderUnconfirmed, Purpose
from domain.numbers import use_exact_decimals
from domain.portfolio.opening import Opening
from domain.portfolio.risk_checks import AFTER_SIZING, BEFORE_SIZING, Allowed, close_quantity, judge, judge_sized
from domain.portfolio.shared_checks import Refused
from domain.portfolio.valuation import value
from domain.settings import RiskSettings, Settings, VenueSettings
from tests.builders import UTC, make_instrument
from tests.domain.account_harness import BTC, Account, accepted, filled, make_intent, make_signal, submitted

use_exact_decimals()


def opening(account: Account, risk: dict | None = None, **changes) -> Opening:
    """Return a purchase of BTC at 50,001 from an account of 10,000 dollars, under the live defaults."""
    settings = Settings(risk=RiskSettings(**{"min_edge_cost_ratio": 0.0, **(risk or {})}))
    pending = changes.get("pending", ())
    portfolio, quotes = account.manager.portfolio, account.manager.quotes
    fields = {
        "signal": make_signal(),
        "instrument": BTC,
        "quote": quotes.quote("coinbase", "BTC-USD"),
        "now": account.now,
        "settings": settings,
        "portfolio": portfolio,
        "quotes": quotes,
        "valuation": value(portfolio, quotes, pending, settings.venues, account.now),
        "pending": pending,
        "openings": account.manager._openings,
        "foreign": account.manager._foreign,
        "unready": "",
        "breach": "",
    }
    return Opening(**{**fields, **changes})


def reason(case: Opening, quantity: str = "0.0039") -> str:
    verdict = judge_sized(case, Decimal(quantity), BEFORE_SIZING, AFTER_SIZING)
    return verdict.reason if isinstance(verdict, Refused) else "allowed"


@pytest.fixture
def account() -> Account:
    return Account()


def test_a_sound_opening_passes_every_check(account: Account) -> None:
    assert judge_sized(opening(account), Decimal("0.0039"), BEFORE_SIZING, AFTER_SIZING) == Allowed()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"unready": "breaker_open"}, "breaker_open"),
        ({"instrument": None}, "unknown_instrument"),
        ({"settings": Settings(venues={"coinbase": VenueSettings(closes_only=("BTC-USD",))})}, "closes_only"),
        ({"instrument": replace(BTC, is_tradable=False)}, "not_tradable"),
        ({"instrument": replace(BTC, quote="BTC")}, "not_in_dollars"),
        ({"instrument": replace(BTC, quote="EUR")}, "not_in_dollars"),
        ({"signal": make_signal(expires_at=UTC)}, "expired"),
        ({"signal": make_signal(confidence=0.49)}, "low_confidence"),
        ({"signal": make_signal(candle_close=Decimal("49899"))}, "price_drift"),
        ({"signal": make_signal(candle_close=Decimal("50101"))}, "price_drift"),
        ({"quantity": "0"}, "below_minimum"),
        ({"quantity": "0.00009"}, "below_minimum"),
        ({"quantity": "0.00391"}, "off_grid"),
        ({"instrument": replace(BTC, max_quantity=Decimal("0.003"))}, "above_maximum"),
        ({"instrument": replace(BTC, min_notional=Decimal("200"))}, "below_minimum"),
        # It may cost 195.39, and a close of it begins with a limit that is worth 194.61.
        ({"instrument": replace(BTC, min_notional=Decimal("194.7"))}, "below_minimum"),
        ({"quantity": "0.02"}, "fat_finger"),
        ({"risk": {"max_deviation_ratio": 0.001}}, "price_deviation"),
        ({"quantity": "0.0199", "risk": {"max_position_ratio": 0.09}}, "position_limit"),
        ({"quantity": "0.0199", "risk": {"max_asset_ratio": 0.09}}, "asset_limit"),
        ({"quantity": "0.0199", "risk": {"max_exposure_ratio": 0.09}}, "exposure_limit"),
        ({"quantity": "0.0199", "risk": {"max_venue_ratio": 0.09}}, "venue_limit"),
        ({"quantity": "0.0199", "risk": {"max_net_ratio": 0.09}}, "net_limit"),
        ({"breach": "drawdown"}, "drawdown"),
        ({"risk": {"reserve_ratio": 0.99}}, "reserve"),
        ({"risk": {"min_edge_cost_ratio": 9.0}}, "edge_below_cost"),
    ],
)
def test_one_thing_wrong_refuses_and_is_named(account: Account, changes: dict, expected: str) -> None:
    others = {name: change for name, change in changes.items() if name != "quantity"}
    assert reason(opening(account, **others), changes.get("quantity", "0.0039")) == expected


def test_what_the_venue_has_just_halted_is_not_opened_whatever_its_listing_said(account: Account) -> None:
    account.price("49999", "50001", state={"halted": ("BTC-USD",)})

    assert reason(opening(account)) == "not_tradable"
    account.price("49999", "50001", state={"halted": ("ETH-USD",)})
    assert reason(opening(account)) == "allowed"


def test_a_target_of_ten_percent_pays_its_costs_twice(account: Account) -> None:
    assert reason(opening(account, risk={"min_edge_cost_ratio": 2.0})) == "allowed"


def test_the_first_check_in_gate_order_speaks(account: Account) -> None:
    account.journal(HaltRaised(ts_event=UTC, scope="coinbase", reason="balance corrected"))
    everything_wrong = opening(account, unready="venue_not_ready", instrument=None, signal=make_signal(expires_at=0))

    assert judge(everything_wrong, BEFORE_SIZING) == Refused("halted", "coinbase: balance corrected")


def test_openings_of_the_last_hour_and_day_are_counted_with_the_pending_ones(account: Account) -> None:
    stamps = (UTC - 7200 * SECOND_NS, UTC - 60 * SECOND_NS)
    small = {"instrument": "ETH-USD", "quantity": Decimal("0.0001")}
    account.journal(*(accepted(make_intent(f"{stamp}", **small), stamp) for stamp in stamps))
    pending = (make_intent("p", **small),)

    assert reason(opening(account, risk={"orders_per_hour": 2})) == "allowed"
    assert reason(opening(account, risk={"orders_per_hour": 2}, pending=pending)) == "orders_per_hour"
    assert reason(opening(account, risk={"orders_per_day": 2})) == "orders_per_day"


def test_positions_and_openings_under_way_share_the_limits(account: Account) -> None:
    eth, btc = (make_intent(name, name, quantity=Decimal("0.001")) for name in ("ETH-USD", "BTC-USD"))

    assert reason(opening(account, pending=(eth,), risk={"max_positions": 1})) == "max_positions"
    assert reason(opening(account, pending=(btc,))) == "positions_per_instrument"
    assert reason(opening(account, pending=(eth,))) == "allowed"
    two = {"max_positions": 1, "max_positions_per_instrument": 2}
    assert reason(opening(account, pending=(btc,), risk=two)) == "allowed"
    protect = replace(eth, purpose=Purpose.PROTECT, side=Side.SELL)
    assert reason(opening(account, pending=(protect,), risk={"max_positions": 1})) == "allowed"


def test_a_held_position_counts_against_its_instrument(account: Account) -> None:
    account.journal(filled(make_intent("b"), "50000"))

    assert reason(opening(account)) == "positions_per_instrument"


def test_the_limit_of_a_venue_counts_what_is_held_decided_and_others_there_and_nothing_elsewhere(
    account: Account,
) -> None:
    risk = {"max_venue_ratio": 0.09, "max_exposure_ratio": 1.0, "max_asset_ratio": 1.0}
    elsewhere = make_intent("e", "ETH-USD", venue="dydx", quantity=Decimal("0.01"))
    account.journal(accepted(elsewhere))
    assert reason(opening(account, risk=risk)) == "allowed"

    account.journal(accepted(make_intent("f", "ETH-USD", quantity=Decimal("0.01"))))
    assert reason(opening(account, risk=risk), "0.0039") == "allowed"  # 5 % of 10,000 and 2 %
    assert reason(opening(account, risk=risk), "0.0085") == "venue_limit"


def test_cash_must_pay_for_everything_that_may_still_trade(account: Account) -> None:
    account.journal(accepted(make_intent("e", "ETH-USD", quantity=Decimal("0.194"))))  # 9,700 of 10,000
    wide = {"max_exposure_ratio": 1.0, "max_asset_ratio": 1.0}

    assert reason(opening(account, risk=wide)) == "insufficient_balance"


def test_cash_that_a_pending_purchase_may_take_is_not_available(account: Account) -> None:
    pending = (make_intent("told"), make_intent("sale", side=Side.SELL))

    available = opening(account, pending=pending).available_cash

    assert available == Decimal("10000") - 500 * Decimal("1.016")  # taker fee and a limit 1 % away


def test_unknown_balances_mean_no_new_risk(account: Account) -> None:
    account.manager.portfolio.venues.clear()

    assert reason(opening(account)) == "unknown_balance"


def test_an_asset_without_a_price_means_no_new_risk(account: Account) -> None:
    account.manager.portfolio.balances["coinbase", "", "DOGE"] = Decimal(5)

    assert reason(opening(account)) == "unknown_equity"


@pytest.mark.parametrize(
    ("side", "quantity", "held", "expected"),
    [
        (Side.BUY, "0.00399", "1", "0.0039"),  # down to the lot
        (Side.BUY, "0.01", "0.00555", "0.0055"),  # never more than the wallet has
        (Side.BUY, "0.01", "0", "0"),
        (Side.SELL, "0.01", "0", "0"),  # spot below zero is no short
    ],
)
def test_a_close_takes_what_is_ours_and_there(
    account: Account, side: Side, quantity: str, held: str, expected: str
) -> None:
    portfolio = account.manager.portfolio
    portfolio._ledger(InstrumentId("coinbase", "BTC-USD")).position = Position().after(
        side, Decimal(quantity), Decimal(1)
    )
    portfolio.balances["coinbase", "", "BTC"] = Decimal(held)

    foreign = account.manager._foreign
    assert close_quantity(portfolio, BTC, foreign) == Decimal(expected)
    assert close_quantity(portfolio, make_instrument("ETH-USD"), foreign) == 0


def test_what_an_order_may_have_sold_before_its_end_is_not_there_to_be_closed_until_that_is_proven(
    account: Account,
) -> None:
    portfolio, foreign = account.manager.portfolio, account.manager._foreign
    close = make_intent("c", side=Side.SELL, purpose=Purpose.CLOSE)
    about = {"ts_event": UTC, "client_order_id": "order:c"}
    ended = OrderUnconfirmed(
        **about, venue="coinbase", reason="", ended=OrderStatus.CANCELED, may_have_filled=Decimal("0.001")
    )
    account.journal(filled(make_intent("b"), "50000"), accepted(close), submitted(close), ended)

    assert close_quantity(portfolio, BTC, foreign) == Decimal("0.009")
    assert portfolio.orders_of("coinbase", "BTC-USD", Purpose.CLOSE) == []
    account.journal(filled(close, "50000", "0.0004"))
    assert close_quantity(portfolio, BTC, foreign) == Decimal("0.009")

    account.journal(OrderClosed(**about, intent_id="c", status=OrderStatus.CANCELED, filled_quantity=0, evidence=""))
    assert close_quantity(portfolio, BTC, foreign) == Decimal("0.0096")


def test_a_short_of_a_perpetual_needs_no_coins_to_be_bought_back(account: Account) -> None:
    portfolio = account.manager.portfolio
    portfolio._ledger(InstrumentId("coinbase", "BTC-USD")).position = Position().after(
        Side.SELL, Decimal("0.01"), Decimal(1)
    )

    perpetual = replace(BTC, kind=InstrumentKind.PERPETUAL)
    assert close_quantity(portfolio, perpetual, account.manager._foreign) == Decimal("0.01")
