"""The signal engine: a strategy that fails costs its own voice, never the engine, and a person hears of it."""

from __future__ import annotations

import pytest

from actors.signal_engine import SignalEngine
from actors.stage.market import market
from actors.stage.stage import Stage
from domain.effects import Role
from domain.messages.signals import Signal
from domain.messages.system import AlarmRaised
from domain.settings import Settings, SignalSettings
from domain.signals.strategies import STRATEGIES

FEED = Role.PRICE_FEED.at("coinbase")
BOTH = Settings(signals=SignalSettings(weights={"fast_scalping": 0.5, "momentum_scalping": 0.5}))


@pytest.fixture
def stage() -> Stage:
    return Stage(BOTH)


def alarms(stage: Stage) -> list[AlarmRaised]:
    return [message for message in stage.received[Role.MONITOR] if isinstance(message, AlarmRaised)]


def test_a_strategy_that_raises_is_benched_with_an_alarm_and_its_traceback_and_the_other_votes_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken_update(self: object, candle: object) -> None:
        raise LookupError("boom")

    monkeypatch.setattr(STRATEGIES["momentum_scalping"], "update", broken_update)
    stage.cast(SignalEngine, Role.SIGNAL_ENGINE)

    stage.tell(Role.SIGNAL_ENGINE, *market(closes=range(100, 130)), sender=FEED)

    assert stage.wait_for(Role.PORTFOLIO, Signal).strategies == ("fast_scalping",)
    assert stage.actor(Role.SIGNAL_ENGINE).incarnation == 1
    [alarm] = alarms(stage)
    assert alarm.subject == "strategy momentum_scalping"
    assert alarm.text == "benched until the next start: it raised LookupError: boom; the others vote on"
    assert "in broken_update" in caplog.text


def test_when_the_last_strategy_is_benched_nobody_is_said_to_vote_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_update(self: object, candle: object) -> None:
        raise LookupError("boom")

    for name in stage.settings.signals.weights:
        monkeypatch.setattr(STRATEGIES[name], "update", broken_update)
    stage.cast(SignalEngine, Role.SIGNAL_ENGINE)

    stage.tell(Role.SIGNAL_ENGINE, *market(closes=range(100, 130)), sender=FEED)

    assert [alarm.text.rpartition("; ")[2] for alarm in alarms(stage)][
        -1
    ] == "no strategy is left: no signals until then"


def test_a_strategy_that_takes_too_long_is_benched_also_for_the_engines_successor(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def slow_update(self: object, candle: object) -> None:
        asked.append(candle)
        stage.clock.spend(60)

    monkeypatch.setattr(STRATEGIES["momentum_scalping"], "update", slow_update)
    stage.cast(SignalEngine, Role.SIGNAL_ENGINE)
    stage.tell(Role.SIGNAL_ENGINE, *market(closes=range(100, 130)), sender=FEED)
    stage.cast(SignalEngine, Role.SIGNAL_ENGINE)
    stage.tell(Role.SIGNAL_ENGINE, *market(closes=range(100, 130)), sender=FEED)

    assert len(asked) == 1
    assert [alarm.text.split(": ")[1] for alarm in alarms(stage)] == [
        "it did not come back in time; the others vote on"
    ] * 2
