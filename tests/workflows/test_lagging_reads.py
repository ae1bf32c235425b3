"""Reads that lag as far as the law allows move nothing and strip nothing (docs/money.md 2 and 6)."""

from __future__ import annotations

import pytest

from domain.effects import Role
from domain.messages.journal import (
    BalanceCorrected,
    CancelRequested,
    HaltRaised,
    OrderSubmitted,
    VenueReconciled,
)
from tests.workflows.trading_scenario import TradingScenario

LAGS_S = 2.4


@pytest.mark.parametrize("where", ["accounts", "list", "fills"])
def test_reads_that_lag_move_nothing_and_leave_the_stop_where_it_is(where: str) -> None:
    scenario = TradingScenario(
        SIMULATOR__SEED="3",
        PROTECTION__STOP_LOSS_RATIO="0.2",
        PROTECTION__TAKE_PROFIT_RATIO="0.2",
        SUPERVISION__HUNG_AFTER_S="1000",
        VENUES__COINBASE__READ_LAG_S="2.5",
        ORDERS__CORRECT_AFTER_S="0.5",
        ORDERS__RECONCILE_EVERY_S="0.5",
    )
    scenario.stage.boot()
    scenario.world.inject({"kind": "lag", "where": where, "rate": 1.0, "seconds": LAGS_S})
    while not scenario.journaled(OrderSubmitted):
        scenario.stage.advance(seconds=0.05)
    scenario.stage.hang(Role.SIGNAL_ENGINE)  # the account is quiet from here on

    scenario.stage.advance(seconds=2 * LAGS_S + 6)

    assert scenario.journaled(BalanceCorrected) + scenario.journaled(HaltRaised) == []
    assert scenario.journaled(CancelRequested) == []
    books = scenario.ledger().books
    assert books.positions and len(scenario.submitted_ids()) == 2 * len(books.positions)
    for key, position in books.positions.items():
        assert books.covered_quantity(*key) == position.quantity
    assert scenario.journaled(VenueReconciled)[-1].is_equal
