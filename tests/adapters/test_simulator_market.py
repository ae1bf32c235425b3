"""The simulated market: alive, repeatable, and with no money lying about."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice, pairwise
from math import sqrt

import pytest

from adapters.simulator.market import LISTINGS, Market, ProductMarket
from domain.instrument import Side
from domain.settings import SECOND_NS
from tests.adapters.simulator_client import START_NS, quick_settings


def run(market: Market, seconds: float) -> None:
    end_ns = START_NS + int(seconds * SECOND_NS)
    while market.next_due_ns <= end_ns:
        market.step()


def tapes(market: Market) -> list:
    return [list(product.tape.prints) for product in market.products.values()]


def test_history_is_printed_before_the_start_with_stamps_in_the_past() -> None:
    market = Market(quick_settings(warm_up_s=5.0), START_NS)

    run(market, 0)

    for prints in tapes(market):
        assert 10 < len(prints) < 60
        assert all(START_NS - 5 * SECOND_NS <= one.time_ns <= START_NS for one in prints)
        assert [one.trade_id - prints[0].trade_id for one in prints] == list(range(len(prints)))


def test_makers_keep_a_deep_and_narrow_book_that_is_never_crossed() -> None:
    market = Market(quick_settings(), START_NS)

    for _ in range(500):
        market.step()

    for product in market.products.values():
        bids, asks = list(product.book.levels(Side.BUY)), list(product.book.levels(Side.SELL))
        assert 0 < float(asks[0].price - bids[0].price) / float(bids[0].price) < 0.0005
        assert len(bids) >= 4 and len(asks) >= 4
        assert 1_000 < float(bids[1].price * bids[1].quantity) < 25_000


def test_the_same_seed_makes_the_same_world_and_another_seed_another() -> None:
    worlds = [Market(quick_settings(seed=seed), START_NS) for seed in (1, 1, 2)]
    for market in worlds:
        run(market, 2)

    assert tapes(worlds[0]) == tapes(worlds[1])
    assert tapes(worlds[0]) != tapes(worlds[2])


def test_public_trades_come_at_about_the_configured_rate() -> None:
    market = Market(quick_settings(quotes_per_s=5.0, trades_per_s=6.0), START_NS)

    run(market, 20)

    prints = sum(len(prints) for prints in tapes(market))
    assert prints == pytest.approx(3 * 6 * 20, rel=0.2)


def live_product(seed: int) -> Iterator[tuple[float, float]]:
    """Yield the touch (bid, ask) of one product, second by second: one requote and one public trade each."""
    product = ProductMarket(LISTINGS[0], quick_settings(seed=seed), START_NS)
    for second in count(1):
        product.requote(START_NS + second * SECOND_NS)
        yield float(product.book.best_price(Side.BUY)), float(product.book.best_price(Side.SELL))
        product.take(START_NS + second * SECOND_NS)


def earn_by_following_the_trend(seed: int) -> float:
    """Return the profit in USD of a follower that takes the touch in the direction of the last second.

    It holds one unit long or short for a minute, at the fees of a big account.
    """
    fee_ratio, cash, position, before = 0.0005, 0.0, 0, 0.0
    for bid, ask in islice(live_product(seed), 60):
        mid = (bid + ask) / 2
        wanted = (mid > before) - (mid < before) if before else 0
        price = ask if wanted > position else bid
        cash -= (wanted - position) * price + abs(wanted - position) * price * fee_ratio
        position, before = wanted, mid
    return cash + position * (bid if position > 0 else ask)


def test_a_trend_follower_earns_nothing_on_average() -> None:
    profits = [earn_by_following_the_trend(seed) for seed in range(20)]

    assert len(set(profits)) == 20  # the seeds really differ
    assert sum(profits) / len(profits) <= 0


def test_moves_have_no_memory() -> None:
    mids = [(bid + ask) / 2 for bid, ask in islice(live_product(seed=7), 1_500)]

    moves = [later - earlier for earlier, later in pairwise(mids)]
    correlation = sum(a * b for a, b in pairwise(moves)) / sum(move * move for move in moves)
    assert abs(correlation) < 3 / sqrt(len(moves))
