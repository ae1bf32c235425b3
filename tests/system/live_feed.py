"""One feed actor on the real clock, sockets and threads, against a simulator process; no actor system."""

from __future__ import annotations

import heapq
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from thespian.actors import WakeupMessage

from domain.messages.market import MarketBatch
from domain.messages.system import GrantCredit
from domain.settings import SessionSettings, Settings, VenueSettings
from domain.streams.session import Session
from scripts.bench.solo import Solo

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


class LiveFeed(Solo):
    """A feed with its wake-ups, and the batches that it told."""

    def __init__(self, address: str, **venue: Any) -> None:
        self.batches: list[MarketBatch] = []
        self._wakeups: list[tuple[float, int, WakeupMessage]] = []
        self._armed = 0
        urls = {"market_stream_url": address, "rest_url": address.replace("ws:", "http:", 1)}
        settings = Settings(
            venues={"coinbase": VenueSettings(**{"instruments": ("BTC-USD",), **urls, **venue})},
            session=SessionSettings(backoff_base_s=0.1, backoff_cap_s=0.4),
        )
        super().__init__(settings, self.batches.append)
        self.start()

    @property
    def session(self) -> Session:
        return self.feed.stream.session

    def count(self, name: str) -> int:
        self.feed.report()
        return self.feed.counters[name]

    def wakeupAfter(self, period: Any, payload: Any = None) -> None:
        self._armed += 1
        due = time.monotonic() + period.total_seconds()
        heapq.heappush(self._wakeups, (due, self._armed, WakeupMessage(period, payload)))

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
        super().close()

    def _turn(self, timeout_s: float) -> None:
        self.turn(timeout_s)
        while self._wakeups and self._wakeups[0][0] <= time.monotonic():
            self.give(heapq.heappop(self._wakeups)[2])
        self.tell(GrantCredit(batches=1))
