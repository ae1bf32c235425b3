"""Raw frames of one venue's stream on disk, with the stamps of their arrival, and back again.

A file is a row of gzip members, each complete in itself, so whatever a crash or a full disk cuts off is one
member at the end, and a damaged one costs only itself. A member holds entries:

    kind: 1 byte, "o" opened (payload: url), "f" frame, "c" closed (payload: reason)
    read_ns, utc_ns: 8 bytes each, little endian; both clocks when it was read
    length: 4 bytes, and so many bytes of payload, exactly as they arrived

A file is called `VENUE-YYYYMMDDTHHMMSS.NNNNNNNNNZ.frames.gz`. At `rotate_bytes` the next one begins, and the oldest
of the venue go as soon as all of them together are above `keep_bytes`.
"""

from __future__ import annotations

import contextlib
import gzip
import logging
import math
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from adapters.network.websocket_frames import MAX_MESSAGE_BYTES
from adapters.ports import StreamCodec
from adapters.storage.own_files import HeldFiles, open_own, require_own_directory
from domain.instant import SECOND_NS, Instant
from domain.messages.base import Event

log = logging.getLogger(__name__)

OPENED, FRAME, CLOSED = b"o", b"f", b"c"
SUFFIX = ".frames.gz"
MEMBER_BYTES = 1 << 20  # of entries; a busy stream is written this often, a quiet one at each flush
MOST_MEMBER_BYTES = MEMBER_BYTES + MAX_MESSAGE_BYTES + (1 << 16)  # what fills it up may be the longest message

_HEAD = struct.Struct("<cQQI")
_READ_BYTES = 1 << 16
_MEMBER_BEGINS = b"\x1f\x8b\x08"  # RFC 1952, 2.3.1
# What a disk, a clock that is far off or a lack of memory can do to one who writes.
_FAILURES = (OSError, ValueError, ArithmeticError, MemoryError, struct.error)
_LEVEL = 1  # frames are text and shrink to a tenth even so; the feed must not wait


class Entry(NamedTuple):
    kind: bytes
    at: Instant
    payload: bytes


