"""Spot and perpetuals side by side, through every actor: at the end the books are what the venues' accounts have come to."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.effects import Role
from domain.instrument import Side
from domain.messages.journal import BalanceCorrected, FundingPaid, OrderSubmitted, PositionCorrected, PositionForced
from domain.messages.orders import FillCause, OrderType, Purpose
from tests.toy.rows import VENUE
from tests.workflows.truth import (
    COINBASE,
    TOY,
    assert_everybody_agrees,
    assert_nothing_was_doubled_or_guessed,
    assert_truth_is_ours,
)
from tests.workflows.two_venues import TwoVenues

BOTH = (COINBASE, TOY)
BEFORE_THE_HOUR_S = 1_990.0  # the stage's start is 2,000 s before a full hour


class Day(TwoVenues):
    """Nobody has an opinion but the test."""

    begins_s = BEFORE_THE_HOUR_S

    def __init__(self, seed: int | None = None, **more: str) -> None:
        super().__init__(seed, SIGNALS__WINNER_ABOVE="1", SIMULATOR__VOLATILITY="0.00001", **more)
        self.stage.boot()
        self.stage.advance(seconds=3)

    def held(self, symbol: str = "BTC") -> Decimal:
        return self.toy.exchange.account.quantity(symbol)

    def guards(self) -> dict[OrderType, Decimal]:
        """Return what waits at the toy for which kind of trigger."""
        live = [order for order in self.toy.exchange.live_orders() if order.is_armed]
        return {OrderType(each.asked.configuration["order_type"]): each.leaves for each in live}


def assert_books_are_the_venues(scenario: TwoVenues, **more) -> None:
    ledger = scenario.ledger()
    assert scenario.stage.failures == []
    assert_nothing_was_doubled_or_guessed(scenario, BOTH, **more)
    for place in BOTH:
        assert_truth_is_ours(scenario, ledger, place)
    assert_everybody_agrees(scenario, ledger)


def test_a_day_of_longs_shorts_stops_and_funding_leaves_the_books_as_the_venues_have_it() -> None:
    day = Day()

    day.signal(Side.SELL)
    day.stage.advance(seconds=3)
    short = day.held()
    assert short < 0
    assert day.guards() == {OrderType.STOP: -short, OrderType.TAKE_PROFIT: -short}

    day.stage.advance(seconds=12)  # past the hour, and an account read after it
    [paid] = day.journaled(FundingPaid)
    assert (paid.venue, paid.instrument, paid.quantity) == (VENUE, "BTC-USD", short)

    day.signal(Side.BUY)
    day.stage.advance(seconds=3)
    assert (day.held(), day.guards()) == (0, {})

    day.signal(Side.BUY)
    day.signal(Side.BUY, "coinbase")
    day.stage.advance(seconds=3)
    assert day.guards() == {OrderType.STOP: day.held(), OrderType.TAKE_PROFIT: day.held()}

    day.move("BTC", 1.03)
    day.stage.advance(seconds=6)
    assert (day.held(), day.guards()) == (0, {})  # its target was reached
    sent = [event.order for event in day.journaled(OrderSubmitted) if event.order.venue == VENUE]
    assert all(order.reduce_only == (order.purpose is not Purpose.OPEN) for order in sent)
    assert {order.venue_client_id[:10] for order in sent} == {"0x6e7a657a"}
    assert_books_are_the_venues(day)


def test_a_stop_at_the_venue_ends_a_position_while_all_actors_are_away() -> None:
    day = Day()
    day.signal(Side.SELL)
    day.stage.advance(seconds=3)

    day.move("BTC", 1.015)  # beyond the stop, inside its collar
    day.stage.clock.sleep(3)  # the world goes on, and nobody looks
    day.world.advance(day.stage.clock.true.now().utc_ns)
    assert day.held() == 0
    day.stage.advance(seconds=8)

    assert_books_are_the_venues(day)
    [stop] = [
        order
        for order in day.ledger().orders.values()
        if order.order.venue == VENUE and order.order.order_type is OrderType.STOP
    ]
    assert stop.filled_quantity == stop.order.quantity


def test_a_liquidation_is_booked_alarmed_and_stops_openings_there() -> None:
    """F46"""
    day = Day(
        SIMULATOR__ACCOUNTS__HYPERLIQUID__USDC="20",
        RISK__LEVERAGE="15",
        RISK__MAX_LEVERAGE="15",
        RISK__RESERVE_RATIO="0",
    )
    day.signal(Side.BUY)
    day.stage.advance(seconds=3)
    assert day.held() > 0

    day.move("BTC", 0.9)
    day.stage.advance(seconds=8)

    forced = [event.fill for event in day.journaled(PositionForced)]
    assert {fill.cause for fill in forced} <= {FillCause.LIQUIDATION, FillCause.DELEVERAGING} and forced
    assert (day.held(), day.guards()) == (0, {})
    manager = day.stage.actor(Role.ORDER_ROUTER).manager
    [halt] = manager.halts
    assert (halt.scope, halt.reason) == (f"{VENUE}:BTC-USD", "liquidation by the venue")
    before = len(day.journaled(OrderSubmitted))
    day.signal(Side.BUY)
    day.stage.advance(seconds=2)
    assert len(day.journaled(OrderSubmitted)) == before
    assert_books_are_the_venues(day, never=(BalanceCorrected, PositionCorrected))


def test_a_target_that_is_reached_before_it_rests_takes_the_profit() -> None:
    day = Day()
    day.signal(Side.SELL)
    day.stage.advance(seconds=0.3)
    assert day.guards() == {OrderType.STOP: -day.held()}

    day.move("BTC", 0.98)  # beyond the target
    day.stage.advance(seconds=8)

    assert (day.held(), day.guards()) == (0, {})
    assert day.stage.actor(Role.ORDER_ROUTER).manager.halts == ()


def test_a_restart_finds_positions_stops_and_funding_as_they_are() -> None:
    day = Day()
    day.signal(Side.SELL)
    day.signal(Side.BUY, "coinbase", "ETH-USD")
    day.stage.advance(seconds=3)
    short, guards = day.held(), day.guards()

    day.restart()
    day.stage.boot()
    day.stage.advance(seconds=12)

    assert (day.held(), day.guards()) == (short, guards)
    assert len(day.journaled(FundingPaid)) == 1
    assert_books_are_the_venues(day)
    wound_down = day.wind_down()
    assert wound_down.is_reconciled and wound_down.unconfirmed == ()


@pytest.mark.parametrize("seed", [1, 2])
def test_signals_trade_both_venues_at_once(seed: int) -> None:
    """EX-01"""
    scenario = TwoVenues(seed, SIMULATOR__SEED=str(seed))
    scenario.stage.boot()

    scenario.stage.advance(seconds=12)
    wound_down = scenario.wind_down()

    assert wound_down.is_reconciled, wound_down.differences
    sides = {
        (it.order.venue, it.order.side) for it in scenario.journaled(OrderSubmitted) if it.order.purpose is Purpose.OPEN
    }
    assert {(VENUE, Side.BUY), (VENUE, Side.SELL), ("coinbase", Side.BUY)} >= sides
    assert {venue for venue, _ in sides} == {"coinbase", VENUE}
    assert_books_are_the_venues(scenario)
