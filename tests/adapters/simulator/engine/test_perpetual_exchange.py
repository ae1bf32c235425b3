"""A margin account on a simulated venue of perpetuals: long and short, margin, triggers, funding, liquidation."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.simulator.engine.agenda import Agenda
from adapters.simulator.engine.margin_account import Held, MarginAccount, Ratios
from adapters.simulator.engine.market import Market
from adapters.simulator.engine.matching import BookOrder
from adapters.simulator.engine.perpetual_exchange import PerpetualExchange
from adapters.simulator.engine.records import AccountRecord, Terms
from adapters.simulator.engine.refusals import Refusal, Refused
from adapters.simulator.engine.venue_order import NewOrder, VenueOrder, VenueOrderType, VenueStatus
from domain.instrument import Side
from domain.messages.orders import FillCause, TimeInForce
from domain.settings import SimulatorSettings
from tests.adapters.simulator.client import START_NS, memory_store

FEE = D("0.0005")
RATIOS = Ratios(D("0.1"), D("0.05"))  # 10 x; maintenance is half of the initial margin
DEEP = D(1000)


class Rig:
    """A venue whose makers never move by themselves: the test is the market, the agenda stands still."""

    def __init__(self, cash: str = "1000", record: AccountRecord | None = None) -> None:
        config = SimulatorSettings(warm_up_s=0.0, read_lag_max_s=0.0)
        agenda = Agenda(START_NS)
        self.market = Market("hyperliquid", config, agenda, {}, START_NS)
        self.product = self.market.products["SOL"]
        self.marks = {name: D(100) for name in self.market.products}
        self.terms = Terms({"USDC": D(cash)}, FEE, FEE)
        self.account = MarginAccount(
            self.terms, self.market.products, "USDC", self.marks.__getitem__, lambda name: RATIOS
        )
        self.exchange = PerpetualExchange(
            config, self.market, self.terms, self.account, self.marks.__getitem__, START_NS, record
        )
        self.orders = 0
        self.exchange.advance(START_NS)  # opens the market
        self.quote("100", "100")

    def quote(self, bid: str, ask: str, depth: D = DEEP) -> None:
        """Let makers stand at these prices alone."""
        for order_id in list(self.product.book._resting):
            if order_id.startswith("m"):  # no order of a client does
                self.product.book.cancel(order_id)
        for side, price in ((Side.BUY, D(bid) - D("0.1")), (Side.SELL, D(ask) + D("0.1"))):
            self.orders += 1
            self.product.book.submit(BookOrder(f"maker{self.orders}", "makers", side, depth, price))

    def move(self, mark: str, depth: D = DEEP) -> None:
        """Move mark and makers, and let the venue look."""
        self.marks["SOL"] = D(mark)
        self.quote(mark, mark, depth)
        self.market.on_trades("SOL", (), self.exchange.now_ns)

    def send(self, side: Side, size: str, **changes: Any) -> VenueOrder:
        self.orders += 1
        fields: dict[str, Any] = {
            "client_order_id": f"c{self.orders}",
            "product_id": "SOL",
            "side": side,
            "order_type": VenueOrderType.LIMIT,
            "time_in_force": TimeInForce.IOC,
            "configuration": {},
            "base_size": D(size),
            "limit_price": D(50) if side is Side.SELL else D(200),
        }
        return self.exchange.submit(NewOrder(**fields | changes), self.exchange.now_ns)

    def stop(self, side: Side, size: str, trigger: str, upwards: bool) -> VenueOrder:
        kind = VenueOrderType.STOP_LIMIT
        return self.send(side, size, order_type=kind, stop_price=D(trigger), stops_upwards=upwards, reduce_only=True)

    @property
    def held(self) -> D:
        return self.account.quantity("SOL")

    @property
    def cash(self) -> D:
        return self.account.ledger.total("USDC")


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_short_brings_raw_cash_and_is_worth_what_the_mark_says(rig: Rig) -> None:
    rig.send(Side.SELL, "10", limit_price=D("99.9"))

    assert rig.held == -10
    assert rig.cash == 1000 + D("999") - D("999") * FEE
    rig.move("90")
    assert rig.account.value == rig.cash - 10 * 90


def test_an_order_across_zero_is_a_new_position_at_its_own_price(rig: Rig) -> None:
    rig.send(Side.BUY, "4")
    rig.send(Side.SELL, "10")

    assert rig.account.positions["SOL"] == Held(D(-6), D(-6) * D("99.9"))


def test_only_what_an_order_adds_needs_margin(rig: Rig) -> None:
    with pytest.raises(Refused) as caught:
        rig.send(Side.BUY, "100", limit_price=D("100.1"))  # 10 010 at 10 x, and the fee
    assert caught.value.why is Refusal.INSUFFICIENT_FUNDS

    rig.send(Side.BUY, "90", limit_price=D("100.1"))
    rig.send(Side.SELL, "180", limit_price=D("99.9"))  # half of it closes

    assert rig.held == -90


def test_a_resting_order_holds_the_margin_of_what_it_would_add(rig: Rig) -> None:
    resting = rig.send(Side.BUY, "10", limit_price=D(50), time_in_force=TimeInForce.GTC)
    assert rig.account.ledger.held("USDC") == 10 * 50 * (RATIOS.initial + FEE)

    rig.exchange.cancel(resting.order_id, rig.exchange.now_ns)

    assert rig.account.ledger.held("USDC") == 0


def test_a_reduce_only_order_takes_no_more_than_the_position(rig: Rig) -> None:
    rig.send(Side.BUY, "4")

    order = rig.send(Side.SELL, "10", reduce_only=True)

    assert (rig.held, order.filled_size, order.status) == (0, 4, VenueStatus.CANCELLED)
    with pytest.raises(Refused) as caught:
        rig.send(Side.SELL, "1", reduce_only=True)
    assert caught.value.why is Refusal.NOTHING_TO_REDUCE


def test_the_mark_pulls_a_stop_whatever_the_book_says(rig: Rig) -> None:
    rig.send(Side.BUY, "4")
    stop = rig.stop(Side.SELL, "4", "95", upwards=False)
    rig.quote("80", "80")
    rig.market.on_trades("SOL", (), rig.exchange.now_ns)
    assert stop.is_armed and rig.held == 4

    rig.move("95")

    assert (stop.status, rig.held) == (VenueStatus.FILLED, 0)


def test_stop_and_target_end_with_the_position(rig: Rig) -> None:
    rig.send(Side.SELL, "4")
    stop = rig.stop(Side.BUY, "4", "110", upwards=True)
    target = rig.stop(Side.BUY, "4", "90", upwards=False)

    rig.move("90")

    assert (target.status, stop.status, rig.held) == (VenueStatus.FILLED, VenueStatus.CANCELLED, 0)


def test_longs_pay_a_positive_rate_and_shorts_get_it(rig: Rig) -> None:
    rig.send(Side.BUY, "10")
    cash = rig.cash

    rig.exchange.pay_funding("SOL", D("0.0001"), D(101))
    rig.exchange.pay_funding("BTC", D("0.0001"), D(101))

    assert rig.cash == cash - 10 * 101 * D("0.0001")
    assert [(paid.product_id, paid.amount, paid.quantity) for paid in rig.exchange.funding] == [
        ("SOL", D("-0.1010"), D(10))
    ]


def test_at_its_liquidation_price_an_account_is_liquidated_and_not_before(rig: Rig) -> None:
    rig.send(Side.BUY, "90", limit_price=D("100.1"))
    resting = rig.send(Side.BUY, "1", limit_price=D("50"), time_in_force=TimeInForce.GTC)
    price = rig.account.liquidation_price("SOL")
    assert price is not None and f"{price:.4f}" == "93.7252"  # (90 x 100.1 x 1.0005 - 1000) / (90 x 0.95)

    rig.move("93.73")
    assert rig.held == 90

    rig.move("93.72")

    assert rig.held == 0
    assert resting.status is VenueStatus.CANCELLED
    assert rig.exchange.fills[-1].order.asked.cause is FillCause.LIQUIDATION
    assert rig.account.value > 0


def test_a_thin_book_liquidates_in_parts(rig: Rig) -> None:
    rig.send(Side.SELL, "90", limit_price=D("99.9"))

    rig.move("106", depth=D(40))
    assert rig.held == -50
    rig.move("110", depth=D(40))
    assert rig.held == -10

    parts = [fill.quantity for fill in rig.exchange.fills if fill.order.asked.cause is FillCause.LIQUIDATION]
    assert parts == [40, 40]


def test_an_account_that_is_worth_nothing_is_taken_over_at_the_mark(rig: Rig) -> None:
    rig.send(Side.SELL, "90", limit_price=D("99.9"))

    rig.move("150", depth=D(1))

    assert rig.held == 0
    taken = rig.exchange.fills[-1]
    assert (taken.order.asked.cause, taken.price, taken.order.status) == (
        FillCause.DELEVERAGING,
        D(150),
        VenueStatus.FILLED,
    )


def test_another_life_has_the_same_account(rig: Rig) -> None:
    rig.send(Side.BUY, "10")
    rig.exchange.pay_funding("SOL", D("0.0001"), D(101))
    rig.stop(Side.SELL, "10", "95", upwards=False)
    rig.send(Side.SELL, "3")
    store = memory_store()
    store.save({"hyperliquid": rig.exchange}, [])

    kept = store.load()
    assert kept is not None
    again = Rig(record=kept.accounts["hyperliquid"])

    assert (again.account.positions, again.cash) == (rig.account.positions, rig.cash)
    again.move("95")
    assert again.held == 0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["trade", "mark", "funding"]),
            st.integers(min_value=-30, max_value=30),
            st.integers(min_value=80, max_value=120),
        ),
        max_size=25,
    )
)
def test_cash_is_what_fills_and_funding_say(steps: list[tuple[str, int, int]]) -> None:
    rig = Rig(cash="100000")
    for what, quantity, price in steps:
        match what:
            case "trade" if quantity:
                rig.send(Side.BUY if quantity > 0 else Side.SELL, str(abs(quantity)))
            case "mark":
                rig.move(str(price), depth=D(abs(quantity) + 1))
            case "funding":
                rig.exchange.pay_funding("SOL", D(quantity) / 10_000, D(price))

    cash, held = D(100_000), D(0)
    for fill in rig.exchange.fills:
        change = fill.order.asked.side.sign * fill.quantity
        cash, held = cash - change * fill.price - fill.fee, held + change
    cash += sum(paid.amount for paid in rig.exchange.funding)
    assert (rig.cash, rig.held) == (cash, held)
    assert rig.account.value == cash + held * rig.marks["SOL"]
