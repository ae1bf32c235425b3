"""Where entries go while the database itself cannot be written: one file of lines beside it, synced at each append.

An order that reduces risk must leave even then, and nothing leaves before it is on disk (another program that holds
SQLite's one write lock would otherwise stop both). The lines go on with the numbers and hashes of the database, so
they are simply its next rows, and are moved there as soon as it can be written again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from adapters.storage.journal_rows import Row
from adapters.storage.own_files import is_own, open_own, put_away, sync

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(tuple[int, int, str, str, str]).decode


def aside_path(journal: Path) -> Path:
    return journal.with_name(journal.name + "-aside")


def finish_renewal(journal: Path) -> None:
    """Give the file its name where a crash came between."""
    path = aside_path(journal)
    if is_own(_making(path)) and not os.path.lexists(path):
        os.rename(_making(path), path)


class AsideFile:
    """The writing end; it makes its file with the first entry.

    What it has written it knows by heart, until the database has it: the file can be damaged or taken away while it
    is the only place that survives us.
    """

    def __init__(self, path: Path) -> None:
        self.rows: list[Row] = []
        self._path = path
        self._fd: int | None = None
        self._length = 0
        self._look: tuple[int, ...] = ()  # of the file, after we wrote last

    def adopt(self, stored: Row, last: Row) -> bool:
        """Go on with what an earlier writer left; only what follows `stored` is still needed.

        Args:
            stored: the last entry of the database that the file may overlap with.
            last: the last entry of all.

        Returns:
            Whether there is nothing in the file but what such a writer leaves.

        Raises:
            OSError: it cannot be read, or is not ours.
        """
        self._fd = open_own(self._path, os.O_RDWR)
        text = os.pread(self._fd, os.fstat(self._fd).st_size, 0)
        rows = list(_rows(text.splitlines(keepends=True)))
        self.rows = [row for row in rows if row.seq > stored.seq]
        self._length = sum(len(_line(row)) for row in rows)
        torn = text[self._length :]  # what a crash cut off was never acted on
        is_ours = torn[:1] in (b"", b"[") and b"\n" not in torn and _are_followed(rows, stored, last)
        if is_ours:
            os.ftruncate(self._fd, self._length)
            self._look = _look(os.fstat(self._fd))
        return is_ours

    def append(self, rows: Sequence[Row]) -> None:
        """Write all or nothing, durably.

        Raises:
            OSError: it cannot be written.
        """
        if self._fd is None:
            if os.path.lexists(self._path):
                put_away(self._path)  # nothing of ours is waiting
            self._fd, self._length = open_own(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL), 0
        text = b"".join(_line(row) for row in rows)
        try:
            _write(self._fd, text, self._length)
            os.fdatasync(self._fd)
        except OSError:
            os.ftruncate(self._fd, self._length)
            self._look = _look(os.fstat(self._fd))
            raise
        self._length += len(text)
        self._look = _look(os.fstat(self._fd))
        self.rows.extend(rows)

    def is_whole(self) -> bool:
        """Tell by the look of the file whether it is what was written: at every entry, since it costs little.

        Raises:
            PermissionError: nobody can look.
        """
        if self._fd is None:
            return True
        try:
            return _look(os.lstat(self._path)) == self._look or self.is_proven()
        except FileNotFoundError:
            return False

    def is_proven(self) -> bool:
        """Tell the same by every byte of it."""
        if self._fd is None:
            return not self.rows
        try:
            found = os.lstat(self._path)
        except FileNotFoundError:
            return False
        written = b"".join(_line(row) for row in self.rows)
        text = os.pread(self._fd, found.st_size + 1, 0)
        if not os.path.samestat(found, os.fstat(self._fd)) or not text.endswith(written) or len(text) != self._length:
            return False
        self._look = _look(found)
        return True

    def renew(self, damaged: Path, more: Sequence[Row] = ()) -> None:
        """Write all that is known, and `more`, into a fresh file; what is in its place, if anything, goes to `damaged`.

        Raises:
            OSError: it cannot be written.
        """
        making = _making(self._path)
        if os.path.lexists(making):
            put_away(making)
        self.close()
        self._fd, self._length = open_own(making, os.O_RDWR | os.O_CREAT | os.O_EXCL), 0
        rows, self.rows = [*self.rows, *more], []
        self.append(rows)
        if os.path.lexists(self._path):
            os.rename(self._path, damaged)
        os.rename(making, self._path)
        sync(self._path.parent)
        self._look = _look(os.fstat(self._fd))

    def remove(self) -> None:
        """End the file and forget the entries: the database has them."""
        self.forget()
        self._path.unlink(missing_ok=True)

    def forget(self) -> None:
        self.close()
        self.rows = []

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
        yield from (row for row in _rows(lines) if row.seq > after_seq)


def _line(row: Row) -> bytes:
    return _encode((row.seq, row.recorded_at, row.kind.decode(), row.body.decode(), row.hash.hex())) + b"\n"


def _rows(lines: Iterable[bytes]) -> Iterator[Row]:
    for line in lines:
        row = _row(line)
        if row is None:
            return
        yield row


def _row(line: bytes) -> Row | None:
    if not line.endswith(b"\n"):
        return None
    try:
        seq, recorded_at, kind, body, digest = _decode(line)
        return Row(seq, recorded_at, kind.encode(), body.encode(), bytes.fromhex(digest))
    except (msgspec.MsgspecError, ValueError):
        return None


def _are_followed(rows: Sequence[Row], stored: Row, last: Row) -> bool:
    """Tell whether each row follows the one before it, and the last of them is one that the journal has."""
    if any(row.after(before.hash) != row for before, row in pairwise(rows)):
        return False
    return not rows or (rows[-1].seq, rows[-1].hash) in ((stored.seq, stored.hash), (last.seq, last.hash))


def _making(path: Path) -> Path:
    return path.with_name(path.name + ".renewing")


def _look(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _write(fd: int, text: bytes, at: int) -> None:
    while text:
        written = os.pwrite(fd, text, at)
        text, at = text[written:], at + written
