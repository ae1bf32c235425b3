"""Average cost, exactly, and provisional executions that exact fills replace."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.instrument import Instrument, Side
from domain.ledger import position as position_module
from domain.ledger.position import Execution, Position, PositionLedger, is_dust
from domain.numbers import ZERO, use_exact_decimals

use_exact_decimals()

BUY, SELL = Side.BUY, Side.SELL
quantities = st.decimals(min_value="0.00000001", max_value="100", places=8)
prices = st.decimals(min_value="0.01", max_value="100000", places=2)


def position_after(*executions: tuple[Side, str, str]) -> Position:
    position = Position()
    for side, quantity, price in executions:
        position = position.after(side, Decimal(quantity), Decimal(price))
    return position


def test_adding_averages_the_entry() -> None:
    position = position_after((BUY, "1", "100"), (BUY, "3", "200"))

    assert position.quantity == 4
    assert position.average_price == Decimal("175")
    assert position.realized_pnl == 0


def test_reducing_realizes_against_the_average_and_leaves_it_alone() -> None:
    position = position_after((BUY, "1", "100"), (BUY, "3", "200"), (SELL, "1", "275"))

    assert position.quantity == 3
    assert position.average_price == Decimal("175")
    assert position.realized_pnl == Decimal("100")
    assert position.unrealized_pnl(Decimal("176")) == Decimal("3")


def test_a_long_of_a_hundredth_closed_a_thousand_higher_earns_ten() -> None:
    position = position_after((BUY, "0.01", "50000"), (SELL, "0.01", "51000"))

    assert position.is_flat
    assert position.realized_pnl == Decimal("10")
    assert position.average_price == 0


def test_a_short_of_a_hundredth_closed_a_thousand_higher_loses_ten() -> None:
    position = position_after((SELL, "0.01", "50000"), (BUY, "0.01", "51000"))

    assert position.is_flat
    assert position.realized_pnl == Decimal("-10")


def test_crossing_zero_realizes_the_old_side_and_opens_the_new_one_at_the_crossing_price() -> None:
    position = position_after((BUY, "2", "100"), (SELL, "5", "110"))

    assert position.quantity == -3
    assert position.average_price == Decimal("110")
    assert position.realized_pnl == Decimal("20")
    assert position.unrealized_pnl(Decimal("100")) == Decimal("30")


@given(st.lists(st.tuples(st.sampled_from(Side), quantities, prices), max_size=12), prices)
def test_profit_is_always_what_came_in_minus_what_went_out(executions, mark) -> None:
    position, received = Position(), ZERO
    for side, quantity, price in executions:
        position = position.after(side, quantity, price)
        received -= side.sign * quantity * price

    assert position.realized_pnl + position.unrealized_pnl(mark) == received + position.quantity * mark
    assert position.is_flat or position.average_price > 0
    assert not position.is_flat or position.cost == 0


@given(quantities, st.lists(st.tuples(quantities, prices), min_size=1, max_size=6), st.randoms())
def test_closing_in_any_order_of_steps_ends_in_the_same_state(more, closes, shuffler) -> None:
    total = sum((quantity for quantity, _ in closes), more)
    shuffled = list(closes)
    shuffler.shuffle(shuffled)

    ends = []
    for order in (closes, shuffled):
        position = Position().after(BUY, total, Decimal("123.45"))
        for quantity, price in order:
            position = position.after(SELL, quantity, price)
        ends.append(position)

    assert ends[0] == ends[1]


# ---- provisional executions ----------------------------------------------------------------------------


def provisional(order: str, side: Side, quantity: str, price: str, fee: str = "0") -> Execution:
    return Execution(order, side, Decimal(quantity), Decimal(price), Decimal(fee), is_provisional=True)


def exact(order: str, side: Side, quantity: str, price: str) -> Execution:
    return Execution(order, side, Decimal(quantity), Decimal(price))


def test_an_exact_fill_replaces_provisional_quantity_of_its_order_and_says_what_it_replaced() -> None:
    ledger = PositionLedger()
    ledger.book(provisional("a", BUY, "1", "100", fee="0.6"))

    replaced = ledger.book(exact("a", BUY, "0.4", "99"))

    assert replaced == [provisional("a", BUY, "0.4", "100", fee="0.24")]
    assert ledger.position.quantity == 1
    assert ledger.position.cost == Decimal("0.4") * 99 + Decimal("0.6") * 100
    assert ledger.book(exact("a", BUY, "0.6", "99")) == [provisional("a", BUY, "0.6", "100", fee="0.36")]


def test_an_exact_fill_beyond_the_provisional_quantity_adds_the_rest() -> None:
    ledger = PositionLedger()
    ledger.book(provisional("a", BUY, "1", "100"))

    ledger.book(exact("a", BUY, "1.5", "99"))

    assert ledger.position == position_after((BUY, "1.5", "99"))
    assert ledger.book(exact("a", BUY, "1", "99")) == []


def test_an_exact_fill_of_another_order_replaces_nothing() -> None:
    ledger = PositionLedger()
    ledger.book(provisional("a", BUY, "1", "100"))

    replaced = ledger.book(exact("b", BUY, "1", "90"))

    assert replaced == []
    assert ledger.position.quantity == 2


def test_exact_fills_take_effect_where_the_provisional_ones_stood() -> None:
    ledger = PositionLedger()
    ledger.book(provisional("open", BUY, "1", "100"))
    ledger.book(provisional("close", SELL, "1", "110"))
    ledger.book(exact("again", BUY, "1", "200"))

    ledger.book(exact("close", SELL, "1", "111"))
    ledger.book(exact("open", BUY, "1", "101"))

    assert ledger.position == position_after((BUY, "1", "101"), (SELL, "1", "111"), (BUY, "1", "200"))
    assert ledger.position.realized_pnl == Decimal("10")
    assert ledger.position.average_price == Decimal("200")


@st.composite
def order_histories(draw):
    """Return orders as (id, side, exact fills): each order's fills share one side, as at a venue."""
    sides = draw(st.lists(st.sampled_from(Side), min_size=1, max_size=4))
    fills = st.lists(st.tuples(quantities, prices), min_size=1, max_size=3)
    return [(f"order-{n}", side, draw(fills)) for n, side in enumerate(sides)]


