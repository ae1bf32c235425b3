"""Margin of perpetuals: what is used, what is free, and where a position would be liquidated."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.instrument import InstrumentId, InstrumentKind
from domain.numbers import divide, use_exact_decimals
from domain.portfolio.margin import MarginAccount, MarginPosition, MarginTerms, distance, margin_terms
from domain.settings import RiskSettings
from tests.builders import make_instrument

use_exact_decimals()

BTC, ETH = InstrumentId("toy", "BTC-USD"), InstrumentId("toy", "ETH-USD")
CROSS = MarginTerms(Decimal(5), Decimal("0.05"), False)
ISOLATED = CROSS._replace(is_isolated=True)


def position(quantity: str, entry: str, mark: str, terms: MarginTerms = CROSS) -> MarginPosition:
    return MarginPosition(Decimal(quantity), Decimal(entry), Decimal(mark), terms)


def account(cash: str, **positions: MarginPosition) -> MarginAccount:
    return MarginAccount(Decimal(cash), {InstrumentId("toy", f"{name}-USD"): it for name, it in positions.items()})


def test_an_account_of_raw_cash_is_worth_its_positions_at_their_marks() -> None:
    books = account("-40000", BTC=position("1", "50000", "51000"), ETH=position("-2", "3000", "2900"))

    assert books.value == -40000 + 51000 - 5800
    assert books.notional == 51000 + 5800
    assert books.margin_used == Decimal(56800) / 5
    assert books.maintenance_margin == Decimal(2840)
    assert books.free_collateral == 0 and not books.is_liquidatable


@pytest.mark.parametrize("paid", ["2", "5", "64000.1", "191802.7"])  # for three: averages without an end
@pytest.mark.parametrize("quantity", [3, -3])
def test_an_entry_that_is_an_average_leaves_no_price_that_cannot_be_reckoned_with(quantity: int, paid: str) -> None:
    entry, mark = divide(Decimal(paid), Decimal(3)), Decimal("63999.9")
    terms = MarginTerms(Decimal(1), Decimal("0.0125"), True)
    books = MarginAccount(Decimal(10000), {BTC: MarginPosition(Decimal(quantity), entry, mark, terms)})

    price = books.liquidation_price(BTC)

    assert (price is None) == (quantity > 0)
    assert quantity > 0 or distance(mark, price) > 0


@pytest.mark.parametrize(
    ("quantity", "price"),
    [("1", divide(Decimal(40000), Decimal("0.95"))), ("-1", divide(Decimal(60000), Decimal("1.05")))],
)
def test_a_cross_position_is_liquidated_where_the_account_is_worth_its_maintenance(
    quantity: str, price: Decimal
) -> None:
    cash = Decimal(10000) - Decimal(quantity) * 50000
    books = account(str(cash), BTC=position(quantity, "50000", "50000"))

    assert abs(books.liquidation_price(BTC) - price) < Decimal("1e-16")


def test_others_in_the_same_account_hold_a_cross_position_up() -> None:
    alone = account("-45000", BTC=position("1", "50000", "50000"))
    beside = account("-45000", BTC=position("1", "50000", "50000"), ETH=position("1", "0", "3000"))

    assert beside.liquidation_price(BTC) < alone.liquidation_price(BTC)


def test_an_isolated_position_falls_with_its_own_margin_however_rich_the_account() -> None:
    poor = account("-50000", BTC=position("1", "50000", "50000", ISOLATED))
    rich = account("1000000", BTC=position("1", "50000", "50000", ISOLATED))

    assert poor.liquidation_price(BTC) == rich.liquidation_price(BTC)
    assert abs(rich.liquidation_price(BTC) - divide(Decimal(40000), Decimal("0.95"))) < Decimal("1e-16")


def test_a_long_without_leverage_is_liquidated_at_no_price_and_a_short_at_about_twice_its_entry() -> None:
    terms = MarginTerms(Decimal(1), Decimal("0.05"), True)
    books = account("0", BTC=position("1", "50000", "50000", terms), ETH=position("-1", "3000", "3000", terms))

    assert books.liquidation_price(BTC) is None and distance(Decimal(50000), None) is None
    assert abs(books.liquidation_price(ETH) - divide(Decimal(6000), Decimal("1.05"))) < Decimal("1e-16")
    assert abs(distance(Decimal(3000), Decimal(4500)) - Decimal("0.5")) == 0


money = st.decimals(min_value=1, max_value=100_000, places=2)
ratios = st.sampled_from([Decimal("0.01"), Decimal("0.05"), Decimal("0.5")])


@given(st.integers(-5, 5).filter(bool), money, money, money, ratios)
def test_at_the_liquidation_price_nothing_is_left_above_maintenance(
    quantity: int, entry: Decimal, mark: Decimal, cash: Decimal, ratio: Decimal
) -> None:
    terms = MarginTerms(Decimal(1), ratio, False)
    books = MarginAccount(cash - quantity * entry, {BTC: MarginPosition(Decimal(quantity), entry, mark, terms)})

    price = books.liquidation_price(BTC)

    if price is not None:
        there = books._replace(positions={BTC: books.positions[BTC]._replace(mark_price=price)})
        assert abs(there.value - there.maintenance_margin) < Decimal("1e-16")
    else:
        assert quantity > 0 or books.value < 0


@given(st.lists(st.tuples(st.integers(-5, 5).filter(bool), money), min_size=1, max_size=5))
def test_trading_changes_no_worth_at_the_price_of_the_trade(trades: list[tuple[int, Decimal]]) -> None:
    books = MarginAccount(Decimal(1000), {})
    for quantity, price in trades:
        marked = {key: it._replace(mark_price=price) for key, it in books.positions.items()}
        before = books._replace(positions=marked).value
        books = books.after(BTC, Decimal(quantity), price, CROSS)
        assert books.value == before


@pytest.mark.parametrize(
    ("listed", "leverage", "ratio"),
    [({}, 3, "0.05"), ({"max_leverage": Decimal(2)}, 2, "0.25"), ({"maintenance_ratio": Decimal("0.03")}, 3, "0.03")],
)
def test_the_venues_listing_counts_before_our_settings(listed: dict, leverage: int, ratio: str) -> None:
    instrument = make_instrument(venue="toy", kind=InstrumentKind.PERPETUAL, **listed)

    terms = margin_terms(instrument, RiskSettings(leverage=3.0, margin_mode="cross"))

    assert terms == MarginTerms(Decimal(leverage), Decimal(ratio), False)
