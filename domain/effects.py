"""What a machine may ask for. It decides; the base actor performs, in the order given."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import NamedTuple

from domain.messages.base import Message
from domain.messages.journal import JournalEvent


class Role(StrEnum):
    """Who plays in the system. Per-venue roles are addressed as "price_feed:coinbase"."""

    SUPERVISOR = "supervisor"
    PRICE_FEED = "price_feed"
    CIRCUIT_BREAKER = "circuit_breaker"
    SIGNAL_ENGINE = "signal_engine"
    PORTFOLIO = "portfolio"
    ORDER_ROUTER = "order_router"
    EXCHANGE_GATEWAY = "exchange_gateway"
    RECORDER = "recorder"
    DEAD_LETTERS = "dead_letters"
    MONITOR = "monitor"

    def at(self, venue: str) -> str:
        """Return the address of this role at one venue, e.g. "exchange_gateway:coinbase"."""
        return f"{self.value}:{venue}"


def role_of(address: str) -> Role:
    """Return who plays at an address, a price feed at "price_feed:coinbase". Raises ValueError where nobody does."""
    return Role(address.partition(":")[0])


def venue_of(address: str) -> str:
    """Return the venue in the address of a per-venue role. Raises ValueError where there is none."""
    _, venue = address.split(":", 1)
    return venue


class Tell(NamedTuple):
    """Send `message` to whoever plays `to` now."""

    to: str  # a Role, or Role.at(venue)
    message: Message


class WakeupKind(Enum):
    """What a wake-up is for. Each owner has a class of its own, and equal words of two owners are two kinds."""

    __hash__ = object.__hash__  # a member is equal to itself only, and it is asked for at each wake-up


class WakeupKey(NamedTuple):
    """Which wake-up: what it is for, and whom or what it is about, as far as its kind needs that to be told."""

    kind: WakeupKind
    name: str = ""  # an order, an intent, a venue, a role, a session
    number: int = 0  # of that name: an incarnation, a connection, a question
    venue: str = ""  # where a name means something only there


class WakeAt(NamedTuple):
    """Call `tick(key, now)` at `due_ns` (monotonic). Wake-ups cannot be cancelled: the machine asks "still due?"."""

    due_ns: int
    key: WakeupKey


class Record(NamedTuple):
    """Append `event` to the order journal before any later effect of the same list is performed."""

    event: JournalEvent


Effect = Tell | WakeAt | Record
