"""Whatever happens, in whatever order: afterwards venue truth, journal and portfolio are one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from domain.messages.journal import IntentAccepted
from domain.messages.orders import Purpose
from domain.numbers import ZERO
from tests.workflows.adversary import Adversary
from tests.workflows.trading_scenario import TradingScenario
from tests.workflows.truth import (
    assert_everybody_agrees,
    assert_nothing_was_doubled_or_guessed,
    assert_truth_is_ours,
)

LONGEST_PAUSE_S = 60  # that a venue's Retry-After is followed for
SELLS_WITHIN_S = 1.0  # a close: decided at the next beat of half a second, there and back, and looked at


@pytest.fixture
def adversary(seed: int) -> Iterator[Adversary]:
    adversary = Adversary(seed)
    yield adversary
    print("\n".join(adversary.trace))  # shown when the test fails


def assert_all_is_well(adversary: Adversary) -> None:
    scenario = adversary.scenario
    adversary.wait_for_rest()
    ledger = scenario.ledger()
    assert adversary.failures == []
    assert_nothing_was_doubled_or_guessed(scenario)
    assert_truth_is_ours(scenario, ledger)
    assert_everybody_agrees(scenario, ledger)
    assert_every_position_is_guarded(scenario)
    assert_nothing_was_bare_for_long(adversary)


def assert_every_position_is_guarded(scenario: TradingScenario) -> None:
    """Each holding worth an order is sold by exactly one bracket, or being sold."""
    exchange, inventory = scenario.world.exchange, scenario.inventory()
    for symbol, product in exchange.market.products.items():
        base = product.instrument.base
        held = exchange.ledger.total(base) - inventory.get(base, ZERO)
        sells = [order for order in exchange.live_orders() if order.asked.product_id == symbol]
        if held * product.tape.last_price >= product.instrument.min_notional:
            assert [order.leaves for order in sells] == [held], symbol
        else:
            assert sells == [], symbol


def assert_nothing_was_bare_for_long(adversary: Adversary) -> None:
    """Whatever befell it: from when nothing was wrong any more, each position had its stop, or was sold, in time."""
    guard, within_s = adversary.guard, adversary.scenario.settings.protection.within_s
    assert guard.longest_s <= within_s + SELLS_WITHIN_S, guard.worst


def assert_it_trades_again(scenario: TradingScenario) -> None:
    def openings() -> int:
        return sum(event.intent.purpose is Purpose.OPEN for event in scenario.journaled(IntentAccepted))

    before = openings()
    for _ in range(60 + LONGEST_PAUSE_S):
        if openings() > before:
            return
        scenario.stage.advance(seconds=1)
    raise AssertionError("no opening within a minute of calm, and of the longest pause that a venue may ask for")


def assert_it_ends_well(adversary: Adversary) -> None:
    if adversary.asked_to_pause:
        adversary.guard.advance(LONGEST_PAUSE_S)  # no account is read within a pause, at an end either
        adversary.wait_for_rest()  # an opening that waits for the end of the venue's pause is in nobody's power
    wound_down = adversary.scenario.wind_down()
    assert wound_down.is_reconciled, wound_down.differences
    assert wound_down.unconfirmed == ()


SLOW_SEEDS = [pytest.param(seed, marks=pytest.mark.long) for seed in (13, 19)]


@pytest.mark.parametrize("seed", [7, 27, *SLOW_SEEDS])  # of thirty, those that found most planted bugs
def test_a_bad_day_leaves_the_books_in_order(adversary: Adversary) -> None:
    adversary.play(misfortunes=5)
    adversary.relent()

    assert_all_is_well(adversary)
    assert_it_trades_again(adversary.scenario)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 300))
def test_many_bad_days_leave_the_books_in_order(adversary: Adversary) -> None:
    for _ in range(3):
        adversary.play(misfortunes=8)
        adversary.relent()
        assert_all_is_well(adversary)
        assert_it_trades_again(adversary.scenario)

    assert_it_ends_well(adversary)
