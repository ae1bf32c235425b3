"""One feed actor on the real clock, sockets and threads, without an actor system."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from thespian.actors import ActorAddress, WatchMessage

from actors.price_feed import PriceFeed
from actors.runtime.wiring_messages import Envelope, Peer, StartActor
from domain.effects import Role
from domain.messages.base import Message
from domain.messages.market import MarketBatch
from domain.messages.system import SubscribeMarketData
from domain.settings import SessionSettings, Settings, VenueSettings
from scripts.run.toolbox import ProcessToolbox

PATIENCE_S = 60.0
NOBODY = "http://127.0.0.1:1"  # tells no time, and costs none
FEED, READER = Role.PRICE_FEED.at("coinbase"), str(Role.PORTFOLIO)


class SoloToolbox(ProcessToolbox):
    """The tools of a process that no launcher looks after. A feed writes no file."""

    def __init__(self) -> None:
        super().__init__(Path(), "normal", 0, "", "")

    def settle(self, role: str) -> None:
        """Leave outputs, signals and keys alone: they are those of the script."""

    def orphaned_fd(self) -> None:
        return None


class Solo:
    """This loop polls the feed's descriptors, and hears the batches that it sends; alarms it leaves alone."""

    def __init__(self, settings: Settings, hear: Callable[[MarketBatch], None]) -> None:
        self.settings = settings
        self.hear = hear
        self.feed = PriceFeed()
        self.feed._myRef = self
        self.address = ActorAddress("feed")
        self.waiting = select.epoll()
        self.watched: set[int] = set()

    def start(self) -> None:
        peers = {READER: Peer(ActorAddress("reader"), 1)}
        self.give(StartActor(FEED, 1, self.settings, SoloToolbox(), peers))
        self.tell(SubscribeMarketData(credit=2))

    # ---- what the feed sees of an actor system -----------------------------------------------------------

    def actor_send(self, target: ActorAddress, message: Any) -> None:
        if isinstance(message, Envelope) and isinstance(message.message, MarketBatch):
            self.hear(message.message)

    def wakeupAfter(self, period: Any, payload: Any = None) -> None:
        """No alarm is due within a measurement."""

    # ---- what its user does ------------------------------------------------------------------------------

    def give(self, message: Any) -> None:
        answer = self.feed.receiveMessage(message, self.address)
        watched = set(answer.filenos) if answer is not None else set()
        for fd in self.watched - watched:
            with suppress(OSError):  # one that is closed already has left by itself
                self.waiting.unregister(fd)
        for fd in watched - self.watched:
            self.waiting.register(fd, select.EPOLLIN)
        self.watched = watched

    def tell(self, message: Message) -> None:
        self.give(Envelope(FEED, 1, READER, 1, time.monotonic_ns(), message))

    def turn(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait for something to read, and let the feed read it."""
        ready = [fd for fd, _ in self.waiting.poll(timeout_s)]
        self.give(WatchMessage(ready))

    def close(self) -> None:
        if self.feed.stream.pipe is not None:
            self.feed.stream.pipe.close()
        self.feed.stream.executor.close()
        self.feed.clock_check.executor.close()
        self.waiting.close()


def patient(address: str) -> Settings:
    """Return settings with which no deadline falls into a measurement."""
    venue = VenueSettings(market_stream_url=address, rest_url=NOBODY, heartbeat_timeout_s=1e6)
    return Settings(venues={"coinbase": venue}, session=SessionSettings(first_message_within_s=1e6))
