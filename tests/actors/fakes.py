"""Small stand-ins for a venue: streams that say what they are told, a client with scripted answers."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any

from actors.stage.stage import Stage
from actors.stage.toolbox import START, virtual_fd
from adapters.ports import Frames, VenueKit
from adapters.venues.coinbase.order_rules import CoinbaseOrders
from domain.errors import Retryable, VenueError
from domain.instant import SECOND_NS, Instant
from domain.market.order_book import Level, OrderBook
from domain.messages.base import Event
from domain.messages.listing import Listing
from domain.streams.channel_watch import ChannelWatch
from domain.streams.venue_time import VenueTime


class FakePipe:
    """A websocket whose frames a test puts in by hand."""

    def __init__(self, register: Callable[[int, Callable[[], bool]], None]) -> None:
        self.frames: list[bytes] = []
        self.sent: list[str] = []
        self.closed = ""
        self.is_closed_by_us = False
        self._fd = virtual_fd()
        register(self._fd, lambda: bool(self.frames or self.closed))

    def fileno(self) -> int:
        return self._fd

    def read(self) -> Frames:
        frames, self.frames = tuple(self.frames), []
        return Frames(frames, START.monotonic_ns, self.closed)

    def send(self, text: str) -> None:
        self.sent.append(text)

    def goodbye(self) -> None:
        self.closed = "1000"  # an obliging peer

    def await_close(self, timeout_s: float) -> str:
        return self.closed

    def close(self) -> None:
        self.is_closed_by_us = True


class FakeCodec:
    """Frames are names of events that the test has laid ready."""

    url = "ws://venue.test/"

    def __init__(self) -> None:
        self.meaning: dict[bytes, Sequence[Event]] = {}
        self.watch = ChannelWatch(())
        self.left_out: tuple[str, ...] = ()
        self.book = OrderBook()  # of whatever instrument

    def follow(self, time: VenueTime) -> None:
        self.time = time

    def hello(self, now: Instant) -> tuple[str, ...]:
        return ("subscribe",)

    def tick(self, now: Instant) -> tuple[str, ...]:
        return ()

    def levels(self, instrument: str, most: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        return self.book.levels(most)

    def decode(self, frame: bytes, read_ns: int, now: Instant) -> Sequence[Event]:
        return self.meaning[frame]


class FakeVenue:
    """A venue kit for one stage; every part of it is open to the test."""

    def __init__(self) -> None:
        self.stage: Stage | None = None
        self.market, self.private = FakeCodec(), FakeCodec()
        self.pipes: list[FakePipe] = []
        self.refusals: deque[VenueError] = deque()  # what the next dials fail with
        self.answers: dict[str, deque[Any]] = defaultdict(deque)  # method -> what its next calls give
        self.last: dict[str, Any] = {}  # method -> what it gives when nothing else is said
        self.takes_s: dict[str, float] = defaultdict(float)  # method -> how long its calls take
        self.timeouts_s: dict[str, list[float]] = defaultdict(list)  # method -> of each call
        self.clock_ahead_s: float | None = None  # of ours; None: it can't be asked
        self.calls: list[tuple[str, Any]] = []  # (method, first argument)

    def kit(self) -> VenueKit:
        return VenueKit(
            trading=lambda settings: self,
            market_stream=lambda settings: self.market,
            private_stream=lambda settings: self.private,
            dialer=lambda settings: self,
            venue_clock=lambda settings: self,
            resubmits_safely=True,
            order_rules=CoinbaseOrders,
        )

    # ---- dialer ------------------------------------------------------------------------------------------

    def open(self, url: str, timeout_s: float) -> FakePipe:
        if self.refusals:
            raise self.refusals.popleft()
        self.pipes.append(FakePipe(self.stage.readables.__setitem__))
        return self.pipes[-1]

    def hear(self, codec: FakeCodec, *events: Event) -> None:
        """Let the newest pipe bring one frame that means these events."""
        frame = f"frame {len(codec.meaning)}".encode()
        codec.meaning[frame] = events
        self.pipes[-1].frames.append(frame)
        self.stage.advance(seconds=0.05)

    # ---- clock -------------------------------------------------------------------------------------------

    lags_ns = 0

    def read_time(self, timeout_s: float) -> int:
        self.timeouts_s["read_time"].append(timeout_s)
        if self.clock_ahead_s is None:
            raise Retryable("the venue keeps its time to itself")
        self.stage.clock.spend(self.takes_s["read_time"])
        return self.stage.clock.now().utc_ns + int(self.clock_ahead_s * SECOND_NS)

    # ---- client ------------------------------------------------------------------------------------------

    def __getattr__(self, method: str) -> Callable:
        if method.startswith("_"):
            raise AttributeError(method)

        def call(*arguments: Any) -> Any:
            self.calls.append((method, arguments[0] if arguments else None))
            self.timeouts_s[method] += arguments[1:2]
            self.stage.clock.spend(self.takes_s[method])
            answer = self.answers[method].popleft() if self.answers[method] else self.last.get(method, ())
            if method == "load_instruments":  # asked again and again; the others are asked on purpose
                self.last[method] = answer
            if isinstance(answer, Exception):
                raise answer
            is_listing = method.startswith("list_") and type(answer) is tuple
            return Listing.of(answer) if is_listing else answer

        return call

    def called(self, method: str) -> list[Any]:
        return [argument for name, argument in self.calls if name == method]
