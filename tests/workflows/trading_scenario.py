"""The whole system on the stage: every actor, the real Coinbase client and codecs, a simulated venue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from actors.stage.stage import Stage
from actors.stage.toolbox import START, virtual_fd
from adapters.ports import VenueKit
from adapters.settings.load import load
from adapters.simulator.in_memory import MemoryDialer, MemoryTransport
from adapters.simulator.world import World
from adapters.venues.coinbase.client import CoinbaseClient
from adapters.venues.coinbase.evidence import CoinbaseEvidence
from adapters.venues.coinbase.market_stream import MarketStream
from adapters.venues.coinbase.private_stream import PrivateStream
from adapters.venues.coinbase.public_client import PublicClient
from adapters.venues.coinbase.sign import Signer
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.ledger.order_ledger import OrderLedger
from domain.messages.journal import OrderFilled, OrderSubmitted
from domain.settings import Settings, VenueSettings

URLS = {
    "rest_url": "http://127.0.0.1:1",
    "market_stream_url": "ws://127.0.0.1:1/",
    "private_stream_url": "ws://127.0.0.1:1/user",
}
QUIET = {  # what a second of virtual time costs is mostly the market's own bustle
    "SIMULATOR__QUOTES_PER_S": "2",
    "SIMULATOR__TRADES_PER_S": "2",
    "SIMULATOR__WARM_UP_S": "16",  # candles of one second, and the slowest strategy needs thirteen
    "SYSTEM__REPORT_EVERY_S": "1.5",
}


class TradingScenario:
    """One stage with one simulated venue behind it; a subclass may put others beside it.

    Attributes:
        venues: which the world has.
        addresses: venue -> where it is, by the names of settings.
    """

    venues: tuple[str, ...] = ("coinbase",)
    addresses: Mapping[str, Mapping[str, str]] = {"coinbase": URLS}
    trades: Mapping[str, str] = {}  # settings that let the venues take orders
    begins_s: float = 0.0  # after the stage's own start

    def __init__(self, seed: int | None = None, **environment: str) -> None:
        """Args:
        seed: interleaves the actors' messages; None keeps the order sent.
        environment: settings such as RISK__POSITION_RATIO="0.01".
        """
        overrides = {f"NZEZA__{key}": value for key, value in {**QUIET, **self.trades, **environment}.items()}
        loaded = load(None, overrides, self.venues)
        # As the launcher does, who alone knows where simulated venues are.
        venues = {name: replace(venue, **self.addresses[name]) for name, venue in loaded.venues.items()}
        self.settings: Settings = replace(loaded, venues=venues)
        begins_ns = round(self.begins_s * SECOND_NS)
        self.world = World(self.settings.simulator, START.utc_ns + begins_ns, venues=self.venues)
        self.seed = seed
        self.by_hand: set[tuple[str, str]] = set()  # (venue, order_id) of a person's trades
        self.stage = self._stage()
        self.stage.clock.elapsed_ns = begins_ns

    def restart(self) -> None:
        """Let a new system find the journal and the venue as the old one left them, at once."""
        old, self.stage = self.stage, self._stage()
        self.stage.clock.follow(old.clock)
        self.stage.toolbox.memory_journal = old.journal

    def _stage(self) -> Stage:
        return Stage(self.settings, self._kits(), self.seed, look_every_s=0.1)

    def _kits(self) -> dict[str, VenueKit]:
        return {"coinbase": self._coinbase_kit()}

    def _coinbase_kit(self) -> VenueKit:
        signer = Signer(self.world.key.name, self.world.key.private_key)

        def trading(settings: VenueSettings) -> CoinbaseClient:
            clock = self.stage.clock
            transport = MemoryTransport(self.world, clock.true, clock.spend)
            return CoinbaseClient(settings, signer, transport, clock)

        def dialer(settings: VenueSettings) -> MemoryDialer:
            clock = self.stage.clock
            return MemoryDialer(self.world, clock.true, clock.spend, self._register)

        def venue_clock(settings: VenueSettings) -> PublicClient:
            clock = self.stage.clock
            return PublicClient(settings, MemoryTransport(self.world, clock.true, clock.spend), clock)

        return VenueKit(
            trading=trading,
            market_stream=MarketStream,
            private_stream=lambda settings: PrivateStream(settings, signer.token),
            dialer=dialer,
            venue_clock=venue_clock,
            resubmits_safely=True,
            evidence=CoinbaseEvidence,
        )

    def _register(self, is_readable: Any) -> int:
        fd = virtual_fd()
        self.stage.readables[fd] = is_readable
        return fd

    # ---- looking -----------------------------------------------------------------------------------------

    def run_until_filled(self, fills: int, within_s: int = 60) -> None:
        """Advance second by second until the journal holds this many filled orders."""
        for _ in range(within_s):
            if self.filled_orders() >= fills:
                return
            self.stage.advance(seconds=1)
        raise AssertionError(f"{self.filled_orders()} orders filled within {within_s} s, wanted {fills}")

    def journaled(self, kind: type) -> list[Any]:
        return [entry.event for entry in self.stage.journal.read() if isinstance(entry.event, kind)]

    def ledger(self) -> OrderLedger:
        """Return what the journal says about our orders."""
        ledger = OrderLedger()
        ledger.replay(self.stage.journal.read())
        return ledger

    def filled_orders(self) -> int:
        return len({event.client_order_id for event in self.journaled(OrderFilled)})

    def submitted_ids(self) -> set[str]:
        return {event.order.client_order_id for event in self.journaled(OrderSubmitted)}

    def truth(self) -> dict[str, Any]:
        return self.world.truth(self.stage.clock.true.now().utc_ns)["coinbase"]

    def inventory(self) -> dict[str, Decimal]:
        """Return what a person has bought by hand and not sold: base asset -> quantity."""
        owned: dict[str, Decimal] = defaultdict(Decimal)
        for fill in self.truth()["fills"]:
            if ("coinbase", fill["order_id"]) in self.by_hand:
                owned[fill["product_id"].split("-")[0]] += Side(fill["side"]).sign * Decimal(fill["size"])
        return owned

    def wind_down(self) -> Any:
        """Stop as the launcher does; return the router's WoundDown, which must come before the deadline."""
        self.stage.ask("stop", deadline_s=2.3)
        for _ in range(25):
            self.stage.advance(seconds=0.1)
            for told in self.stage.told:
                if told.kind == "wound_down":
                    return told.message
        raise AssertionError("no WoundDown")
