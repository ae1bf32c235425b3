"""A venue that doesn't list its products any more: what is held is guarded and closed, and nothing is opened."""

from __future__ import annotations

from domain.effects import Role
from domain.messages.journal import OrderSubmitted
from domain.messages.orders import Purpose
from tests.workflows.test_cover import bare
from tests.workflows.trading_scenario import TradingScenario

FOR_EVER = 10**6
NOT_LISTED = {"venue": "coinbase", "where": "market_data", "kind": "5xx", "count": FOR_EVER}


def restarted(on_exit: str) -> TradingScenario:
    """A position whose stop somebody canceled while nothing of ours ran, and products that nobody tells."""
    scenario = TradingScenario(
        SIMULATOR__SEED="3",
        PROTECTION__STOP_LOSS_RATIO="0.2",
        PROTECTION__ON_EXIT=on_exit,
        SUPERVISION__HUNG_AFTER_S="1000",
    )
    scenario.stage.boot()
    scenario.run_until_filled(1)
    scenario.stage.hang(Role.SIGNAL_ENGINE)
    scenario.stage.advance(seconds=2)
    exchange = scenario.world.exchange
    for order in list(exchange.live_orders()):
        exchange.cancel(order.order_id, scenario.stage.clock.true.now().utc_ns)
    assert bare(scenario)
    scenario.world.inject(NOT_LISTED)
    scenario.restart()
    scenario.stage.boot()
    scenario.stage.hang(Role.SIGNAL_ENGINE)
    return scenario


def purposes(scenario: TradingScenario, known: set[str]) -> list[Purpose]:
    submitted = [event.order for event in scenario.journaled(OrderSubmitted)]
    return [order.purpose for order in submitted if order.client_order_id not in known]


def test_a_stop_is_placed_after_a_restart_without_a_listing() -> None:
    scenario = restarted("keep_stops")
    known = scenario.submitted_ids()

    scenario.stage.advance(seconds=scenario.settings.protection.within_s)

    assert bare(scenario) == set()
    assert set(purposes(scenario, known)) == {Purpose.PROTECT}


def test_positions_are_closed_after_a_restart_without_a_listing() -> None:
    scenario = restarted("flatten")
    known = scenario.submitted_ids()
    scenario.stage.advance(seconds=1)

    wound_down = scenario.wind_down()

    assert wound_down.bare == ()
    assert purposes(scenario, known)[-1] is Purpose.CLOSE
    assert scenario.ledger().books.positions == {}
