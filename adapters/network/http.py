"""HTTP requests: bytes out, bytes back, one deadline, and the truth about what left this machine.

No retry, no redirect, no proxy or credentials from the environment. A failure before the first request byte
was handed to the socket is Retryable: it certainly did not happen. Any later failure is Ambiguous, and so is
a connection that was reset while it idled. What a status means is for the venue's client to say.

On sockets of its own, because no library at hand promises either of two things: that a call ends at its deadline
whatever drips in (header, chunk size, interim answer, TLS), and that an answer which isn't exactly delimited never
passes for one (`http_answer.py`). It is also the fastest way to get an order out: one write.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from typing import NamedTuple, Protocol
from urllib.parse import quote

from adapters.network import sockets
from adapters.network.addresses import Address, read_address
from adapters.network.failures import failure_of
from adapters.network.http_answer import Answer, NotOneAnswer
from domain.errors import Ambiguous, Retryable, VenueError

ALONE = ("Connection", "close")  # a header

_CHUNK_BYTES = 64 * 1024
_URL_LETTERS = "!#$%&'()*+,/:;=?@[]~"


class Response(NamedTuple):
    """A complete answer, whatever its status."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    sent_ns: int  # CLOCK_MONOTONIC when the request was handed to the socket


class Transport(Protocol):
    """What a venue's client needs of HTTP; the simulator has one in memory."""

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Response:
        """Send one request and return its whole answer.

        With ALONE among the headers it goes over a connection that has carried nothing before, and will carry nothing
        after it: what a peer sends twice is the answer to nothing else.

        Raises:
            Retryable: no request byte was written; `code` is dns, refused, timeout, tls, unreachable, reset or exhausted.
            Ambiguous: it may have been received; `code` is timeout, reset, exhausted or unreadable.
        """
        ...

    def close(self) -> None:
        """Give up the connections that are open, those in use after it; the next request makes a new one."""
        ...


class HttpTransport:
    """Kept-alive connections, shared by the threads of one process. No body over 16 MiB is read."""

    def __init__(self, connections: int, connect_timeout_s: float) -> None:
        self._most_idle = connections
        self._connect_timeout_s = connect_timeout_s
        self._idle: dict[tuple[str, str], list[socket.socket]] = {}  # scheme and netloc -> the newest last
        self._given_up = 0  # how often all connections were
        self._lock = threading.Lock()

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Response:
        give_up_at = time.monotonic() + timeout_s
        address = read_address(url)
        origin = address.scheme, address.netloc
        request = _encode(method, address, headers, body)
        given_up, is_alone = self._given_up, headers.get(ALONE[0]) == ALONE[1]
        try:
            connection = (None if is_alone else self._take(origin)) or self._open(origin, give_up_at)
        except OSError as error:
            code = failure_of(error).code
            raise Retryable(f"request not sent: {code}", code=code) from None
        sent_ns = time.monotonic_ns()
        answer = Answer()
        try:
            _write(connection, request, give_up_at)
            _read(connection, answer, give_up_at)
            answer.is_last = answer.is_last or is_alone
        except NotOneAnswer:
            connection.close()
            raise _without_answer("unreadable") from None
        except OSError as error:
            connection.close()
            raise _without_answer(failure_of(error).code) from None
        except BaseException:
            connection.close()
            raise
        self._give_back(origin, connection, answer, given_up)
        return Response(answer.status, answer.headers, answer.body, sent_ns)

    def close(self) -> None:
        with self._lock:
            self._given_up += 1
            idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                connection.close()

    # ---- connections -------------------------------------------------------------------------------------

    def _take(self, origin: tuple[str, str]) -> socket.socket | None:
        """Return an idle connection that is still good: one with something to read was ended, or says too much."""
        while True:
            with self._lock:
                waiting = self._idle.get(origin)
                if not waiting:
                    return None
                connection = waiting.pop()
            if not _has_unread(connection):
                return connection
            connection.close()

    def _open(self, origin: tuple[str, str], give_up_at: float) -> socket.socket:
        scheme, netloc = origin
        address = read_address(f"{scheme}://{netloc}")
        is_secure = address.is_secure
        connect_by = min(give_up_at, time.monotonic() + self._connect_timeout_s)
        connection = sockets.connect(address.host, address.port, connect_by)
        if not is_secure:
            return connection
        try:
            return sockets.secured(connection, address.host, connect_by)
        except BaseException:
            connection.close()
            raise

    def _give_back(self, origin: tuple[str, str], connection: socket.socket, answer: Answer, given_up: int) -> None:
        """Args:
        given_up: how often all had been, when this one was taken.
        """
        with self._lock:
            waiting = self._idle.setdefault(origin, [])
            is_wanted = given_up == self._given_up and not answer.is_last and len(waiting) < self._most_idle
            if is_wanted:
                waiting.append(connection)
        if not is_wanted:
            connection.close()


def _encode(method: str, address: Address, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return head and body as they go out, in one piece."""
    target = address.target
    if not (target.isascii() and target.isprintable() and " " not in target):
        target = quote(target, safe=_URL_LETTERS)
    lines = [f"{method} {target} HTTP/1.1", f"Host: {address.netloc}", "User-Agent: nzeza", "Accept-Encoding: identity"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"Content-Length: {len(body)}")
    if not all(line.isprintable() for line in lines):
        raise ValueError("a header that would be two")
    return "\r\n".join([*lines, "", ""]).encode() + body


def _write(connection: socket.socket, request: bytes, give_up_at: float) -> None:
    unsent = memoryview(request)
    while unsent:
        connection.settimeout(sockets.left_s(give_up_at))
        unsent = unsent[connection.send(unsent) :]


def _read(connection: socket.socket, answer: Answer, give_up_at: float) -> None:
    """Read until the answer is complete. Each wait gets what is left of the whole call's time, so nothing can drip on."""
    while not answer.is_complete:
        connection.settimeout(sockets.left_s(give_up_at))
        answer.feed(_next(connection, answer))
    connection.setblocking(False)
    try:
        more = connection.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return
    except OSError:
        more = b""
    if more:
        raise NotOneAnswer("bytes behind the answer")
    answer.is_last = True  # a peer may hang up behind a whole answer, but not go on


def _next(connection: socket.socket, answer: Answer) -> bytes:
    """Return the next bytes of an answer. A connection that ends within it has given none that can be read."""
    try:
        data = connection.recv(_CHUNK_BYTES)
    except TimeoutError:
        raise
    except OSError:
        data = b""
        if not answer.has_begun:
            raise
    if not data:
        raise NotOneAnswer("cut off") if answer.has_begun else ConnectionResetError
    return data


def _has_unread(connection: socket.socket) -> bool:
    if isinstance(connection, ssl.SSLSocket) and connection.pending():
        return True
    ready = select.poll()
    ready.register(connection, select.POLLIN)
    return bool(ready.poll(0))


def _without_answer(code: str) -> VenueError:
    """Say what became of a request that was sent."""
    return Ambiguous(f"request sent, no usable answer: {code}", code=code)
