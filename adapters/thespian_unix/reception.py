"""Everything on its way into this process: the listening socket, a connection per sender, and the mailbox."""

from __future__ import annotations

import logging
import os
import pickle
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from thespian.actors import ActorAddress
from thespian.system.transport import ReceiveEnvelope
from thespian.system.utilis import thesplog

from adapters.thespian_unix import socket_directory
from adapters.thespian_unix.address import UnixAddress
from adapters.thespian_unix.connections import ReceivingEnd, peer_user
from adapters.thespian_unix.framing import BrokenFrame
from adapters.thespian_unix.listener import LOOK_EVERY_S, Listener
from adapters.thespian_unix.mailbox import Entry, Mailbox
from adapters.thespian_unix.poller import Poller
from adapters.thespian_unix.socket_directory import DirectoryRefused

ACCEPT_AGAIN_AFTER_S = 0.1  # when this process is out of descriptors; meanwhile senders write into the kernel


class Undecoded(Exception):
    """A message that can't be unpickled here."""

    def __init__(self, sender: Any, reason: str, size: int) -> None:
        super().__init__(reason)
        self.sender, self.reason, self.size = sender, reason, size


class Hold(Protocol):
    """Of a launcher on the directory."""

    def hold_again(self) -> None: ...

    def opened_modes(self) -> list[str]: ...


