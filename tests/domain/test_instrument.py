from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.instrument import Instrument, InstrumentId, Side
from tests.builders import make_instrument, make_quote

CENTS = make_instrument(tick_size=Decimal("0.01"))
FIVE_DIGITS = make_instrument(tick_size=Decimal("0.0001"), max_significant_digits=5)

prices = st.decimals("0.00000001", "9999999", places=8)


def is_legal(price: Decimal, decimals: int) -> bool:
    """Say it as the venue does: five significant figures and so many decimals, or a whole number."""
    digits = f"{price.normalize():f}"
    whole, _, fraction = digits.partition(".")
    significant = (whole + fraction).lstrip("0")
    return not fraction or (len(significant) <= 5 and len(fraction) <= decimals)


def digit_limited(decimals: int) -> Instrument:
    return make_instrument(tick_size=Decimal(1).scaleb(-decimals), max_significant_digits=5)


def test_prices_are_rounded_to_the_tick_and_never_to_our_cost() -> None:
    assert CENTS.round_price(Decimal("1.119"), Side.BUY) == Decimal("1.11")
    assert CENTS.round_price(Decimal("1.111"), Side.SELL) == Decimal("1.12")
    assert CENTS.price_step(Decimal("123456.7")) == Decimal("0.01")


@pytest.mark.parametrize(
    ("price", "bought", "sold"),
    [
        ("1.23456", "1.2345", "1.2346"),
        ("64123.7", "64123", "64124"),
        ("123456.7", "123456", "123457"),  # whole numbers have as many digits as they like
        ("99999.5", "99999", "100000"),
        ("9999.96", "9999.9", "10000"),
        ("0.123456", "0.1234", "0.1235"),  # the tick is coarser than the digits here
        ("0.00001", "0", "0.0001"),
    ],
)
def test_few_significant_digits_make_coarser_steps_of_higher_prices(price: str, bought: str, sold: str) -> None:
    assert FIVE_DIGITS.round_price(Decimal(price), Side.BUY) == Decimal(bought)
    assert FIVE_DIGITS.round_price(Decimal(price), Side.SELL) == Decimal(sold)


@given(price=prices, decimals=st.integers(0, 8), side=st.sampled_from(Side))
def test_rounded_prices_are_legal_and_the_nearest_ones_that_are(price: Decimal, decimals: int, side: Side) -> None:
    instrument = digit_limited(decimals)

    rounded = instrument.round_price(price, side)

    assert is_legal(rounded, decimals)
    assert instrument.is_on_grid(rounded, Decimal(0))
    assert instrument.round_price(rounded, side) == rounded
    assert (price - rounded) * side.sign >= 0
    assert abs(price - rounded) < instrument.price_step(price)


@given(price=prices, decimals=st.integers(0, 8))
def test_a_price_is_on_the_grid_when_the_venue_would_take_it(price: Decimal, decimals: int) -> None:
    assert digit_limited(decimals).is_on_grid(price, Decimal(0)) == is_legal(price, decimals)


def test_quantities_are_rounded_down() -> None:
    assert make_instrument(lot_size=Decimal("0.001")).round_quantity(Decimal("1.2345")) == Decimal("1.234")


def test_an_instrument_is_known_by_its_venue_and_its_name() -> None:
    bitcoin = make_instrument("BTC-USD")

    assert bitcoin.id == InstrumentId("coinbase", "BTC-USD") == InstrumentId.of(make_quote(instrument="BTC-USD"))
    assert str(bitcoin.id) == bitcoin.key == "coinbase:BTC-USD"
