"""One day of a perpetual, worked out by hand beside it: both sides, funding, a liquidation in part, a close.

Collateral is 20,000 USDC. One contract is one coin; the maintenance is 5 % of the notional, leverage 5, cross.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.instant import HOUR_NS, Instant
from domain.instrument import InstrumentId, InstrumentKind, Side
from domain.ledger.account import Portfolio
from domain.ledger.definitions import definition
from domain.ledger.wallet import Wallet
from domain.market.latest_quotes import LatestQuotes
from domain.messages.account import Balance
from domain.messages.base import Event
from domain.messages.journal import BalancesOpened, FundingPaid, OrderFilled, PositionForced
from domain.messages.market import MarketBatch
from domain.messages.orders import FillCause, InstrumentsLoaded, Purpose
from domain.numbers import divide, settled, use_exact_decimals
from domain.portfolio.margin_reading import margin_account
from domain.portfolio.valuation import Valuation, value
from domain.settings import RiskSettings, Settings, VenueSettings
from tests.builders import MONO, UTC, make_instrument, make_mark, make_stream_state
from tests.domain.perpetual_desk import toy_fill

use_exact_decimals()

KEY, COLLATERAL = InstrumentId("toy", "BTC-USD"), Wallet("toy", "perpetual", "USDC")
LISTED = make_instrument(
    venue="toy", kind=InstrumentKind.PERPETUAL, settlement="USDC", maintenance_ratio=Decimal("0.05")
)
RISK = RiskSettings(leverage=5.0, margin_mode="cross")
SETTINGS = Settings(risk=RISK, venues={"toy": VenueSettings(instruments=("BTC-USD",))})
NOW = Instant(MONO, UTC)


class Day:
    """Books and marks of one account."""

    def __init__(self) -> None:
        self.books = Portfolio()
        self.quotes = LatestQuotes(SETTINGS, self.books.definitions)
        fees = {"taker_fee_ratio": Decimal("0.0005"), "maker_fee_ratio": Decimal(0)}
        self.quotes.apply(InstrumentsLoaded(ts_event=UTC, venue="toy", instruments=(LISTED,), **fees))
        collateral = Balance(currency="USDC", total=Decimal(20_000), hold=Decimal(0), wallet="perpetual")
        self.tell(definition(LISTED, UTC), BalancesOpened(ts_event=UTC, venue="toy", balances=(collateral,)))

    def tell(self, *events: Event) -> None:
        for event in events:
            self.books.apply(event)

    def trade(self, side: Side, quantity: str, price: str, fee: str) -> None:
        fill = toy_fill(quantity, f"{side}{quantity}@{price}", side, price, fee=Decimal(fee))
        self.tell(OrderFilled(ts_event=UTC, client_order_id="", intent_id="", purpose=Purpose.OPEN, fill=fill))

    def liquidate(self, side: Side, quantity: str, price: str, fee: str) -> None:
        fill = toy_fill(quantity, "liq", side, price, fee=Decimal(fee), cause=FillCause.LIQUIDATION)
        self.tell(PositionForced(ts_event=UTC, fill=fill))

    def fund(self, hour: int, amount: str) -> None:
        self.tell(
            FundingPaid(
                ts_event=UTC,
                venue="toy",
                instrument="BTC-USD",
                paid_at=UTC + hour * HOUR_NS,
                amount=Decimal(amount),
                currency="USDC",
                wallet="perpetual",
            )
        )

    def mark(self, price: str) -> None:
        state = make_stream_state(venue="toy", told_ns=MONO)
        figure = make_mark(price, venue="toy")
        self.quotes.apply(MarketBatch(venue="toy", quotes=(), trades=(), bars=(), state=state, figures=(figure,)))

    @property
    def worth(self) -> Valuation:
        return value(self.books, self.quotes, (), ("toy",), NOW)

    @property
    def margin(self):
        return margin_account(self.books, self.quotes, "toy", RISK, NOW)

    @property
    def state(self) -> tuple[Decimal, ...]:
        """Return quantity, raw cash, average entry, realized profit."""
        position = self.books.position(KEY)
        cash, realized = self.books.balances[COLLATERAL], self.books.realized_pnl("USDC")
        return position.quantity, cash, position.average_price, realized


@pytest.fixture
def day() -> Day:
    return Day()


def decimals(*numbers: str) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, numbers))


def test_a_day_with_funding_and_a_partial_liquidation_is_what_a_hand_reckons(day: Day) -> None:
    # 00:10 buy 1 at 50,000, fee 25: raw cash 20,000 - 50,000 - 25.
    day.trade(Side.BUY, "1", "50000", "25")
    day.mark("50000")
    assert day.state == decimals("1", "-30025", "50000", "0")
    assert day.worth.equity == Decimal(19_975)
    assert (day.margin.margin_used, day.margin.free_collateral) == decimals("10000", "9975")
    # Worth its maintenance where 0.95 p = 30,025.
    assert day.margin.liquidation_price(KEY) == settled(divide(Decimal(30_025), Decimal("0.95")))

    # 00:20 buy 1 more at 53,000, fee 26.5: entry (50,000 + 53,000) / 2.
    day.trade(Side.BUY, "1", "53000", "26.5")
    day.mark("53000")
    assert day.state == decimals("2", "-83051.5", "51500", "0")
    assert day.worth.equity == Decimal("22948.5")  # 20,000 - 51.5 fees + 3,000

    # 01:00 funding at 0.01 % of 2 x 53,000: longs pay 10.6. 02:00 it turns: they get 5.3.
    day.fund(1, "-10.6")
    day.fund(2, "5.3")
    assert day.worth.funding == Decimal("-5.3")
    assert day.state == decimals("2", "-83056.8", "51500", "0")

    # 02:30 the mark falls to 43,500: worth 87,000 - 83,056.8 = 3,943.2, below 5 % of 87,000 = 4,350.
    day.mark("43500")
    assert (day.margin.value, day.margin.maintenance_margin) == decimals("3943.2", "4350")
    assert day.margin.is_liquidatable and day.margin.free_collateral == 0
    # The venue sells 0.8 at 43,400, fee 17.36: realized 0.8 x (43,400 - 51,500) = -6,480.
    day.liquidate(Side.SELL, "0.8", "43400", "17.36")
    assert day.state == decimals("1.2", "-48354.16", "51500", "-6480")
    assert day.worth.equity == Decimal("3845.84")  # 1.2 x 43,500 - 48,354.16
    assert not day.margin.is_liquidatable  # 5 % of 52,200 is 2,610

    # 10:00 sold through zero: 2 at 45,000, fee 45: realized -6,480 + 1.2 x (45,000 - 51,500) = -14,280.
    day.trade(Side.SELL, "2", "45000", "45")
    day.mark("45000")
    assert day.state == decimals("-0.8", "41600.84", "45000", "-14280")
    assert day.worth.equity == Decimal("5600.84") and day.worth.unrealized_pnl == 0
    # Short: worth its maintenance where 41,600.84 = 0.8 x 1.05 p.
    assert day.margin.liquidation_price(KEY) == settled(divide(Decimal("41600.84"), Decimal("0.84")))

    # 16:00 funding at 0.02 % of 36,000, which shorts get: 7.2. 20:00 bought back at 44,000, fee 17.6.
    day.fund(16, "7.2")
    day.trade(Side.BUY, "0.8", "44000", "17.6")
    day.mark("46000")
    assert day.state == decimals("0", "6390.44", "0", "-13480")

    # All of it: 20,000 - 13,480 realized - 131.46 fees + 1.9 funding.
    worth = day.worth
    assert (worth.equity, worth.fees, worth.funding, worth.transfers) == decimals("6390.44", "131.46", "1.9", "0")
    assert worth.equity == 20_000 - 13_480 - worth.fees + worth.funding
    assert day.books.positions == {} and not any(day.books.derivatives.values())
    assert (day.margin.value, day.margin.margin_used, day.margin.positions) == (Decimal("6390.44"), 0, {})
