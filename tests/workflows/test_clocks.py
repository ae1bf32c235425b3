"""A machine that sleeps, and clocks that are set, in the middle of trading."""

from __future__ import annotations

import pytest

from domain.effects import Role
from domain.messages.journal import BalanceCorrected, HaltRaised, OrderFilled, OrderSubmitted
from domain.messages.orders import Purpose
from tests.workflows.theatre import Theatre


def test_whoever_wakes_first_trusts_no_price_of_before_a_sleep() -> None:
    theatre = Theatre()
    theatre.stage.boot()
    theatre.stage.advance(seconds=2)
    clock = theatre.stage.clock
    marks = (
        theatre.stage.actor(Role.ORDER_ROUTER).desk._marks,
        theatre.stage.actor(Role.PORTFOLIO).allocator.marks,
    )

    def troubles() -> list[str]:
        return [each.trouble("coinbase", "BTC-USD", clock.now()) for each in marks]

    before = troubles()
    clock.sleep(20)
    woken = troubles()
    theatre.stage.advance(seconds=2)

    assert (before, woken, troubles()) == (["", ""], ["stale_quote"] * 2, ["", ""])


def opened(theatre: Theatre) -> int:
    return sum(told.order.purpose is Purpose.OPEN for told in theatre.journaled(OrderSubmitted))


@pytest.mark.parametrize("step_s", [pytest.param(-3600, marks=pytest.mark.long), 3600])
def test_a_clock_set_wrong_in_a_run_stops_openings_only_and_set_right_stops_nothing(step_s: float) -> None:
    theatre = Theatre(VENUES__COINBASE__INSTRUMENTS="BTC-USD", PROTECTION__TAKE_PROFIT_RATIO="0.001")
    theatre.stage.boot()
    theatre.run_until_filled(1)
    clock, desk = theatre.stage.clock, theatre.stage.actor(Role.ORDER_ROUTER).desk

    clock.step(step_s)
    theatre.stage.advance(seconds=12)  # by then the venue's clock has been read again
    halts, before = [halt.reason for halt in desk.halts], opened(theatre)
    theatre.stage.advance(seconds=4)
    meanwhile = opened(theatre) - before
    held = {key: position.quantity for key, position in desk.books.positions.items()}
    covered = {key: desk.books.covered_quantity(*key) for key in held}
    clock.step(-step_s)
    theatre.stage.advance(seconds=12)
    theatre.run_until_filled(theatre.filled_orders() + 1)
    wound_down = theatre.wind_down()

    direction = "ahead of" if step_s > 0 else "behind"
    assert halts == [f"our clock is 3600 s {direction} coinbase's"]
    assert (meanwhile, covered) == (0, held)
    assert theatre.journaled(HaltRaised) + theatre.journaled(BalanceCorrected) == []
    assert wound_down.is_reconciled and not wound_down.unconfirmed
    assert {fill.fill.fill_id for fill in theatre.journaled(OrderFilled)} == {
        fill["entry_id"] for fill in theatre.truth()["fills"]
    }
