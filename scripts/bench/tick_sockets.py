"""A websocket to read from and a connection to post on, with nothing around the sockets: the floor of both.

Only what the bench's own venue needs: whole text frames, answers that come in one piece, no ping, no TLS.
"""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Iterator, Mapping, Sequence

_HOST = "127.0.0.1"
_READ = 65_536
_CLOSE = 8


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection((_HOST, port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class RawStream:
    """The frames of one websocket."""

    def __init__(self, port: int, path: str, said: Sequence[bytes]) -> None:
        """Connect, and say these text messages (below 126 bytes each)."""
        self._socket = _connect(port)
        key = base64.b64encode(os.urandom(16))
        self._socket.sendall(
            b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n" % (path.encode(), key)
        )
        self._unread = b""
        while b"\r\n\r\n" not in self._unread:
            self._unread += self._socket.recv(_READ)
        self._unread = self._unread.partition(b"\r\n\r\n")[2]
        for message in said:  # masked with zeros, which changes nothing
            self._socket.sendall(bytes((0x81, 0x80 | len(message), 0, 0, 0, 0)) + message)

    def frames(self) -> Iterator[bytes]:
        """Yield the text of each frame, until the other side closes."""
        while True:
            yield from self._whole()
            data = self._socket.recv(_READ)
            if not data:
                return
            self._unread += data

    def _whole(self) -> Iterator[bytes]:
        while len(self._unread) >= 4:  # no text is shorter
            length, start = self._unread[1], 2
            if length == 126:  # then two bytes tell it
                length, start = int.from_bytes(self._unread[2:4], "big"), 4
            if len(self._unread) < start + length:
                return
            frame, kind = self._unread[start : start + length], self._unread[0] & 15
            self._unread = self._unread[start + length :]
            if kind != _CLOSE:
                yield frame


class RawPost:
    """One connection that stays open."""

    def __init__(self, port: int, path: str) -> None:
        self._socket = _connect(port)
        self._head = f"POST {path} HTTP/1.1\r\nHost: {_HOST}:{port}\r\n"

    def send(self, headers: Mapping[str, str], body: bytes) -> None:
        """Send a request in one write, and read its answer away."""
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._socket.sendall(f"{self._head}{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        self._socket.recv(_READ)
