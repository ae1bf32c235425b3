"""Positions that a venue keeps are compared as balances are, and corrected by the same rules."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.instrument import Side
from domain.messages.journal import (
    BalanceCorrected,
    HaltRaised,
    OrderFilled,
    PositionCorrected,
    PositionForced,
    VenueReconciled,
)
from domain.messages.listing import Unread
from domain.messages.orders import Purpose
from domain.messages.positions import VenuePosition
from domain.numbers import use_exact_decimals
from tests.domain.perpetual_desk import COLLATERAL, KEY, PerpetualDesk, liquidation, toy_fill
from tests.order_builders import BTC

use_exact_decimals()


def hold(desk: PerpetualDesk, quantity: str, price: str = "64000") -> PerpetualDesk:
    """Let our books have a position, as an order of long ago has left it."""
    side = Side.SELL if quantity.startswith("-") else Side.BUY
    fill = toy_fill(quantity.lstrip("-"), f"own{quantity}", side, price)
    desk.manager.books.apply(
        OrderFilled(ts_event=fill.ts_event, client_order_id="", intent_id="", purpose=Purpose.OPEN, fill=fill)
    )
    return desk


@pytest.fixture
def desk() -> PerpetualDesk:
    return PerpetualDesk().ready()


@pytest.mark.parametrize("quantity", ["0.5", "-0.5"])
def test_a_position_that_the_venue_keeps_too_is_no_difference(desk: PerpetualDesk, quantity: str) -> None:
    hold(desk, quantity)

    desk.look(4)

    assert not desk.journaled(PositionCorrected, BalanceCorrected)
    assert [verdict.is_equal for verdict in desk.journaled(VenueReconciled)] == [True]


def test_what_was_there_at_the_opening_is_not_ours() -> None:
    desk = PerpetualDesk().ready(positions={BTC: "-0.4"})

    assert desk.quantity == 0 and desk.manager.books.derivatives == {KEY: Decimal("-0.4")}
    desk.look(4)
    assert not desk.journaled(PositionCorrected)


@pytest.mark.parametrize(("quantity", "there", "ours"), [("0.5", "0.3", "0.3"), ("-0.5", "0", "0")])
def test_what_is_lost_for_good_is_ours_no_more_at_the_venues_mark(
    desk: PerpetualDesk, quantity: str, there: str, ours: str
) -> None:
    hold(desk, quantity)
    position = VenuePosition(instrument=BTC, quantity=Decimal(there), mark_price=Decimal(63000))

    desk.look(1, positions=[position])
    assert not desk.journaled(PositionCorrected)
    desk.look(4, positions=[position])

    [corrected] = desk.journaled(PositionCorrected)
    lost = Decimal(there) - Decimal(quantity)
    assert (corrected.difference, corrected.quantity, corrected.price) == (lost, abs(lost), Decimal(63000))
    books = desk.manager.books
    assert desk.quantity == Decimal(ours) and books.derivatives[KEY] == Decimal(there)
    assert books.transfers == {COLLATERAL: lost * 63000} and not desk.journaled(BalanceCorrected)
    assert desk.journaled(HaltRaised)


def test_a_liquidation_that_nobody_listed_is_no_profit_and_no_loss_of_transfers(desk: PerpetualDesk) -> None:
    hold(desk, "0.5")

    position = VenuePosition(instrument=BTC, quantity=Decimal("0.3"), mark_price=Decimal(60000))
    desk.look(5, cash=desk.cash + 12000, positions=[position])

    books = desk.manager.books
    assert [it.difference for it in desk.journaled(BalanceCorrected)] == [12000]
    assert books.wallets.transferred + books.transfers[COLLATERAL] == 0
    assert books.realized_pnl("USDC") == -800


def test_more_than_our_books_have_is_somebody_elses(desk: PerpetualDesk) -> None:
    hold(desk, "0.5")

    desk.look(5, positions={BTC: "0.8"})

    [corrected] = desk.journaled(PositionCorrected)
    assert (corrected.difference, corrected.quantity) == (Decimal("0.3"), 0)
    assert desk.quantity == Decimal("0.5")


def test_a_missing_fill_explains_first(desk: PerpetualDesk) -> None:
    hold(desk, "0.5")
    taken = liquidation("0.2", price="60000", ts_event=desk.now.utc_ns + 1)

    desk.look(4, cash=desk.cash + 12000, positions={BTC: "0.3"}, fills=[taken])

    assert desk.journaled(PositionForced) and not desk.journaled(PositionCorrected, BalanceCorrected)
    assert desk.quantity == Decimal("0.3")


def test_what_others_close_beyond_their_own_was_ours(desk: PerpetualDesk) -> None:
    hold(desk, "0.5")
    books = desk.manager.books
    books.derivatives[KEY] -= Decimal("0.2")  # as a fill of others leaves it

    desk.look(5)

    [corrected] = desk.journaled(PositionCorrected)
    assert (corrected.difference, corrected.quantity) == (0, Decimal("0.2"))
    assert desk.quantity == Decimal("0.3") == books.derivatives[KEY]


@pytest.mark.parametrize("named", [BTC, ""])
def test_a_position_that_nobody_can_read_is_no_position_of_zero(desk: PerpetualDesk, named: str) -> None:
    hold(desk, "0.5")
    row = Unread(kind="position", reason="no number", instrument=named)

    desk.look(5, positions={}, unread=[row])

    assert not desk.journaled(PositionCorrected) and desk.quantity == Decimal("0.5")


@pytest.mark.parametrize("kind", ["fill", "funding"])
def test_what_a_row_that_nobody_can_read_may_explain_is_not_corrected(desk: PerpetualDesk, kind: str) -> None:
    hold(desk, "0.5")
    row = Unread(kind=kind, reason="no number", instrument=BTC, row_id="r-1")
    positions = {BTC: "0.3"} if kind == "fill" else None

    desk.look(5, cash=desk.cash + 5, positions=positions, unread=[row])

    assert not desk.journaled(PositionCorrected, BalanceCorrected)


def test_while_a_position_cannot_be_read_nothing_is_opened_there(desk: PerpetualDesk) -> None:
    desk.look(1, unread=[Unread(kind="position", reason="no number", instrument=BTC)])

    assert desk.manager._unread.trouble("toy", BTC) == "unread_position"
