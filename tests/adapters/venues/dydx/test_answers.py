"""dYdX's listing of its markets, as nobody sends it."""

from __future__ import annotations

import json

import pytest

from adapters.decoding.answers import MOST_LISTED, OversizeAnswer
from adapters.venues.dydx import answers
from domain.messages.listing import UNREAD_KEPT


@pytest.mark.parametrize("rows", [MOST_LISTED + 1, 400_000])
def test_a_listing_of_more_rows_than_there_are_markets_is_none(rows: int) -> None:
    markets = ",".join(f'"{number}":0' for number in range(rows))

    with pytest.raises(OversizeAnswer):
        answers.instruments(f'{{"markets":{{{markets}}}}}'.encode())


def test_of_many_markets_that_cannot_be_read_the_first_are_named() -> None:
    rows = 2 * UNREAD_KEPT + 300
    listed = answers.instruments(json.dumps({"markets": dict.fromkeys(map(str, range(rows)), 0)}).encode())

    assert [one.count for one in listed.unread] == [1] * 2 * UNREAD_KEPT + [300]
