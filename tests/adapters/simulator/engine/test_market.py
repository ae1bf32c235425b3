"""The simulated market: alive, repeatable, and with no money lying about."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import count, islice, pairwise
from math import sqrt

import pytest

from adapters.simulator.engine.agenda import LONGEST_FULL_NS, Agenda
from adapters.simulator.engine.listings import LISTINGS, VENUES
from adapters.simulator.engine.market import BASIS_MOST, Market, ProductMarket
from domain.instant import SECOND_NS
from domain.instrument import Side
from tests.adapters.simulator.client import START_NS, quick_settings

WARM_NS = START_NS - 5 * SECOND_NS


def open_markets(*venues: str, start_ns: int = START_NS, **settings) -> dict[str, Market]:
    """Return markets of one world that opens at `start_ns`, by venue."""
    agenda, latents = Agenda(start_ns), {}
    return {venue: Market(venue, quick_settings(**settings), agenda, latents, start_ns) for venue in venues}


def open_market(**settings) -> Market:
    return open_markets("coinbase", **settings)["coinbase"]


def run(market: Market, seconds: float) -> None:
    market.agenda.advance(START_NS + int(seconds * SECOND_NS))


def tapes(market: Market) -> list:
    return [list(product.tape.prints) for product in market.products.values()]


def touch(product: ProductMarket) -> tuple[float, float]:
    return float(product.book.best_price(Side.BUY)), float(product.book.best_price(Side.SELL))


def test_history_is_printed_before_the_start_with_stamps_in_the_past() -> None:
    market = open_market(start_ns=WARM_NS)

    run(market, 0)

    for prints in tapes(market):
        assert 10 < len(prints) < 60
        assert all(WARM_NS <= one.time_ns <= START_NS for one in prints)
        assert [one.trade_id - prints[0].trade_id for one in prints] == list(range(len(prints)))


@pytest.mark.parametrize("venue", VENUES)
def test_makers_keep_a_deep_and_narrow_book_that_is_never_crossed(venue: str) -> None:
    market = open_markets(venue)[venue]

    for _ in range(200):
        market.agenda.step()
        for product in market.products.values():
            bid, ask = product.book.best_price(Side.BUY), product.book.best_price(Side.SELL)
            assert bid is None or ask is None or bid < ask

    for product in market.products.values():
        bids, asks = list(product.book.levels(Side.BUY)), list(product.book.levels(Side.SELL))
        assert 0 < float(asks[0].price - bids[0].price) / float(bids[0].price) < 0.0007
        assert len(bids) >= 4 and len(asks) >= 4
        assert 1_000 < float(bids[1].price * bids[1].quantity) < 25_000


@pytest.mark.parametrize("venue", VENUES)
def test_every_price_and_size_lies_on_the_venues_own_grid(venue: str) -> None:
    market = open_markets(venue)[venue]

    run(market, 3)

    for product in market.products.values():
        levels = [level for side in Side for level in product.book.levels(side)]
        assert all(product.instrument.is_on_grid(*level) for level in levels)
        assert all(product.instrument.is_on_grid(one.price, one.quantity) for one in product.tape.prints)


@pytest.mark.parametrize(
    ("venue", "base", "price", "bid", "ask"),
    [
        ("coinbase", "BTC", 64_123.456, "64123.45", "64123.46"),
        ("dydx", "BTC", 64_123.456, "64123", "64124"),
        ("dydx", "SOL", 95.123456, "95.12", "95.13"),
        ("hyperliquid", "BTC", 64_123.456, "64123", "64124"),
        ("hyperliquid", "BTC", 123_456.7, "123456", "123457"),  # whole numbers may have more than five digits
        ("hyperliquid", "ETH", 3_200.123, "3200.1", "3200.2"),
        ("hyperliquid", "SOL", 95.123456, "95.123", "95.124"),
        ("hyperliquid", "SOL", 1.23456789, "1.2345", "1.2346"),
    ],
)
def test_a_venue_rounds_to_its_own_grid(venue: str, base: str, price: float, bid: str, ask: str) -> None:
    (listing,) = (one for one in LISTINGS[venue] if one.instrument.base == base)

    assert listing.on_grid(price, Side.BUY) == Decimal(bid)
    assert listing.on_grid(price, Side.SELL) == Decimal(ask)


def test_the_same_seed_makes_the_same_world_and_another_seed_another() -> None:
    worlds = [open_market(seed=seed) for seed in (1, 1, 2)]
    for market in worlds:
        run(market, 2)

    assert tapes(worlds[0]) == tapes(worlds[1])
    assert tapes(worlds[0]) != tapes(worlds[2])


def test_public_trades_come_at_about_the_configured_rate() -> None:
    market = open_market(quotes_per_s=5.0, trades_per_s=6.0)

    run(market, 20)

    prints = sum(len(prints) for prints in tapes(market))
    assert prints == pytest.approx(3 * 6 * 20, rel=0.2)


# ---- several venues ----------------------------------------------------------------------------------------


def test_the_venue_that_leads_is_the_same_whichever_others_there_are() -> None:
    alone = open_markets("coinbase")
    among_others = open_markets(*VENUES)

    for markets in (alone, among_others):
        run(markets["coinbase"], 2)

    assert tapes(alone["coinbase"]) == tapes(among_others["coinbase"])


def test_several_venues_are_the_same_however_often_they_are_advanced() -> None:
    at_once, step_by_step = open_markets(*VENUES), open_markets(*VENUES)

    run(at_once["dydx"], 2)
    for hundredth in range(201):
        run(step_by_step[VENUES[hundredth % 3]], hundredth / 100)

    for venue in VENUES:
        assert tapes(at_once[venue]) == tapes(step_by_step[venue])


def test_each_venue_has_its_own_people_around_one_price() -> None:
    markets = open_markets(*VENUES)

    run(markets["coinbase"], 2)

    for coinbase, dydx, hyperliquid in zip(*(market.products.values() for market in markets.values())):
        assert coinbase.index_price == dydx.index_price == hyperliquid.index_price
        assert float(coinbase.index_price) != coinbase.listing.opening_price
        assert len({dydx.basis, hyperliquid.basis, 0.0}) == 3
        times = [{one.time_ns for one in product.tape.prints} for product in (coinbase, dydx, hyperliquid)]
        assert all(times) and not times[0] & times[1] & times[2]


def test_nobody_can_pay_two_taker_fees_from_what_venues_differ_by() -> None:
    cheapest_fees = 0.00045 + 0.0005  # Hyperliquid and dYdX, at the lowest tier
    markets = open_markets("dydx", "hyperliquid", "coinbase", quotes_per_s=1.0, trades_per_s=1.0)
    widest = 0.0

    for second in range(40):
        run(markets["dydx"], second)
        for products in zip(*(market.products.values() for market in markets.values())):
            bids, asks = zip(*map(touch, products))
            widest = max(widest, max(bids) / min(asks) - 1)
            assert all(abs(product.basis) <= BASIS_MOST for product in products)

    assert 0 < widest < cheapest_fees


# ---- no free money -----------------------------------------------------------------------------------------


def live_product(seed: int) -> Iterator[tuple[float, float]]:
    """Yield the touch (bid, ask) of one product, second by second: one requote and one public trade each."""
    product = ProductMarket(LISTINGS["coinbase"][0], quick_settings(seed=seed), START_NS, {})
    for second in count(1):
        product.requote(START_NS + second * SECOND_NS)
        yield touch(product)
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


@pytest.mark.parametrize("slept_s", [600, 3_600, 7 * 86_400])
def test_a_long_sleep_is_made_up_quickly_and_all_over(slept_s: int) -> None:
    market = open_market(quotes_per_s=10.0, trades_per_s=5.0)
    run(market, 10)
    product = market.products["BTC-USD"]
    seen, opened = product.tape.last_trade_id, product.latent
    steps = count()
    market.on_trades = lambda *_: next(steps)

    run(market, 10 + slept_s)

    made = len(market.products) * (10 + 5) * LONGEST_FULL_NS / SECOND_NS
    assert 0.5 * made < next(steps) < 1.5 * made, "as much as in a short sleep"
    times_s = [(one.time_ns - START_NS) / SECOND_NS for one in product.tape.since(seen)]
    assert max(later - earlier for earlier, later in pairwise([10, *times_s, 10 + slept_s])) < slept_s / 4
    assert product.latent != opened
    before = next(steps)
    run(market, 10 + slept_s + 10)
    assert next(steps) - before > 0.5 * made / 2, "then it is as busy as ever"


def test_time_before_the_opening_is_made_up_in_full_however_long() -> None:
    market = open_market(quotes_per_s=1.0, trades_per_s=2.0)

    market.agenda.advance(START_NS + 100 * SECOND_NS, is_full=True)

    assert len(tapes(market)[0]) > 150