@given(order_histories(), st.data())
def test_any_split_into_provisional_steps_ends_as_if_the_exact_fills_had_been_booked(orders, data) -> None:
    expected = PositionLedger()
    ledger = PositionLedger()
    waiting, provisional_fees = [], ZERO
    for order, side, fills in orders:
        for quantity, price in fills:
            expected.book(Execution(order, side, quantity, price))
        total = sum(quantity for quantity, _ in fills)
        first = total * data.draw(st.sampled_from([Decimal(0), Decimal("0.25"), Decimal("0.5"), Decimal(1)]))
        for step in (first, total - first):
            if step:
                ledger.book(Execution(order, side, step, Decimal("77.7"), Decimal("0.1"), True))
                provisional_fees += Decimal("0.1")
        waiting.append([Execution(order, side, quantity, price) for quantity, price in fills])

    replaced = ZERO
    while waiting:  # rows of one order come in their order, orders in any
        rows = waiting[data.draw(st.integers(0, len(waiting) - 1))]
        replaced += sum(piece.fee for piece in ledger.book(rows.pop(0)))
        waiting = [rows for rows in waiting if rows]

    assert ledger.position == expected.position
    assert replaced == provisional_fees


def count_bookings(monkeypatch: pytest.MonkeyPatch) -> list[Execution]:
    booked, book = [], position_module._booked

    def counted(position: Position, execution: Execution) -> Position:
        booked.append(execution)
        return book(position, execution)

    monkeypatch.setattr(position_module, "_booked", counted)
    return booked


def test_a_provisional_fill_that_never_becomes_exact_makes_the_others_no_dearer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    booked = count_bookings(monkeypatch)
    monkeypatch.setattr(position_module, "TAIL_KEPT", 300)
    ledger = PositionLedger()
    ledger.book(provisional("never explained", BUY, "1", "100"))

    for number in range(1_000):
        side = SELL if number % 2 else BUY
        ledger.book(provisional(f"order-{number}", side, "1", "110"))
        ledger.book(exact(f"order-{number}", side, "1", "111"))

    assert len(booked) <= 2 * 1_000 + 1
    assert len(ledger._tail) <= 300  # and memory is bounded
    assert ledger.position.quantity == 1


def test_rows_that_come_after_their_total_was_taken_for_true_still_count_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(position_module, "TAIL_KEPT", 10)
    ledger = PositionLedger()
    ledger.book(provisional("late", BUY, "1", "100", fee="0.6"))
    ledger.book(provisional("later", BUY, "2", "100", fee="0.4"))
    for number in range(30):
        ledger.book(exact(f"order-{number}", BUY, "1", "50"))
    assert ledger._tail == []  # both are folded for good

    replaced = ledger.book(exact("late", BUY, "0.4", "99"))
    replaced += ledger.book(exact("late", BUY, "0.9", "101"))

    assert replaced == [
        provisional("late", BUY, "0.4", "100", fee="0.24"),
        provisional("late", BUY, "0.6", "100", fee="0.36"),
    ]
    assert ledger.position.quantity == Decimal("1.3") + 2 + 30
    assert ledger.position.spent == Decimal("0.4") * 99 + Decimal("0.9") * 101 + 2 * 100 + 30 * 50


BTC = Instrument(
    venue="coinbase",
    name="BTC-USD",
    symbol="BTC-USD",
    base="BTC",
    quote="USD",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.00000001"),
    min_quantity=Decimal("0.0001"),
    max_quantity=Decimal("100"),
    min_notional=Decimal("1"),
)


def test_less_than_a_lot_is_dust_even_without_a_minimum() -> None:
    boundless = replace(BTC, min_quantity=Decimal(0), min_notional=Decimal(0))

    assert is_dust(boundless, Decimal("0.000000009"), Decimal(1))
    assert not is_dust(boundless, Decimal("0.00000001"), Decimal(1))


@pytest.mark.parametrize(
    ("quantity", "price", "expected"),
    [
        ("0.0001", "50000", False),
        ("0.00009999", "50000", True),
        ("-0.01", "99", True),
        ("0.01", "100", False),
    ],
)
def test_dust_is_what_the_venue_would_not_take_back(quantity: str, price: str, expected: bool) -> None:
    assert is_dust(BTC, Decimal(quantity), Decimal(price)) is expected


def test_what_is_ours_no_more_leaves_at_cost_and_earns_nothing() -> None:
    ledger = PositionLedger()
    ledger.book(Execution("o", Side.BUY, Decimal("0.3"), Decimal(100)))
    ledger.book(Execution("o", Side.SELL, Decimal("0.1"), Decimal(130)))
    earned = ledger.position.realized_pnl

    ledger.book(Execution("", Side.SELL, Decimal("0.15"), ZERO, is_loss=True))
    assert (ledger.position.quantity, ledger.position.average_price) == (Decimal("0.05"), Decimal(100))
    assert ledger.position.realized_pnl == earned

    ledger.book(Execution("", Side.SELL, Decimal("0.15"), ZERO, is_loss=True))  # more than there is
    assert ledger.position.is_flat
    assert ledger.position.realized_pnl == earned
