"""A fill whose price nobody told: what is worth knowing of it until its row comes, or a person lets it stand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.instrument import Side
from domain.ledger.account import Portfolio
from domain.messages.journal import HaltCleared, OrderFilled, OrderFilledProvisionally, TotalsStand
from domain.messages.orders import Purpose
from tests.builders import UTC
from tests.order_builders import make_fill

ABOUT = {"ts_event": UTC, "client_order_id": "c-1"}


def guessed(quantity: str = "0.01") -> OrderFilledProvisionally:
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
        is_price_guessed=True,
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
