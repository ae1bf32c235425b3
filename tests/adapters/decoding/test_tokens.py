from decimal import Decimal, Inexact, localcontext
from itertools import product

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from adapters.decoding import tokens
from adapters.decoding.tokens import BadField


@pytest.mark.parametrize(
    ("token", "value"),
    [
        ("45000.50", "45000.50"),
        ("0.000000000000000001", "0.000000000000000001"),
        ("999999999.123456789", "999999999.123456789"),
        ("1.23e-5", "0.0000123"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        (Decimal("3200.75"), "3200.75"),  # a JSON number, digit by digit
        (7, "7"),
    ],
)
def test_numbers_are_exact_to_the_last_digit(token, value: str) -> None:
    """T23, T27."""
    assert tokens.number(token) == Decimal(value)
    assert isinstance(tokens.number(token), Decimal)


@pytest.mark.parametrize(
    "token",
    ["", "ABC123", "NaN", "sNaN", "Infinity", "-Infinity", "1e", "1e400", "1_0", " 1 ", "１２"]
    + ["9" * 41, "1e999999999", Decimal("1e999999999"), Decimal("NaN"), 10**60]
    + ["0x10", "1,5", "--1", "1.2.3", "9" * 40 + ".1", "1e40", "1e-41", "0e99"],
)
def test_what_could_blow_up_later_is_refused_at_the_door(token) -> None:
    with pytest.raises(BadField) as refusal:
        tokens.number(token)

    assert refusal.value.category == "validation"


@pytest.mark.parametrize("token", [True, None, [1], {"a": 1}, 1.5])
def test_what_is_no_number_at_all_is_a_type_error(token) -> None:
    with pytest.raises(BadField) as refusal:
        tokens.number(token)

    assert refusal.value.category == "type"


@pytest.mark.parametrize("token", ["0", "0.00", "-15.50"])
def test_prices_are_positive(token: str) -> None:
    """T26."""
    with pytest.raises(BadField):
        tokens.positive(token)


def test_a_price_or_quantity_has_eighteen_decimals_and_no_more() -> None:
    """PP-04: exact in value, text and sum; a nineteenth is refused, not rounded away."""
    finest = tokens.positive("0.000000000000000001")
    large = tokens.not_negative("999999999.123456789012345678")
    assert (str(large), f"{finest:f}") == ("999999999.123456789012345678", "0.000000000000000001")
    assert large + finest == Decimal("999999999.123456789012345679")

    for read, token in product(
        (tokens.positive, tokens.not_negative),
        ("0.0000000000000000001", "1.0000000000000000000", "1e-19", Decimal("1E-19")),
    ):
        with pytest.raises(BadField, match="more than 18 decimals") as refusal:
            read(token)
        assert refusal.value.category == "validation"


def test_a_rate_may_have_more() -> None:
    """A genuine funding rate of dYdX."""
    assert tokens.number("0.00000254545454545455") == Decimal("0.00000254545454545455")


@given(st.text(max_size=50))
def test_no_text_makes_a_number_that_is_not_finite_and_bounded(text: str) -> None:
    try:
        found = tokens.number(text)
    except BadField:
        return
    assert found.is_finite()


NUMBERS = st.from_regex(r"-?[0-9]{1,45}(\.[0-9]{0,45})?([eE]-?[0-9]{1,2})?", fullmatch=True)


@given(NUMBERS, NUMBERS)
def test_numbers_that_pass_add_and_multiply_exactly(one: str, other: str) -> None:
    try:
        first, second = tokens.number(one), tokens.number(other)
    except BadField:
        return
    with localcontext(prec=80, traps=[Inexact]):
        assert first + second - second == first
        assert (first * second).is_finite()


@pytest.mark.parametrize(
    ("text", "fraction_ns"),
    [
        ("2026-04-07T14:30:00Z", 0),
        ("2026-04-07T14:30:00.5Z", 500_000_000),
        ("2026-04-07T14:30:00.39625135Z", 396_251_350),
        ("2026-04-07T14:30:00.123456789Z", 123_456_789),
        ("2026-04-07T14:30:00+00:00", 0),
        ("2026-04-07T16:30:00.5+02:00", 500_000_000),
        ("2026-04-07T09:00:00.123456789-05:30", 123_456_789),
    ],
)
def test_times_keep_every_digit_up_to_nanoseconds(text: str, fraction_ns: int) -> None:
    assert tokens.utc_ns(text) == 1_775_572_200_000_000_000 + fraction_ns


@pytest.mark.parametrize(
    "text",
    ["", "Z", "2026-04-07", "2026-13-07T14:30:00Z", "2026-04-07T14:30:00.Z", "2026-04-07T14:30:00"]
    + ["2026-04-07T14:30:00+24:00", "2026-04-07T14:30:00+02:60", "2026-04-07T14:30:00Z+02:00"]
    + ["2026-04-07T14:30:00.+02:00", "2026-04-07T14:30+02:00", "2026-04-07T14:30:00+0２:00"]
    + ["2026-04-07T14:30:00+02:00+02:00", "1970-01-01T00:30:00+02:00", "2262-04-11T23:47:16-23:59"]
    + ["2026-04-07T14:30:00.1234567891Z", "2026-04-07T14:30:00.12x4Z", "2026-04-07 14:30:00Z", "1775572200"]
    + ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]
    + ["2026-04-07T14:30:00.１Z", "2026-04-07T14:30:0１.5Z", "２026-04-07T14:30:00Z"],  # full-width digits
)
def test_other_spellings_of_a_time_are_refused(text: str) -> None:
    with pytest.raises(BadField):
        tokens.utc_ns(text)


def test_times_come_in_milliseconds_too() -> None:
    assert tokens.ns_of_ms(1_775_572_200_123) == 1_775_572_200_123_000_000


def test_times_come_in_whole_seconds_too() -> None:
    assert tokens.ns_of_s("1775572200") == tokens.ns_of_s(1_775_572_200) == 1_775_572_200_000_000_000


@pytest.mark.parametrize("milliseconds", [-1, 0, 2**63 // 10**6 + 1, 10**30])
def test_milliseconds_that_no_message_could_carry_are_refused(milliseconds: int) -> None:
    with pytest.raises(BadField):
        tokens.ns_of_ms(milliseconds)


class Row(Struct):
    price: str


def test_of_a_key_that_is_there_twice_the_last_value_counts() -> None:
    assert msgspec.json.decode('{"price": "1", "price": "2"}', type=Row) == Row("2")


@pytest.mark.parametrize(
    "text",
    ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:00+00:00"],
)
def test_a_time_that_nobody_has_set_is_none(text: str) -> None:
    assert tokens.utc_ns_if_set(text) is tokens.utc_ns_if_any(text) is None
    assert tokens.utc_ns_if_any("") is tokens.utc_ns_if_any(None) is None


@pytest.mark.parametrize("text", ["yesterday", "1970-01-01", "0001-01-01T00:00:01Z", "2026-13-07T14:30:00Z", ""])
def test_nonsense_is_no_unset_time(text: str) -> None:
    with pytest.raises(BadField):
        tokens.utc_ns_if_set(text)
