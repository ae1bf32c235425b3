"""Strategies that hang, in a process of their own: the timer ends those in Python, a note blames those in C."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from actors.signal_engine import SignalEngine
from actors.stage.market import market
from domain.effects import Role
from domain.messages.signals import Signal
from domain.messages.system import AlarmRaised
from domain.settings import Settings, SignalSettings, SupervisionSettings
from domain.signals.strategies import STRATEGIES
from scripts.rehearsal import open_stage

pytestmark = pytest.mark.system

WEIGHTS = {"fast_scalping": 0.5, "momentum_scalping": 0.5}
QUICK = Settings(
    signals=SignalSettings(weights=WEIGHTS, strategy_within_s=0.1),
    supervision=SupervisionSettings(hung_after_s=0.4),
)
FEED = Role.PRICE_FEED.at("coinbase")


def loop(self: object, candle: object) -> None:
    while True:
        pass


def loop_unreachably(self: object, candle: object) -> None:
    """Hang in C, where Python serves no signal."""
    sum(range(10**15))


@pytest.mark.parametrize(
    ("hang", "is_ended", "reason"),
    [
        (loop, False, "it did not come back in time"),
        (loop_unreachably, True, "it hung, and the process with it"),
    ],
)
def test_a_strategy_that_hangs_is_benched_and_the_other_votes_on(
    hang: Callable, is_ended: bool, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(STRATEGIES["momentum_scalping"], "update", hang)  # actors are forked from here
    with open_stage(on="processes", settings=QUICK) as stage:
        stage.cast(SignalEngine, Role.SIGNAL_ENGINE)
        stage.tell(Role.SIGNAL_ENGINE, *market(closes=range(100, 130)), sender=FEED)
        if is_ended:
            stage.advance(seconds=0.5)
            stage.crash(Role.SIGNAL_ENGINE)  # as the supervisor does with whom it hears nothing of
            stage.cast(SignalEngine, Role.SIGNAL_ENGINE)
            stage.tell(Role.SIGNAL_ENGINE, *market(closes=range(100, 130)), sender=FEED)

        alarm = stage.wait_for(Role.MONITOR, AlarmRaised)
        assert reason in alarm.text
        assert stage.wait_for(Role.PORTFOLIO, Signal).strategies == ("fast_scalping",)
