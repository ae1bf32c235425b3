"""What is said of a text that could not be read."""

from decimal import Decimal

import msgspec
import pytest
from msgspec import Struct

from adapters.decoding import decode_faults, tokens
from adapters.decoding.tokens import BadField, Milliseconds, Name, NotNegative, Positive


class Row(Struct):
    price: Name
    levels: tuple[int, int] = (0, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "parse"),
        ("[" * 100_000, "structure"),
        ('{"price": ' + "[" * 100_000, "type"),
        ("[]", "structure"),
        ("{}", "structure"),
        ('{"price": "1", "levels": [1]}', "structure"),
        ('{"price": ""}', "validation"),
        ('{"price": 1}', "type"),
        ('{"price": "1", "levels": [1, "2"]}', "type"),
        ('{"price": "1", "levels": [1, 1e999]}', "validation"),
    ],
)
def test_failures_are_sorted_by_what_is_wrong(text: str, expected: str) -> None:
    with pytest.raises(Exception) as failure:
        msgspec.json.decode(text, type=Row)

    assert decode_faults.category(failure.value) == expected


class Level(Struct):
    price: Positive
    size: NotNegative


class Touch(Struct):
    time: Milliseconds
    mark: Positive = None
    levels: list[Level | None] = msgspec.field(name="sides", default_factory=list)


def refusal(read, token) -> BadField:
    with pytest.raises(BadField) as raised:
        read(token)
    return raised.value


def test_a_refused_field_is_found_wherever_it_is() -> None:
    levels = [Level("1", "0"), None, Level("2", "-0.5")]
    error = refusal(tokens.not_negative, "-0.5")

    found = decode_faults.located(error, [Touch(1), Touch(1, "1", levels)])

    assert (found.category, str(found)) == ("validation", "must not be negative - at `$[1].sides[2].size`")


def test_of_several_bad_fields_it_is_the_one_that_was_refused() -> None:
    error = refusal(tokens.positive, 0)

    found = decode_faults.located(error, Touch(1, "1", [Level("1", "-1"), Level(0, "1")]), "BTC-USD")

    assert str(found) == "must be positive - at `BTC-USD.sides[1].price`"


def test_a_field_that_may_be_left_out_is_not_to_blame_for_being_so() -> None:
    error = refusal(tokens.positive, None)

    found = decode_faults.located(error, Touch(1, None, [Level(None, "1")]))

    assert str(found) == "NoneType is not a number - at `$.sides[0].price`"


def test_what_is_about_no_single_field_stays_as_it_is() -> None:
    error = BadField("validation", "a price outside its own range")

    assert decode_faults.located(error, Touch(0, "0", [Level("0", "-1")])) is error


def test_a_reason_is_one_short_line_that_still_says_where() -> None:
    """It may quote what a venue sent: made-up words, ends of lines, half a character."""
    error = BadField("validation", "no such word: \x1b[2J\nalarm \ud800" + "y" * 1_000 + " - at `$.side`")

    reason = decode_faults.failed("coinbase", b"{}", error, 1).reason

    assert len(reason) == 200
    assert reason.startswith(r"no such word: \x1b[2J\nalarm \ud800y") and reason.endswith("yy… - at `$.side`")
    assert reason.isprintable()


def test_a_number_beyond_all_bounds_is_said_to_be_one() -> None:
    with pytest.raises(ArithmeticError) as raised:
        msgspec.json.Decoder(float_hook=Decimal).decode("1e99999999999999999999")

    fault = decode_faults.failed("coinbase", b"1e99999999999999999999", raised.value, 1)

    assert (fault.category, fault.reason) == ("validation", "a number beyond all bounds")
