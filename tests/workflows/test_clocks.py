"""A machine that sleeps, and clocks that are set, in the middle of trading."""

from __future__ import annotations

import pytest

from domain.effects import Role
from domain.messages.journal import BalanceCorrected, HaltRaised, OrderFilled, OrderSubmitted
from domain.messages.orders import Purpose
from tests.workflows.trading_scenario import TradingScenario


def test_whoever_wakes_first_trusts_no_price_of_before_a_sleep() -> None:
    scenario = TradingScenario()
    scenario.stage.boot()
    scenario.stage.advance(seconds=2)
    clock = scenario.stage.clock
    quotes = (
        scenario.stage.actor(Role.ORDER_ROUTER).manager._quotes,
        scenario.stage.actor(Role.PORTFOLIO).manager.quotes,
    )

    def troubles() -> list[str]:
        return [each.trouble("coinbase", "BTC-USD", clock.now()) for each in quotes]

    before = troubles()
    clock.sleep(20)
    woken = troubles()
    scenario.stage.advance(seconds=2)

    assert (before, woken, troubles()) == (["", ""], ["stale_quote"] * 2, ["", ""])


def opened(scenario: TradingScenario) -> int:
    return sum(told.order.purpose is Purpose.OPEN for told in scenario.journaled(OrderSubmitted))


@pytest.mark.parametrize("step_s", [pytest.param(-3600, marks=pytest.mark.long), 3600])
def test_a_clock_set_wrong_in_a_run_stops_openings_only_and_set_right_stops_nothing(step_s: float) -> None:
    """F42"""
    scenario = TradingScenario(VENUES__COINBASE__INSTRUMENTS="BTC-USD", PROTECTION__TAKE_PROFIT_RATIO="0.001")
    scenario.stage.boot()
    scenario.run_until_filled(1)
    clock, manager = scenario.stage.clock, scenario.stage.actor(Role.ORDER_ROUTER).manager

    clock.step(step_s)
    scenario.stage.advance(seconds=12)  # by then the venue's clock has been read again
    halts, before = [halt.reason for halt in manager.halts], opened(scenario)
    scenario.stage.advance(seconds=4)
    meanwhile = opened(scenario) - before
    held = {key: position.quantity for key, position in manager.books.positions.items()}
    covered = {key: manager.books.covered_quantity(*key) for key in held}
    clock.step(-step_s)
    scenario.stage.advance(seconds=12)
    scenario.run_until_filled(scenario.filled_orders() + 1)
    wound_down = scenario.wind_down()

    direction = "ahead of" if step_s > 0 else "behind"
    assert halts == [f"our clock is 3600 s {direction} coinbase's"]
    assert (meanwhile, covered) == (0, held)
    assert scenario.journaled(HaltRaised) + scenario.journaled(BalanceCorrected) == []
    assert wound_down.is_reconciled and not wound_down.unconfirmed
    assert {fill.fill.fill_id for fill in scenario.journaled(OrderFilled)} == {
        fill["entry_id"] for fill in scenario.truth()["fills"]
    }
