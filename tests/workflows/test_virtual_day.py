"""A day of the demo in virtual time: it trades on, nothing grows, nothing halts, and a restart finds all as it was.

A working day: an hour costs most of a minute. More are a matter of patience.
"""

from __future__ import annotations

import gc
import itertools
import types
from collections import defaultdict
from decimal import Decimal
from statistics import median

import pytest

from actors.runtime.base_actor import BaseActor
from domain.messages.journal import BalanceCorrected, ExternalFillSeen, HaltRaised
from domain.portfolio.opening_rate import OpeningRate
from domain.streams.replay_filter import ReplayFilter
from tests.workflows.trading_scenario import TradingScenario

HOURS = 8
WARM_UP_HOURS = 2  # by then whatever is kept for an hour, or for a thousand orders, is all there
PATIENT = {  # what a virtual second costs is mostly the market's own bustle
    "SIMULATOR__QUOTES_PER_S": "0.5",
    "SIMULATOR__TRADES_PER_S": "0.5",
    "ORDERS__RECONCILE_EVERY_S": "15",
    "MARKET_DATA__TRADES_REMEMBERED": "100",
    "SIMULATOR__BALANCES__USD": "1000000",  # so that a day of fees leaves something to trade with
    "RISK__DAILY_LOSS_RATIO": "1",
    "RISK__MAX_DRAWDOWN_RATIO": "1",
}
_NOT_ITS_OWN = ("actors.stage", "adapters.simulator", "thespian", "logging", "tests", "unittest", "_pytest")
_SHARED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType)
_PATIENT_MEMORIES = (OpeningRate, ReplayFilter)  # of a day, of 5,000 trades: bounded, and hours from full


def weight(actor: BaseActor) -> int:
    """Return how many objects an actor keeps alive by itself: not the stage's, and not what modules hold.

    Memories that hours do not fill are left out: each has a bound of its own.
    """
    seen, waiting = {id(actor)}, [vars(actor)]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, (*_SHARED, *_PATIENT_MEMORIES)):
            continue
        if type(thing).__module__.startswith(_NOT_ITS_OWN):
            continue
        seen.add(id(thing))
        waiting += gc.get_referents(thing)
        if isinstance(thing, dict):
            waiting += thing  # texts that are keys are nobody's referents
    return len(seen)


def weights(scenario: TradingScenario) -> dict[str, int]:
    return {actor.role: weight(actor) for actor in scenario.stage.actors()}


def grown(samples: list[int]) -> float:
    """Return by what share the last third is heavier than the one before."""
    third = len(samples) // 3
    return median(samples[-third:]) / median(samples[-2 * third : -third]) - 1


def test_what_an_actor_keeps_is_weighed_and_nothing_of_the_stage() -> None:
    scenario = TradingScenario(**PATIENT)
    scenario.stage.boot()
    scenario.stage.advance(seconds=1)
    (recorder,) = (actor for actor in scenario.stage.actors() if actor.role == "recorder")
    before = weight(recorder)

    scenario.stage.toolbox.memory_history.rows += [(number, "x", {}) for number in range(1_000)]
    of_others = weight(recorder) - before
    recorder.leak = {f"kept {number}": number for number in range(1_000)}

    assert of_others == 0
    assert 1_000 <= weight(recorder) - before < 2_100


@pytest.mark.long
def test_a_day_of_the_demo_leaves_nothing_behind() -> None:
    scenario = TradingScenario(**PATIENT)
    scenario.stage.boot()
    samples: dict[str, list[int]] = defaultdict(list)
    orders = [0]

    for hour in range(HOURS):
        scenario.stage.advance(seconds=3600)
        orders.append(len(scenario.submitted_ids()))
        if hour >= WARM_UP_HOURS:
            for role, objects in weights(scenario).items():
                samples[role].append(objects)
        print(f"hour {hour + 1}: {orders[-1]} orders, {weights(scenario)}", flush=True)

    assert all(later > earlier for earlier, later in itertools.pairwise(orders)), "an hour without an order"
    assert {role: f"{grown(kept):+.1%}" for role, kept in samples.items() if grown(kept) > 0.05} == {}
    assert scenario.stage.failures == []
    assert_nothing_halted_or_guessed(scenario)
    assert_a_restart_changes_nothing(scenario)


def assert_nothing_halted_or_guessed(scenario: TradingScenario) -> None:
    for kind in (HaltRaised, BalanceCorrected, ExternalFillSeen):
        assert scenario.journaled(kind) == []


def assert_a_restart_changes_nothing(scenario: TradingScenario) -> None:
    assert scenario.wind_down().is_reconciled
    scenario.restart()
    scenario.stage.boot()
    scenario.stage.advance(seconds=30)
    assert scenario.wind_down().is_reconciled
    assert_nothing_halted_or_guessed(scenario)
    truth, books = scenario.truth(), scenario.ledger().books
    assert truth["duplicate_client_order_ids"] == []
    for currency, balance in truth["balances"].items():
        assert books.balances["coinbase", "", currency] == Decimal(balance["total"])
