import base64
import hashlib
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from unittest.mock import Mock

import pytest

from adapters.network.websocket import SocketPipe, WebSocketDialer
from adapters.network.websocket_frames import BINARY, CLOSE, PING, TEXT
from adapters.ports import Fault
from adapters.venues.catalogue import websocket_dialer
from domain.errors import Fatal, Retryable, VenueError
from domain.settings import VenueSettings
from tests.adapters.network.test_websocket_frames import server_frame


@pytest.fixture
def ends() -> Iterator[tuple[SocketPipe, socket.socket]]:
    ours, theirs = socket.socketpair()
    pipe = SocketPipe(ours)
    theirs.settimeout(5)
    yield pipe, theirs
    pipe.close()
    theirs.close()


def unmasked(frame: bytes) -> bytes:
    """The payload of a short frame of ours."""
    mask, payload = frame[2:6], frame[6:]
    return bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def test_an_idle_pipe_reads_nothing_and_does_not_block(ends) -> None:
    pipe, _ = ends

    frames = pipe.read()

    assert (frames.frames, frames.closed) == ((), "")


def test_one_read_brings_everything_that_has_arrived(ends) -> None:
    pipe, server = ends
    server.sendall(server_frame(TEXT, b"one") + server_frame(TEXT, b"two")[:3])
    assert pipe.read().frames == (b"one",)

    server.sendall(server_frame(TEXT, b"two")[3:] + server_frame(TEXT, b"three"))

    assert pipe.read().frames == (b"two", b"three")


def test_pings_are_answered_while_reading(ends) -> None:
    pipe, server = ends
    server.sendall(server_frame(PING, b"hi"))

    pipe.read()

    pong = server.recv(100)
    assert pong[0] == 0x8A
    assert unmasked(pong) == b"hi"


def test_a_close_frame_is_echoed_and_reported(ends) -> None:
    pipe, server = ends
    server.sendall(server_frame(TEXT, b"last") + server_frame(CLOSE, b"\x03\xe9"))

    frames = pipe.read()

    assert (frames.frames, frames.closed) == ((b"last",), "1001")
    assert unmasked(server.recv(100)) == b"\x03\xe9"


def test_a_vanished_peer_is_reported_after_its_last_words(ends) -> None:
    pipe, server = ends
    server.sendall(server_frame(TEXT, b"last"))
    server.close()

    first, second = pipe.read(), pipe.read()

    assert first.frames == (b"last",)
    assert (second.frames, second.closed) == ((), "1006")


def test_a_full_kernel_loses_nothing_of_what_we_send(ends) -> None:
    pipe, server = ends
    text = "x" * 60_000
    for _ in range(40):
        pipe.send(text)  # far more than the socket's buffers hold

    received = 0
    while received < 40 * (60_000 + 8):
        received += len(server.recv(1 << 20))
        pipe.read()

    assert received == 40 * (60_000 + 8)


def test_only_the_newest_of_many_pings_is_answered_to_a_peer_who_does_not_read(ends) -> None:
    pipe, server = ends
    pings = b"".join(server_frame(PING, b"%0125d" % number) for number in range(1_000))
    for _ in range(40):  # far more than the socket's buffers hold
        server.sendall(pings)
        while pipe.read().read_ns and select.select([pipe], [], [], 0)[0]:
            pass
    server.sendall(server_frame(PING, b"the last"))
    pipe.read()

    assert len(pipe._outgoing) < 1_000
    answers, server_side = b"", server
    server_side.setblocking(False)
    while True:
        pipe.read()
        try:
            answers += server_side.recv(1 << 20)
        except BlockingIOError:
            break
    assert unmasked(answers[-14:]) == b"the last"


def test_a_peer_who_never_reads_is_given_up(ends) -> None:
    pipe, _ = ends

    for _ in range(200):
        pipe.send("x" * 60_000)

    assert pipe.read().closed == "1006"
    assert len(pipe._outgoing) <= 4 * 1024 * 1024 + 100


