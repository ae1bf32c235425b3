"""Blocking calls on worker threads; answers wake an actor's loop through an eventfd.

Created in the process that uses it (threads do not survive a fork). Work that has not started when it is
closed is dropped; work that runs ends unheard. A thread can't be ended from outside: one whose call hangs is left
to it, and another takes its place.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from itertools import count
from queue import SimpleQueue
from typing import Any

_MOST_HUNG = 100  # threads that nobody waits for; with more, places stay empty


class ThreadExecutor:
    """A number of daemon threads at work, and those that hang."""

    def __init__(self, workers: int) -> None:
        self._work: SimpleQueue[tuple[str, Callable[[], Any]] | None] = SimpleQueue()  # (key, call); None: one leaves
        self._done: deque[tuple[str, Any]] = deque()
        self._lock = threading.Lock()  # the eventfd's number must not be written after close: it gets reused
        self._eventfd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._running: set[str] = set()  # keys of the calls that threads are at
        self._hung: dict[str, bool] = {}  # those of them that nobody waits for -> another thread has the place
        self._unwanted: set[str] = set()  # keys of calls that were given up before they began
        self._threads: set[threading.Thread] = set()  # that take work; without those that are left to what hangs
        self._names = count()
        for _ in range(workers):
            self._hire()

    def _hire(self) -> None:
        name = f"executor-{next(self._names)}"
        thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._threads.add(thread)
        thread.start()

    def submit(self, key: str, call: Callable[[], Any]) -> None:
        self._work.put((key, call))

    def replace(self, key: str) -> None:
        with self._lock:
            if any(done == key for done, _ in self._done):
                self._done = deque(entry for entry in self._done if entry[0] != key)
            elif key not in self._running:
                self._unwanted.add(key)
            elif key not in self._hung:
                self._hung[key] = len(self._hung) < _MOST_HUNG
                if self._hung[key]:
                    self._hire()

    def fileno(self) -> int:
        return self._eventfd

    def collect(self) -> list[tuple[str, Any]]:
        try:
            os.eventfd_read(self._eventfd)
        except BlockingIOError:
            return []
        # Cleared first: an answer that arrives from here on makes the eventfd readable again.
        return [self._done.popleft() for _ in range(len(self._done))]

    def close(self) -> None:
        with self._lock:
            if self._eventfd < 0:
                return
            os.close(self._eventfd)
            self._eventfd = -1
            threads = len(self._threads)
        for _ in range(threads):
            self._work.put(None)

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            key, call = item
            if not self._begins(key):
                continue
            try:
                result = call()
            except Exception as error:  # the answer of a failed call is its exception
                result = error
            if not self._ends(key, result):
                return

    def _begins(self, key: str) -> bool:
        with self._lock:
            if key in self._unwanted:
                self._unwanted.discard(key)
                return False
            self._running.add(key)
            return True

    def _ends(self, key: str, result: Any) -> bool:
        """Hand over what came of a call. Returns False when another thread has this one's place."""
        with self._lock:
            self._running.discard(key)
            is_heard = key not in self._hung
            if self._hung.pop(key, False):
                self._threads.discard(threading.current_thread())
                return False
            if self._eventfd < 0:
                return False
            if is_heard:
                self._done.append((key, result))
                os.eventfd_write(self._eventfd, 1)
            return True
