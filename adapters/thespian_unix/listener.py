"""The socket that a process listens at, and its place in the directory, which others may take away.

Whoever cleans a temporary directory takes the sockets of all actors. Those that know each other don't notice; nobody
new could reach them. So each looks after its own, and makes it anew at the same path.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
import weakref
from pathlib import Path

from adapters.thespian_unix import socket_directory

BACKLOG = 4096  # connections not yet accepted
_TRIES = 5  # at a directory that others are just taking away as empty
LOOK_EVERY_S = 0.5  # whether we can still be found at our path

_all_back_s = 0.0  # CLOCK_MONOTONIC; a child has it from its parent
_listeners: weakref.WeakSet[Listener] = weakref.WeakSet()  # of this process


def _expect_all_back() -> None:
    global _all_back_s
    _all_back_s = time.monotonic() + 2 * LOOK_EVERY_S


def may_come_back() -> bool:
    """Tell whether who isn't found may just not have looked after its place yet, since it lost it as we did.

    So it is for a moment after one of this process found its place taken away.
    """
    return time.monotonic() < _all_back_s


class Listener:
    """Attributes:
    socket: never blocks; another one after `renew`.
    """

    def __init__(self, path: str) -> None:
        """Listen at `path`, in a directory for this user only, which is made if it is missing.

        Raises:
            OSError: that can't be.
            DirectoryRefused: it isn't ours.
        """
        self._path = path
        if any(one.is_lost() for one in list(_listeners)):
            _expect_all_back()
        self.socket, self._identity = _listen(path)
        _listeners.add(self)

    def is_lost(self) -> bool:
        """Tell whether nobody new finds us at our path."""
        found = _identity(self._path)
        return found is None or found != self._identity

    def renew(self) -> socket.socket:
        """Listen at our path again, and return the former socket, where some may still wait.

        Raises:
            OSError: that can't be, for one because somebody else listens there.
            DirectoryRefused: the directory isn't ours.
        """
        if not socket_directory.answers(self._path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)  # what nobody listens at
        former = self.socket
        self.socket, self._identity = _listen(self._path)
        _expect_all_back()
        return former

    def close(self) -> None:
        _listeners.discard(self)
        self.socket.close()


def _listen(path: str) -> tuple[socket.socket, tuple[int, int] | None]:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _bind(listening, path)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening, _identity(path)


def _bind(listening: socket.socket, path: str) -> None:
    for left in reversed(range(_TRIES)):
        try:
            # The launcher was let in, so the place was ours alone: who opens it now mustn't keep its actors away.
            socket_directory.take_back(Path(path).parent)
            socket_directory.make_private(Path(path).parent)
            listening.bind(path)
        except FileNotFoundError:
            if not left:
                raise
        else:
            return


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
