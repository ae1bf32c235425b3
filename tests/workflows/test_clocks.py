"""A machine that sleeps, and clocks that are set, in the middle of trading."""

from __future__ import annotations

from domain.effects import Role
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
