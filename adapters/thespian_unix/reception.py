"""Everything on its way into this process: the listening socket, a connection per sender, and the mailbox."""

from __future__ import annotations

import logging
import os
import pickle
import select
import socket
import time
from typing import Any

from thespian.actors import ActorAddress
from thespian.system.transport import ReceiveEnvelope
from thespian.system.utilis import thesplog

from adapters.thespian_unix.address import UnixAddress
from adapters.thespian_unix.connections import ReceivingEnd, peer_user
from adapters.thespian_unix.framing import BrokenFrame
from adapters.thespian_unix.mailbox import Entry, Mailbox
from adapters.thespian_unix.poller import Poller

BACKLOG = 4096  # connections not yet accepted
ACCEPT_AGAIN_AFTER_S = 0.1  # when this process is out of descriptors; meanwhile senders write into the kernel


class Undecoded(Exception):
    """A message that can't be unpickled here."""

    def __init__(self, sender: Any, reason: str, size: int) -> None:
        super().__init__(reason)
        self.sender, self.reason, self.size = sender, reason, size


class Reception:
    def __init__(self, path: str, poller: Poller) -> None:
        self.mailbox = Mailbox()
        self.accepts_again_s: float | None = None  # CLOCK_MONOTONIC, while we can't accept
        self._poller = poller
        self._by_descriptor: dict[int, ReceivingEnd] = {}
        self._owing: set[ReceivingEnd] = set()  # handled more than they have acknowledged
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(BACKLOG)
        self._listener.setblocking(False)
        poller.add(self._listener.fileno(), select.EPOLLIN)

    def handle(self, descriptor: int, events: int) -> bool:
        """Do what an event asks for; return False if the descriptor isn't one of ours."""
        end = self._by_descriptor.get(descriptor)
        if end is not None:
            if events & select.EPOLLOUT:
                self._acknowledge(end)
            if events & ~select.EPOLLOUT:
                self._read(end)
        elif descriptor == self._listener.fileno():
            self._accept()
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

    def accept_again(self) -> None:
        """Look at the listening socket again, if it is time to."""
        if self.accepts_again_s is not None and self.accepts_again_s <= time.monotonic():
            self.accepts_again_s = None
            self._poller.change(self._listener.fileno(), select.EPOLLIN)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                # It stays ready for as long as somebody waits there, and would keep us from waiting.
                thesplog("can't accept connections for now: %s", error, level=logging.ERROR)
                self._poller.change(self._listener.fileno(), 0)
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
