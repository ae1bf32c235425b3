"""The high-water mark: how far the journal went, kept outside it.

SQLite drops the damaged tail of its log without a word. The mark, one small file that is overwritten in place after
each append, tells afterwards that there was more. It is never ahead of the journal: an entry that it doesn't know
yet was acted on by nobody. After a power cut either may be behind, unless `sync` came between.
"""

from __future__ import annotations

import logging
import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

from adapters.storage.journal_rows import HASH_BYTES
from adapters.storage.own_files import HeldFiles, is_gone, open_own

log = logging.getLogger(__name__)

_MARK = struct.Struct(f"<8sQ{HASH_BYTES}s2sI")  # magic, seq, hash of that row, instance, checksum: one disk sector
_MAGIC = b"nzmark3\n"


class Mark(NamedTuple):
    seq: int
    hash: bytes
    instance: str  # four hex digits: kept here too, for without it the orders of a lost journal are a stranger's


class MarkFile:
    """The writing end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._newest: Mark | None = None
        self._open()

    def _open(self) -> None:
        self._fd = open_own(self._path, os.O_RDWR | os.O_CREAT)
        self._held = HeldFiles(self._path)
        self._is_synced = False

    def tend(self) -> None:
        """Write it anew where its file was taken away: without one, the next start could not tell what is missing."""
        if self._newest is None or not self._held.is_lost() or is_gone(self._path.parent):
            return
        old = self._fd
        try:
            self._open()
        except OSError as error:
            log.warning("mark_not_written seq=%s error=%s", self._newest.seq, error)  # the next start tells
            return
        log.warning("mark_written_anew seq=%s", self._newest.seq)
        os.close(old)
        self.put(self._newest)

    def put(self, mark: Mark) -> None:
        """Remember `mark`; a failing disk leaves an older one, which promises less."""
        self._newest = mark
        try:
            os.pwrite(self._fd, _encoded(mark), 0)
        except OSError as error:
            log.warning("mark_not_written seq=%s error=%s", mark.seq, error)
        self._is_synced = False

    def sync(self) -> None:
        """Make the newest mark survive a power cut."""
        if not self._is_synced:
            os.fdatasync(self._fd)
            self._is_synced = True

    def close(self) -> None:
        os.close(self._fd)


def mark_path(journal: Path) -> Path:
    return journal.with_name(journal.name + ".mark")


def read_mark(path: Path) -> Mark | None:
    """Return what was marked; None when nothing was.

    Raises:
        ValueError: the file is damaged.
        OSError: it cannot be read, or is not ours.
    """
    try:
        fd = open_own(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        text = os.pread(fd, _MARK.size + 1, 0)
    finally:
        os.close(fd)
    if not text:
        return None  # made, and never written
    if len(text) != _MARK.size or zlib.crc32(text[:-4]) != int.from_bytes(text[-4:], "little"):
        raise ValueError("the mark is damaged")
    magic, seq, digest, instance, _ = _MARK.unpack(text)
    if magic != _MAGIC:
        raise ValueError("the mark is of another version")
    return Mark(seq, digest, instance.hex())


def _encoded(mark: Mark) -> bytes:
    text = _MARK.pack(_MAGIC, mark.seq, mark.hash, bytes.fromhex(mark.instance), 0)[:-4]
    return text + zlib.crc32(text).to_bytes(4, "little")
