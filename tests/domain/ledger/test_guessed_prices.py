"""A fill whose price nobody told: what is worth knowing of it until its row comes, or a person lets it stand."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.instrument import Side
from domain.ledger.account import Portfolio
from domain.messages.journal import HaltCleared, OrderFilled, OrderFilledProvisionally, TotalsStand
from domain.messages.orders import Purpose
from tests.builders import UTC
from tests.order_builders import make_fill

ABOUT = {"ts_event": UTC, "client_order_id": "c-1"}


def guessed(quantity: str = "0.01", is_price_guessed: bool = True) -> OrderFilledProvisionally:
    return OrderFilledProvisionally(
        **ABOUT,
        intent_id="i-1",
        purpose=Purpose.PROTECT,
        venue="coinbase",
        instrument="BTC-USD",
        side=Side.SELL,
        quantity=Decimal(quantity),
        price=Decimal("60800"),
        fee=Decimal(0),
        is_price_guessed=is_price_guessed,
    )


def row(quantity: str, fill_id: str) -> OrderFilled:
    fill = make_fill(quantity, fill_id, "65280", side=Side.SELL)
    return OrderFilled(**ABOUT, intent_id="i-1", purpose=Purpose.PROTECT, fill=fill)


def books(*events) -> Portfolio:
    portfolio = Portfolio()
    for event in events:
        portfolio.apply(event)
    return portfolio


STANDS = TotalsStand(**ABOUT, venue="coinbase", instrument="BTC-USD", quantity=Decimal("0.01"))
RESUMED = HaltCleared(ts_event=UTC, scope="coinbase:BTC-USD")


def test_a_guess_lasts_until_its_rows_have_told_all_of_it() -> None:
    portfolio = books(guessed(), row("0.004", "f-1"))
    assert list(portfolio.guessed_prices) == [("coinbase", "BTC-USD")]

    portfolio.apply(row("0.006", "f-2"))

    assert list(portfolio.guessed_prices) == []


def test_a_price_that_was_told_is_no_guess() -> None:
    assert list(books(row("0.01", "f-1"), row("0.01", "f-2")).guessed_prices) == []


@pytest.mark.parametrize(
    ("events", "count"),
    [
        ((STANDS, RESUMED), 0),
        ((RESUMED,), 1),  # nobody has been told of it yet
        ((STANDS,), 1),
        ((STANDS, HaltCleared(ts_event=UTC, scope="coinbase:BTC-USD", reason="the rows came")), 1),
        ((STANDS, HaltCleared(ts_event=UTC, scope="coinbase:ETH-USD")), 1),
    ],
)
def test_where_the_venue_never_lists_it_a_persons_word_lets_it_stand(events: tuple, count: int) -> None:
    assert len(list(books(guessed(), *events).guessed_prices)) == count


def test_a_row_that_comes_after_a_persons_word_is_booked_like_any() -> None:
    portfolio = books(guessed(), STANDS, RESUMED, row("0.004", "f-1"), row("0.006", "f-2"))

    assert list(portfolio.guessed_prices) == []


def test_a_late_row_of_what_a_person_let_stand_tells_nothing_of_what_filled_since() -> None:
    portfolio = books(guessed("0.004"), STANDS, RESUMED, guessed("0.006"), row("0.004", "f-1"), row("0.004", "f-2"))
    assert list(portfolio.guessed_prices) == [("coinbase", "BTC-USD")]

    portfolio.apply(row("0.002", "f-3"))

    assert list(portfolio.guessed_prices) == []


def test_a_persons_word_is_about_all_that_had_filled_by_then() -> None:
    assert list(books(guessed("0.004", False), STANDS, guessed("0.006"), RESUMED).guessed_prices) == []


@given(
    acts=st.lists(
        st.one_of(st.tuples(st.sampled_from(("guess", "told", "row")), st.integers(1, 5)), st.just(("word", 0))),
        max_size=25,
    )
)
def test_what_is_guessed_is_what_neither_rows_nor_a_person_have_told(acts: list[tuple[str, int]]) -> None:
    portfolio = Portfolio()
    lots: list[list] = []  # of the order, oldest first: [quantity that no row has replaced, is a guess]
    for number, (kind, quantity) in enumerate(acts):
        match kind:
            case "guess" | "told":
                portfolio.apply(guessed(str(quantity), kind == "guess"))
                lots.append([quantity, kind == "guess"])
            case "word":
                portfolio.apply(STANDS)
                portfolio.apply(RESUMED)
                lots = [[left, False] for left, _ in lots]
            case "row" if quantity <= sum(left for left, _ in lots):
                portfolio.apply(row(str(quantity), f"f-{number}"))
                for lot in lots:
                    taken = min(lot[0], quantity)
                    lot[0] -= taken
                    quantity -= taken
        assert len(list(portfolio.guessed_prices)) == sum(is_guess and left > 0 for left, is_guess in lots)
