"""A simulated Coinbase in memory under a clock of its own: the product's client and codecs, no sockets."""

from __future__ import annotations

from decimal import Decimal

from adapters.ports import StreamCodec
from adapters.simulator.in_memory import MemoryDialer, MemoryPipe, MemoryTransport
from adapters.simulator.world import World
from adapters.venues.coinbase.client import CoinbaseClient
from adapters.venues.coinbase.market_stream import MarketStream
from adapters.venues.coinbase.private_stream import PrivateStream
from adapters.venues.coinbase.sign import Signer
from domain.instant import SECOND_NS, Instant
from domain.instrument import Side
from domain.messages.base import Event
from domain.messages.orders import OrderType, Purpose, SubmitOrder, TimeInForce
from domain.settings import SimulatorSettings, VenueSettings
from tests.builders import MONO, UTC

VENUE_SETTINGS = VenueSettings(
    rest_url="http://coinbase.test",
    market_stream_url="ws://coinbase.test/",
    private_stream_url="ws://coinbase.test/user",
)


class ManualClock:
    def __init__(self) -> None:
        self.elapsed_ns = 0

    def now(self) -> Instant:
        return Instant(MONO + self.elapsed_ns, UTC + self.elapsed_ns)

    def advance(self, seconds: float) -> None:
        self.elapsed_ns += int(seconds * SECOND_NS)


class SimulatedCoinbase:
    """One world, and one client of it."""

    def __init__(self, **settings) -> None:
        at_once = {"latency_min_s": 0.0, "latency_max_s": 0.0, "read_lag_max_s": 0.0}
        quick = {"warm_up_s": 1.0, "quotes_per_s": 8.0, **at_once}
        self.clock = ManualClock()
        self.world = World(SimulatorSettings(**{**quick, **settings}), UTC, venues=["coinbase"])
        self.transport = MemoryTransport(self.world, self.clock, self.clock.advance)
        self.dialer = MemoryDialer(self.world, self.clock)
        self.signer = Signer(self.world.key.name, self.world.key.private_key)
        self.client = CoinbaseClient(VENUE_SETTINGS, self.signer, self.transport, self.clock)

    def market_stream(self) -> MarketStream:
        return MarketStream(VENUE_SETTINGS)

    def private_stream(self) -> PrivateStream:
        return PrivateStream(VENUE_SETTINGS, self.signer.token)

    def connect(self, codec: StreamCodec) -> MemoryPipe:
        pipe = self.dialer.open(codec.url, timeout_s=5)
        for text in codec.hello(self.clock.now()):
            pipe.send(text)
        return pipe

    def listen(self, codec: StreamCodec, pipe: MemoryPipe, seconds: float = 0.0) -> list[Event]:
        """Return what the codec hears, looking every 20 ms."""
        events: list[Event] = []
        for _ in range(max(1, round(seconds * 50))):
            if seconds:
                self.clock.advance(0.02)
            arrived = pipe.read()
            for frame in arrived.frames:
                events += codec.decode(frame, arrived.read_ns, self.clock.now())
        return events

    def touch(self, side: Side, symbol: str = "BTC-USD") -> Decimal:
        """Return the price at which an order of `side` trades at once."""
        return self.world.exchange.market.products[symbol].book.best_price(side.opposite)

    def inject(self, kind: str, where: str, **fields) -> None:
        self.world.inject({"kind": kind, "where": where, **fields})

    @property
    def orders(self) -> list:
        """What the venue really holds, in order of creation."""
        return list(self.world.exchange.orders.values())


def order(client_order_id: str = "00000000-0000-4000-8000-000000000001", **changes) -> SubmitOrder:
    """Return a buy far below the market, which rests."""
    fields = {
        "client_order_id": client_order_id,
        "intent_id": "intent-1",
        "venue": "coinbase",
        "instrument": "BTC-USD",
        "symbol": "BTC-USD",
        "side": Side.BUY,
        "purpose": Purpose.OPEN,
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "quantity": Decimal("0.01"),
        "limit_price": Decimal("30000"),
    }
    return SubmitOrder(**{**fields, **changes})
