"""What a venue takes of a position moves it and our cash, stops openings there, and a person is told."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from domain.instrument import Side
from domain.messages.journal import FillContradicted, HaltRaised, OrderFilled, PositionForced
from domain.messages.orders import FillCause, FillsReported, Purpose, QueryOrder
from domain.messages.system import AlarmRaised
from domain.numbers import use_exact_decimals
from tests.domain.perpetual_desk import KEY, TOY, PerpetualDesk, liquidation, toy_fill
from tests.order_builders import CASH

use_exact_decimals()


@pytest.fixture
def desk() -> PerpetualDesk:
    desk = PerpetualDesk().ready()
    desk.advance(1)
    return desk


def hold(desk: PerpetualDesk, quantity: str, price: str = "64000") -> None:
    """Let our books have a position, as an order of long ago has left it."""
    side = Side.SELL if quantity.startswith("-") else Side.BUY
    fill = toy_fill(quantity.lstrip("-"), "own", side, price)
    desk.manager.books.apply(
        OrderFilled(ts_event=fill.ts_event, client_order_id="", intent_id="", purpose=Purpose.OPEN, fill=fill)
    )


def told(desk: PerpetualDesk, *fills) -> None:
    desk.hear(FillsReported(ts_event=desk.now.utc_ns, venue=TOY, fills=fills))


@pytest.mark.parametrize("cause", [FillCause.LIQUIDATION, FillCause.DELEVERAGING])
def test_it_takes_off_our_position_and_stops_openings_there(desk: PerpetualDesk, cause: FillCause) -> None:
    hold(desk, "0.5")

    told(desk, liquidation("0.2", price="60000", fee=Decimal(6), cause=cause, ts_event=desk.now.utc_ns))

    assert desk.quantity == Decimal("0.3")
    assert desk.cash == CASH - 32000 + 12000 - 6
    assert desk.manager.books.realized_pnl("USDC") == -800
    [halt] = desk.journaled(HaltRaised)
    assert (halt.scope, halt.reason) == (str(KEY), f"{cause.lower()} by the venue")
    assert f"{cause.lower()} by the venue: SELL 0.2 at 60000" in [alarm.text for alarm in desk.sent(AlarmRaised)]


def test_told_as_a_trade_of_nobodys_first_it_waits_for_no_owner(desk: PerpetualDesk) -> None:
    hold(desk, "0.5")
    fill = liquidation("0.2", ts_event=desk.now.utc_ns)
    told(desk, replace(fill, cause=FillCause.TRADE))
    assert desk.quantity == Decimal("0.5")

    told(desk, fill)
    assert desk.quantity == Decimal("0.3")
    asked = len(desk.sent(QueryOrder))
    desk.advance(60)

    assert len(desk.sent(QueryOrder)) == asked


def test_told_again_it_is_booked_once(desk: PerpetualDesk) -> None:
    hold(desk, "-0.5")
    fill = liquidation("0.2", side=Side.BUY, ts_event=desk.now.utc_ns)

    told(desk, fill, fill)
    told(desk, fill)

    assert desk.quantity == Decimal("-0.3")
    assert len(desk.journaled(PositionForced)) == 1


def test_told_again_as_a_trade_it_is_contradicted_and_the_first_stands(desk: PerpetualDesk) -> None:
    hold(desk, "0.5")
    fill = liquidation("0.2", ts_event=desk.now.utc_ns)

    told(desk, fill)
    told(desk, replace(fill, cause=FillCause.TRADE))

    assert desk.quantity == Decimal("0.3")
    [event] = desk.journaled(FillContradicted)
    assert (event.first.cause, event.other.cause) == (FillCause.LIQUIDATION, FillCause.TRADE)
    texts = [alarm.text for alarm in desk.sent(AlarmRaised) if "told again" in alarm.text]
    numbers = "SELL 0.2 BTC-USD at 64000 fee 0"
    assert texts == [f"told again as {numbers}, first as {numbers} (liquidation): the first stands"]


def test_beyond_our_position_it_took_what_was_not_ours(desk: PerpetualDesk) -> None:
    hold(desk, "0.1")

    told(desk, liquidation("0.4", fee=Decimal(8), ts_event=desk.now.utc_ns))

    books = desk.manager.books
    assert desk.quantity == 0 and books.derivatives[KEY] == Decimal("-0.3")
    assert sum(books.fees.values()) == 2  # our quarter of it


def test_what_it_took_before_the_books_were_opened_is_in_the_opening(desk: PerpetualDesk) -> None:
    told(desk, liquidation("0.4", ts_event=desk.now.utc_ns - 10**15))

    assert not desk.journaled(PositionForced) and desk.cash == CASH
