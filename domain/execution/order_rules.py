"""What orders a venue takes, what it calls ours, and until when one can be accepted or live.

The router asks before it journals an order; the venue's adapter answers, because it knows its wire. What a venue lacks
is denied here, and nothing is sent (docs/money.md 1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from msgspec import Struct

from domain.instrument import InstrumentKind
from domain.messages.orders import Leg, OrderIntent, OrderType, Purpose, SubmitOrder, TimeInForce, VenueMoment
from domain.settings import Settings, VenueSettings


class Capabilities(Struct, frozen=True, kw_only=True):
    """What a venue's orders can be. The contract suite holds each venue to its word."""

    kinds: frozenset[InstrumentKind] = frozenset(InstrumentKind)
    order_types: frozenset[OrderType] = frozenset(OrderType)
    times_in_force: frozenset[TimeInForce] = frozenset(TimeInForce)
    has_post_only: bool = False
    has_reduce_only: bool = False
    cancels_by_client_id: bool = False  # also an order that it has not named yet
    replaces: bool = False  # quantity and price of a live order can be changed in one request
    most_submits: int = 1  # orders that one request can place
    most_cancels: int = 1  # orders that one request can cancel


_PROTECTIVE = {Leg.WHOLE: OrderType.BRACKET, Leg.STOP: OrderType.STOP, Leg.TARGET: OrderType.TAKE_PROFIT}


def order_kind(intent: OrderIntent) -> tuple[OrderType, TimeInForce]:
    """Return what order an intent leads to: what protects rests, all else ends as it arrives."""
    if intent.purpose is Purpose.PROTECT:
        return _PROTECTIVE[intent.leg], TimeInForce.GTC
    return OrderType.LIMIT, TimeInForce.IOC


class Lifetime(NamedTuple):
    """By the venue's own clock. None: the order says nothing of it."""

    accept_until: VenueMoment | None = None  # no send of it can be accepted later
    live_until: VenueMoment | None = None  # it trades no later


class OrderRules(Protocol):
    """The rules of one venue. Pure: the same order gets the same answer."""

    capabilities: Capabilities

    def venue_client_id(self, client_order_id: str, number: int) -> str:
        """Return what this venue shall call an order of ours, in its own form.

        Args:
            number: counts the orders that were ever journaled for the venue, from 1.
        """
        ...

    def lifetime(self, order: SubmitOrder, sent_by: VenueMoment) -> Lifetime:
        """Return until when the order can be accepted, and live.

        Args:
            sent_by: when its last byte has left for certain, by the venue's clock; by ours until that was told.
        """
        ...


class PlainOrders:
    """The rules of a venue of which we know none: our own ids, no ends, everything that our router can ask for."""

    def __init__(self, settings: VenueSettings) -> None:
        self.capabilities = Capabilities()

    def venue_client_id(self, client_order_id: str, number: int) -> str:
        return client_order_id

    def lifetime(self, order: SubmitOrder, sent_by: VenueMoment) -> Lifetime:
        return Lifetime()


OrderRulesFactory = Callable[[VenueSettings], OrderRules]


class OrderRulebook:
    """The rules of every venue. One that has left the configuration may still have orders of ours."""

    def __init__(self, settings: Settings, factories: Mapping[str, OrderRulesFactory]) -> None:
        self._settings = settings
        self._factories = dict(factories)
        self._rules: dict[str, OrderRules] = {}  # venue ->

    def at(self, venue: str) -> OrderRules:
        if venue not in self._rules:
            factory = self._factories.get(venue, PlainOrders)
            self._rules[venue] = factory(self._settings.venues.get(venue, VenueSettings()))
        return self._rules[venue]

    def takes(self, venue: str, kind: InstrumentKind, order_type: OrderType, time_in_force: TimeInForce) -> bool:
        """Tell whether the venue has such an order."""
        able = self.at(venue).capabilities
        return kind in able.kinds and order_type in able.order_types and time_in_force in able.times_in_force
