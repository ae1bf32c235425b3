"""The roles that a configuration asks for, in starting order, and the actor class of each."""

from __future__ import annotations

from actors.circuit_breaker import CircuitBreaker
from actors.dead_letters import DeadLetters
from actors.exchange_gateway import ExchangeGateway
from actors.monitor import Monitor
from actors.order_router import OrderRouter
from actors.portfolio import Portfolio
from actors.price_feed import PriceFeed
from actors.recorder import Recorder
from actors.runtime.base_actor import BaseActor
from actors.signal_engine import SignalEngine
from domain.effects import Role, role_of
from domain.settings import Settings

_ONE_EACH: dict[Role, type[BaseActor]] = {
    Role.DEAD_LETTERS: DeadLetters,
    Role.MONITOR: Monitor,
    Role.RECORDER: Recorder,
    Role.ORDER_ROUTER: OrderRouter,
    Role.PORTFOLIO: Portfolio,
    Role.SIGNAL_ENGINE: SignalEngine,
}
_PER_VENUE: dict[Role, type[BaseActor]] = {
    Role.CIRCUIT_BREAKER: CircuitBreaker,
    Role.EXCHANGE_GATEWAY: ExchangeGateway,
    Role.PRICE_FEED: PriceFeed,
}


def roles_of(settings: Settings) -> list[str]:
    """Return every role, readers before those who speak to them."""
    per_venue = [
        role.at(venue)
        for role in _PER_VENUE
        for venue in (settings.traded if role is Role.EXCHANGE_GATEWAY else settings.venues)
    ]
    return [*(str(role) for role in _ONE_EACH), *per_venue]


def actor_class(role: str) -> type[BaseActor]:
    kind = role_of(role)
    return _ONE_EACH[kind] if kind in _ONE_EACH else _PER_VENUE[kind]
