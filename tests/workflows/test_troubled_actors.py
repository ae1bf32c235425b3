"""What one actor's trouble means to the others, and to the money: failure scenarios by their numbers."""

from __future__ import annotations

import pytest

from domain.effects import Role
from domain.messages.base import Message
from domain.messages.journal import IntentAccepted, OrderSubmitted
from domain.messages.orders import OrderIntent
from tests.workflows.trading_scenario import TradingScenario

FEED = Role.PRICE_FEED.at("coinbase")


@pytest.fixture
def scenario() -> TradingScenario:
    scenario = TradingScenario()
    scenario.stage.boot()
    return scenario


@pytest.mark.parametrize("moment", ["before", "after"])
def test_f47_a_handler_that_raises_is_replaced_and_its_message_counts_at_most_once(
    scenario: TradingScenario, moment: str
) -> None:
    broken = scenario.stage.actor(Role.ORDER_ROUTER)
    others = {actor.role: actor for actor in scenario.stage.actors() if actor is not broken}
    obey = broken._apply

    def break_on_an_intent(message: Message) -> None:
        if not isinstance(message, OrderIntent) or moment == "after":
            obey(message)
        if isinstance(message, OrderIntent):
            raise RuntimeError("a bug")

    broken._apply = break_on_an_intent
    scenario.run_until_filled(1)
    scenario.stage.advance(seconds=2)

    assert scenario.stage.actor(Role.ORDER_ROUTER) is not broken
    assert all(scenario.stage.actor(role) is actor for role, actor in others.items())
    intents = [event.intent.intent_id for event in scenario.journaled(IntentAccepted)]
    orders = [event.order.client_order_id for event in scenario.journaled(OrderSubmitted)]
    assert (len(set(intents)), len(set(orders))) == (len(intents), len(orders))
    assert scenario.wind_down().is_reconciled
    assert scenario.truth()["duplicate_client_order_ids"] == []


def test_f48_who_is_slow_to_read_prices_delays_nobody_elses(scenario: TradingScenario) -> None:
    scenario.stage.advance(seconds=2)
    scenario.stage.hang(Role.SIGNAL_ENGINE)
    ages_s, told = [], scenario.stage.actor(FEED).counters["quotes"]

    for _ in range(10):
        scenario.stage.advance(seconds=0.25)
        now = scenario.stage.clock.now()
        quotes = scenario.stage.actor(Role.PORTFOLIO).manager.quotes
        assert quotes.trouble("coinbase", "BTC-USD", now) == ""
        ages_s.append((now.utc_ns - quotes.quote("coinbase", "BTC-USD").ts_event) / 1e9)

    assert max(ages_s) < 1.5  # a quiet market: four quotes a second over three products
    assert scenario.stage.actor(FEED).counters["quotes"] > told
