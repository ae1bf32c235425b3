"""The simulated world in one object: markets, fronts and faults of all venues, driven by the caller's time.

Sockets are `server.py`'s; tests and the in-process stage talk to a `World` in memory. The same settings,
start time and calls make the same world. With a store, nothing is answered before it is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from email.utils import formatdate
from functools import partial
from random import Random
from typing import Any, Protocol

from adapters.simulator.api_key import ApiKey
from adapters.simulator.connection import Connection, draw_handshake
from adapters.simulator.engine.agenda import Agenda
from adapters.simulator.engine.exchange import Exchange
from adapters.simulator.engine.market import Latents, Market, ProductMarket
from adapters.simulator.engine.records import Records
from adapters.simulator.faults import Fault, FaultPlan, Suffering, read_fault
from adapters.simulator.front import Front, Ground
from adapters.simulator.fronts import FRONTS
from adapters.simulator.hand_trades import make_trade, read_trade
from adapters.simulator.truth import account_truth, market_truth
from adapters.simulator.wire import Handshake, Request, Response
from domain.instant import SECOND_NS
from domain.settings import SimulatorSettings


class Store(Protocol):
    """What outlives the process."""

    def load(self) -> Records | None: ...

    def follow(self, exchanges: Mapping[str, Exchange], markets: Iterable[Market]) -> None:
        """Keep what changed since the last call; the accounts at once, the markets now and then."""
        ...

    def save(self, exchanges: Mapping[str, Exchange], markets: Iterable[Market]) -> None:
        """Keep all of it now."""
        ...


class World:
    """`now_ns` arguments are UTC nanoseconds and never go back (an earlier one counts as the latest seen).

    Attributes:
        fronts: venue -> front.
        exchanges: venue -> core with the account there.
        markets: venue -> what is traded there.
    """

    def __init__(
        self,
        settings: SimulatorSettings,
        start_ns: int,
        store: Store | None = None,
        key: ApiKey | None = None,
        venues: Collection[str] = tuple(FRONTS),
    ) -> None:
        """Open `warm_up_s` before `start_ns`, or at the time of the store's records if that is later.

        Args:
            store: what to remember from, and to keep; None forgets everything.
            key: the one that Coinbase's clients have, from an earlier life of this world.
            venues: which of them open. Coinbase is the same, whichever others there are.
        """
        self._store = store
        records = store.load() if store is not None else None
        warm_ns = start_ns - int(settings.warm_up_s * SECOND_NS)
        # A wall clock may have been set back meanwhile: venues without prices until then would help nobody.
        self._agenda = Agenda(min(max(warm_ns, records.saved_ns), start_ns) if records else warm_ns)
        self._latency_s = (settings.latency_min_s, settings.latency_max_s)
        self._latencies = Random(f"{settings.seed}:latency")
        self._faults: dict[str, FaultPlan] = {}  # venue -> what is still to happen there
        self._down_until_ns: dict[str, int] = {}  # venue -> UTC ns
        self.markets: dict[str, Market] = {}
        self.fronts: dict[str, Front] = {}
        latents: Latents = {}
        for venue, build in FRONTS.items():
            if venue in venues:
                faults = self._faults[venue] = FaultPlan()
                market = Market(venue, settings, self._agenda, latents, warm_ns, records)
                self.markets[venue] = market
                self.fronts[venue] = build(Ground(settings, market, faults, start_ns, records, key))
        self.exchanges = {venue: front.exchange for venue, front in self.fronts.items()}
        self._agenda.advance(start_ns, is_full=True)

    @property
    def exchange(self) -> Exchange:
        """Return the core of Coinbase."""
        return self.exchanges["coinbase"]

    @property
    def key(self) -> ApiKey:
        """Return what Coinbase's clients sign with."""
        key = self.fronts["coinbase"].key
        if key is None:
            raise LookupError("no orders are taken here")
        return key

    @property
    def next_due_ns(self) -> int:
        """Return when the next thing happens by itself."""
        return self._agenda.next_due_ns

    def advance(self, now_ns: int) -> None:
        self._agenda.advance(now_ns)

    # ---- the wire --------------------------------------------------------------------------------------

    def is_down(self, venue: str, now_ns: int) -> bool:
        """Tell whether nothing listens there: neither requests nor upgrades get as far as `World`."""
        return now_ns < self._down_until_ns.get(venue, 0)

    def rest(self, venue: str, request: Request, now_ns: int) -> Response:
        """Answer one request; `delay_s` and `drop` of the answer are the caller's to enact."""
        self.advance(now_ns)
        answer = self.fronts[venue].rest(request, now_ns)
        self._keep()
        date = {"Date": formatdate(now_ns // 1_000_000_000, usegmt=True)}
        return answer._replace(headers={**date, **answer.headers})

    def shake_hands(self, venue: str, path: str) -> Handshake:
        """Return how the upgrade of a websocket goes, for the caller to enact before `open_stream`."""
        return draw_handshake(self._faults[venue], self.fronts[venue].place(path))

    def open_stream(self, venue: str, path: str, now_ns: int) -> Connection:
        """Accept one websocket."""
        self.advance(now_ns)
        session = self.fronts[venue].open_stream(path, now_ns)
        is_down = partial(self.is_down, venue)
        return Connection(session, self._faults[venue], self.advance, self._keep, is_down)

    def draw_latency_s(self) -> float:
        """Return how long the next request travels, there and back."""
        return self._latencies.uniform(*self._latency_s)

    # ---- control ---------------------------------------------------------------------------------------

    def inject(self, order: Mapping[str, Any]) -> None:
        """Order one fault. What strikes a venue as a whole begins at the time the world has come to.

        Raises:
            InvalidFault: with the allowed values in its text.
        """
        sufferings = {
            venue: Suffering(front.channels, self.markets[venue].products, front.unfit_faults)
            for venue, front in self.fronts.items()
        }
        fault = read_fault(order, sufferings)
        until_ns = self._agenda.now_ns + int(fault.seconds * SECOND_NS)
        match fault.kind:
            case "down":
                self._down_until_ns[fault.venue] = until_ns
            case "halt":
                for product in self._named(fault):
                    product.halted_until_ns = until_ns
            case _:
                self._faults[fault.venue].add(fault)

    def _named(self, fault: Fault) -> Iterable[ProductMarket]:
        products = self.markets[fault.venue].products
        return [products[fault.product]] if fault.product else products.values()

    def trade(self, order: Mapping[str, Any]) -> dict[str, str]:
        """Let a person trade on the account at the venue, at the time the world has come to.

        Raises:
            InvalidTrade: with the allowed values, or the venue's reason, in its text.
        """
        trade = read_trade(order, {venue: market.products for venue, market in self.markets.items()})
        made = make_trade(self.exchanges[trade.venue], trade, self.fronts[trade.venue].word)
        self._keep()
        return made

    def clear_faults(self) -> None:
        """Let nothing more go wrong, and end what lasts: venues listen again, halts are over."""
        self._down_until_ns.clear()
        for venue, faults in self._faults.items():
            faults.clear()
            for product in self.markets[venue].products.values():
                product.halted_until_ns = 0

    def truth(self, now_ns: int) -> dict[str, Any]:
        """Return what really happened, per venue."""
        self.advance(now_ns)
        happened = {
            venue: {"products": market_truth(market), **account_truth(self.exchanges[venue])}
            for venue, market in self.markets.items()
        }
        self._keep()
        return happened

    def save(self) -> None:
        """Keep the markets too as they are now; the account is kept already."""
        if self._store is not None:
            self._store.save(self.exchanges, self.markets.values())

    def _keep(self) -> None:
        if self._store is not None:
            self._store.follow(self.exchanges, self.markets.values())
