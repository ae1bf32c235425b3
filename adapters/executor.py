"""Blocking calls on worker threads; answers wake an actor's loop through an eventfd.

Created in the process that uses it (threads do not survive a fork). Work that has not started when it is
closed is dropped; work that runs ends unheard.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any


class ThreadExecutor:
    """A fixed number of daemon threads."""

    def __init__(self, workers: int) -> None:
        self._work: SimpleQueue = SimpleQueue()  # (key, call), or None: one worker leaves
        self._done: deque[tuple[str, Any]] = deque()
        self._lock = threading.Lock()  # the eventfd's number must not be written after close: it gets reused
        self._eventfd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._threads = [
            threading.Thread(target=self._run, name=f"executor-{number}", daemon=True)
            for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, key: str, call: Callable[[], Any]) -> None:
        self._work.put((key, call))

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
        for _ in self._threads:
            self._work.put(None)

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            key, call = item
            try:
                result = call()
            except Exception as error:  # the answer of a failed call is its exception
                result = error
            with self._lock:
                if self._eventfd < 0:
                    return
                self._done.append((key, result))
                os.eventfd_write(self._eventfd, 1)
