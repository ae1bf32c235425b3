"""A power cut takes the journal's tail: what left before it comes back by the venue's word."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.effects import Role
from domain.messages.journal import (
    BalanceCorrected,
    ExternalFillSeen,
    HaltRaised,
    JournalEntry,
    OrderAdopted,
    OrderFilled,
    OrderSubmitted,
    VenueReconciled,
)
from domain.numbers import ZERO
from tests.workflows.trading_scenario import TradingScenario


def lose_tail(scenario: TradingScenario) -> None:
    """Take everything from the intent of the first order on out of the journal."""
    lines = scenario.stage.journal.lines
    decode = msgspec.json.Decoder(JournalEntry).decode
    sent = [at for at, line in enumerate(lines) if isinstance(decode(line).event, OrderSubmitted)]
    del lines[sent[0] - 1 :]


def test_a_stop_of_ours_is_no_second_bots_though_the_whole_journal_is_gone() -> None:
    scenario = TradingScenario(SIMULATOR__SEED="3", PROTECTION__STOP_LOSS_RATIO="0.2", SUPERVISION__HUNG_AFTER_S="1000")
    scenario.stage.boot()
    scenario.run_until_filled(1)
    scenario.stage.hang(Role.SIGNAL_ENGINE)
    scenario.stage.advance(seconds=18)  # no read lags behind the purchase any more
    scenario.stage.journal.lines.clear()

    scenario.restart()
    scenario.stage.boot()
    scenario.stage.hang(Role.SIGNAL_ENGINE)
    scenario.stage.advance(seconds=4)

    adopted = {event.client_order_id for event in scenario.journaled(OrderAdopted)}
    live = {order["client_order_id"] for order in scenario.truth()["orders"] if order["status"] == "OPEN"}
    assert adopted == live != set()
    assert scenario.journaled(HaltRaised) == []
    assert scenario.journaled(VenueReconciled)[-1].is_equal
    assert scenario.wind_down().is_reconciled


def test_an_entry_and_its_stop_that_the_journal_lost_are_ours_again() -> None:
    scenario = TradingScenario(SIMULATOR__SEED="3", PROTECTION__STOP_LOSS_RATIO="0.2", SUPERVISION__HUNG_AFTER_S="1000")
    scenario.stage.boot()
    scenario.run_until_filled(1)
    scenario.stage.hang(Role.SIGNAL_ENGINE)
    scenario.stage.advance(seconds=2)
    sent = scenario.submitted_ids()
    lose_tail(scenario)
    assert scenario.journaled(OrderFilled) == []

    scenario.restart()
    scenario.stage.boot()
    scenario.stage.hang(Role.SIGNAL_ENGINE)
    scenario.stage.advance(seconds=6)

    assert {event.client_order_id for event in scenario.journaled(OrderAdopted)} == sent
    assert scenario.journaled(HaltRaised) + scenario.journaled(ExternalFillSeen) == []
    assert scenario.journaled(BalanceCorrected) == []
    ledger, truth = scenario.ledger(), scenario.truth()
    assert ledger.books.positions
    for (venue, instrument), position in ledger.books.positions.items():
        base = instrument.partition("-")[0]
        assert position.quantity == Decimal(truth["balances"][base]["total"]) > ZERO
        assert ledger.books.covered_quantity(venue, instrument) == position.quantity
    assert truth["duplicate_client_order_ids"] == []
