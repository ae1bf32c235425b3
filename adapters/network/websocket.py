"""Websockets without threads: dialing blocks (on an executor), reading never does (under an actor's watch).

`websocket-client` does the upgrade. Before it, connect and TLS are done here, because the library would obey
proxies of the environment, and because all of a dial together must end in time; after it, the socket is ours
again: large reads, frames split by `websocket_frames.py`, pings answered, sends queued when the kernel is full.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import websocket
from websocket import _handshake
from websocket._cookiejar import SimpleCookieJar

from adapters.network import sockets
from adapters.network import websocket_frames as frames
from adapters.network.addresses import read_address
from adapters.network.failures import failure_of
from adapters.ports import Fault, Frames
from domain.errors import Fatal, Retryable, VenueError

_CHUNK_BYTES = 64 * 1024  # larger ones fall out of the cache before they are split
_READ_BYTES = 1024 * 1024  # one read of a flooded pipe ends here, so that its owner gets to do other work
_MOST_OUTGOING = 4 * 1024 * 1024  # bytes that wait for a peer who does not read
_UPGRADE_BYTES = 32 * 1024  # of the answer to an upgrade
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class SocketPipe:
    """An open websocket on a non-blocking socket."""

    def __init__(self, sock: socket.socket, max_message_bytes: int = frames.MAX_MESSAGE_BYTES) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._is_tls = isinstance(sock, ssl.SSLSocket)
        self._splitter = frames.FrameSplitter(max_message_bytes)
        self._outgoing = bytearray()
        self._pong: bytes | None = None  # to the newest ping, which answers all before it (RFC 6455, 5.5.3)
        self._has_said_goodbye = False
        self._closed = ""

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> Frames:
        messages: list[bytes] = []
        faults: list[Fault] = []
        budget = _READ_BYTES
        # Bytes that TLS has decrypted already would wake nobody, so the budget does not count there.
        while not self._closed and (budget > 0 or self._decrypted()):
            try:
                data = self._socket.recv(_CHUNK_BYTES)
            except _WOULD_BLOCK:
                break
            except OSError:
                data = b""
            self._take(data, messages, faults)
            if len(data) < _CHUNK_BYTES and not self._is_tls:
                break  # the kernel has no more: asking again would cost a call to hear so
            budget -= len(data)
        read_ns = time.monotonic_ns()
        if self._outgoing or self._pong is not None:
            self._flush()
        return Frames(tuple(messages), read_ns, self._closed, tuple(faults))

    def send(self, text: str) -> None:
        self._queue(frames.TEXT, text.encode())
        self._flush()

    def goodbye(self) -> None:
        if not self._closed and not self._has_said_goodbye:
            self._has_said_goodbye = True
            self._queue(frames.CLOSE, frames.NORMAL_CLOSE.to_bytes(2, "big"))
            self._flush()

    def await_close(self, timeout_s: float) -> str:
        give_up_at = time.monotonic() + timeout_s
        waiting = select.poll()
        while not self._closed:
            waiting.register(self._socket, select.POLLIN | (select.POLLOUT if self._outgoing else 0))
            if not waiting.poll(max(give_up_at - time.monotonic(), 0) * 1000):
                break
            self.read()
        return self._closed

    def close(self) -> None:
        if self._socket.fileno() < 0:
            return
        self.goodbye()
        self._closed = self._closed or str(frames.NORMAL_CLOSE)
        try:
            # Not only close(): a forked child may hold a copy of the descriptor.
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            if error.errno != errno.ENOTCONN:  # the peer was faster
                raise
        finally:
            self._socket.close()

    def _take(self, data: bytes, messages: list[bytes], faults: list[Fault]) -> None:
        if not data:
            self._closed = str(frames.ABNORMAL_CLOSE)
            return
        split = self._splitter.feed(data)
        messages += split.messages
        faults += split.faults
        for opcode, payload in split.replies:
            if self._has_said_goodbye:
                break  # after that, nothing may be said
            if opcode == frames.PONG:
                self._pong = payload
            else:
                self._queue(opcode, payload)
        if split.close_code is not None:
            self._flush()
            self._closed = str(split.close_code)

    def _decrypted(self) -> int:
        return self._socket.pending() if isinstance(self._socket, ssl.SSLSocket) else 0

    def _queue(self, opcode: int, payload: bytes) -> None:
        if len(self._outgoing) + len(payload) > _MOST_OUTGOING:
            self._closed = self._closed or str(frames.ABNORMAL_CLOSE)  # whom we talk to does not read
        else:
            self._outgoing += frames.encode_frame(opcode, payload, os.urandom(4))

    def _flush(self) -> None:
        """Hand over what the kernel takes; the rest goes with the next read or send."""
        if self._pong is not None and not self._outgoing and not self._has_said_goodbye:
            pong, self._pong = self._pong, None
            self._queue(frames.PONG, pong)
        while self._outgoing and not self._closed:
            try:
                sent = self._socket.send(self._outgoing)
            except _WOULD_BLOCK:
                return
            except OSError:
                self._closed = str(frames.ABNORMAL_CLOSE)
                return
            del self._outgoing[:sent]


class _NoCookies(SimpleCookieJar):
    """In the place of the library's jar, which keeps every cookie for the life of the process, and sends it back.

    The request would grow with each new name, until the venue takes no upgrade of ours any more.
    """

    def add(self, set_cookie: str | None) -> None:
        return


_handshake.CookieJar = _NoCookies()


class WebSocketDialer:
    """Opens pipes. Never follows a redirect, never uses a proxy from the environment."""

    def __init__(self, bearer: Callable[[], str] | None = None) -> None:
        """Args:
        bearer: gives the token for the upgrade, asked anew by each dial; None: the upgrade carries none.
        """
        self._bearer = bearer

    def open(self, url: str, timeout_s: float) -> SocketPipe:
        headers = {} if self._bearer is None else {"Authorization": f"Bearer {self._bearer()}"}
        sock = DeadlineSocket(time.monotonic() + timeout_s)
        try:
            sock.connect(url)
            websocket.create_connection(url, header=headers, socket=sock, redirect_limit=0, suppress_origin=True)
        except (OSError, ValueError, websocket.WebSocketException) as error:
            sock.close()
            raise _failure(error, sock.is_connected) from None
        except BaseException:
            sock.close()
            raise
        return SocketPipe(sock.release())


class DeadlineSocket:
    """A socket for the time of a dial: whatever is done with it, all together ends when the time is up.

    A timeout per call would let a peer that sends a byte now and then hold the dial for ever.
    """

    def __init__(self, give_up_at: float) -> None:
        self._give_up_at = give_up_at
        self._socket: socket.socket | None = None
        self._room = _UPGRADE_BYTES
        self.is_connected = False  # the peer is there; what fails from now on is the handshake

    def connect(self, url: str) -> None:
        """Connect, with TLS and its certificate checked for wss."""
        address = read_address(url)
        if address.scheme not in ("ws", "wss"):
            raise ValueError(url)
        self._socket = sockets.connect(address.host, address.port, self._give_up_at)
        self.is_connected = True
        if address.is_secure:
            self._socket = sockets.secured(self._socket, address.host, self._give_up_at)

    def recv(self, size: int) -> bytes:
        """Return at most `size` bytes. The library asks for as many as a header promises, and for headers without end."""
        if self._room <= 0:
            raise websocket.WebSocketException("an endless upgrade")
        data = self._in_time().recv(min(size, self._room))
        self._room -= len(data)
        return data

    def send(self, data: bytes) -> int:
        return self._in_time().send(data)

    def _in_time(self) -> socket.socket:
        """Return the socket, which from now on takes what is left of the time."""
        connected = self.release()
        connected.settimeout(sockets.left_s(self._give_up_at))
        return connected

    def release(self) -> socket.socket:
        """Return the socket itself, in a hurry no more."""
        if self._socket is None:
            raise OSError("not connected")
        return self._socket

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


def _failure(error: Exception, is_connected: bool) -> VenueError:
    """Sort what kept a pipe from opening. The messages name no header and no token."""
    if isinstance(error, websocket.WebSocketBadStatusException):
        if error.status_code in (401, 403):
            return Fatal("the venue refused our key", code=str(error.status_code))
        return Retryable(f"upgrade answered with {error.status_code}", code="rejected")
    if isinstance(error, websocket.WebSocketTimeoutException):
        error = TimeoutError()
    if isinstance(error, OSError):
        failure = failure_of(error)
        return Retryable(failure.text, code=failure.code)
    if isinstance(error, ValueError) and not is_connected:
        return Fatal("not a websocket address", code="scheme")
    return Retryable(f"upgrade failed: {type(error).__name__}", code="handshake")
