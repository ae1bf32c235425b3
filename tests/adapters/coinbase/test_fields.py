from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.coinbase import fields
from adapters.coinbase.fields import BadField
from domain.order_messages import OrderStatus


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
    assert fields.number(token) == Decimal(value)
    assert isinstance(fields.number(token), Decimal)


@pytest.mark.parametrize(
    "token",
    ["", "ABC123", "NaN", "sNaN", "Infinity", "-Infinity", "1e", "1e400", "1_0", " 1 ", "１２"]
    + ["9" * 41, "1e999999999", Decimal("1e999999999"), Decimal("NaN"), 10**60]
    + ["0x10", "1,5", "--1", "1.2.3"],
)
def test_what_could_blow_up_later_is_refused_at_the_door(token) -> None:
    with pytest.raises(BadField) as refusal:
        fields.number(token)

    assert refusal.value.category == "validation"


@pytest.mark.parametrize("token", [True, None, [1], {"a": 1}, 1.5])
def test_what_is_no_number_at_all_is_a_type_error(token) -> None:
    with pytest.raises(BadField) as refusal:
        fields.number(token)

    assert refusal.value.category == "type"


@pytest.mark.parametrize("token", ["0", "0.00", "-15.50"])
def test_prices_are_positive(token: str) -> None:
    with pytest.raises(BadField):
        fields.positive(token)


@given(st.text(max_size=50))
def test_no_text_makes_a_number_that_is_not_finite_and_bounded(text: str) -> None:
    try:
        found = fields.number(text)
    except BadField:
        return
    assert found.is_finite()
    assert len(str(found.copy_abs())) <= 150


@pytest.mark.parametrize(
    ("text", "fraction_ns"),
    [
        ("2026-04-07T14:30:00Z", 0),
        ("2026-04-07T14:30:00.5Z", 500_000_000),
        ("2026-04-07T14:30:00.39625135Z", 396_251_350),
        ("2026-04-07T14:30:00.123456789Z", 123_456_789),
    ],
)
def test_times_keep_every_digit_up_to_nanoseconds(text: str, fraction_ns: int) -> None:
    assert fields.utc_ns(text) == 1_775_572_200_000_000_000 + fraction_ns


@pytest.mark.parametrize(
    "text",
    ["", "Z", "2026-04-07", "2026-13-07T14:30:00Z", "2026-04-07T14:30:00+00:00", "2026-04-07T14:30:00.Z"]
    + ["2026-04-07T14:30:00.1234567891Z", "2026-04-07T14:30:00.12x4Z", "2026-04-07 14:30:00Z", "1775572200"],
)
def test_other_spellings_of_a_time_are_refused(text: str) -> None:
    with pytest.raises(BadField):
        fields.utc_ns(text)


@given(st.integers(0, 4_000_000_000_000_000))
def test_times_survive_the_way_out_and_back_to_the_microsecond(microseconds: int) -> None:
    time_ns = microseconds * 1000

    assert fields.utc_ns(fields.rfc3339(time_ns)) == time_ns


@pytest.mark.parametrize(
    ("word", "filled", "status"),
    [
        ("PENDING", "0", OrderStatus.OPEN),
        ("QUEUED", "0", OrderStatus.OPEN),
        ("OPEN", "0", OrderStatus.OPEN),
        ("OPEN", "0.1", OrderStatus.PARTIALLY_FILLED),
        ("CANCEL_QUEUED", "0.1", OrderStatus.PARTIALLY_FILLED),
        ("EDIT_QUEUED", "0", OrderStatus.OPEN),
        ("FILLED", "1", OrderStatus.FILLED),
        ("CANCELLED", "0.1", OrderStatus.CANCELED),
        ("EXPIRED", "0", OrderStatus.EXPIRED),
        ("FAILED", "0", OrderStatus.REJECTED),
    ],
)
def test_statuses_are_translated_strictly(word: str, filled: str, status: OrderStatus) -> None:
    assert fields.status(word, Decimal(filled)) is status


@pytest.mark.parametrize("word", ["UNKNOWN_ORDER_STATUS", "", "open", "DONE"])
def test_an_unknown_status_is_never_guessed(word: str) -> None:
    with pytest.raises(BadField, match="unknown order status"):
        fields.status(word, Decimal(0))
