"""The one lane by which requests with a nonce leave: one after the other, each with a number that was kept before.

What is kept is a bound that no number in use exceeds, moved on once a second at most: so a restart never repeats one,
and a request seldom waits for the disk. One process signs for a key.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.clock import Clock
from adapters.storage.own_files import open_own, sync
from domain.errors import Retryable
from domain.resilience.nonces import Nonces

_KEPT = struct.Struct("<8sQI")  # magic, bound, checksum: one disk sector
_MAGIC = b"nznonc1\n"
_AHEAD_MS = 1_000
_MS = 1_000_000  # nanoseconds


class NonceFile:
    """Keeps the bound of one key, over restarts and power cuts."""

    def __init__(self, path: Path) -> None:
        """Raises:
        ValueError: the file is damaged: nobody can tell which numbers were used.
        OSError: it cannot be read or written, or is not ours.
        """
        self._path = path
        self._fd = open_own(path, os.O_RDWR | os.O_CREAT)
        sync(path.parent)
        try:
            self.bound = self._read()
        except ValueError:
            os.close(self._fd)
            raise

    def _read(self) -> int:
        text = os.pread(self._fd, _KEPT.size + 1, 0)
        if not text:
            return 0  # made, and never written
        if len(text) != _KEPT.size or text != _encoded(_KEPT.unpack(text)[1]):
            raise ValueError(f"{self._path} is damaged: it told which nonces are used up")
        return int(_KEPT.unpack(text)[1])

    def put(self, bound: int) -> None:
        """Keep it; on return it survives a power cut.

        Raises:
            OSError: it may not have been kept.
        """
        os.pwrite(self._fd, _encoded(bound), 0)
        os.fdatasync(self._fd)
        self.bound = bound

    def close(self) -> None:
        os.close(self._fd)


class SigningLane:
    """Hands out nonces, and lets one request at a time be signed and sent."""

    def __init__(self, kept: NonceFile, clock: Clock) -> None:
        self._kept = kept
        self._clock = clock
        self._nonces = Nonces(kept.bound)
        self._turn = threading.Lock()

    @contextmanager
    def nonce(self, timeout_s: float) -> Iterator[int]:
        """Wait for our turn and yield a nonce; the turn ends with the block, in which the request leaves.

        Raises:
            Retryable: the turn did not come within `timeout_s`, or the nonce could not be kept. Nothing was sent.
        """
        if not self._turn.acquire(timeout=timeout_s):
            raise Retryable("other requests are being signed", code="lane_busy")
        try:
            nonce = self._nonces.next(self._clock.now().utc_ns // _MS)
            if nonce > self._kept.bound:
                self._keep(nonce + _AHEAD_MS)
            yield nonce
        finally:
            self._turn.release()

    def _keep(self, bound: int) -> None:
        try:
            self._kept.put(bound)
        except OSError as error:
            raise Retryable(f"the nonce cannot be kept: {error}", code="nonce_not_kept") from error


def _encoded(bound: int) -> bytes:
    text = _KEPT.pack(_MAGIC, bound, 0)[:-4]
    return text + zlib.crc32(text).to_bytes(4, "little")
