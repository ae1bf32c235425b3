"""A venue that doesn't list its products any more: what is held is guarded and closed, and nothing is opened."""

from __future__ import annotations

from domain.effects import Role
from domain.messages.journal import OrderSubmitted
from domain.messages.orders import Purpose
from tests.workflows.test_cover import bare
from tests.workflows.theatre import Theatre

FOR_EVER = 10**6
NOT_LISTED = {"venue": "coinbase", "where": "market_data", "kind": "5xx", "count": FOR_EVER}


def restarted(on_exit: str) -> Theatre:
    """A position whose stop somebody canceled while nothing of ours ran, and products that nobody tells."""
    theatre = Theatre(
        SIMULATOR__SEED="3",
        PROTECTION__STOP_LOSS_RATIO="0.2",
        PROTECTION__ON_EXIT=on_exit,
        SUPERVISION__HUNG_AFTER_S="1000",
    )
    theatre.stage.boot()
    theatre.run_until_filled(1)
    theatre.stage.hang(Role.SIGNAL_ENGINE)
    theatre.stage.advance(seconds=2)
    exchange = theatre.world.exchange
    for order in list(exchange.live_orders()):
        exchange.cancel(order.order_id, theatre.stage.clock.true.now().utc_ns)
    assert bare(theatre)
    theatre.world.inject(NOT_LISTED)
    theatre.restart()
    theatre.stage.boot()
    theatre.stage.hang(Role.SIGNAL_ENGINE)
    return theatre


def purposes(theatre: Theatre, known: set[str]) -> list[Purpose]:
    submitted = [event.order for event in theatre.journaled(OrderSubmitted)]
    return [order.purpose for order in submitted if order.client_order_id not in known]


def test_a_stop_is_placed_after_a_restart_without_a_listing() -> None:
    theatre = restarted("keep_stops")
    known = theatre.submitted_ids()

    theatre.stage.advance(seconds=theatre.settings.protection.within_s)

    assert bare(theatre) == set()
    assert set(purposes(theatre, known)) == {Purpose.PROTECT}


def test_positions_are_closed_after_a_restart_without_a_listing() -> None:
    theatre = restarted("flatten")
    known = theatre.submitted_ids()
    theatre.stage.advance(seconds=1)

    wound_down = theatre.wind_down()

    assert wound_down.bare == ()
    assert purposes(theatre, known)[-1] is Purpose.CLOSE
    assert theatre.ledger().books.positions == {}
