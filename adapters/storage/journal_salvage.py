"""Entries out of the pages of a damaged journal, without SQLite: it reads nothing that stands behind the damage.

One flipped bit early in the log makes SQLite ignore all frames after it, though every entry is still there. So each
image of a page, in the log and in the file itself, is searched for entries, whatever its checksums say: the hashes
of the entries prove which of them were written. What is not proven is not salvaged. Formats:
https://www.sqlite.org/fileformat2.html, sections 1.6 (pages), 2.1 (records), 4 (the log).
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from adapters.storage.journal_aside import read_aside
from adapters.storage.journal_mark import Mark
from adapters.storage.journal_rows import HASH_BYTES, Row
from adapters.storage.own_files import open_own, read_own

PAGE_BYTES = 4096  # of all our databases: SQLite's default
_HEAD_BYTES, _FRAME_HEAD_BYTES = 32, 24  # of the log, and of each frame in it
_ROW_LEAF, _KEY_LEAF = 0x0D, 0x0A  # pages of the table of entries, and of the one of what the journal says of itself
_MOST_LOCAL = PAGE_BYTES - 35  # of a row, on its page; a longer one goes on elsewhere
_LEAST_LOCAL = (PAGE_BYTES - 12) * 32 // 255 - 23
_MOST_BYTES = 64 << 20  # of one row: what says that it is longer is garbage
_CONSTANTS = {0: None, 8: 0, 9: 1}  # serial type -> value
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # serial type -> bytes


class Salvage(NamedTuple):
    rows: tuple[Row, ...] = ()  # proven, with their hashes, from the one after what was provable already
    meta: Mapping[str, str] = {}  # what the log says the journal says of itself


def salvage(path: Path, last: Row, mark: Mark) -> Salvage:
    """Return what follows `last` and can be proven, of all that is in the files of the journal at `path`.

    Raises:
        OSError: they cannot be read, or are not ours.
    """
    pages = _Pages(path)
    found: dict[int, dict[bytes, Row]] = {}  # seq -> hash -> row; several where a write that failed was done anew
    for image in pages.images():
        for row in _rows_of(image, pages, last.seq):
            found.setdefault(row.seq, {})[row.hash] = row
    for row in read_aside(path, last.seq):
        found.setdefault(row.seq, {})[row.hash] = row
    return Salvage(tuple(_following(found, last, mark)), _meta_in(pages))


def _following(found: Mapping[int, Mapping[bytes, Row]], last: Row, mark: Mark) -> Iterator[Row]:
    """Follow the hashes; where two entries claim one number, only the mark can tell which was written."""
    on_the_way = _leading_to(found, mark)
    while True:
        proven = [row for row in found.get(last.seq + 1, {}).values() if row.after(last.hash) == row]
        if len(proven) > 1:
            proven = [row for row in proven if row.hash in on_the_way]
        if len(proven) != 1 or (proven[0].seq == mark.seq and proven[0].hash != mark.hash):
            return
        last = proven[0]
        yield last


def _leading_to(found: Mapping[int, Mapping[bytes, Row]], mark: Mark) -> set[bytes]:
    """Return the hashes of the entries before the marked one, as far back as they are there, and its own."""
    row, hashes = found.get(mark.seq, {}).get(mark.hash), set()
    while row is not None:
        hashes.add(row.hash)
        before = found.get(row.seq - 1, {}).values()
        row = next((one for one in before if row.after(one.hash) == row), None)
    return hashes


class _Pages:
    """The images of pages that the files of a journal hold."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = memoryview(b"")
        with contextlib.suppress(FileNotFoundError):
            self._log = memoryview(read_own(path.with_name(path.name + "-wal")))
        self._newest: dict[int, memoryview] = {}  # page number -> its image in the log
        for head, image in self.frames():
            self._newest[int.from_bytes(head[:4], "big")] = image

    def images(self) -> Iterator[memoryview]:
        for _, image in self.frames():
            yield image
        with contextlib.suppress(FileNotFoundError), open(open_own(self._path, os.O_RDONLY), "rb") as file:
            while page := file.read(PAGE_BYTES):  # may be far larger than the log, so it is never all in memory
                yield memoryview(page)

    def frames(self) -> Iterator[tuple[memoryview, memoryview]]:
        """Yield head and image of each frame, as they stand in the log."""
        size = _FRAME_HEAD_BYTES + PAGE_BYTES
        for at in range(_HEAD_BYTES, len(self._log) - size + 1, size):
            yield self._log[at : at + _FRAME_HEAD_BYTES], self._log[at + _FRAME_HEAD_BYTES : at + size]

    def whole_frames(self) -> Iterator[memoryview]:
        """Yield the images that are what was written since the log was begun: by the checksums, which run on."""
        head = self._log[:_HEAD_BYTES]
        if len(head) < _HEAD_BYTES or _checksum(head[:24], (0, 0), head) != struct.unpack(">II", head[24:]):
            return
        first, second = struct.unpack(">II", head[24:])
        before = (first, second)
        for frame, image in self.frames():
            first, second = struct.unpack(">II", frame[16:])
            told = (first, second)
            # From what the frame before says, not from what it is: so a damaged one costs only itself.
            found = _checksum(image, _checksum(frame[:8], before, head), head)
            before = told
            if found == told and frame[8:16] == head[16:24]:
                yield image

    def numbered(self, number: int) -> memoryview:
        """Return the newest image of a page; an empty one where there is none."""
        if number in self._newest:
            return self._newest[number]
        try:
            fd = open_own(self._path, os.O_RDONLY)
        except FileNotFoundError:
            return memoryview(b"")
        try:
            return memoryview(os.pread(fd, PAGE_BYTES, (number - 1) * PAGE_BYTES))
        finally:
            os.close(fd)


