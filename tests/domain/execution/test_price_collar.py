from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.execution.price_collar import closing_ratio, collared_price, is_inside_collar
from domain.instrument import Side
from domain.portfolio.shared_checks import drifted
from domain.settings import OrderSettings
from tests.builders import make_instrument, make_quote

RATIO = Decimal("0.002")


def test_a_market_order_is_a_limit_at_the_touch_plus_the_collar() -> None:
    """TC-E01, TC-E02"""
    quote = make_quote("64000.00", "64000.10")

    assert collared_price(make_instrument(), quote, Side.BUY, RATIO) == Decimal("64128.10")
    assert collared_price(make_instrument(), quote, Side.SELL, RATIO) == Decimal("63872.00")


@given(
    tick=st.sampled_from(["0.01", "0.05", "1", "5", "0.0001"]),
    ticks=st.integers(10, 10_000_000),
    side=st.sampled_from(Side),
)
def test_rounding_leaves_it_marketable_and_never_beyond_the_collar(tick: str, ticks: int, side: Side) -> None:
    touch = Decimal(tick) * ticks
    quote = make_quote(str(touch), str(touch))
    instrument = make_instrument(tick_size=Decimal(tick))

    price = collared_price(instrument, quote, side, RATIO)

    nearest, furthest = sorted((touch, touch * (1 + side.sign * RATIO)))
    assert nearest <= price <= furthest
    assert instrument.is_on_grid(price, Decimal(0))


def test_a_close_widens_stepwise_to_its_cap() -> None:
    settings = OrderSettings()

    ratios = [closing_ratio(settings, attempt) for attempt in range(1, 8)]

    assert ratios == [Decimal(text) for text in "0.002 0.004 0.008 0.016 0.032 0.05 0.05".split()]


@pytest.mark.parametrize(
    ("side", "price", "is_inside"),
    [
        (Side.BUY, "64128.20", True),
        (Side.BUY, "64128.21", False),
        (Side.SELL, "63872.00", True),
        (Side.SELL, "63871.99", False),
    ],
)
def test_an_old_limit_is_inside_while_a_new_one_might_pay_as_much(side, price, is_inside) -> None:
    quote = make_quote("64000.00", "64000.20")

    assert is_inside_collar(Decimal(price), quote, side, RATIO) is is_inside


def test_drift_counts_in_both_directions_and_from_the_reference() -> None:
    assert not drifted(Decimal(100), Decimal("100.2"), 0.002)
    assert drifted(Decimal(100), Decimal("100.21"), 0.002)
    assert drifted(Decimal(100), Decimal("99.79"), 0.002)
