"""Quantities are rounded down or not traded, never raised to a minimum."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.messages.denials import DenialReason
from domain.numbers import use_exact_decimals
from domain.portfolio.sizing import size_position
from domain.settings import RiskSettings
from tests.builders import make_instrument

use_exact_decimals()

BTC = make_instrument(lot_size=Decimal("0.0001"), min_quantity=Decimal("0.0001"), min_notional=Decimal("5"))
NO_MINIMUM = make_instrument(lot_size=Decimal("0.0001"), min_quantity=Decimal(0), min_notional=Decimal(0))
FEE = Decimal("0.006")


def size(price="50000", equity="10000", available="10000", instrument=BTC, **risk) -> Decimal | DenialReason:
    return size_position(instrument, Decimal(price), Decimal(equity), Decimal(available), FEE, RiskSettings(**risk))


def test_two_percent_of_equity_goes_into_a_position() -> None:
    assert size() == Decimal("0.0040")


def test_quantity_is_rounded_down_to_the_lot() -> None:
    assert size(price="60000") == Decimal("0.0033")


def test_one_order_never_exceeds_the_fat_finger_limit() -> None:
    assert size(equity="1000000", available="1000000") == Decimal("0.0200")


def test_cash_pays_for_the_fee_and_leaves_the_reserve() -> None:
    # 600 - 5 % of 10,000 leaves 100, of which 100 / 1.006 buys 0.00198... at 50,000
    assert size(available="600") == Decimal("0.0019")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"equity": "200", "available": "200"}, "below_minimum"),  # 4 dollars: below one lot
        ({"price": "100", "equity": "240", "available": "240"}, "below_minimum"),  # 4.80: below the notional
        ({"price": "3000000", "instrument": NO_MINIMUM}, "below_minimum"),  # less than a lot
        ({"available": "500"}, "insufficient_balance"),  # the reserve is all there is
        ({"available": "-1"}, "insufficient_balance"),
    ],
)
def test_too_little_means_no_order_and_a_reason(changes: dict, reason: str) -> None:
    assert size(**changes) == reason


@given(
    st.decimals(min_value="0.01", max_value="200000", places=2),
    st.decimals(min_value="0", max_value="1000000", places=18),
    st.decimals(min_value="-100", max_value="1000000", places=18),
)
def test_no_size_breaks_a_limit(price: Decimal, equity: Decimal, available: Decimal) -> None:
    risk = RiskSettings()

    quantity = size_position(BTC, price, equity, available, FEE, risk)

    if isinstance(quantity, Decimal):
        assert BTC.is_on_grid(price, quantity)
        assert quantity >= BTC.min_quantity
        assert BTC.min_notional <= quantity * price <= min(risk.max_order_notional, equity * Decimal("0.02"))
        assert quantity * price * (1 + FEE) <= available - equity * Decimal("0.05")
