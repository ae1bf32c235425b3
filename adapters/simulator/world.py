"""The simulated world in one object: market, exchange, faults, wire fronts, all driven by the caller's time.

Sockets are `server.py`'s; tests and the in-process stage talk to a `World` in memory. The same settings,
start time and calls make the same world. With a store, nothing is answered before it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Protocol

from adapters.simulator.coinbase_auth import ApiKey, KeyRing
from adapters.simulator.coinbase_rest import CoinbaseRest
from adapters.simulator.coinbase_stream import StreamSession
from adapters.simulator.exchange import Exchange
from adapters.simulator.faults import FaultPlan
from adapters.simulator.market import Market
from adapters.simulator.records import Records
from adapters.simulator.truth import truth
from adapters.simulator.wire import Request, Response
from domain.settings import SimulatorSettings

VENUES = ("coinbase",)
PRIVATE_PATH = "/user"  # of the stream with our orders; any other path is the market's


class Store(Protocol):
    """What outlives the process."""

    def load(self) -> Records | None: ...

    def follow(self, exchange: Exchange) -> None:
        """Keep what changed since the last call; the account at once, the market now and then."""
        ...

    def save(self, exchange: Exchange) -> None:
        """Keep all of it now."""
        ...


class World:
    """`now_ns` arguments are UTC nanoseconds and never go back (an earlier one counts as the latest seen)."""

    def __init__(
        self,
        settings: SimulatorSettings,
        start_ns: int,
        store: Store | None = None,
        key: ApiKey | None = None,
    ) -> None:
        """Args:
        store: what to remember from, and to keep; None forgets everything.
        key: the one that clients have, from an earlier life of this world.
        """
        self.keys = KeyRing()
        self.key: ApiKey = key or self.keys.issue()  # may trade
        self.keys.admit(self.key)
        self._store = store
        records = store.load() if store is not None else None
        self.exchange = Exchange(settings, Market(settings, start_ns, records), start_ns, records)
        self._faults = FaultPlan(VENUES)
        self._rest = CoinbaseRest(self.exchange, self.keys, self._faults)
        self._latency_s = (settings.latency_min_s, settings.latency_max_s)
        self._latencies = Random(f"{settings.seed}:latency")

    @property
    def next_due_ns(self) -> int:
        """Return when the next thing happens by itself."""
        return self.exchange.next_due_ns

    def advance(self, now_ns: int) -> None:
        self.exchange.advance(now_ns)

    def rest(self, request: Request, now_ns: int) -> Response:
        """Answer one request; `delay_s` and `drop` of the answer are the caller's to enact."""
        answer = self._rest.handle(request, now_ns)
        self._keep()
        return answer

    def open_stream(self, url_path: str, now_ns: int) -> StreamSession:
        """Accept one websocket; its `close_code` is already set when the connection is refused."""
        self.exchange.advance(now_ns)
        is_private = url_path.rstrip("/") == PRIVATE_PATH
        return StreamSession(self.exchange, self.keys, self._faults, is_private, now_ns)

    def poll(self, session: StreamSession, now_ns: int) -> list[str]:
        """Return the frames of a session that are due, in order."""
        frames = session.poll(now_ns)
        self._keep()
        return frames

    def draw_latency_s(self) -> float:
        """Return how long the next request travels, there and back."""
        return self._latencies.uniform(*self._latency_s)

    def inject(self, fault: Mapping[str, Any]) -> None:
        """Order one fault.

        Raises:
            InvalidFault: with the allowed values in its text.
        """
        self._faults.inject(fault)

    def clear_faults(self) -> None:
        self._faults.clear()

    def truth(self, now_ns: int) -> dict[str, Any]:
        """Return what really happened, per venue."""
        happened = truth(self.exchange, now_ns)
        self._keep()
        return {"coinbase": happened}

    def save(self) -> None:
        """Keep the market too as it is now; the account is kept already."""
        if self._store is not None:
            self._store.save(self.exchange)

    def _keep(self) -> None:
        if self._store is not None:
            self._store.follow(self.exchange)
