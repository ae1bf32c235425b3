import itertools
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from adapters.network.http import ALONE, HttpTransport
from domain.errors import Ambiguous, Retryable, VenueError

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Limit: 7\r\n\r\n{}"


class Server:
    """Answers each request of one connection with the next canned bytes, then hangs up."""

    def __init__(self, *answers: bytes, connections: int = 1) -> None:
        self.requests: list[bytes] = []
        self.peers: list[socket.socket] = []
        self._answers = answers
        self._connections = connections
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with self._listener:
            for _ in range(self._connections):
                peer, _ = self._listener.accept()
                self.peers.append(peer)
                with peer, suppress(ConnectionError):
                    for answer in self._answers:
                        self.requests.append(_whole_request(peer))
                        peer.sendall(answer)


def _whole_request(peer: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request or not request.endswith(b"}"):
        piece = peer.recv(65_536)
        request += piece
        if not piece or not request.startswith(b"POST"):
            break
    return request


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    transport = HttpTransport(connections=2, connect_timeout_s=5)
    yield transport
    transport.close()


def post(transport: HttpTransport, url: str, timeout_s: float = 5):
    return transport.send("POST", url, {"Content-Type": "application/json"}, b'{"a":1}', timeout_s)


def failure(transport: HttpTransport, url: str, timeout_s: float = 5) -> VenueError:
    with pytest.raises(VenueError) as raised:
        post(transport, url, timeout_s)
    return raised.value


def test_an_answer_comes_back_whole_with_the_moment_it_was_asked(transport: HttpTransport) -> None:
    server = Server(OK)

    answer = post(transport, f"{server.url}/orders")

    assert (answer.status, answer.body, answer.headers["x-limit"]) == (200, b"{}", "7")
    assert answer.sent_ns > 0
    assert server.requests[0].startswith(b"POST /orders HTTP/1.1\r\n")
    assert server.requests[0].endswith(b'\r\n\r\n{"a":1}')


def test_connections_are_kept_alive(transport: HttpTransport) -> None:
    server = Server(OK, OK, OK)

    stamps = [post(transport, server.url).sent_ns for _ in range(3)]

    assert len(server.requests) == 3
    assert stamps == sorted(stamps)


def test_statuses_are_answers_and_redirects_are_not_followed(transport: HttpTransport) -> None:
    server = Server(
        b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    )

    assert [post(transport, server.url).status for _ in range(2)] == [503, 307]


def test_a_refused_connection_certainly_sent_nothing(transport: HttpTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    error = failure(transport, url)

    assert (type(error), error.code) == (Retryable, "refused")


def test_a_failed_tls_handshake_certainly_sent_nothing(transport: HttpTransport) -> None:
    server = Server(b"this is not TLS")

    error = failure(transport, server.url.replace("http:", "https:"))

    assert (type(error), error.code) == (Retryable, "tls")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", "reset"),
        (b"garbage\r\n\r\n", "unreadable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut off", "unreadable"),
    ],
)
def test_a_request_without_a_usable_answer_may_have_happened(
    transport: HttpTransport, answer: bytes, code: str
) -> None:
    error = failure(transport, Server(answer).url)

    assert (type(error), error.code) == (Ambiguous, code)


