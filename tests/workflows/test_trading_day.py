"""The road of an order through every actor, under virtual time."""

from __future__ import annotations

import pytest

from domain.effects import Role
from domain.messages.journal import OrderSubmitted
from domain.messages.orders import Purpose
from tests.workflows.trading_scenario import TradingScenario

GATEWAY = Role.EXCHANGE_GATEWAY.at("coinbase")
FEED = Role.PRICE_FEED.at("coinbase")


def assert_truth_is_ours(scenario: TradingScenario) -> None:
    """Venue truth, journal and portfolio agree: no order doubled, none unknown, positions equal."""
    truth = scenario.truth()
    portfolio = scenario.stage.actor(Role.PORTFOLIO).manager.portfolio
    assert truth["duplicate_client_order_ids"] == []
    assert {order["client_order_id"] for order in truth["orders"]} <= scenario.submitted_ids()
    for currency, balance in truth["balances"].items():
        assert str(portfolio.balances["coinbase", "", currency].normalize()) == str(
            type(portfolio.balances["coinbase", "", currency])(balance["total"]).normalize()
        )


def test_signals_become_positions_that_are_protected_and_closed_and_the_books_balance() -> None:
    scenario = TradingScenario()
    scenario.stage.boot()

    scenario.run_until_filled(3)
    wound_down = scenario.wind_down()

    purposes = [event.order.purpose for event in scenario.journaled(OrderSubmitted)]
    assert {Purpose.OPEN, Purpose.PROTECT, Purpose.CLOSE} <= set(purposes)
    assert wound_down.is_reconciled
    assert wound_down.unconfirmed == ()
    assert_truth_is_ours(scenario)


def test_the_same_seed_gives_the_same_journal_to_the_byte() -> None:
    exports = []
    for _ in range(2):
        scenario = TradingScenario(seed=3)
        scenario.stage.boot()
        scenario.run_until_filled(2)
        exports.append(scenario.stage.journal.export())

    assert exports[0] == exports[1]


@pytest.mark.parametrize("role", [Role.ORDER_ROUTER, Role.PORTFOLIO, GATEWAY])
def test_a_crash_at_any_moment_loses_and_doubles_nothing(role: str) -> None:
    scenario = TradingScenario(seed=1)
    scenario.stage.boot()
    scenario.run_until_filled(1)

    for pause_s in (0.0, 0.013, 0.11, 0.31):
        scenario.stage.advance(seconds=pause_s)
        scenario.stage.crash(role)
        scenario.stage.advance(seconds=1.5)
    scenario.stage.advance(seconds=2)
    wound_down = scenario.wind_down()

    assert wound_down.is_reconciled, wound_down.differences
    assert_truth_is_ours(scenario)


@pytest.mark.parametrize("kind", ["timeout_after_accept", "timeout_before_accept", "5xx_after_accept", "429"])
def test_a_faulty_submit_is_resolved_by_evidence_and_never_doubled(kind: str) -> None:
    scenario = TradingScenario(VENUES__COINBASE__REQUEST_TIMEOUT_S="1")
    scenario.stage.boot()
    scenario.run_until_filled(1)

    scenario.world.inject({"venue": "coinbase", "kind": kind, "where": "submit", "count": 2})
    scenario.stage.advance(seconds=5)
    wound_down = scenario.wind_down()

    assert wound_down.is_reconciled, wound_down.differences
    assert wound_down.unconfirmed == ()
    assert_truth_is_ours(scenario)


def test_a_silent_feed_stops_openings_until_it_is_back() -> None:
    scenario = TradingScenario()
    scenario.stage.boot()
    scenario.run_until_filled(1)

    scenario.world.inject({"venue": "coinbase", "kind": "silence", "where": "market_stream", "count": 1, "seconds": 60})
    scenario.stage.advance(seconds=4.5)
    feed = scenario.stage.actor(FEED)
    assert feed.stream.session.reconnects == 0 or "silent" in feed.stream.session.last_failure

    scenario.stage.advance(seconds=2)
    assert feed.stream.session.reconnects >= 1
    filled = scenario.filled_orders()
    scenario.run_until_filled(filled + 1)
