"""A simulated dYdX in memory under a clock of its own: the product's client and codec, no sockets."""

from __future__ import annotations

from adapters.simulator.in_memory import MemoryDialer, MemoryPipe, MemoryTransport
from adapters.simulator.world import World
from adapters.venues.dydx.indexer import IndexerClient
from adapters.venues.dydx.market_stream import MarketStream
from domain.messages.base import Event
from domain.settings import SimulatorSettings, VenueSettings
from tests.builders import UTC
from tests.simulated_coinbase import ManualClock

VENUE_SETTINGS = VenueSettings(
    rest_url="http://dydx.test",
    market_stream_url="ws://dydx.test/v4/ws",
    heartbeat_timeout_s=5.0,
)


class SimulatedDydx:
    """One world, and one client of it; the driver's part of a stream is played by `listen`."""

    def __init__(self, **settings) -> None:
        quick = {"warm_up_s": 1.0, "latency_min_s": 0.0, "latency_max_s": 0.0}
        self.clock = ManualClock()
        self.world = World(SimulatorSettings(**{**quick, **settings}), UTC, venues=["dydx"])
        self.dialer = MemoryDialer(self.world, self.clock, venue="dydx")
        transport = MemoryTransport(self.world, self.clock, self.clock.advance, venue="dydx")
        self.client = IndexerClient(VENUE_SETTINGS, transport, self.clock)

    def connect(self, codec: MarketStream) -> MemoryPipe:
        pipe = self.dialer.open(codec.url, timeout_s=5)
        now = self.clock.now()
        codec.watch.restart(now.monotonic_ns, 5.0)
        for text in codec.hello(now):
            pipe.send(text)
        return pipe

    def listen(self, codec: MarketStream, pipe: MemoryPipe, seconds: float, every_s: float = 0.02) -> list[Event]:
        """Return what the codec hears, saying what is due after each look."""
        events: list[Event] = []
        for _ in range(round(seconds / every_s)):
            self.clock.advance(every_s)
            arrived = pipe.read()
            now = self.clock.now()
            for frame in arrived.frames:
                events += codec.decode(frame, arrived.read_ns, now)
            for text in codec.tick(now):
                pipe.send(text)
        return events

    def inject(self, kind: str, **fields) -> None:
        self.world.inject({"venue": "dydx", "kind": kind, "where": "market_stream", **fields})

    @property
    def now_ns(self) -> int:
        return self.clock.now().utc_ns
