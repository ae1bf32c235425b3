"""Everything that the toy venue adds to the stage: its own trading side, and the real codec of Hyperliquid's market."""

from __future__ import annotations

from collections.abc import Callable

from actors.stage.toolbox import VirtualClock
from adapters.ports import VenueKit
from adapters.simulator.in_memory import MemoryDialer, MemoryTransport
from adapters.venues.hyperliquid.info import InfoClient
from adapters.venues.hyperliquid.market_stream import MarketStream
from tests.toy.client import ToyClient
from tests.toy.rows import VENUE
from tests.toy.rules import ToyEvidence, ToyOrders
from tests.toy.stream import ToyStream
from tests.toy.venue import PRIVATE_PATH, ToyVenue

URLS = {
    "rest_url": "http://127.0.0.1:1",
    "market_stream_url": "ws://127.0.0.1:1/ws",
    "private_stream_url": f"ws://127.0.0.1:1{PRIVATE_PATH}",
}


def toy_kit(
    toy: ToyVenue, clock: Callable[[], VirtualClock], register: Callable[[Callable[[], bool]], int]
) -> VenueKit:
    """Return the kit.

    Args:
        clock: returns that of the stage which the kit is on now.
        register: gives a new pipe its number.
    """

    def trading(settings):
        return ToyClient(toy, clock(), clock().spend, clock().true)

    def dialer(settings):
        return MemoryDialer(toy, clock().true, clock().spend, register, VENUE)

    def venue_clock(settings):
        return InfoClient(settings, MemoryTransport(toy.world, clock().true, clock().spend, VENUE), clock())

    return VenueKit(
        trading=trading,
        market_stream=MarketStream,
        private_stream=ToyStream,
        dialer=dialer,
        venue_clock=venue_clock,
        resubmits_safely=ToyClient.resubmits_safely,
        evidence=ToyEvidence,
        order_rules=ToyOrders,
    )
