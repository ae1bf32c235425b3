"""The two ends of a one-way connection. They move bytes and count; who gets what is the transport's to say.

Both are non-blocking, persistent, and live as long as both processes do.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from typing import Any

from adapters.thespian_unix.framing import (
    ACKNOWLEDGEMENT,
    GREETING,
    TAGS,
    AcknowledgementReader,
    BrokenFrame,
    FrameReader,
    Tag,
    frame,
)
from adapters.thespian_unix.outgoing import Limits, Outgoing

READ_SIZE = 256 << 10  # bytes
SEND_BUFFER = 1 << 20  # bytes; the kernel's, so that a window of ordinary messages fits
BATCH = 128 << 10  # bytes joined into one write
LOOK_FOR_ACKNOWLEDGEMENTS_EVERY = 64  # messages; they aren't worth waking up for
HEAVY = 256 << 10  # bytes not yet acknowledged that are worth waking up for, to let go of them
CONNECT_WITHIN_S = 0.2  # only when the receiver's backlog of thousands is full

_CREDENTIALS = struct.Struct("3i")  # process, user, group


def peer_user(connection: socket.socket) -> int:
    """Return the user id of the process that called connect(), or of the one that called listen()."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(raw)
    return int(user)


class SendingEnd:
    """To one receiver, with what it still has to get.

    Raises:
        OSError: nobody listens there, or somebody else's process does.
    """

    def __init__(self, path: str, own_path: str, limits: Limits) -> None:
        self.path = path
        self.queue = Outgoing(limits)
        self.moved_s = 0.0  # CLOCK_MONOTONIC of the last progress, or of the first message that had to wait
        self.interest = 0  # what epoll waits for now
        self._socket = _connect(path)
        self.fileno = self._socket.fileno()
        self._rest = memoryview(frame(GREETING, os.fsencode(own_path)))  # released, not yet in the kernel
        self._acknowledgements = AcknowledgementReader()
        self._look_at = LOOK_FOR_ACKNOWLEDGEMENTS_EVERY

    @property
    def is_waiting(self) -> bool:
        return bool(self._rest) or self.queue.queued > 0

    def wanted_interest(self) -> int:
        """Return the events that could get things moving."""
        if self._rest:
            return select.EPOLLOUT
        return select.EPOLLIN if self.queue.queued or self.queue.unhandled_bytes > HEAVY else 0

    def write(self) -> list[Any]:
        """Write all that window and kernel take now; return what went on its way.

        Raises:
            OSError: the receiver is gone. What went on its way is among the unhandled.
        """
        if self.queue.unhandled >= self._look_at:
            self.read()
            self._look_at = self.queue.unhandled + LOOK_FOR_ACKNOWLEDGEMENTS_EVERY
        released: list[Any] = []
        while self._rest or (self.queue.queued and self._fill(released)):
            try:
                sent = self._socket.send(self._rest)
            except BlockingIOError:
                break
            self._rest = self._rest[sent:]
        return released

    def read(self) -> bool:
        """Take the acknowledgements that have arrived; return whether the receiver is still there."""
        try:
            while data := self._socket.recv(READ_SIZE):
                totals = self._acknowledgements.feed(data)
                if totals:
                    self.queue.acknowledge(totals)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        self._socket.close()

    def _fill(self, released: list[Any]) -> bool:
        frames, size = [], 0
        while size < BATCH and (parcel := self.queue.release()):
            content, framed = parcel
            frames.append(framed)
            size += len(framed)
            released.append(content)
        self._rest = memoryview(frames[0] if len(frames) == 1 else b"".join(frames))
        return bool(frames)


class ReceivingEnd:
    """From one sender. `handled` and `acknowledge` are how it learns what needs no second try."""

    def __init__(self, connection: socket.socket) -> None:
        self.sender: Any = None  # ActorAddress, once it has introduced itself
        self.handled = [0, 0, 0]  # totals, per sequence
        self.interest: int = select.EPOLLIN  # what epoll waits for now
        self._socket = connection
        self._socket.setblocking(False)
        self.fileno = connection.fileno()
        self._frames = FrameReader()

    def read(self) -> list[tuple[Tag | None, bytes]]:
        """Return the frames completed by what has arrived; the tag of a greeting is None.

        Raises:
            EOFError: the sender is gone.
            BrokenFrame: it makes no sense.
            OSError: the connection is broken.
        """
        try:
            data = self._socket.recv(READ_SIZE)
        except BlockingIOError:
            return []
        if not data:
            raise EOFError
        return [(self._tag(number), payload) for number, payload in self._frames.feed(data)]

    def acknowledge(self) -> bool:
        """Tell the sender how much was handled; return False if the kernel can't take it now."""
        try:
            self._socket.send(ACKNOWLEDGEMENT.pack(*self.handled))
        except BlockingIOError:
            return False
        except OSError:
            return True  # nobody is left who could want to know; reading finds that out
        return True

    def close(self) -> None:
        self._socket.close()

    @staticmethod
    def _tag(number: int) -> Tag | None:
        if number == GREETING:
            return None
        try:
            return TAGS[number]
        except KeyError:
            raise BrokenFrame(f"tag {number}") from None


def _connect(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        give_up_s = time.monotonic() + CONNECT_WITHIN_S
        while True:
            try:
                connection.connect(path)
                break
            except BlockingIOError:  # its backlog is full
                if time.monotonic() > give_up_s:
                    raise
                time.sleep(0.0005)
        if peer_user(connection) != os.geteuid():
            raise PermissionError(f"{path} belongs to another user")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    except BaseException:
        connection.close()
        raise
    return connection
