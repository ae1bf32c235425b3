"""The simulated book: price first, then time; never crossed; never more than was asked for."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.simulator.engine.listings import LISTINGS
from adapters.simulator.engine.matching import BookOrder, Level, OrderBook
from domain.instrument import Side
from domain.messages.orders import TimeInForce
from domain.numbers import ZERO

INSTRUMENT = LISTINGS["coinbase"][0].instrument


def order(name: str, side: Side, quantity: str, price: str | None, owner: str = "") -> BookOrder:
    return BookOrder(name, owner or name, side, Decimal(quantity), None if price is None else Decimal(price))


@pytest.fixture
def book() -> OrderBook:
    """Asks: 1 at 101 (first), 2 at 101 (second), 5 at 102."""
    book = OrderBook(INSTRUMENT)
    book.submit(order("far", Side.SELL, "5", "102"))
    book.submit(order("first", Side.SELL, "1", "101"))
    book.submit(order("second", Side.SELL, "2", "101"))
    return book


def trades(outcome) -> list[tuple[str, str, str]]:
    return [(one.maker_id, str(one.quantity), str(one.price)) for one in outcome.executions]


def test_the_best_price_trades_first_and_the_oldest_order_within_it(book: OrderBook) -> None:
    outcome = book.submit(order("buyer", Side.BUY, "4", "102"))

    assert trades(outcome) == [("first", "1", "101"), ("second", "2", "101"), ("far", "1", "102")]
    assert list(book.levels(Side.SELL)) == [Level(Decimal(102), Decimal(4))]


def test_a_partly_filled_order_rests_with_what_is_left_and_keeps_its_place(book: OrderBook) -> None:
    book.submit(order("small", Side.BUY, "0.4", "101"))

    outcome = book.submit(order("next", Side.BUY, "1", "101"))

    assert trades(outcome) == [("first", "0.6", "101"), ("second", "0.4", "101")]


def test_an_order_rests_at_its_limit_when_it_cannot_trade_whole(book: OrderBook) -> None:
    outcome = book.submit(order("buyer", Side.BUY, "10", "101"))

    assert outcome.rests
    assert book.best(Side.BUY) == Level(Decimal(101), Decimal(7))


def test_immediate_or_cancel_leaves_nothing_behind(book: OrderBook) -> None:
    outcome = book.submit(order("buyer", Side.BUY, "10", "101"), TimeInForce.IOC)

    assert not outcome.rests
    assert sum(one.quantity for one in outcome.executions) == 3
    assert book.best(Side.BUY) is None


def test_fill_or_kill_trades_whole_or_not_at_all(book: OrderBook) -> None:
    killed = book.submit(order("big", Side.BUY, "3.1", "101"), TimeInForce.FOK)
    filled = book.submit(order("fits", Side.BUY, "3", "101"), TimeInForce.FOK)

    assert killed.executions == ()
    assert sum(one.quantity for one in filled.executions) == 3


def test_a_post_only_order_that_would_trade_is_gone(book: OrderBook) -> None:
    outcome = book.submit(order("buyer", Side.BUY, "1", "101"), post_only=True)

    assert outcome == ((), False, False)
    assert book.find("buyer") is None


def test_an_order_without_a_limit_takes_any_price(book: OrderBook) -> None:
    outcome = book.submit(order("buyer", Side.BUY, "8", None), TimeInForce.IOC)

    assert trades(outcome)[-1] == ("far", "5", "102")


def test_a_budget_is_never_overspent(book: OrderBook) -> None:
    buyer = BookOrder("buyer", "buyer", Side.BUY, Decimal(100), budget=Decimal("150"))

    outcome = book.submit(buyer, TimeInForce.IOC)

    assert trades(outcome) == [("first", "1", "101"), ("second", "0.48514851", "101")]


def test_two_orders_of_one_owner_never_trade_the_newer_one_goes(book: OrderBook) -> None:
    book.submit(order("mine", Side.SELL, "1", "100", owner="me"))

    outcome = book.submit(order("also mine", Side.BUY, "1", "101", owner="me"))

    assert outcome.met_own_order and not outcome.rests
    assert outcome.executions == ()
    assert book.find("mine") is not None


def test_a_cancelled_order_is_out_of_the_book(book: OrderBook) -> None:
    assert book.cancel("first") is not None
    assert book.cancel("first") is None

    assert book.best(Side.SELL) == Level(Decimal(101), Decimal(2))


orders = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.integers(1, 50),
        st.integers(95, 105),
        st.sampled_from([TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]),
    ),
    max_size=40,
)


@given(orders)
def test_the_book_is_never_crossed_and_every_unit_is_traded_resting_or_dropped(arrivals) -> None:
    book = OrderBook(INSTRUMENT)
    placed = {}

    for index, (side, quantity, price, time_in_force) in enumerate(arrivals):
        one = order(str(index), side, str(quantity), str(price))
        outcome = book.submit(one, time_in_force)
        traded = sum((execution.quantity for execution in outcome.executions), ZERO)
        assert traded + one.leaves == quantity
        assert all((execution.price - price) * side.sign <= 0 for execution in outcome.executions)
        if outcome.rests:
            placed[one.order_id] = one

    bid, ask = book.best_price(Side.BUY), book.best_price(Side.SELL)
    assert bid is None or ask is None or bid < ask
    resting = sum((level.quantity for side in Side for level in book.levels(side)), ZERO)
    assert resting == sum((one.leaves for one in placed.values()), ZERO)
