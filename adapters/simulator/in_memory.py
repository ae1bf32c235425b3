"""A simulated venue without sockets: what its client and stream codecs need, straight from a `World`.

The same requests and frames as over loopback, under the caller's clock. Latency is spent through a callback,
so virtual time can pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from urllib.parse import parse_qsl, urlsplit

from adapters.clock import Clock
from adapters.network.http import Response
from adapters.network.http_answer import MAX_BODY_BYTES
from adapters.ports import Frames
from adapters.simulator.connection import Connection
from adapters.simulator.wire import FrameKind, Request
from adapters.simulator.world import World
from domain.errors import Ambiguous, Retryable

PROTOCOL_ERROR = "1002"  # how a pipe closes that met a frame it cannot read
UPGRADED = 101

_numbers = count(2_000_000)  # beyond any real descriptor


def no_time(seconds: float) -> None:
    """Spend nothing: every call is instant."""


def unwatched(is_readable: Callable[[], bool]) -> int:
    """Give a pipe a number that nobody polls."""
    return next(_numbers)


class MemoryTransport:
    """An HTTP transport whose server is one venue of a `World`.

    Attributes:
        is_refusing: nothing listens: requests fail before their first byte is sent.
        requests: all that was sent, in order.
    """

    def __init__(
        self,
        world: World,
        clock: Clock,
        spend: Callable[[float], None] = no_time,
        venue: str = "coinbase",
    ) -> None:
        self.is_refusing = False
        self.requests: list[Request] = []
        self._venue = venue
        self._world = world
        self._clock = clock
        self._spend = spend

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Response:
        is_down = self._world.is_down(self._venue, self._clock.now().utc_ns)
        if self.is_refusing or is_down:
            raise Retryable("request not sent: refused", code="refused")
        address = urlsplit(url)
        query = tuple(parse_qsl(address.query, keep_blank_values=True))
        request = Request(method, address.path, query, {"host": address.netloc, **headers}, body)
        self.requests.append(request)
        sent_ns = self._clock.now().monotonic_ns
        latency_s = self._world.draw_latency_s()
        self._spend(min(latency_s / 2, timeout_s))
        answer = self._world.rest(self._venue, request, self._clock.now().utc_ns)
        took_s = latency_s + answer.delay_s + answer.drip_s
        if took_s >= timeout_s:
            self._spend(max(0.0, timeout_s - latency_s / 2))
            raise Ambiguous("request sent, no usable answer: timeout", code="timeout")
        self._spend(took_s - latency_s / 2)
        if answer.drop:
            raise Ambiguous("request sent, no usable answer: reset", code="reset")
        if answer.is_shifted or len(answer.body) > MAX_BODY_BYTES:
            raise Ambiguous("request sent, no usable answer: unreadable", code="unreadable")
        lowered = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status, lowered, answer.body, sent_ns)

    def close(self) -> None:
        """Nothing is open."""


class MemoryPipe:
    """A websocket whose server is one `Connection`."""

    def __init__(self, connection: Connection, clock: Clock, register: Callable[[Callable[[], bool]], int]) -> None:
        self._connection = connection
        self._clock = clock
        self._arrived: list[bytes] = []
        self._closed = ""
        self._number = register(self.is_readable)

    def fileno(self) -> int:
        return self._number

    def is_readable(self) -> bool:
        self._poll()
        return bool(self._arrived or self._closed)

    def read(self) -> Frames:
        self._poll()
        frames, self._arrived = tuple(self._arrived), []
        return Frames(frames, self._clock.now().monotonic_ns, self._closed)

    def send(self, text: str) -> None:
        if not self._closed:
            self._connection.receive(text, self._clock.now().utc_ns)

    def goodbye(self) -> None:
        self._closed = self._closed or "1000"

    def await_close(self, timeout_s: float) -> str:
        return self._closed

    def close(self) -> None:
        self.goodbye()

    def _poll(self) -> None:
        if self._closed:
            return
        now_ns = self._clock.now().utc_ns
        for frame in self._connection.poll(now_ns):
            if frame.kind is FrameKind.RAW:
                self._closed = PROTOCOL_ERROR
                return
            if frame.kind is FrameKind.PING:
                self._connection.pong(now_ns)
            else:
                self._arrived.append(frame.data)
        if self._connection.close_code is not None:
            self._closed = str(self._connection.close_code)


class MemoryDialer:
    """Opens pipes to one venue of a `World`.

    `register` is told how to ask a new pipe for news, and returns its number.
    """

    def __init__(
        self,
        world: World,
        clock: Clock,
        spend: Callable[[float], None] = no_time,
        register: Callable[[Callable[[], bool]], int] = unwatched,
        venue: str = "coinbase",
    ) -> None:
        self._world = world
        self._clock = clock
        self._spend = spend
        self._register = register
        self._venue = venue

    def open(self, url: str, timeout_s: float) -> MemoryPipe:
        path = urlsplit(url).path
        latency_s = self._world.draw_latency_s()
        now_ns = self._clock.now().utc_ns  # before any is spent: the world must not run ahead of everybody else
        if self._world.is_down(self._venue, now_ns):
            raise Retryable("connection refused", code="refused")
        handshake = self._world.shake_hands(self._venue, path)
        took_s = latency_s + handshake.delay_s
        self._spend(min(took_s, timeout_s))
        if took_s > timeout_s:
            raise Retryable("no answer to the upgrade", code="timeout")
        if not handshake.status:
            raise Retryable("connection reset", code="reset")
        if handshake.status != UPGRADED:
            raise Retryable(f"upgrade refused: {handshake.status}", code="handshake")
        connection = self._world.open_stream(self._venue, path, now_ns)
        return MemoryPipe(connection, self._clock, self._register)
