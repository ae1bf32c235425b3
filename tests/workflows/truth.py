"""What must be true of the books, at whichever venues: they are what the venues' own accounts have come to.

Compared with the simulated exchanges themselves, not with what their reads show.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import NamedTuple

from adapters.simulator.engine.exchange import Exchange
from adapters.simulator.engine.venue_order import Fill, VenueOrder
from domain.effects import Role
from domain.instrument import InstrumentId
from domain.ledger.order_ledger import OrderLedger
from domain.ledger.position import Position
from domain.ledger.wallet import Wallet
from domain.messages.base import Event
from domain.messages.journal import (
    BalanceCorrected,
    ExternalFillSeen,
    FundingPaid,
    HaltRaised,
    OrderFilled,
    OrderSubmitted,
    PositionCorrected,
    PositionForced,
)
from domain.messages.orders import FillCause
from domain.numbers import ZERO
from tests.toy import rows, rules
from tests.workflows.trading_scenario import TradingScenario

NEVER = (BalanceCorrected, PositionCorrected, HaltRaised)  # after faults that the system is made for


class Place(NamedTuple):
    """How one venue names things."""

    venue: str
    wallet: str
    currency: str  # of its cash and its fees
    is_margined: bool
    name_of: Callable[[str], str]  # its spelling of a product -> ours
    ours: Callable[[str], str]  # its spelling of a client order id -> ours

    def exchange(self, scenario: TradingScenario) -> Exchange:
        return scenario.world.exchanges[self.venue]

    def fills(self, scenario: TradingScenario) -> list[Fill]:
        """Return those that are ours: of our orders, or forced upon what they opened."""
        return [it for it in self.exchange(scenario).fills if not self.is_by_hand(scenario, it.order)]

    def orders(self, scenario: TradingScenario) -> list[VenueOrder]:
        """Return those that we sent."""
        orders = self.exchange(scenario).orders.values()
        return [it for it in orders if not self.is_by_hand(scenario, it) and it.asked.cause is FillCause.TRADE]

    def is_by_hand(self, scenario: TradingScenario, order: VenueOrder) -> bool:
        return (self.venue, order.order_id) in scenario.by_hand


COINBASE = Place("coinbase", "", "USD", False, str, str)
TOY = Place(rows.VENUE, rows.WALLET, rows.COLLATERAL, True, rows.name_of, rules.client_order_id)


def assert_nothing_was_doubled_or_guessed(
    scenario: TradingScenario, places: Collection[Place] = (COINBASE,), never: tuple[type[Event], ...] = NEVER
) -> None:
    """Args:
    never: what the journal must not hold.
    """
    ledger, fills = OrderLedger(), Counter()
    spot = {place.venue for place in places if not place.is_margined}
    for entry in scenario.stage.journal.read():
        event = entry.event
        assert not isinstance(event, never), event
        match event:
            case ExternalFillSeen():
                assert (event.fill.venue, event.fill.venue_order_id) in scenario.by_hand
                fills[event.fill.venue, event.fill.fill_id] += 1
            case OrderFilled() | PositionForced():
                fills[event.fill.venue, event.fill.fill_id] += 1
            case OrderSubmitted():
                assert ledger.plans[event.order.intent_id].live_attempt is None
        ledger.apply(event)
        held = ledger.books.positions.items()
        assert all(position.quantity >= 0 for key, position in held if key.venue in spot)
    assert [fill_id for fill_id, count in fills.items() if count > 1] == []
    booked = set(fills) | in_opening_balances(scenario, places)
    assert booked == {(place.venue, fill.entry_id) for place in places for fill in place.exchange(scenario).fills}
    for place in places:
        if place.is_margined:
            paid = [event for event in scenario.journaled(FundingPaid) if event.venue == place.venue]
            assert len({(event.instrument, event.paid_at) for event in paid}) == len(paid)


def in_opening_balances(scenario: TradingScenario, places: Collection[Place]) -> set[tuple[str, str]]:
    """Return a person's trades from before the books were open; which of them were booked, the balances judge."""
    opened_at = scenario.ledger().opened_at
    return {
        (place.venue, fill.entry_id)
        for place in places
        for fill in place.exchange(scenario).fills
        if place.is_by_hand(scenario, fill.order) and fill.time_ns <= opened_at[place.venue]
    }


