"""An account with perpetuals: what it is worth, and what its collateral may open; what is unknown is named."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from domain.instant import SECOND_NS
from domain.instrument import InstrumentId, InstrumentKind, Side
from domain.ledger.definitions import definition
from domain.messages.account import Balance, VenuePositionsSeen
from domain.messages.base import Event
from domain.messages.journal import BalancesOpened, ExternalFillSeen, FundingPaid, OrderFilled
from domain.messages.market import MarketBatch, MarkPrice
from domain.messages.orders import InstrumentsLoaded, Purpose
from domain.messages.positions import VenuePosition
from domain.messages.system import PositionLine
from domain.numbers import use_exact_decimals
from domain.portfolio.opening import Opening, sized
from domain.portfolio.risk_checks import leverage_in_bounds, liquidation_beyond_stop, net_in_bounds
from domain.portfolio.sizing import sized_for_account
from domain.portfolio.valuation import Valuation, value
from domain.settings import RiskSettings, Settings, VenueSettings
from tests.builders import UTC, make_instrument, make_quote, make_stream_state
from tests.domain.account_harness import Account, accepted, make_intent, make_signal
from tests.domain.perpetual_desk import toy_fill

use_exact_decimals()

KEY = InstrumentId("toy", "BTC-USD")
PERPETUAL = make_instrument(venue="toy", kind=InstrumentKind.PERPETUAL, settlement="USDC", max_leverage=Decimal(10))
RISK = RiskSettings(leverage=5.0)
SETTINGS = Settings(risk=RISK, venues={"coinbase": VenueSettings(), "toy": VenueSettings(instruments=("BTC-USD",))})


@pytest.fixture
def account() -> Account:
    account = Account(SETTINGS)
    collateral = Balance(currency="USDC", total=Decimal(20000), hold=Decimal(0), wallet="perpetual")
    account.hear(
        InstrumentsLoaded(
            ts_event=UTC,
            venue="toy",
            instruments=(PERPETUAL,),
            taker_fee_ratio=Decimal("0.0005"),
            maker_fee_ratio=Decimal(0),
        )
    )
    journal(account, definition(PERPETUAL, UTC), BalancesOpened(ts_event=UTC, venue="toy", balances=(collateral,)))
    return account


def journal(account: Account, *events: Event) -> None:
    for event in events:
        account.manager.portfolio.apply(event)


def trade(account: Account, quantity: str, price: str, side: Side = Side.BUY, fee: str = "0") -> None:
    fill = toy_fill(quantity, f"{side}{quantity}@{price}", side, price, fee=Decimal(fee))
    journal(account, OrderFilled(ts_event=UTC, client_order_id="", intent_id="", purpose=Purpose.OPEN, fill=fill))


def mark(account: Account, price: str, alive_s: int = 0) -> None:
    now = account.now.monotonic_ns
    told = MarkPrice(ts_event=UTC, venue="toy", instrument="BTC-USD", price=Decimal(price), ts_init=UTC, read_ns=now)
    state = make_stream_state(venue="toy", alive_ns=now - alive_s * SECOND_NS, ts_event=account.now.utc_ns, told_ns=now)
    account.hear(MarketBatch(venue="toy", quotes=(), trades=(), bars=(), state=state, figures=(told,)))


def worth(account: Account) -> Valuation:
    manager = account.manager
    return value(manager.portfolio, manager.quotes, (), ("coinbase", "toy"), account.now)


def line(account: Account) -> PositionLine:
    [line] = account.manager.report(account.now).positions
    return line


@pytest.mark.parametrize(("side", "gain"), [(Side.BUY, 2000), (Side.SELL, -2000)])
def test_a_position_gains_by_the_mark_and_pays_its_fee(account: Account, side: Side, gain: int) -> None:
    trade(account, "2", "50000", side, fee="30")
    mark(account, "51000")

    now = worth(account)

    assert now.equity == 10000 + 20000 + gain - 30
    assert (now.unrealized_pnl, now.fees, now.funding) == (gain, 30, 0)
    assert now.net == {"BTC": 2 * side.sign} and now.gross == {"BTC": Decimal(102000)}
    assert now.is_complete


def test_funding_is_a_line_of_its_own_and_in_equity(account: Account) -> None:
    paid = FundingPaid(
        ts_event=UTC,
        venue="toy",
        instrument="BTC-USD",
        paid_at=UTC,
        amount=Decimal("-7.5"),
        currency="USDC",
        wallet="perpetual",
    )
    journal(account, paid)

    report = account.manager.report(account.now)

    assert (report.funding, report.equity, report.realized_pnl, report.fees) == ("-7.5", "29992.5", "0", "0")


def test_funding_is_told_by_instrument_with_its_newest_rate(account: Account) -> None:
    about = {"ts_event": UTC, "venue": "toy", "currency": "USDC", "wallet": "perpetual"}
    for name, paid_at, amount, rate in (
        ("BTC-USD", UTC + 2, "-7.5", "0.0001"),
        ("BTC-USD", UTC + 1, "2", "-0.0002"),  # listed later, and older
        ("ETH-USD", UTC, "1", None),
    ):
        told = {"rate": rate and Decimal(rate), "quantity": rate and Decimal("0.5")}
        journal(account, FundingPaid(**about, instrument=name, paid_at=paid_at, amount=Decimal(amount), **told))

    report = account.manager.report(account.now)

    assert [(it.key, it.amount, it.currency, it.rate, it.quantity, it.paid_at) for it in report.funding_lines] == [
        ("toy:BTC-USD", "-5.5", "USDC", "0.0001", "0.5", UTC + 2),
        ("toy:ETH-USD", "1", "USDC", "", "", UTC),
    ]


def test_the_same_currency_in_two_wallets_is_told_twice(account: Account) -> None:
    spot = Balance(currency="USDC", total=Decimal(7), hold=Decimal(0))
    journal(account, BalancesOpened(ts_event=UTC, venue="toy", balances=(spot,)))
    trade(account, "0.5", "50000", fee="3")

    wallets = account.manager.report(account.now).wallets

    assert wallets == {"coinbase:USD": "10000", "toy:USDC": "7", "toy:USDC (perpetual)": "-5003"}


def test_without_a_mark_equity_is_incomplete_and_says_so(account: Account) -> None:
    trade(account, "2", "50000")

    assert worth(account).missing == ("BTC-USD mark",)
    assert worth(account).equity == 30000  # at what was paid

    mark(account, "51000", alive_s=60)
    assert worth(account).missing == ("BTC-USD mark",)
    mark(account, "51000")
    assert worth(account).is_complete


def test_what_others_hold_there_is_in_equity_and_exposure_and_in_no_position_of_ours(account: Account) -> None:
    mark(account, "50000")
    journal(account, ExternalFillSeen(ts_event=UTC, fill=toy_fill("1", "x", Side.SELL, "50000")))
    mark(account, "49000")

    now = worth(account)

    assert (now.equity, now.net, now.gross) == (31000, {}, {"BTC": Decimal(49000)})


def test_a_line_tells_where_it_would_be_liquidated(account: Account) -> None:
    trade(account, "0.1", "50000", Side.SELL)
    mark(account, "51000")

    shown = line(account)

    assert (shown.quantity, shown.mark_price, shown.unrealized_pnl) == ("-0.1", "51000", "-100")
    assert shown.liquidation_price == "57142.85714286"  # (5000 + 1000) / 0.105: a fifth behind it, 5 % needed
    assert shown.liquidation_distance == "0.1204"


def test_what_the_venue_tells_of_liquidation_comes_first(account: Account) -> None:
    trade(account, "0.1", "50000", Side.SELL)
    mark(account, "51000")
    told = VenuePosition(
        instrument="BTC-USD",
        quantity=Decimal("-0.1"),
        margin=Decimal(1000),
        leverage=Decimal(5),
        liquidation_price=Decimal(61200),
        is_isolated=True,
    )
    account.hear(VenuePositionsSeen(ts_event=UTC, venue="toy", positions=(told,)))

    shown = line(account)

    assert (shown.liquidation_price, shown.liquidation_distance, shown.liquidation_by) == ("61200", "0.2", "venue")
    assert (shown.margin, shown.leverage, shown.margin_mode) == ("1000", "5", "isolated")


@pytest.mark.parametrize(
    "changes",
    [{"liquidation_price": None}, {"quantity": Decimal("-0.2")}],
    ids=["it told none", "it told of another position"],
)
def test_else_ours_stands_there_and_says_so(account: Account, changes: dict) -> None:
    trade(account, "0.1", "50000", Side.SELL)
    mark(account, "51000")
    told = VenuePosition(instrument="BTC-USD", quantity=Decimal("-0.1"), liquidation_price=Decimal(61200))
    account.hear(VenuePositionsSeen(ts_event=UTC, venue="toy", positions=(msgspec.structs.replace(told, **changes),)))

    shown = line(account)

    assert (shown.liquidation_price, shown.liquidation_by) == ("57142.85714286", "us")


# ---- the gate ------------------------------------------------------------------------------------------------


def opening(account: Account, side: Side, **risk) -> Opening:
    manager = account.manager
    settings = msgspec.structs.replace(SETTINGS, risk=RiskSettings(**{"leverage": 5.0, **risk}))
    return Opening(
        signal=make_signal(side, venue="toy"),
        instrument=PERPETUAL,
        quote=make_quote("49999", "50001", venue="toy"),
        now=account.now,
        settings=settings,
        portfolio=manager.portfolio,
        quotes=manager.quotes,
        valuation=worth(account),
        pending=(),
        openings=manager._openings,
        foreign=manager._foreign,
        unready="",
        breach="",
    )


def test_free_collateral_counts_in_place_of_cash_and_openings_of_both_sides_take_of_it(account: Account) -> None:
    trade(account, "0.4", "50000", Side.SELL)
    mark(account, "50000")  # 20,000 notional: a fifth is used

    assert account.manager.portfolio.balances["toy", "perpetual", "USDC"] == 40000
    assert opening(account, Side.BUY).available_cash == 5 * (20000 - 4000)

    for number, (side, purpose) in enumerate([(Side.SELL, Purpose.OPEN), (Side.BUY, Purpose.CLOSE)]):
        plan = make_intent(f"i-{number}", venue="toy", side=side, purpose=purpose, quantity=Decimal("0.2"))
        journal(account, accepted(plan))
    assert opening(account, Side.BUY).available_cash == 80000 - 10000 * Decimal("1.0105")


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("leverage", "verdict"), [(5.0, None), (12.0, "liquidation_near")])
def test_what_would_be_liquidated_before_its_stop_is_not_opened(
    account: Account, side: Side, leverage: float, verdict: str | None
) -> None:
    mark(account, "50000")
    listed = msgspec.structs.replace(PERPETUAL, max_leverage=None, maintenance_ratio=Decimal("0.04"))
    case = msgspec.structs.replace(opening(account, side, leverage=leverage), instrument=listed)
    whole = sized(case, Decimal("0.1"))

    refused = liquidation_beyond_stop(whole)

    assert (refused and refused.reason) == verdict  # a stop 5 % away; 1/12 less 4 % is nearer


def test_the_net_of_an_asset_is_that_of_spot_and_perpetuals_of_all_venues(account: Account) -> None:
    coins = BalancesOpened(
        ts_event=UTC, venue="coinbase", balances=(Balance(currency="BTC", total=Decimal("0.3"), hold=Decimal(0)),)
    )
    journal(account, coins)
    trade(account, "0.1", "50000", Side.SELL)
    mark(account, "50000")
    journal(account, accepted(make_intent("i", venue="toy", side=Side.SELL, quantity=Decimal("0.05"))))

    now = worth(account)
    assert now.net_notional == {"BTC": Decimal(7500)} and now.gross == {"BTC": Decimal(22500)}
    assert now.by_venue == {"coinbase": Decimal(15000), "toy": Decimal(7500)}

    limit = {"max_net_ratio": 0.1}  # 4,500 of 45,000: beyond it already
    more = sized(opening(account, Side.BUY, **limit), Decimal("0.001"))
    assert net_in_bounds(more).reason == "net_limit"
    assert net_in_bounds(sized(opening(account, Side.SELL, **limit), Decimal("0.2"))) is None  # nearer to zero
    assert net_in_bounds(sized(opening(account, Side.SELL, **limit), Decimal("0.4"))).reason == "net_limit"


@pytest.mark.parametrize("side", Side)
def test_all_notionals_at_a_venue_are_held_against_what_its_account_is_worth(account: Account, side: Side) -> None:
    trade(account, "0.1", "50000", Side.SELL)
    mark(account, "50000")
    journal(account, accepted(make_intent("i", venue="toy", side=Side.BUY, quantity=Decimal("0.1"))))
    case = opening(account, side, max_leverage=0.75)  # 15,000 of 20,000, and 10,000 are taken

    assert leverage_in_bounds(sized(case, Decimal("0.0997"))) is None
    refused = leverage_in_bounds(sized(case, Decimal("0.1003")))

    assert refused.reason == "leverage_limit" and refused.detail.endswith(" > 15000.000")
    assert leverage_in_bounds(sized(opening(account, side), Decimal("0.1003"))) is None  # as much as it is worth


def test_a_contract_of_a_tenth_is_a_tenth_of_the_notional(account: Account) -> None:
    tenth = msgspec.structs.replace(PERPETUAL, contract_size=Decimal("0.1"))
    journal(account, definition(tenth, UTC))
    mark(account, "50000")
    case = msgspec.structs.replace(opening(account, Side.BUY), instrument=tenth)

    assert sized(case, Decimal(2)).notional == sized(case, Decimal(2)).worst_price / 5
    whole = sized_for_account(case)
    assert Decimal(590) < whole.notional <= 600  # 2 % of 30,000

    journal(account, accepted(make_intent("i", venue="toy", quantity=Decimal(2))))
    assert opening(account, Side.BUY).available_cash == 100000 - 10000 * Decimal("1.0105")
    assert worth(account).gross == {"BTC": Decimal(10000)}


def test_without_a_mark_no_perpetual_is_opened(account: Account) -> None:
    trade(account, "0.4", "50000")

    assert opening(account, Side.BUY).available_cash == 0
    assert liquidation_beyond_stop(sized(opening(account, Side.BUY), Decimal("0.1"))).reason == "unknown_equity"
