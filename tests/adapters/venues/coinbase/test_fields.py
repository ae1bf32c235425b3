from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.decoding import tokens
from adapters.decoding.tokens import BadField
from adapters.venues.coinbase import fields
from domain.messages.orders import OrderStatus


@given(st.integers(1_000_000, 4_000_000_000_000_000))
def test_times_survive_the_way_out_and_back_to_the_microsecond(microseconds: int) -> None:
    time_ns = microseconds * 1000

    assert tokens.utc_ns(fields.rfc3339(time_ns)) == time_ns


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
