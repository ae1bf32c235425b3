"""The one epoll of a process: its sockets, what its actor watches, and a bell for threads and signals."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Collection

MOST_EVENTS = 256  # per poll; epoll is fair about the rest
SPIN_S = 0.00005  # of processor time before each sleep, at the most


class Poller:
    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._bell, select.EPOLLIN)
        self._watched: frozenset[int] = frozenset()
        self._own = {self._bell}

    def add(self, descriptor: int, events: int) -> None:
        if descriptor in self._watched:  # the actor's was closed, and the number is ours now
            self._watched -= {descriptor}
        self._own.add(descriptor)
        self._epoll.register(descriptor, events)

    def change(self, descriptor: int, events: int) -> None:
        self._epoll.modify(descriptor, events)

    def remove(self, descriptor: int) -> None:
        self._own.discard(descriptor)
        self._epoll.unregister(descriptor)

    def watch(self, descriptors: Collection[int]) -> None:
        """Watch exactly these for reading. Closed ones, doubles and our own are passed over."""
        if not descriptors and not self._watched:
            return  # as after nearly every message
        wanted = frozenset(descriptors) - self._own
        for gone in self._watched - wanted:
            with contextlib.suppress(OSError):  # closed since, which unregisters
                self._epoll.unregister(gone)
        self._watched = frozenset(descriptor for descriptor in wanted if self._try_watching(descriptor))

    def poll(self, timeout_s: float | None) -> tuple[list[tuple[int, int]], list[int], bool]:
        """Return the events on our own sockets, the watched descriptors that are ready, and whether the bell
        rang.

        Args:
            timeout_s: None waits for as long as it takes.
        """
        own, watched, has_rung = [], [], False
        for descriptor, events in self._look_before_sleeping(timeout_s):
            if descriptor in self._watched:
                watched.append(descriptor)
            elif descriptor == self._bell:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._bell)
                has_rung = True
            else:
                own.append((descriptor, events))
        return own, watched, has_rung

    def _look_before_sleeping(self, timeout_s: float | None) -> list[tuple[int, int]]:
        """Poll. An answer often comes in a moment, and to be woken up on another core takes longer than that."""
        if timeout_s != 0:
            until_s = time.monotonic() + (SPIN_S if timeout_s is None else min(SPIN_S, timeout_s))
            while time.monotonic() < until_s:
                if found := self._epoll.poll(0, MOST_EVENTS):
                    return found
        return self._epoll.poll(timeout_s, MOST_EVENTS)

    def ring(self) -> None:
        """End the current or the next `poll`. From any thread, and from signal handlers."""
        with contextlib.suppress(OSError):  # closed, or a bell so full that it is ringing anyway
            os.eventfd_write(self._bell, 1)

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        self._epoll.close()
        if self._bell >= 0:
            os.close(self._bell)
            self._bell = -1

    def _try_watching(self, descriptor: int) -> bool:
        try:
            self._epoll.modify(descriptor, select.EPOLLIN)
        except FileNotFoundError:  # new, or closed and opened again since
            try:
                self._epoll.register(descriptor, select.EPOLLIN)
            except (OSError, ValueError):
                return False  # closed, or a plain file, which is always ready and can't be waited for
        except (OSError, ValueError):
            return False
        return True
