"""Whatever happens at two venues at once: afterwards the books are what both accounts have come to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from domain.messages.journal import BalanceCorrected, HaltRaised, PositionCorrected
from tests.toy.rows import VENUE
from tests.workflows.adversary_of_two import AdversaryOfTwo
from tests.workflows.truth import (
    COINBASE,
    TOY,
    assert_everybody_agrees,
    assert_nothing_was_doubled_or_guessed,
    assert_truth_is_ours,
)
from tests.workflows.two_venues import TwoVenues

SLOW_SEEDS = [pytest.param(seed, marks=pytest.mark.long) for seed in (7, 27, 504, 506, 507)]


@pytest.fixture
def adversary(seed: int) -> Iterator[AdversaryOfTwo]:
    adversary = AdversaryOfTwo(seed)
    yield adversary
    print("\n".join(adversary.trace))  # shown when the test fails


def assert_all_is_well(adversary: AdversaryOfTwo) -> None:
    scenario = adversary.scenario
    adversary.wait_for_rest()
    ledger = scenario.ledger()
    assert adversary.failures == []
    assert_nothing_was_doubled_or_guessed(scenario, (COINBASE, TOY), never=(BalanceCorrected, PositionCorrected))
    assert scenario.journaled(HaltRaised) == []
    for place in (COINBASE, TOY):
        assert_truth_is_ours(scenario, ledger, place)
    assert_everybody_agrees(scenario, ledger)
    assert_every_perpetual_is_guarded(scenario)


def assert_every_perpetual_is_guarded(scenario: TwoVenues) -> None:
    """Each position is stopped out for all of it by orders that take nothing beyond it; where there is none, none waits."""
    exchange = scenario.toy.exchange
    for symbol, product in exchange.market.products.items():
        held = exchange.account.quantity(symbol)
        waiting = [order for order in exchange.live_orders() if order.asked.product_id == symbol]
        assert all(order.asked.reduce_only for order in waiting)
        stops = sum(
            order.leaves
            for order in waiting
            if order.asked.configuration["order_type"] == "STOP" and order.asked.side.sign * held < 0
        )
        if abs(held) * product.tape.last_price >= product.instrument.min_notional:
            assert stops >= abs(held), symbol
        assert held or not waiting, symbol


@pytest.mark.parametrize("seed", [501, *SLOW_SEEDS])
def test_a_bad_day_at_two_venues_leaves_the_books_in_order(adversary: AdversaryOfTwo) -> None:
    adversary.play(misfortunes=3)
    adversary.relent()

    assert_all_is_well(adversary)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(400, 460))
def test_many_bad_days_at_two_venues_leave_the_books_in_order(adversary: AdversaryOfTwo) -> None:
    for _ in range(3):
        adversary.play(misfortunes=8)
        adversary.relent()
        assert_all_is_well(adversary)

    wound_down = adversary.scenario.wind_down()
    assert wound_down.is_reconciled, wound_down.differences
    assert adversary.scenario.ledger().books.venues == {"coinbase", VENUE}