class Reception:
    def __init__(
        self, path: str, poller: Poller, may_renew: Callable[[], bool] = lambda: True, hold: Hold | None = None
    ) -> None:
        """Listen at `path`.

        Args:
            may_renew: whether to do so again when that was taken away: not while all ends.
            hold: what was taken away with it.
        """
        self.mailbox = Mailbox()
        self._renewals = 0
        self._trouble = ""
        self.accepts_again_s: float | None = None  # CLOCK_MONOTONIC, while we can't accept
        self._poller = poller
        self._by_descriptor: dict[int, ReceivingEnd] = {}
        self._owing: set[ReceivingEnd] = set()  # handled more than they have acknowledged
        self._path = path
        self._may_renew = may_renew
        self._hold = hold
        self._looks_again_s = time.monotonic() + LOOK_EVERY_S
        self._listener = Listener(path)
        poller.add(self._listener.socket.fileno(), select.EPOLLIN)

    def handle(self, descriptor: int, events: int) -> bool:
        """Do what an event asks for; return False if the descriptor isn't one of ours."""
        end = self._by_descriptor.get(descriptor)
        if end is not None:
            if events & select.EPOLLOUT:
                self._acknowledge(end)
            if events & ~select.EPOLLOUT:
                self._read(end)
        elif descriptor == self._listener.socket.fileno():
            self._accept(self._listener.socket)
        else:
            return False
        return True

    def put_own(self, envelope: ReceiveEnvelope, lane: int, overtakes: bool = False) -> None:
        """Add something that comes from within this process."""
        self.mailbox.put(Entry(None, lane, envelope), lane, overtakes)

    def open(self, entry: Entry) -> ReceiveEnvelope:
        """Unpickle.

        Raises:
            Undecoded: it can't be.
        """
        if entry.source is None:
            return entry.content
        try:
            return ReceiveEnvelope(entry.source.sender, pickle.loads(entry.content))
        except Exception as error:  # a message's own __setstate__ may raise anything
            reason = f"{type(error).__name__}: {error}"
            raise Undecoded(entry.source.sender, reason, len(entry.content)) from error

    def settle(self, entry: Entry) -> None:
        """Count an entry as handled; `acknowledge` tells its sender."""
        if entry.source is not None:
            entry.source.handled[entry.sequence] += 1
            self._owing.add(entry.source)

    def acknowledge(self) -> None:
        """Tell every sender what was handled."""
        while self._owing:
            self._acknowledge(self._owing.pop())

    def close(self) -> None:
        self._listener.close()
        for end in self._by_descriptor.values():
            end.close()
        self._by_descriptor.clear()
        self._owing.clear()

    def place(self) -> tuple[int, str]:
        """Return how often we had to listen anew, for our socket was removed, and why we can't now, or others."""
        return self._renewals, self._trouble

    def opened_modes(self) -> list[str]:
        """Return what modes our directory was given since we last asked, and has not any more; the launcher's knows."""
        return self._hold.opened_modes() if self._hold is not None else []

    def next_look_s(self) -> float:
        """Return when `look_after` has something to do (CLOCK_MONOTONIC)."""
        if self.accepts_again_s is None:
            return self._looks_again_s
        return min(self._looks_again_s, self.accepts_again_s)

    def look_after(self) -> None:
        """Do what it is time for."""
        self.accept_again()
        if self._looks_again_s <= time.monotonic():
            self.keep_place()

    def accept_again(self) -> None:
        """Look at the listening socket again, if it is time to."""
        if self.accepts_again_s is not None and self.accepts_again_s <= time.monotonic():
            self.accepts_again_s = None
            self._poller.change(self._listener.socket.fileno(), select.EPOLLIN)

    def keep_place(self) -> None:
        """Keep our directory closed to others, and listen anew at our path if our socket there was removed."""
        self._looks_again_s = time.monotonic() + LOOK_EVERY_S
        try:
            socket_directory.take_back(Path(self._path).parent)
            is_lost = self._listener.is_lost()
            if is_lost and not self._may_renew():
                return
            former = self._listener.renew() if is_lost else None
        except (OSError, DirectoryRefused) as error:
            if not self._trouble:
                thesplog("can't keep the place %s: %s", self._path, error, level=logging.ERROR)
            self._trouble = str(error)
            return
        self._trouble = ""
        if former is not None:
            self._replace(former)

    def _replace(self, former: socket.socket) -> None:
        self._accept(former)  # who had found it before
        self._poller.remove(former.fileno())
        former.close()
        self._poller.add(self._listener.socket.fileno(), select.EPOLLIN)
        self.accepts_again_s = None
        self._renewals += 1
        thesplog("listens anew at %s, where its socket was removed", self._path, level=logging.WARNING)
        if self._hold is not None:
            self._hold.hold_again()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except BlockingIOError:
                return
            except OSError as error:
                # It stays ready for as long as somebody waits there, and would keep us from waiting.
                thesplog("can't accept connections for now: %s", error, level=logging.ERROR)
                self._poller.change(listening.fileno(), 0)
                self.accepts_again_s = time.monotonic() + ACCEPT_AGAIN_AFTER_S
                return
            if peer_user(connection) != os.geteuid():  # before a single byte of it is unpickled
                thesplog("refused a connection of user %s", peer_user(connection), level=logging.WARNING)
                connection.close()
                continue
            end = ReceivingEnd(connection)
            self._by_descriptor[end.fileno] = end
            self._poller.add(end.fileno, select.EPOLLIN)

    def _read(self, end: ReceivingEnd) -> None:
        try:
            for tag, payload in end.read():
                if tag is None:
                    end.sender = ActorAddress(UnixAddress(os.fsdecode(payload)))
                else:
                    self.mailbox.put(Entry(end, tag.sequence, payload), tag.lane, tag.overtakes)
        except (EOFError, OSError, BrokenFrame) as error:
            if isinstance(error, BrokenFrame):
                thesplog("dropped the connection from %s: %s", end.sender, error, level=logging.ERROR)
            self._drop(end)

    def _acknowledge(self, end: ReceivingEnd) -> None:
        interest = select.EPOLLIN if end.acknowledge() else select.EPOLLIN | select.EPOLLOUT
        if interest != end.interest and self._by_descriptor.get(end.fileno) is end:
            end.interest = interest
            self._poller.change(end.fileno, interest)

    def _drop(self, end: ReceivingEnd) -> None:
        del self._by_descriptor[end.fileno]
        self._owing.discard(end)
        self._poller.remove(end.fileno)
        end.close()
