import base64
import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from adapters.frames import CLOSE, PING, TEXT
from adapters.websocket import SocketPipe, WebSocketDialer
from domain.errors import Fatal, Retryable
from tests.adapters.test_frames import server_frame


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

    frames = pipe.read()

    assert (frames.frames, frames.closed) == ((b"last",), "1006")
    assert pipe.read().closed == "1006"


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


def test_sending_to_a_vanished_peer_shows_as_closed(ends) -> None:
    pipe, server = ends
    server.close()

    pipe.send("hello")

    assert pipe.read().closed == "1006"


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
    listener = socket.create_server((host, 0))

    def serve() -> None:
        with listener, listener.accept()[0] as peer, suppress(ConnectionError):
            peer.sendall(answer(peer.recv(65_536)))
            peer.recv(1)

    threading.Thread(target=serve, daemon=True).start()
    return f"ws://{host}:{listener.getsockname()[1]}"


def test_a_dialed_pipe_delivers_what_came_right_behind_the_upgrade() -> None:
    pipe = WebSocketDialer().open(answering(upgraded), timeout_s=5)
    frames: tuple[bytes, ...] = ()
    while not frames:
        frames = pipe.read().frames

    assert frames == (b"welcome",)
    pipe.close()


def test_a_refused_key_is_fatal_and_a_sick_server_is_not() -> None:
    with pytest.raises(Fatal, match="refused our key"):
        WebSocketDialer().open(answering(lambda _: b"HTTP/1.1 401 Unauthorized\r\n\r\n"), timeout_s=5)
    with pytest.raises(Retryable) as failure:
        WebSocketDialer().open(answering(lambda _: b"HTTP/1.1 503 Busy\r\n\r\n"), timeout_s=5)

    assert failure.value.code == "handshake"


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


def test_failures_to_connect_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(Retryable) as timeout:
            WebSocketDialer().open(f"ws://127.0.0.1:{port}", timeout_s=0.05)
    with pytest.raises(Retryable) as refused:
        WebSocketDialer().open(f"ws://127.0.0.1:{port}", timeout_s=5)
    with pytest.raises(Fatal) as scheme:
        WebSocketDialer().open("gopher://127.0.0.1", timeout_s=5)

    with pytest.raises(Retryable) as tls:
        url = answering(lambda _: b"this is not TLS").replace("ws:", "wss:")
        WebSocketDialer().open(url, timeout_s=5)

    codes = [failure.value.code for failure in (timeout, refused, scheme, tls)]
    assert codes == ["timeout", "refused", "scheme", "tls"]