def test_sending_to_a_vanished_peer_shows_as_closed(ends) -> None:
    pipe, server = ends
    server.close()

    pipe.send("hello")

    assert pipe.read().closed == "1006"


def test_what_is_no_message_is_reported_beside_the_messages(ends) -> None:
    """T05, WS-20: binary, empty, and text that is none: three faults, and the last one ends the stream."""
    pipe, server = ends
    server.sendall(server_frame(BINARY, b"\x01") + server_frame(TEXT) + server_frame(TEXT, b"ok"))
    server.sendall(server_frame(TEXT, b"\xff\xfe"))

    frames = pipe.read()

    assert frames.frames == (b"ok",)
    assert frames.faults == (Fault("binary", b"\x01"), Fault("empty", b""), Fault("utf8", b"\xff\xfe"))
    assert frames.closed == "1007"
    assert unmasked(server.recv(100)) == b"\x03\xef"


def test_an_oversize_message_closes_with_1009(ends) -> None:
    """T14, WS-17: 15 MiB over the limit of 10."""
    pipe, server = ends
    server.sendall(bytes((0x81, 127)) + (15 * 1024 * 1024).to_bytes(8, "big"))

    frames = pipe.read()

    assert (frames.closed, frames.faults[0].category) == ("1009", "oversize")
    assert unmasked(server.recv(100)) == b"\x03\xf1"


def test_a_flooded_read_ends_after_a_bounded_amount_and_the_next_goes_on(ends) -> None:
    """WS-19: what is not read yet waits in the kernel, which holds the sender up."""
    pipe, server = ends
    server.setblocking(False)
    frame, sent, received, largest = server_frame(TEXT, b"x" * 1000), 0, 0, 0
    while sent < 4_000_000:
        try:
            sent += server.send(frame * 100) // len(frame)
        except BlockingIOError:
            break

    for _ in range(50):
        count = len(pipe.read().frames)
        largest = max(largest, count)
        received += count

    assert received == sent
    assert largest <= 1100


def test_a_goodbye_is_answered_and_what_waited_is_sent_before(ends) -> None:
    """T07, WS-10: pending output first, then 1000, then the peer's own 1000."""
    pipe, server = ends
    pipe.send("pending")
    pipe.goodbye()
    assert pipe.read().closed == ""

    said = server.recv(100)
    server.sendall(server_frame(TEXT, b"last words") + server_frame(CLOSE, b"\x03\xe8"))
    frames = pipe.read()

    assert unmasked(said[: 6 + 7]) == b"pending"
    assert unmasked(said[6 + 7 :]) == b"\x03\xe8"
    assert (frames.frames, frames.closed) == ((b"last words",), "1000")
    pipe.close()
    assert server.recv(100) == b""  # not a second goodbye


def test_waiting_for_a_goodbye_that_never_comes_ends_in_time(ends) -> None:
    """T08, WS-11: the peer ignores the close; the socket is gone within 200 ms."""
    pipe, server = ends
    began = time.monotonic()
    pipe.goodbye()

    answer = pipe.await_close(0.02)
    pipe.close()

    assert answer == ""
    assert time.monotonic() - began < 0.2
    server.recv(100)
    assert server.recv(100) == b""


def test_waiting_for_a_goodbye_ends_with_it(ends) -> None:
    pipe, server = ends
    pipe.goodbye()
    server.sendall(server_frame(CLOSE, b"\x03\xe8"))

    assert pipe.await_close(5) == "1000"


def test_closing_says_1000_and_hangs_up(ends) -> None:
    pipe, server = ends

    pipe.close()

    assert unmasked(server.recv(100)) == b"\x03\xe8"
    assert server.recv(100) == b""


# ---- dialing -------------------------------------------------------------------------------------------


def upgraded(request: bytes) -> bytes:
    (_, _, rest) = request.partition(b"Sec-WebSocket-Key: ")
    key = rest.split(b"\r\n")[0]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + server_frame(TEXT, b"welcome")
    )


