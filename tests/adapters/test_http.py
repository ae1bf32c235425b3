import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from adapters.http import HttpTransport
from domain.errors import Ambiguous, Retryable, VenueError

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Limit: 7\r\n\r\n{}"


class Server:
    """Answers each request of one connection with the next canned bytes, then hangs up."""

    def __init__(self, *answers: bytes, connections: int = 1) -> None:
        self.requests: list[bytes] = []
        self._answers = answers
        self._connections = connections
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with self._listener:
            for _ in range(self._connections):
                peer, _ = self._listener.accept()
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
