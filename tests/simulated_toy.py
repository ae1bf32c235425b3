"""The toy venue in memory under a clock of its own, with one client: what tests of a venue need."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from adapters.ports import StreamCodec
from adapters.simulator.in_memory import MemoryDialer, MemoryPipe
from adapters.simulator.world import World
from domain.instrument import Side
from domain.ledger.order_ids import mint_client_order_id
from domain.messages.base import Event
from domain.messages.orders import OrderType, Purpose, SubmitOrder, TimeInForce, VenueMoment
from domain.settings import SimulatorSettings, VenueSettings
from tests.builders import UTC
from tests.simulated_coinbase import ManualClock
from tests.toy.client import ToyClient
from tests.toy.kit import URLS
from tests.toy.rows import VENUE
from tests.toy.rules import ToyOrders, wire_id
from tests.toy.stream import ToyStream
from tests.toy.venue import ToyVenue

VENUE_SETTINGS = VenueSettings(**URLS)


class SimulatedToy:
    """One world, and one client of it."""

    def __init__(self, **settings) -> None:
        at_once = {"latency_min_s": 0.0, "latency_max_s": 0.0, "read_lag_max_s": 0.0}
        quick = {"warm_up_s": 1.0, "quotes_per_s": 8.0, **at_once}
        self.clock = ManualClock()
        self.world = World(SimulatorSettings(**{**quick, **settings}), UTC, venues=[VENUE])
        self.toy = ToyVenue(self.world)
        self.client = ToyClient(self.toy, self.clock, self.clock.advance)
        self.rules = ToyOrders(VENUE_SETTINGS)
        self.dialer = MemoryDialer(self.toy, self.clock, venue=VENUE)

    def private_stream(self) -> ToyStream:
        return ToyStream(VENUE_SETTINGS)

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

    def touch(self, side: Side, symbol: str = "BTC") -> Decimal:
        """Return the price at which an order of `side` trades at once."""
        return self.toy.exchange.market.products[symbol].book.best_price(side.opposite)

    def inject(self, kind: str, where: str, **fields) -> None:
        self.toy.inject(kind, where, **fields)

    @property
    def orders(self) -> list:
        """What the venue really holds, in order of creation."""
        return list(self.toy.exchange.orders.values())

    def order(self, name: str = "i-1", **changes) -> SubmitOrder:
        """Return a buy far below the market, which rests.

        Args:
            name: of the order: any word, its id is made of it.
        """
        client_order_id = mint_client_order_id(name, 0, 1)
        fields = {
            "client_order_id": client_order_id,
            "intent_id": "intent-1",
            "venue": VENUE,
            "instrument": "BTC-USD",
            "symbol": "BTC",
            "side": Side.BUY,
            "purpose": Purpose.OPEN,
            "order_type": OrderType.LIMIT,
            "time_in_force": TimeInForce.GTC,
            "quantity": Decimal("0.01"),
            "limit_price": Decimal("30000"),
            "venue_client_id": wire_id(client_order_id),
        }
        order = SubmitOrder(**{**fields, **changes})
        if "accept_until" in changes:
            return order
        sent_by = VenueMoment(utc_ns=self.clock.now().utc_ns)
        return replace(order, accept_until=self.rules.lifetime(order, sent_by).accept_until)