def answering(answer: Callable[[bytes], bytes], host: str = "127.0.0.1") -> str:
    """Serve one connection with one answer, and return its address."""

    def serve(peer: socket.socket) -> None:
        peer.sendall(answer(peer.recv(65_536)))
        peer.recv(1)

    return serving(serve, host)


def serving(talk: Callable[[socket.socket], None], host: str = "127.0.0.1") -> str:
    """Serve one connection as `talk` does, and return its address."""
    listener = socket.create_server((host, 0))

    def serve() -> None:
        with listener, listener.accept()[0] as peer, suppress(ConnectionError):
            talk(peer)

    threading.Thread(target=serve, daemon=True).start()
    return f"ws://{host}:{listener.getsockname()[1]}"


def test_a_dialed_pipe_delivers_what_came_right_behind_the_upgrade() -> None:
    pipe = WebSocketDialer().open(answering(upgraded), timeout_s=5)
    frames: tuple[bytes, ...] = ()
    while not frames:
        frames = pipe.read().frames

    assert frames == (b"welcome",)
    pipe.close()


def test_no_cookie_is_kept_for_another_dial() -> None:
    requests: list[bytes] = []

    def bake(request: bytes) -> bytes:
        requests.append(request)
        cookie = b"Set-Cookie: session-%d=x; Domain=127.0.0.1\r\n" % len(requests)
        return upgraded(request).replace(b"Upgrade: websocket\r\n", b"Upgrade: websocket\r\n" + cookie, 1)

    for _ in range(2):
        WebSocketDialer().open(answering(bake), timeout_s=5).close()

    assert [b"Cookie" in request for request in requests] == [False, False]


def test_a_refused_key_is_fatal_and_a_sick_server_is_not() -> None:
    with pytest.raises(Fatal, match="refused our key"):
        WebSocketDialer().open(answering(lambda _: b"HTTP/1.1 401 Unauthorized\r\n\r\n"), timeout_s=5)
    with pytest.raises(Retryable) as failure:
        WebSocketDialer().open(answering(lambda _: b"HTTP/1.1 503 Busy\r\n\r\n"), timeout_s=5)

    assert failure.value.code == "rejected"


def test_the_upgrade_carries_one_token_and_each_dial_asks_for_a_fresh_one() -> None:
    """T04, WS-04, WS-06: refreshed tokens are on the wire; neither error nor repr tells one."""
    tokens = iter(("valid_bearer_token_abcdef123456", "refreshed_token_xyz789", "leaked?"))
    dialer = WebSocketDialer(bearer=lambda: next(tokens))
    requests: list[bytes] = []

    def keep(request: bytes) -> bytes:
        requests.append(request)
        return upgraded(request)

    pipes = [dialer.open(answering(keep), timeout_s=5) for _ in range(2)]
    with pytest.raises(Fatal) as refusal:
        dialer.open(answering(lambda _: b"HTTP/1.1 401 Unauthorized\r\n\r\n"), timeout_s=5)

    headers = [[line for line in request.split(b"\r\n") if b"uthorization" in line] for request in requests]
    assert headers == [
        [b"Authorization: Bearer valid_bearer_token_abcdef123456"],
        [b"Authorization: Bearer refreshed_token_xyz789"],
    ]
    told = repr((dialer, *pipes, vars(dialer), refusal.value, refusal.value.args))
    assert not any(token in told for token in ("abcdef", "xyz789", "leaked"))
    for pipe in pipes:
        pipe.close()


def test_a_venues_token_comes_from_its_file_as_it_is_at_the_dial(tmp_path) -> None:
    """T04, WS-06: no restart for a refreshed token; without one, the dial fails for a person to see."""
    file = tmp_path / "token"
    dialer = websocket_dialer(VenueSettings(stream_token_file=str(file)))
    requests: list[bytes] = []

    def keep(request: bytes) -> bytes:
        requests.append(request)
        return upgraded(request)

    for token in ("valid_bearer_token_abcdef123456", "refreshed_token_xyz789"):
        file.write_text(token + "\n")
        dialer.open(answering(keep), timeout_s=5).close()
    file.write_text("two\nlines: injected")
    with pytest.raises(Fatal) as broken:
        dialer.open("ws://127.0.0.1:1", timeout_s=5)
    file.unlink()
    with pytest.raises(Fatal) as missing:
        dialer.open("ws://127.0.0.1:1", timeout_s=5)

    assert [b"Bearer valid_bearer" in requests[0], b"Bearer refreshed" in requests[1]] == [True, True]
    assert (broken.value.code, missing.value.code) == ("token_file", "token_file")


