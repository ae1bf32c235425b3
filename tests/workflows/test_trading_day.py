"""The road of an order through every actor, under virtual time."""

from __future__ import annotations

import pytest

from domain.effects import Role
from domain.messages.journal import OrderSubmitted
from domain.messages.orders import Purpose
from tests.workflows.theatre import Theatre

GATEWAY = Role.EXCHANGE_GATEWAY.at("coinbase")
FEED = Role.PRICE_FEED.at("coinbase")


def assert_truth_is_ours(theatre: Theatre) -> None:
    """Venue truth, journal and portfolio agree: no order doubled, none unknown, positions equal."""
    truth = theatre.truth()
    portfolio = theatre.stage.actor(Role.PORTFOLIO).allocator.portfolio
    assert truth["duplicate_client_order_ids"] == []
    assert {order["client_order_id"] for order in truth["orders"]} <= theatre.submitted_ids()
    for currency, balance in truth["balances"].items():
        assert str(portfolio.balances["coinbase", currency].normalize()) == str(
            type(portfolio.balances["coinbase", currency])(balance["total"]).normalize()
        )


def test_signals_become_positions_that_are_protected_and_closed_and_the_books_balance() -> None:
    theatre = Theatre()
    theatre.stage.boot()

    theatre.run_until_filled(3)
    wound_down = theatre.wind_down()

    purposes = [event.order.purpose for event in theatre.journaled(OrderSubmitted)]
    assert {Purpose.OPEN, Purpose.PROTECT, Purpose.CLOSE} <= set(purposes)
    assert wound_down.is_reconciled
    assert wound_down.unconfirmed == ()
    assert_truth_is_ours(theatre)


def test_the_same_seed_gives_the_same_journal_to_the_byte() -> None:
    exports = []
    for _ in range(2):
        theatre = Theatre(seed=3)
        theatre.stage.boot()
        theatre.run_until_filled(2)
        exports.append(theatre.stage.journal.export())

    assert exports[0] == exports[1]


@pytest.mark.parametrize("role", [Role.ORDER_ROUTER, Role.PORTFOLIO, GATEWAY])
def test_a_crash_at_any_moment_loses_and_doubles_nothing(role: str) -> None:
    theatre = Theatre(seed=1)
    theatre.stage.boot()
    theatre.run_until_filled(1)

    for pause_s in (0.0, 0.013, 0.11, 0.31):
        theatre.stage.advance(seconds=pause_s)
        theatre.stage.crash(role)
        theatre.stage.advance(seconds=1.5)
    theatre.stage.advance(seconds=2)
    wound_down = theatre.wind_down()

    assert wound_down.is_reconciled, wound_down.differences
    assert_truth_is_ours(theatre)


@pytest.mark.parametrize(
    "kind", ["timeout_after_accept", "timeout_before_accept", "5xx_after_accept", "429"]
)
def test_a_faulty_submit_is_resolved_by_evidence_and_never_doubled(kind: str) -> None:
    theatre = Theatre(VENUES__COINBASE__REQUEST_TIMEOUT_S="1")
    theatre.stage.boot()
    theatre.run_until_filled(1)

    theatre.world.inject({"venue": "coinbase", "kind": kind, "where": "submit", "count": 2})
    theatre.stage.advance(seconds=5)
    wound_down = theatre.wind_down()

    assert wound_down.is_reconciled, wound_down.differences
    assert wound_down.unconfirmed == ()
    assert_truth_is_ours(theatre)


def test_a_silent_feed_stops_openings_until_it_is_back() -> None:
    theatre = Theatre()
    theatre.stage.boot()
    theatre.run_until_filled(1)

    theatre.world.inject(
        {"venue": "coinbase", "kind": "silence", "where": "market_stream", "count": 1, "seconds": 60}
    )
    theatre.stage.advance(seconds=4.5)
    feed = theatre.stage.actor(FEED)
    assert feed.stream.session.reconnects == 0 or "silent" in feed.stream.session.last_failure

    theatre.stage.advance(seconds=2)
    assert feed.stream.session.reconnects >= 1
    filled = theatre.filled_orders()
    theatre.run_until_filled(filled + 1)
