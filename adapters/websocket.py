"""Websockets without threads: dialing blocks (on an executor), reading never does (under an actor's watch).

`websocket-client` does the upgrade. Before it, connect and TLS are done here, because the library would obey
proxies of the environment; after it, the socket is ours again: large reads, frames split by `frames.py`, pings
answered, sends queued when the kernel is full.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
import time
from urllib.parse import urlsplit

import websocket

from adapters import frames
from adapters.ports import Frames
from domain.errors import Fatal, Retryable, VenueError

_CHUNK_BYTES = 256 * 1024
_READ_BYTES = 8 * 1024 * 1024  # one read of a flooded pipe ends here, so that its owner gets to do other work
_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class SocketPipe:
    """An open websocket on a non-blocking socket."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._splitter = frames.FrameSplitter()
        self._outgoing = bytearray()
        self._closed = ""

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> Frames:
        messages: list[bytes] = []
        budget = _READ_BYTES
        # Bytes that TLS has decrypted already would wake nobody, so the budget does not count there.
        while not self._closed and (budget > 0 or self._decrypted()):
            try:
                data = self._socket.recv(_CHUNK_BYTES)
            except _WOULD_BLOCK:
                break
            except OSError:
                data = b""
            budget -= len(data)
            self._take(data, messages)
        read_ns = time.monotonic_ns()
        self._flush()
        return Frames(tuple(messages), read_ns, self._closed)

    def send(self, text: str) -> None:
        self._queue(frames.TEXT, text.encode())
        self._flush()

    def close(self) -> None:
        """Say goodbye if the kernel takes it, and hang up without waiting for the answer."""
        if self._socket.fileno() < 0:
            return
        if not self._closed:
            self._queue(frames.CLOSE, frames.NORMAL_CLOSE.to_bytes(2, "big"))
            self._flush()
            self._closed = str(frames.NORMAL_CLOSE)
        try:
            # Not only close(): a forked child may hold a copy of the descriptor.
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            if error.errno != errno.ENOTCONN:  # the peer was faster
                raise
        finally:
            self._socket.close()

    def _take(self, data: bytes, messages: list[bytes]) -> None:
        if not data:
            self._closed = str(frames.ABNORMAL_CLOSE)
            return
        split = self._splitter.feed(data)
        messages += split.messages
        for opcode, payload in split.replies:
            self._queue(opcode, payload)
        if split.close_code is not None:
            self._flush()
            self._closed = str(split.close_code)

    def _decrypted(self) -> int:
        return self._socket.pending() if isinstance(self._socket, ssl.SSLSocket) else 0

    def _queue(self, opcode: int, payload: bytes) -> None:
        self._outgoing += frames.encode_frame(opcode, payload, os.urandom(4))

    def _flush(self) -> None:
        """Hand over what the kernel takes; the rest goes with the next read or send."""
        while self._outgoing and not self._closed:
            try:
                sent = self._socket.send(self._outgoing)
            except _WOULD_BLOCK:
                return
            except OSError:
                self._closed = str(frames.ABNORMAL_CLOSE)
                return
            del self._outgoing[:sent]


class WebSocketDialer:
    """Opens pipes. Never follows a redirect, never uses a proxy from the environment."""

    def open(self, url: str, timeout_s: float) -> SocketPipe:
        connected = None
        try:
            connected = _connect(url, timeout_s)
            upgraded = websocket.create_connection(
                url, timeout=timeout_s, socket=connected, redirect_limit=0, suppress_origin=True
            )
        except (OSError, ValueError, websocket.WebSocketException) as error:
            if connected is not None:
                connected.close()
            raise _failure(error) from None
        return SocketPipe(upgraded.sock)


def _connect(url: str, timeout_s: float) -> socket.socket:
    """Return a connected socket, with TLS and its certificate checked for wss."""
    address = urlsplit(url)
    if address.scheme not in ("ws", "wss") or not address.hostname:
        raise ValueError(url)
    is_secure = address.scheme == "wss"
    port = address.port or (443 if is_secure else 80)
    connected = socket.create_connection((address.hostname, port), timeout_s)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not is_secure:
        return connected
    try:
        return ssl.create_default_context().wrap_socket(connected, server_hostname=address.hostname)
    except BaseException:
        connected.close()
        raise


def _failure(error: Exception) -> VenueError:
    """Sort what kept a pipe from opening. The messages name no header and no token."""
    if isinstance(error, websocket.WebSocketBadStatusException):
        if error.status_code in (401, 403):
            return Fatal("the venue refused our key", code=str(error.status_code))
        return Retryable(f"upgrade answered with {error.status_code}", code="handshake")
    if isinstance(error, socket.gaierror):
        return Retryable("host not found", code="dns")
    if isinstance(error, (websocket.WebSocketTimeoutException, TimeoutError)):
        return Retryable("no answer in time", code="timeout")
    if isinstance(error, ssl.SSLError):
        return Retryable(f"TLS failed: {error.reason}", code="tls")
    if isinstance(error, ConnectionRefusedError):
        return Retryable("connection refused", code="refused")
    if isinstance(error, (ConnectionError, websocket.WebSocketConnectionClosedException)):
        return Retryable("connection reset", code="reset")
    if isinstance(error, OSError):
        return Retryable(f"host unreachable: {errno.errorcode.get(error.errno or 0, '?')}", code="refused")
    if isinstance(error, ValueError):
        return Fatal("not a websocket address", code="scheme")
    return Retryable(f"upgrade failed: {type(error).__name__}", code="handshake")