class FrameRecorder:
    """Writes what one stream brings. A failing disk ends the recording, never the stream: nothing is raised here."""

    def __init__(self, directory: Path, venue: str, rotate_bytes: int, keep_bytes: int) -> None:
        """Args:
        directory: is made if it isn't there, for its owner only.
        """
        self.failure = ""  # why nothing is recorded any more
        self.files_lost = 0  # removed, moved or replaced while they were written; each time a new one is begun
        self._directory = directory
        self._venue = venue
        self._rotate_bytes = rotate_bytes
        self._keep_bytes = keep_bytes
        self._file: BinaryIO | None = None
        self._held = HeldFiles()
        self._written = 0  # bytes in the file
        self._entries: list[bytes] = []
        self._entries_bytes = 0
        self._since_ns = 0  # UTC of the oldest of them

    def opened(self, url: str, now: Instant) -> None:
        self._add(OPENED, now, _bytes(url))

    def frame(self, frame: bytes, read_ns: int, utc_ns: int) -> None:
        self._add(FRAME, Instant(read_ns, utc_ns), frame)

    def closed(self, reason: str, now: Instant) -> None:
        self._add(CLOSED, now, _bytes(reason))
        self.flush()

    def flush(self) -> None:
        """Write what has been added; called once a second."""
        self._leave_lost_file()
        if not self._entries:
            return
        entries, self._entries, self._entries_bytes = self._entries, [], 0
        try:
            file = self._file or self._begin()
            member = gzip.compress(b"".join(entries), _LEVEL, mtime=0)
            self._write(file, member)
            self._written += len(member)
            if self._written >= self._rotate_bytes:
                self._end()
                self._remove_oldest()
        except _FAILURES as error:
            self._fail(error)

    def _leave_lost_file(self) -> None:
        """Write no more into what nobody can find; the next entry begins another file."""
        try:
            if self._file is None or not self._held.is_lost():
                return
            self.files_lost += 1
            log.warning("recording_file_lost venue=%s", self._venue)
            self._end()
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        self.flush()
        try:
            self._end()
        except OSError as error:
            self._fail(error)

    def _add(self, kind: bytes, at: Instant, payload: bytes) -> None:
        if self.failure:
            return
        if not self._entries:
            self._since_ns = at.utc_ns
        try:
            entry = _HEAD.pack(kind, at.monotonic_ns, at.utc_ns, len(payload)) + payload
        except _FAILURES as error:
            self._fail(error)
            return
        self._entries.append(entry)
        self._entries_bytes += len(entry)
        if self._entries_bytes >= MEMBER_BYTES:
            self.flush()

    def _begin(self) -> BinaryIO:
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        seconds, nanoseconds = divmod(self._since_ns, SECOND_NS)
        stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%S")
        path = self._directory / f"{self._venue}-{stamp}.{nanoseconds:09d}Z{SUFFIX}"
        require_own_directory(self._directory)
        # Unbuffered: what a full disk did not take must not be tried again by a close, much later and in our way.
        file = self._file = os.fdopen(open_own(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab", buffering=0)
        self._held = HeldFiles(path)
        self._written = 0
        return file

    def _write(self, file: BinaryIO, member: bytes) -> None:
        rest = memoryview(member)
        while rest:
            rest = rest[file.write(rest) :]

    def _end(self) -> None:
        """Close the file; it is not ours any more, whatever that says."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _fail(self, error: Exception) -> None:
        """End the recording. The first reason is the one that is told."""
        self.failure = self.failure or getattr(error, "strerror", "") or str(error) or type(error).__name__
        self._entries, self._entries_bytes = [], 0
        with contextlib.suppress(OSError):  # the same disk; it was told
            self._end()

    def _remove_oldest(self) -> None:
        files = recordings(self._directory, self._venue)
        sizes = [path.stat().st_size for path in files]
        total = sum(sizes)
        for path, size in zip(files, sizes):
            if total <= self._keep_bytes:
                return
            path.unlink()
            total -= size


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def recordings(directory: Path, venue: str) -> list[Path]:
    """Return the files of one venue, oldest first."""
    return sorted(directory.glob(f"{venue}-*{SUFFIX}"))


class Damage(NamedTuple):
    """A part of a file that could not be read: nothing that was in it is among the entries."""

    begin: int  # its offset in the file
    length: int  # in bytes of the file
    reason: str


class _Unreadable(Exception):
    """No member of ours begins there; says why."""


def read(path: Path, damaged: Callable[[Damage], object] = lambda damage: None) -> Iterator[Entry]:
    """Yield the entries of one file, member by member: what isn't whole costs itself, up to where a whole one begins.

    Args:
        damaged: gets each part that could not be read, in order.

    Raises:
        OSError: the file can't be opened, or the disk fails.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            damaged(Damage(0, 0, "is empty"))
        at, lost_at, why = 0, -1, ""
        while at < size:
            try:
                entries, end = _member(file, at)
            except _Unreadable as error:
                if lost_at < 0:
                    lost_at, why = at, str(error)
                at = _next_member(file, at + 1, size)
                continue
            if lost_at >= 0:
                damaged(Damage(lost_at, at - lost_at, why))
                lost_at = -1
            yield from entries
            at = end
        if lost_at >= 0:
            damaged(Damage(lost_at, size - lost_at, why))


def _member(file: BinaryIO, at: int) -> tuple[list[Entry], int]:
    """Return what the member that begins at `at` holds, and where it ends."""
    file.seek(at)
    unzip, content = zlib.decompressobj(wbits=31), bytearray()
    while not unzip.eof:
        data = file.read(_READ_BYTES)
        if not data:
            raise _Unreadable("ends in the middle")
        try:
            content += unzip.decompress(data, MOST_MEMBER_BYTES + 1 - len(content))
        except zlib.error as error:
            raise _Unreadable(str(error).rpartition(": ")[2]) from None
        if len(content) > MOST_MEMBER_BYTES:
            raise _Unreadable("is too large to be ours")
    return _entries(content), file.tell() - len(unzip.unused_data)


def _entries(content: bytearray) -> list[Entry]:
    """Return what one member holds: entries and nothing else, for no entry goes on in the next one."""
    entries, position = [], 0
    while position < len(content):
        if len(content) - position < _HEAD.size:
            raise _Unreadable("holds what is no entry")
        kind, read_ns, utc_ns, length = _HEAD.unpack_from(content, position)
        position += _HEAD.size
        if kind not in (OPENED, FRAME, CLOSED) or length > len(content) - position:
            raise _Unreadable("holds what is no entry")
        entries.append(Entry(kind, Instant(read_ns, utc_ns), bytes(content[position : position + length])))
        position += length
    return entries


def _next_member(file: BinaryIO, begin: int, size: int) -> int:
    """Return where the next member may begin, from `begin` on; `size` when none does."""
    file.seek(begin)
    piece, kept = b"", len(_MEMBER_BEGINS) - 1
    while data := file.read(_READ_BYTES):
        piece = piece[-kept:] + data
        found = piece.find(_MEMBER_BEGINS)
        if found >= 0:
            return file.tell() - len(piece) + found
    return size


def replay(entries: Iterable[Entry], codec: StreamCodec) -> Iterator[Event]:
    """Let a codec decode a recording as if it happened now: the same frames, stamps and connections.

    What it wants said is asked for, too: some codecs judge the answers by what they have asked. Silences end
    nothing here, since the recording knows when each connection ended.
    """
    for entry in entries:
        if entry.kind == OPENED:
            codec.watch.restart(entry.at.monotonic_ns, first_within_s=math.inf)
            codec.hello(entry.at)
        elif entry.kind == FRAME:
            yield from codec.decode(entry.payload, entry.at.monotonic_ns, entry.at)
            codec.tick(entry.at)