def _checksum(text: memoryview, before: tuple[int, int], head: memoryview) -> tuple[int, int]:
    first, second = before
    order = ">" if head[3] & 1 else "<"  # of the machine that began the log
    words = struct.unpack(f"{order}{len(text) // 4}I", text)
    for even, odd in zip(words[::2], words[1::2]):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return first, second


def _rows_of(image: memoryview, pages: _Pages, after_seq: int) -> Iterator[Row]:
    for at in _cells(image, _ROW_LEAF):
        try:
            length, at = _number(image, at)
            seq, at = _number(image, at)
            if seq <= after_seq or length > _MOST_BYTES:
                continue
            _, recorded_at, kind, body, digest = _values(_payload(image, at, length, pages))
        except (IndexError, ValueError):
            continue  # garbage, or a row of something else
        match recorded_at, kind, body, digest:
            case int(), bytes(), bytes(), bytes() if len(digest) == HASH_BYTES:
                yield Row(seq, recorded_at, kind, body, digest)


def _meta_in(pages: _Pages) -> dict[str, str]:
    """Return the newest values; they have no hashes, so only what SQLite's own checksums prove counts."""
    meta: dict[str, str] = {}
    for image in pages.whole_frames():
        for at in _cells(image, _KEY_LEAF):
            try:
                length, at = _number(image, at)
                columns = _values(bytes(image[at : at + length]))
            except (IndexError, ValueError):
                continue
            match columns:
                case [bytes(key), bytes(value)]:
                    meta[key.decode(errors="replace")] = value.decode(errors="replace")
    return meta


def _cells(image: memoryview, kind: int) -> Iterator[int]:
    """Yield where the cells of a page begin; none where it is of another kind."""
    if len(image) < PAGE_BYTES or image[0] != kind:
        return
    for number in range(min(int.from_bytes(image[3:5], "big"), (PAGE_BYTES - 8) // 2)):
        yield int.from_bytes(image[8 + 2 * number : 10 + 2 * number], "big")


def _payload(image: memoryview, at: int, length: int, pages: _Pages) -> bytes:
    if length <= _MOST_LOCAL:
        return bytes(image[at : at + length])
    local = _LEAST_LOCAL + (length - _LEAST_LOCAL) % (PAGE_BYTES - 4)
    local = local if local <= _MOST_LOCAL else _LEAST_LOCAL
    text = bytearray(image[at : at + local])
    following = int.from_bytes(image[at + local : at + local + 4], "big")
    while following and len(text) < length:
        page = pages.numbered(following)
        following = int.from_bytes(page[:4], "big")
        if len(page) < PAGE_BYTES:
            break
        text += page[4:]
    return bytes(text[:length])


def _values(record: bytes) -> list[int | bytes | None]:
    """Return the columns of a record.

    Raises:
        ValueError, IndexError: it is none.
    """
    begin, at = _number(record, 0)
    end_of_kinds, values = begin, list[int | bytes | None]()
    while at < end_of_kinds:
        kind, at = _number(record, at)
        if kind in _CONSTANTS:
            values.append(_CONSTANTS[kind])
            continue
        length = (kind - 12) // 2 if kind >= 12 else _INTEGERS.get(kind, len(record))
        text = record[begin : begin + length]
        if len(text) < length:
            raise ValueError("no record of ours")
        begin += length
        values.append(text if kind >= 12 else int.from_bytes(text, "big", signed=True))
    return values


def _number(text: bytes | memoryview, at: int) -> tuple[int, int]:
    """Return the varint at `at`, and where it ends."""
    value = 0
    for count in range(8):
        byte = text[at + count]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + count + 1
    return value << 8 | text[at + 8], at + 9
