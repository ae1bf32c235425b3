"""Each venue's own stream and clock: one that is late from its first message on is told from one on time."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from actors.price_feed import PriceFeed
from actors.stage.stage import Stage
from actors.stage.toolbox import START, virtual_fd
from adapters.clock import Clock
from adapters.ports import VenueKit
from adapters.simulator.in_memory import MemoryDialer, MemoryTransport
from adapters.simulator.world import World
from adapters.venues.catalogue import VENUES
from adapters.venues.coinbase.public_client import PublicClient
from adapters.venues.dydx.indexer import IndexerClient
from adapters.venues.hyperliquid.info import InfoClient
from adapters.venues.venue_client import MarketClient
from domain.effects import Role
from domain.instant import SECOND_NS, Instant
from domain.messages.system import VenueReported
from domain.settings import SessionSettings, Settings, SimulatorSettings, VenueSettings

CLIENTS: dict[str, type[MarketClient]] = {
    "coinbase": PublicClient,
    "dydx": IndexerClient,
    "hyperliquid": InfoClient,
}
PATHS = {"coinbase": "/", "dydx": "/v4/ws", "hyperliquid": "/ws"}
PATIENCE_S = 12.0  # of who listens: or the first answer, late by so much, would be missed before it comes


class SkewedClock(NamedTuple):
    """The venue's: it goes as ours, and shows another time."""

    ours: Clock
    ahead_ns: int

    def now(self) -> Instant:
        now = self.ours.now()
        return now._replace(utc_ns=now.utc_ns + self.ahead_ns)


class Listening:
    """A feed of one simulated venue."""

    def __init__(self, venue: str, ahead_s: float) -> None:
        self.venue, self.ahead_ns = venue, int(ahead_s * SECOND_NS)
        simulator = SimulatorSettings(warm_up_s=1.0, quotes_per_s=4.0, trades_per_s=1.0)
        urls = {"rest_url": "http://venue.test", "market_stream_url": f"ws://venue.test{PATHS[venue]}"}
        settings = VenueSettings(instruments=("BTC-USD",), heartbeat_timeout_s=PATIENCE_S, **urls)
        patient = SessionSettings(first_message_within_s=PATIENCE_S)
        self.world = World(simulator, START.utc_ns + self.ahead_ns, venues=[venue])
        self.stage = Stage(Settings(venues={venue: settings}, session=patient), {venue: self._kit()})

    def _kit(self) -> VenueKit:
        return VENUES[self.venue]._replace(dialer=self._dialer, venue_clock=self._clock)

    def _dialer(self, settings: VenueSettings) -> MemoryDialer:
        return MemoryDialer(self.world, self._skewed(), self.stage.clock.spend, self._register, self.venue)

    def _clock(self, settings: VenueSettings) -> MarketClient:
        transport = MemoryTransport(self.world, self._skewed(), self.stage.clock.spend, self.venue)
        return CLIENTS[self.venue](settings, transport, self.stage.clock)

    def _skewed(self) -> SkewedClock:
        return SkewedClock(self.stage.clock, self.ahead_ns)

    def _register(self, is_readable) -> int:
        fd = virtual_fd()
        self.stage.readables[fd] = is_readable
        return fd

    def play(self, seconds: float) -> set[str]:
        """Go on; return the troubles that the feed reported of its prices in the last two seconds of it."""
        feed = self.stage.actor(Role.PRICE_FEED.at(self.venue))
        self.stage.advance(seconds - 2)
        heard = self.stage.received[str(Role.MONITOR)]
        heard.clear()
        for _ in range(10):
            self.stage.advance(0.2)
            feed.report()
        self.stage.settle()
        return {told.trouble for told in heard if isinstance(told, VenueReported)}

    def begin(self) -> None:
        self.stage.cast(PriceFeed, Role.PRICE_FEED.at(self.venue))


@pytest.mark.parametrize("ahead_s", [-30.0, 30.0])
@pytest.mark.parametrize("venue", VENUES)
def test_a_stream_late_from_its_first_message_on_is_refused_until_it_is_on_time(venue: str, ahead_s: float) -> None:
    listening = Listening(venue, ahead_s)
    late = {"kind": "late", "where": "market_stream", "late_by": 4.5, "seconds": 15.0}
    listening.world.inject({"venue": venue, **late})

    listening.begin()
    while_late, afterwards = listening.play(13), listening.play(8)

    assert (while_late, afterwards) == ({"late_quote"}, {""})


@pytest.mark.parametrize("ahead_s", [-30.0, 30.0])
@pytest.mark.parametrize("venue", VENUES)
def test_a_stream_on_time_is_never_refused(venue: str, ahead_s: float) -> None:
    listening = Listening(venue, ahead_s)

    listening.begin()

    assert listening.play(6) == {""}
