from decimal import Decimal
from itertools import permutations

from domain.execution.routing import Candidate, is_substitute, rank
from domain.instrument import InstrumentKind, Side
from tests.builders import make_instrument


def candidate(venue: str, touch: str, fee: str) -> Candidate:
    return Candidate(make_instrument(venue=venue), Decimal(touch), Decimal(fee))


def venues(candidates: list[Candidate]) -> list[str]:
    return [candidate.instrument.venue for candidate in candidates]


def test_the_better_price_after_fees_wins_not_the_better_touch() -> None:
    """EX-14"""
    cheap_touch, cheap_fee = candidate("a", "100.0", "0.006"), candidate("b", "100.2", "0.001")

    assert venues(rank([cheap_touch, cheap_fee], Side.BUY)) == ["b", "a"]


def test_a_sale_goes_where_it_brings_most() -> None:
    offers = [candidate("a", "100.0", "0.001"), candidate("b", "100.2", "0.001")]

    assert venues(rank(offers, Side.SELL)) == ["b", "a"]


def test_equal_prices_are_ranked_by_name_whatever_order_they_come_in() -> None:
    """EX-14"""
    equals = [candidate(venue, "100", "0.001") for venue in "cab"]

    assert {tuple(venues(rank(order, Side.BUY))) for order in permutations(equals)} == {("a", "b", "c")}


def test_spot_and_perpetual_are_never_substitutes() -> None:
    spot = make_instrument(venue="a")

    assert is_substitute(spot, make_instrument(venue="b"))
    assert not is_substitute(spot, make_instrument(venue="b", kind=InstrumentKind.PERPETUAL))
    assert not is_substitute(spot, make_instrument("ETH-USD", venue="b"))
    assert not is_substitute(spot, make_instrument("BTC-USDC", venue="b"))
