"""One feed actor on the real clock, sockets and threads, against a simulator process; no actor system."""

from __future__ import annotations

import heapq
import json
import random
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from thespian.actors import ActorAddress, WakeupMessage, WatchMessage

from actors.price_feed import PriceFeed
from actors.wiring import Envelope, Peer, StartActor
from adapters.clock import SystemClock
from adapters.executor import ThreadExecutor
from adapters.venues import VENUES
from domain.effects import Role
from domain.market_data import MarketBatch
from domain.messages import Message
from domain.session import Session
from domain.settings import SessionSettings, Settings, VenueSettings
from domain.system_messages import GrantCredit, SubscribeMarketData

FEED, READER = Role.PRICE_FEED.at("coinbase"), str(Role.PORTFOLIO)
PATIENCE_S = 10.0

_PROGRAM = """
import json, sys
from pathlib import Path
from adapters.simulator.server import serve
from domain.settings import SimulatorSettings
serve(SimulatorSettings(warm_up_s=1.0), Path(sys.argv[1]), lambda ready: print(json.dumps(ready), flush=True))
"""


class Venue:
    """The simulated venues in a process of their own."""

    def __init__(self, directory: Path) -> None:
        command = [sys.executable, "-c", _PROGRAM, str(directory)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        ready = json.loads(self.process.stdout.readline())
        self.address = ready["venues"]["coinbase"]["market_stream_url"]
        self.control = ready["control"]

    def inject(self, kind: str, **fields: Any) -> None:
        fault = {"venue": "coinbase", "kind": kind, "where": "market_stream", **fields}
        requests.post(f"{self.control}/faults", json=fault, timeout=5).raise_for_status()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


class _Parts:
    def __init__(self) -> None:
        self.executors: list[ThreadExecutor] = []

    def clock(self) -> SystemClock:
        return SystemClock()

    def executor(self, workers: int) -> ThreadExecutor:
        self.executors.append(ThreadExecutor(workers))
        return self.executors[-1]

    def venue_kit(self, venue: str) -> Any:
        return VENUES[venue]

    def uniform(self) -> float:
        return random.random()

    def orphaned_fd(self) -> None:
        return None

    def pid(self) -> int:
        return 0


class LiveFeed:
    """A feed, its loop, and what it told: `told[role]`."""

    def __init__(self, address: str, **venue: Any) -> None:
        self.told: list[tuple[str, Message]] = []
        self.feed = PriceFeed()
        self.feed._myRef = self
        self._parts = _Parts()
        self._address = ActorAddress("feed")
        self._alarms: list[tuple[float, int, Any]] = []
        self._armed = 0
        self._watched: set[int] = set()
        settings = Settings(
            venues={
                "coinbase": VenueSettings(market_stream_url=address, instruments=("BTC-USD",), **venue)
            },
            session=SessionSettings(backoff_base_s=0.1, backoff_cap_s=0.4),
        )
        roles = (READER, str(Role.MONITOR), str(Role.RECORDER))
        peers = {role: Peer(ActorAddress(role), 1) for role in roles}
        self._give(StartActor(FEED, 1, settings, self._parts, peers))
        self._tell(SubscribeMarketData(credit=2))

    @property
    def session(self) -> Session:
        return self.feed.stream.session

    @property
    def batches(self) -> list[MarketBatch]:
        return [message for role, message in self.told if isinstance(message, MarketBatch)]

    def count(self, name: str) -> int:
        self.feed.report()
        return self.feed.counters[name]

    # ---- what the feed sees of an actor system -----------------------------------------------------------

    def actor_send(self, target: ActorAddress, message: Any) -> None:
        if isinstance(message, Envelope):
            self.told.append((message.to, message.message))

    def wakeupAfter(self, period: Any, payload: Any = None) -> None:
        self._armed += 1
        due = time.monotonic() + period.total_seconds()
        heapq.heappush(self._alarms, (due, self._armed, WakeupMessage(period, payload)))

    # ---- what the test does ------------------------------------------------------------------------------

    def run_until(self, is_done: Callable[[], bool]) -> float:
        """Serve the feed until something is so; return how long that took."""
        began = time.monotonic()
        while not is_done():
            assert time.monotonic() < began + PATIENCE_S, self.session.last_failure or "nothing happened"
            self._turn(0.01)
        return time.monotonic() - began

    def run_until_whole(self) -> float:
        """Serve it until its newest word is that prices can be believed."""
        sent = len(self.batches)
        return self.run_until(
            lambda: len(self.batches) > sent and self.batches[-1].state.is_whole and self.batches[-1].quotes
        )

    def close(self) -> None:
        self.feed.stopping()
        if self.feed.stream.pipe is not None:
            self.feed.stream.pipe.close()
        for executor in self._parts.executors:
            executor.close()

    def _turn(self, timeout_s: float) -> None:
        waiting = select.poll()
        for fd in self._watched:
            waiting.register(fd, select.POLLIN)
        ready = [fd for fd, _ in waiting.poll(timeout_s * 1000)]
        if ready:
            self._give(WatchMessage(ready))
        while self._alarms and self._alarms[0][0] <= time.monotonic():
            self._give(heapq.heappop(self._alarms)[2])
        self._tell(GrantCredit(batches=1))

    def _tell(self, message: Message) -> None:
        self._give(Envelope(FEED, 1, READER, 1, time.monotonic_ns(), message))

    def _give(self, message: Any) -> None:
        answer = self.feed.receiveMessage(message, self._address)
        self._watched = set(answer.filenos) if answer is not None else set()
