"""What one actor's trouble means to the others, and to the money: failure scenarios by their numbers."""

from __future__ import annotations

import pytest

from domain.effects import Role
from domain.messages.base import Message
from domain.messages.journal import IntentAccepted, OrderSubmitted
from domain.messages.orders import OrderIntent
from tests.workflows.theatre import Theatre

FEED = Role.PRICE_FEED.at("coinbase")


@pytest.fixture
def theatre() -> Theatre:
    theatre = Theatre()
    theatre.stage.boot()
    return theatre


@pytest.mark.parametrize("moment", ["before", "after"])
def test_f47_a_handler_that_raises_is_replaced_and_its_message_counts_at_most_once(
    theatre: Theatre, moment: str
) -> None:
    broken = theatre.stage.actor(Role.ORDER_ROUTER)
    others = {actor.role: actor for actor in theatre.stage.actors() if actor is not broken}
    obey = broken._apply

    def break_on_an_intent(message: Message) -> None:
        if not isinstance(message, OrderIntent) or moment == "after":
            obey(message)
        if isinstance(message, OrderIntent):
            raise RuntimeError("a bug")

    broken._apply = break_on_an_intent
    theatre.run_until_filled(1)
    theatre.stage.advance(seconds=2)

    assert theatre.stage.actor(Role.ORDER_ROUTER) is not broken
    assert all(theatre.stage.actor(role) is actor for role, actor in others.items())
    intents = [event.intent.intent_id for event in theatre.journaled(IntentAccepted)]
    orders = [event.order.client_order_id for event in theatre.journaled(OrderSubmitted)]
    assert (len(set(intents)), len(set(orders))) == (len(intents), len(orders))
    assert theatre.wind_down().is_reconciled
    assert theatre.truth()["duplicate_client_order_ids"] == []


def test_f48_who_is_slow_to_read_prices_delays_nobody_elses(theatre: Theatre) -> None:
    theatre.stage.advance(seconds=2)
    theatre.stage.hang(Role.SIGNAL_ENGINE)
    ages_s, quotes = [], theatre.stage.actor(FEED).counters["quotes"]

    for _ in range(10):
        theatre.stage.advance(seconds=0.25)
        now = theatre.stage.clock.now()
        marks = theatre.stage.actor(Role.PORTFOLIO).allocator.marks
        assert marks.trouble("coinbase", "BTC-USD", now) == ""
        ages_s.append((now.utc_ns - marks.quote("coinbase", "BTC-USD").ts_event) / 1e9)

    assert max(ages_s) < 1.5  # a quiet market: four quotes a second over three products
    assert theatre.stage.actor(FEED).counters["quotes"] > quotes