def test_a_server_that_drips_its_answer_does_not_outlast_the_dial() -> None:
    """T11, F32: all of a dial together ends in time, not each of its calls."""

    def drip(peer: socket.socket) -> None:
        for byte in b"HTTP/1.1 101 Switching Protocols\r\n" * 3:
            peer.sendall(bytes((byte,)))
            time.sleep(0.005)

    began = time.monotonic()
    with pytest.raises(Retryable) as failure:
        WebSocketDialer().open(serving(drip), timeout_s=0.05)

    assert failure.value.code == "timeout"
    assert time.monotonic() - began < 0.4


def test_environment_proxies_are_ignored(monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "nowhere.test")

    # Not 127.0.0.1, which the library never sends through a proxy.
    WebSocketDialer().open(answering(upgraded, host="127.0.0.2"), timeout_s=5).close()


def test_a_redirect_is_not_followed() -> None:
    redirect = b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n"

    with pytest.raises(Retryable) as failure:
        WebSocketDialer().open(answering(lambda _: redirect), timeout_s=5)

    assert failure.value.code == "handshake"


def failure_of(url: str, timeout_s: float = 5) -> VenueError:
    with pytest.raises(VenueError) as failure:
        WebSocketDialer().open(url, timeout_s)
    return failure.value


def reset(peer: socket.socket) -> None:
    peer.recv(65_536)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_failures_to_connect_are_told_apart(monkeypatch) -> None:
    """T06, T11, WS-09: each kind has its own word."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        timeout = failure_of(f"ws://127.0.0.1:{port}", timeout_s=0.05)
    refused = failure_of(f"ws://127.0.0.1:{port}")
    scheme = failure_of("gopher://127.0.0.1")
    tls = failure_of(answering(lambda _: b"this is not TLS").replace("ws:", "wss:"))
    aborted = failure_of(serving(reset))
    rejected = failure_of(answering(lambda _: b"HTTP/1.1 429 Too Many Requests\r\n\r\n"))
    left = failure_of(serving(lambda peer: peer.recv(65_536)))
    nonsense = failure_of(answering(lambda _: b"HTTP/1.1 101 OK\r\nUpgrade: teapot\r\n\r\n"))
    unreachable = failure_of("ws://255.255.255.255:9")  # no stream leads to a broadcast address
    monkeypatch.setattr(socket, "getaddrinfo", Mock(side_effect=socket.gaierror(-2, "unknown")))
    dns = failure_of("ws://non.existent.domain.example")

    failures = (timeout, refused, scheme, tls, aborted, rejected, left, nonsense, unreachable, dns)
    assert [failure.code for failure in failures] == [
        *("timeout", "refused", "scheme", "tls", "reset"),
        *("rejected", "handshake", "handshake", "unreachable", "dns"),
    ]
    assert isinstance(scheme, Fatal)
    assert not isinstance(refused, Fatal)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 Busy\r\nContent-Length: 999999999999999\r\n\r\nno",
        b"HTTP/1.1 101 Switching Protocols\r\n" + b"X-A: aaaaaaaa\r\n" * 10_000,
    ],
)
def test_an_upgrade_may_promise_or_bring_any_number_of_bytes(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer, suppress(OSError):
                peer.recv(65_536)
                peer.sendall(answer)
                peer.shutdown(socket.SHUT_WR)
                peer.recv(65_536)

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(Retryable):
            WebSocketDialer().open(f"ws://127.0.0.1:{listener.getsockname()[1]}", 5)
