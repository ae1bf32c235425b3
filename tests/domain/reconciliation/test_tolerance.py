"""A venue that rounds its cash drifts from exact sums by no more than so much with each fill: that is no difference."""

from __future__ import annotations

from decimal import Decimal

import pytest

from adapters.venues.coinbase.evidence import CoinbaseEvidence
from domain.instrument import Side
from domain.messages.account import FundingReported
from domain.messages.journal import BalanceCorrected, VenueReconciled
from domain.messages.orders import OrderStatus
from domain.numbers import use_exact_decimals
from domain.reconciliation.evidence import NoEvidence, VenueFacts
from domain.settings import VenueSettings
from tests.domain.perpetual_desk import TOY, PerpetualDesk, funding, toy_fill
from tests.order_builders import make_report

use_exact_decimals()

MICRO = Decimal("0.000001")


class Rounding(NoEvidence):
    """The rules of a venue that rounds to millionths."""

    def __init__(self, settings: VenueSettings) -> None:
        self.facts = VenueFacts(read_lag_ns=settings.read_lag_ns, holds_prove_coins=False, rounds_by=MICRO)


def traded(desk: PerpetualDesk, fills: int = 2) -> PerpetualDesk:
    """Let somebody trade there so often, and one payment of funding be told: each moves the cash once."""
    for number in range(fills):
        side = Side.SELL if number % 2 else Side.BUY
        fill = toy_fill("0.1", f"x-{number}", side, venue_order_id="v-x", ts_event=desk.now.utc_ns)
        desk.fills(fill)
    theirs = make_report(OrderStatus.FILLED, client_order_id="by-hand", venue=TOY, venue_order_id="v-x")
    desk.hear(theirs)
    paid = funding("1", desk.now.utc_ns)
    desk.hear(FundingReported(ts_event=desk.now.utc_ns, venue=TOY, payments=(paid,)))
    return desk


def desk(evidence: type = Rounding) -> PerpetualDesk:
    desk = PerpetualDesk(evidence=evidence).ready()
    desk.advance(1)
    return desk


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("drift", "corrections"), [("0.000003", 0), ("0.0000030001", 1)])
def test_drift_up_to_a_millionth_for_each_fill_and_payment_is_no_difference(
    sign: int, drift: str, corrections: int
) -> None:
    rounding = traded(desk())
    there = rounding.cash + sign * Decimal(drift)

    rounding.look(5, cash=there)

    corrected = rounding.journaled(BalanceCorrected)
    assert len(corrected) == corrections
    assert rounding.manager.report(rounding.now).is_reconciled
    assert rounding.cash == (there if corrections else there - sign * Decimal(drift))
    assert rounding.journaled(VenueReconciled)[-1].is_equal


def test_without_a_fill_nothing_is_rounded() -> None:
    still = desk()

    still.look(5, cash=still.cash + MICRO)

    assert len(still.journaled(BalanceCorrected)) == 1


def test_what_was_rounded_before_the_last_equality_is_over() -> None:
    rounding = traded(desk())
    rounding.look(2)  # just what the books say
    rounding.fills(toy_fill("0.1", "y", venue_order_id="v-x", ts_event=rounding.now.utc_ns))
    rounding.hear(make_report(OrderStatus.FILLED, client_order_id="by-hand", venue=TOY, venue_order_id="v-x"))

    rounding.look(5, cash=rounding.cash + MICRO)
    assert not rounding.journaled(BalanceCorrected)

    rounding.look(5, cash=rounding.cash + 2 * MICRO)
    assert [event.difference for event in rounding.journaled(BalanceCorrected)] == [2 * MICRO]


def test_a_correction_is_an_equality_too() -> None:
    rounding = traded(desk())
    rounding.look(5, cash=rounding.cash + 100)
    [first] = rounding.journaled(BalanceCorrected)
    assert first.difference == 100

    rounding.look(5, cash=rounding.cash + MICRO)

    assert [event.difference for event in rounding.journaled(BalanceCorrected)] == [100, MICRO]


def test_after_a_restart_all_that_was_rounded_since_the_balance_was_told_counts() -> None:
    rounding = traded(desk())
    there = rounding.cash + 3 * MICRO
    rounding.look(2, cash=there)

    again = rounding.restarted(evidence=Rounding).ready(cash=there, positions={})
    again.look(5, cash=there)

    assert not again.journaled(BalanceCorrected)


@pytest.mark.parametrize("evidence", [CoinbaseEvidence, NoEvidence])
def test_a_venue_that_rounds_nothing_is_held_to_the_last_digit(evidence: type) -> None:
    exact = traded(desk(evidence))

    exact.look(5, cash=exact.cash + Decimal("1e-9"))

    assert len(exact.journaled(BalanceCorrected)) == 1
    assert evidence(VenueSettings()).facts.rounds_by == 0