def assert_truth_is_ours(scenario: TradingScenario, ledger: OrderLedger, place: Place = COINBASE) -> None:
    """Every order there is one of ours, once; what rests is known to; and the account is what the books say."""
    exchange, venue = place.exchange(scenario), place.venue
    names = Counter(order.asked.client_order_id for order in exchange.orders.values())
    assert [name for name, count in names.items() if count > 1] == []
    assert {place.ours(order.asked.client_order_id) for order in place.orders(scenario)} <= ledger.orders.keys()
    resting = {place.ours(order.asked.client_order_id) for order in exchange.live_orders()}
    assert resting == {order.id for order in ledger.live_orders(venue)}

    books, positions, fees = ledger.books, defaultdict[str, Position](Position), ZERO
    for fill in place.fills(scenario):
        asked = fill.order.asked
        positions[asked.product_id] = positions[asked.product_id].after(asked.side, fill.quantity, fill.price)
        fees += fill.fee
    assert books.fees.get(Wallet(venue, place.wallet, place.currency), ZERO) == fees
    for symbol, position in positions.items():
        ours = books.position(InstrumentId(venue, place.name_of(symbol)))
        assert (ours.quantity, ours.spent) == (position.quantity, position.spent)
    for currency, total in exchange.ledger.totals.items():
        assert books.balances[venue, place.wallet, currency] == total
    if place.is_margined:
        assert_derivatives_are_ours(scenario, ledger, place)


def assert_derivatives_are_ours(scenario: TradingScenario, ledger: OrderLedger, place: Place) -> None:
    """The positions of the whole account, and what holding them paid or cost."""
    exchange = place.exchange(scenario)
    booked = {key.name: held for key, held in ledger.books.derivatives.items() if key.venue == place.venue and held}
    held: dict[str, Decimal] = defaultdict(Decimal)
    for fill in exchange.fills:
        held[place.name_of(fill.order.asked.product_id)] += fill.order.asked.side.sign * fill.quantity
    assert booked == {name: quantity for name, quantity in held.items() if quantity}
    paid = sum((payment.amount for payment in exchange.funding), ZERO)
    assert ledger.books.funding.get(Wallet(place.venue, place.wallet, place.currency), ZERO) == paid


def assert_everybody_agrees(scenario: TradingScenario, ledger: OrderLedger) -> None:
    """Router, portfolio and a replay of the journal are in one state."""
    stage = scenario.stage
    report = stage.actor(Role.ORDER_ROUTER).manager.report(stage.clock.now())
    portfolio = stage.actor(Role.PORTFOLIO).manager.portfolio
    assert report.is_reconciled
    assert report.counts["unconfirmed"] == report.corrections == 0
    assert portfolio.last_seq == report.journal_seq == ledger.last_seq
    assert [actor.role for actor in stage.actors() if actor.counters["unhandled"]] == []
    live = stage.actor(Role.ORDER_ROUTER).manager.ledger  # what it has become, against what the journal makes of it
    for books in (portfolio, live.books):
        assert books.balances == ledger.books.balances
        assert books.positions == ledger.books.positions
        assert books.derivatives == ledger.books.derivatives
        assert (books.fees, books.funding) == (ledger.books.fees, ledger.books.funding)
    assert {order.id: order.status for order in live.live.values()} == {
        order.id: order.status for order in ledger.live.values()
    }
    assert (live.last_seq, live.halts, live.open_plans.keys()) == (
        ledger.last_seq,
        ledger.halts,
        ledger.open_plans.keys(),
    )
