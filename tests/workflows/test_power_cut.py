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
from tests.workflows.theatre import Theatre


def lose_tail(theatre: Theatre) -> None:
    """Take everything from the intent of the first order on out of the journal."""
    lines = theatre.stage.journal.lines
    decode = msgspec.json.Decoder(JournalEntry).decode
    sent = [at for at, line in enumerate(lines) if isinstance(decode(line).event, OrderSubmitted)]
    del lines[sent[0] - 1 :]


def test_a_stop_of_ours_is_no_second_bots_though_the_whole_journal_is_gone() -> None:
    theatre = Theatre(
        SIMULATOR__SEED="3", PROTECTION__STOP_LOSS_RATIO="0.2", SUPERVISION__HUNG_AFTER_S="1000"
    )
    theatre.stage.boot()
    theatre.run_until_filled(1)
    theatre.stage.hang(Role.SIGNAL_ENGINE)
    theatre.stage.advance(seconds=18)  # no read lags behind the purchase any more
    theatre.stage.journal.lines.clear()

    theatre.restart()
    theatre.stage.boot()
    theatre.stage.hang(Role.SIGNAL_ENGINE)
    theatre.stage.advance(seconds=4)

    adopted = {event.client_order_id for event in theatre.journaled(OrderAdopted)}
    live = {order["client_order_id"] for order in theatre.truth()["orders"] if order["status"] == "OPEN"}
    assert adopted == live != set()
    assert theatre.journaled(HaltRaised) == []
    assert theatre.journaled(VenueReconciled)[-1].is_equal
    assert theatre.wind_down().is_reconciled


def test_an_entry_and_its_stop_that_the_journal_lost_are_ours_again() -> None:
    theatre = Theatre(
        SIMULATOR__SEED="3", PROTECTION__STOP_LOSS_RATIO="0.2", SUPERVISION__HUNG_AFTER_S="1000"
    )
    theatre.stage.boot()
    theatre.run_until_filled(1)
    theatre.stage.hang(Role.SIGNAL_ENGINE)
    theatre.stage.advance(seconds=2)
    sent = theatre.submitted_ids()
    lose_tail(theatre)
    assert theatre.journaled(OrderFilled) == []

    theatre.restart()
    theatre.stage.boot()
    theatre.stage.hang(Role.SIGNAL_ENGINE)
    theatre.stage.advance(seconds=6)

    assert {event.client_order_id for event in theatre.journaled(OrderAdopted)} == sent
    assert theatre.journaled(HaltRaised) + theatre.journaled(ExternalFillSeen) == []
    assert theatre.journaled(BalanceCorrected) == []
    ledger, truth = theatre.ledger(), theatre.truth()
    assert ledger.books.positions
    for (venue, instrument), position in ledger.books.positions.items():
        base = instrument.partition("-")[0]
        assert position.quantity == Decimal(truth["balances"][base]["total"]) > ZERO
        assert ledger.books.covered_quantity(venue, instrument) == position.quantity
    assert truth["duplicate_client_order_ids"] == []
