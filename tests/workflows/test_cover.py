"""How long a position may be without a stop, by the venue's own books, while brackets get lost on the way."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from adapters.simulator.engine.venue_order import VenueStatus
from domain.execution.overdue import KEPT
from domain.messages.base import Event
from domain.messages.journal import CancelRequested, OrderFilled, OrderSubmitted
from domain.messages.orders import Purpose
from tests.workflows.trading_scenario import TradingScenario

STEP_S = 0.25


def strike_the_first(scenario: TradingScenario, purpose: Purpose, **fault: object) -> None:
    """Let the faults begin with the first such order, which is journaled just before it is sent."""
    journal, faults = scenario.stage.journal, [{"venue": "coinbase", "where": "submit", **fault}]
    append = journal.append

    def watching(events: Sequence[Event], recorded_at: int):
        submitted = [event.order for event in events if isinstance(event, OrderSubmitted)]
        if faults and any(order.purpose is purpose for order in submitted):
            scenario.world.inject(faults.pop())
        return append(events, recorded_at)

    journal.append = watching


def bare(scenario: TradingScenario) -> set[str]:
    """Return the products held that are not covered, to the lot, by exactly one order; one that is kept guards nothing."""
    exchange, found = scenario.world.exchange, set()
    for symbol, product in exchange.market.products.items():
        held = exchange.ledger.total(product.instrument.base)
        live = [order for order in exchange.live_orders() if order.status is not VenueStatus.PENDING]
        sells = [order.leaves for order in live if order.asked.product_id == symbol]
        is_covered = len(sells) == 1 and sells[0] <= held < sells[0] + product.instrument.lot_size
        if held * product.tape.last_price >= product.instrument.min_notional and not is_covered:
            found.add(symbol)
    return found


def longest_bare_s(scenario: TradingScenario, seconds: float) -> float:
    """Play on; return for how long any position went without cover."""
    spent_s: dict[str, float] = {}
    longest_s = 0.0
    for _ in range(round(seconds / STEP_S)):
        scenario.stage.advance(seconds=STEP_S)
        spent_s = {symbol: spent_s.get(symbol, 0.0) + STEP_S for symbol in bare(scenario)}
        longest_s = max([longest_s, *spent_s.values()])
    return longest_s


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "timeout_before_accept", "count": 1},
        {"kind": "5xx", "count": 3},
        {"kind": "fail", "count": 1},
    ],
    ids=lambda fault: fault["kind"],
)
def test_a_position_is_covered_or_closed_in_time_whatever_becomes_of_its_bracket(fault: dict) -> None:
    scenario = TradingScenario()
    strike_the_first(scenario, Purpose.PROTECT, **fault)
    scenario.stage.boot()

    longest_s = longest_bare_s(scenario, 10)

    assert scenario.journaled(OrderFilled)
    assert longest_s <= scenario.settings.protection.within_s


def test_a_position_whose_close_the_venue_keeps_has_its_stop_back_or_is_sold_in_time() -> None:
    scenario = TradingScenario()
    strike_the_first(scenario, Purpose.CLOSE, kind="hold", seconds=600, count=3, order_type="limit")
    scenario.stage.boot()

    longest_s = longest_bare_s(scenario, 20)

    kept = [event for event in scenario.journaled(CancelRequested) if event.reason == KEPT]
    assert len(kept) == 3
    assert longest_s <= scenario.settings.protection.within_s