@pytest.mark.parametrize(("begun", "code"), [(b"", "reset"), (b"HTTP/1.1 200 OK\r\n", "unreadable")])
def test_a_reset_within_an_answer_leaves_none_that_can_be_read(
    transport: HttpTransport, begun: bytes, code: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:

        def hang_up() -> None:
            peer, _ = listener.accept()
            _whole_request(peer)
            peer.sendall(begun)  # Linux lets it be read even when the reset is there already
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()

        over = threads.submit(hang_up)
        error = failure(transport, f"http://127.0.0.1:{listener.getsockname()[1]}")
        over.result()

    assert (type(error), error.code) == (Ambiguous, code)


def test_a_request_that_nobody_answers_in_time_may_have_happened(transport: HttpTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        error = failure(transport, f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_s=0.05)

    assert (type(error), error.code) == (Ambiguous, "timeout")


def test_nothing_is_sent_twice_after_a_reset(transport: HttpTransport) -> None:
    server = Server(b"", connections=2)

    failure(transport, server.url)

    assert len(server.requests) == 1


def test_environment_proxies_are_ignored(transport: HttpTransport, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")

    assert post(transport, Server(OK).url).status == 200


# ---- nothing drips past the deadline -----------------------------------------------------------------------


class Dripping:
    """Answers any connection with `head` at once, then with one byte each 5 ms without end."""

    def __init__(self, head: bytes, drops: bytes) -> None:
        self._head, self._drops = head, drops
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._is_over = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with self._listener, suppress(OSError):
            peer, _ = self._listener.accept()
            with peer:
                peer.sendall(self._head)
                for drop in itertools.cycle(self._drops):
                    peer.sendall(bytes((drop,)))
                    if self._is_over.wait(0.005):
                        return

    def stop(self) -> None:
        self._is_over.set()


CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "drops"),
    [
        (b"", b"HTTP/1.1 200 OK\r\nX-A: a" + b"a" * 10_000),
        (b"HTTP/1.1 200 OK\r\n", b"X-A: a\r\n"),
        (b"", b"HTTP/1.1 103 Hints\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        (CHUNKS, b"1\r\nx\r\n"),
        (CHUNKS + b"2;", b"x"),
        (CHUNKS + b"0\r\n", b"X-A: a\r\n"),
    ],
    ids=["status and header", "headers", "interim", "body", "chunks", "chunk size", "trailers"],
)
def test_whatever_drips_a_call_ends_at_its_deadline(transport: HttpTransport, head: bytes, drops: bytes) -> None:
    server = Dripping(head, drops)
    began = time.monotonic()

    error = failure(transport, server.url, timeout_s=0.08)

    assert (type(error), error.code) == (Ambiguous, "timeout")
    assert time.monotonic() - began < 0.5
    server.stop()


def test_a_tls_handshake_that_drips_ends_with_the_connect_timeout() -> None:
    server = Dripping(b"\x16\x03\x03\x40\x00", b"x")
    transport = HttpTransport(connections=2, connect_timeout_s=0.08)
    began = time.monotonic()

    error = failure(transport, server.url.replace("http:", "https:"))

    assert (type(error), error.code) == (Retryable, "timeout")
    assert time.monotonic() - began < 0.5
    server.stop()


def test_a_resolver_that_is_silent_holds_nobody_up(transport: HttpTransport, monkeypatch) -> None:
    is_over, asked = threading.Event(), []

    def silent(*question, **how):
        asked.append(question)
        is_over.wait(5)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", silent)

    errors = [failure(transport, "http://nowhere.test/", timeout_s=0.02) for _ in range(3)]

    assert [(type(error), error.code) for error in errors] == [(Retryable, "timeout")] * 3
    assert len(asked) == 1  # the one thread that hangs is shared
    is_over.set()


def test_a_peer_that_does_not_read_holds_nobody_up(transport: HttpTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(Ambiguous) as raised:
            transport.send("POST", url, {}, b"x" * 16_000_000, 0.1)

    assert raised.value.code == "timeout"


# ---- one request, one answer ---------------------------------------------------------------------------------

SHIFTED = b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"shifted"'


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 102 Processing\r\nContent-Length: 2\r\n\r\n{}" + OK,
        b"HTTP/1.1 103 Early Hints\r\n\r\n{}" + OK,
        b"HTTP/1.1 204 No Content\r\nContent-Length: 54\r\n\r\n" + SHIFTED,
        b"HTTP/1.1 304 Not Modified\r\n\r\n" + SHIFTED,
        OK + SHIFTED,
        OK + b"x",
        OK.replace(b"2", b"1"),
        OK.replace(b"X-Limit: 7", b"Transfer-Encoding: chunked"),
    ],
)
def test_an_answer_that_is_not_exactly_one_is_unreadable_and_ends_its_connection(
    transport: HttpTransport, answer: bytes
) -> None:
    server = Server(answer, OK, connections=2)

    errors = [failure(transport, server.url) for _ in range(2)]

    assert [(type(error), error.code) for error in errors] == [(Ambiguous, "unreadable")] * 2
    assert len(server.peers) == 2  # the second request went over another connection


def test_interim_answers_shift_nothing(transport: HttpTransport) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    server = Server(hints + hints + OK, OK.replace(b"{}", b"[]"), OK)

    assert [post(transport, server.url).body for _ in range(3)] == [b"{}", b"[]", b"{}"]


def test_a_connection_that_speaks_unasked_is_not_used_again(transport: HttpTransport) -> None:
    server = Server(OK, OK, connections=2)
    assert post(transport, server.url).status == 200
    (connection,) = next(iter(transport._idle.values()))
    peer = server.peers[0]
    peer.sendall(SHIFTED)
    assert select.select([connection], [], [], 5)[0]

    peer.shutdown(socket.SHUT_RD)  # lets the server go on with the next connection

    assert post(transport, server.url).body == b"{}"


def test_a_request_alone_has_a_connection_that_carries_nothing_before_and_after_it(transport: HttpTransport) -> None:
    server = Server(OK, connections=4)
    post(transport, server.url)

    for _ in range(2):
        transport.send("GET", server.url, dict([ALONE]), b"", 5)

    assert len(server.peers) == 3
    assert sum(b"Connection: close" in request for request in server.requests) == 2
    assert len(transport._idle[next(iter(transport._idle))]) <= 1  # the first one's
    post(transport, server.url)
    assert len(server.peers) == 4  # which the server has ended


def test_an_answer_over_the_limit_is_not_read(transport: HttpTransport) -> None:
    head = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 20000000\r\n\r\n"

    error = failure(transport, Server(head + b"x" * 100_000).url)

    assert (type(error), error.code) == (Ambiguous, "unreadable")


def test_a_url_can_smuggle_no_second_request(transport: HttpTransport) -> None:
    server = Server(OK)

    post(transport, f"{server.url}/orders/a b\r\nX: y\u00e9")

    assert server.requests[0].startswith(b"POST /orders/a%20b%0D%0AX:%20y%C3%A9 HTTP/1.1\r\n")


def test_a_call_that_ends_after_its_transport_was_closed_leaves_no_connection(
    transport: HttpTransport, monkeypatch
) -> None:
    server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    give_back = transport._give_back

    def late(*arguments) -> None:
        transport.close()
        give_back(*arguments)

    monkeypatch.setattr(transport, "_give_back", late)

    assert post(transport, server.url).body == b"ok"
    assert not any(transport._idle.values())
