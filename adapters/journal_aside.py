"""Where entries go while the database itself cannot be written: one file of lines beside it, synced at each append.

An order that reduces risk must leave even then, and nothing leaves before it is on disk (another program that holds
SQLite's one write lock would otherwise stop both). The lines go on with the numbers and hashes of the database, so
they are simply its next rows, and are moved there as soon as it can be written again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from adapters.journal_rows import Row
from adapters.own_files import open_own

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[int, int, str, str, str]).decode


def aside_path(journal: Path) -> Path:
    return journal.with_name(journal.name + "-aside")


class AsideFile:
    """The writing end; it makes its file with the first entry."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None
        self._length = 0

    def append(self, rows: Sequence[Row]) -> None:
        """Write all or nothing, durably.

        Raises:
            OSError: it cannot be written.
        """
        if self._fd is None:
            self._fd = open_own(self._path, os.O_RDWR | os.O_CREAT)
            self._length = _whole_lines(self._fd)
            os.ftruncate(self._fd, self._length)  # what a crash cut off was never acted on
        text = b"".join(_line(row) for row in rows)
        try:
            _write(self._fd, text, self._length)
            os.fdatasync(self._fd)
        except OSError:
            os.ftruncate(self._fd, self._length)
            raise
        self._length += len(text)

    def remove(self) -> None:
        """Forget the entries: the database has them."""
        self.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def read_aside(journal: Path, after_seq: int = 0) -> Iterator[Row]:
    """Yield the entries beside a journal that follow `after_seq`; what is no whole line ends them.

    Raises:
        OSError: the file cannot be read, or is not ours.
    """
    try:
        fd = open_own(aside_path(journal), os.O_RDONLY)
    except FileNotFoundError:
        return
    with open(fd, "rb") as lines:
        for line in lines:
            row = _row(line)
            if row is None:
                return
            if row.seq > after_seq:
                yield row


def _line(row: Row) -> bytes:
    return _encode((row.seq, row.recorded_at, row.kind.decode(), row.body.decode(), row.hash.hex())) + b"\n"


def _row(line: bytes) -> Row | None:
    if not line.endswith(b"\n"):
        return None
    try:
        seq, recorded_at, kind, body, digest = _decode(line)
        return Row(seq, recorded_at, kind.encode(), body.encode(), bytes.fromhex(digest))
    except (msgspec.MsgspecError, ValueError):
        return None


def _whole_lines(fd: int) -> int:
    """Return the length of what was written whole."""
    text = os.pread(fd, os.fstat(fd).st_size, 0)
    return text.rfind(b"\n") + 1


def _write(fd: int, text: bytes, at: int) -> None:
    while text:
        written = os.pwrite(fd, text, at)
        text, at = text[written:], at + written
