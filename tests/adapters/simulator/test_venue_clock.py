"""The simulated venues' clock is right, whatever is done to ours."""

from __future__ import annotations

import time

import pytest

from adapters.simulator.venue_clock import VenueClock
from domain.instant import SECOND_NS


@pytest.mark.parametrize("step_s", [-600, 3600, -30 * 86_400])
def test_a_step_of_our_clock_is_none_of_the_venues(step_s: int, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, ours = VenueClock(), time.time_ns
    before_ns = clock.now_ns()
    assert abs(before_ns - ours()) < SECOND_NS, "it starts by ours"

    monkeypatch.setattr(time, "time_ns", lambda: ours() + step_s * SECOND_NS)

    assert 0 <= clock.now_ns() - before_ns < 5 * SECOND_NS


def test_another_life_of_the_venues_goes_on_by_the_same_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VenueClock()
    monkeypatch.setattr(time, "time_ns", lambda: 0)

    before_ns = clock.now_ns()
    assert 0 <= VenueClock(clock.utc_at_boot_ns).now_ns() - before_ns < 5 * SECOND_NS
