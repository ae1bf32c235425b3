"""Whether a journal is what was written: its file, its hashes, and the mark that is kept outside it.

Reads only, and changes nothing on the disk: what is damaged must be set aside exactly as it was found.
"""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import chain, takewhile
from pathlib import Path
from typing import NamedTuple

import msgspec

from adapters.storage.journal_aside import read_aside
from adapters.storage.journal_mark import Mark, mark_path, read_mark
from adapters.storage.journal_rows import (
    BEFORE_ALL,
    GENESIS,
    SCHEMA_VERSION,
    Row,
    chained,
    connect_to_prove,
    decode_event,
    is_damage,
    tables,
)
from adapters.storage.journal_salvage import salvage
from adapters.storage_ports import Progress
from domain.errors import InvalidSetting
from domain.instant import SECOND_NS
from domain.messages.journal import JournalEvent

log = logging.getLogger(__name__)

PROGRESS_EVERY = 5_000  # entries

_NO_MARK = "the mark that tells how far it went is missing"
_KINDS = frozenset(kind.__name__.encode() for kind in JournalEvent.__args__)
_ROWS = {
    1: "SELECT seq, recorded_at, kind, body, NULL FROM journal ORDER BY seq",
    2: "SELECT seq, recorded_at, kind, body, hash FROM journal ORDER BY seq",
}


class Findings(NamedTuple):
    """What a check has found. Entries up to `last` are provable, none after it."""

    version: int = 0  # of the schema; 0: there is no journal yet
    meta: Mapping[str, str] = {}
    last: Row = BEFORE_ALL  # without its text
    last_seen_seq: int = 0  # the highest that the file or the mark tells of
    trouble: str = ""  # why the file is not what was written
    doubt: str = ""  # why, although the file is whole as far as it goes, it may not be all
    salvaged: tuple[Row, ...] = ()  # the last of the provable ones, which SQLite doesn't find in the file any more


def no_progress(done: int, total: int) -> None:
    """Nobody wants to know."""


def check(path: Path, progress: Progress = no_progress, marked_at: Path | None = None) -> Findings:
    """Return how far the journal at `path` can be trusted.

    Args:
        marked_at: the journal whose mark it must reach, where that is another.

    Raises:
        InvalidSetting: a newer version of this program wrote it.
        sqlite3.Error: it cannot be read, though not for damage.
        OSError: the same.
    """
    mark, doubt = _marked(marked_at or path)
    found = _found(path, mark, doubt, progress)
    # With neither mark nor entries there may be a log all the same, which SQLite doesn't read.
    return _with_salvage(path, found, mark) if found.trouble or found.doubt or not found.last.seq else found


def _found(path: Path, mark: Mark, doubt: str, progress: Progress) -> Findings:
    if not path.exists() or not path.stat().st_size:
        # SQLite would take an empty file for a new database, and drop the log beside it.
        is_lost = mark.seq > 0
        what = "the file is empty" if path.exists() else "the file is gone"
        return Findings(0, _known({}, mark), BEFORE_ALL, mark.seq, what if is_lost else "", doubt)
    with closing(connect_to_prove(path)) as database:
        return _Check(path, database, mark, progress).findings(doubt)


def provable_rows(path: Path, findings: Findings) -> Iterator[Row]:
    """Yield the rows that `check` has found to be right, with their hashes."""
    stored_seq = findings.last.seq - len(findings.salvaged)
    if stored_seq:
        yield from _stored_rows(path, findings.version, stored_seq)
    yield from findings.salvaged


def _stored_rows(path: Path, version: int, last_seq: int) -> Iterator[Row]:
    with closing(connect_to_prove(path)) as database:
        seq, digest = 0, GENESIS
        stored = (Row(*values) for values in database.execute(_ROWS[version]))
        for source in (stored, read_aside(path)):
            for row in source:
                if row.seq <= seq:
                    continue  # it is in the database already
                yield (row := row.after(digest))
                seq, digest = row.seq, row.hash
                if seq == last_seq:
                    return


def proven_rows(database: sqlite3.Connection, waiting: Sequence[Row], last: Row) -> Iterator[Row]:
    """Yield what the writer's own connection can still read, and what it knows by heart, checked.

    Args:
        waiting: its last entries, which were to be moved into the database; whatever else is there isn't its own.
        last: the entry it wrote last.

    Raises:
        ValueError: one of them is missing, or not what was written.
    """
    previous = BEFORE_ALL
    database.text_factory = bytes
    stored_seq = waiting[0].seq - 1 if waiting else last.seq
    stored = (Row(*values) for values in database.execute(_ROWS[2]))
    for row in chain(takewhile(lambda row: row.seq <= stored_seq, stored), waiting):
        if row.seq != previous.seq + 1 or None in row or row.after(previous.hash) != row:
            raise ValueError(f"entry {previous.seq + 1} cannot be read")
        previous = row
        yield row
    if (previous.seq, previous.hash) != (last.seq, last.hash):
        raise ValueError(f"entries after {previous.seq} cannot be read")


def what_is_missing(findings: Findings) -> str:
    """Return words for a person: which entries were salvaged, which are missing, since when."""
    first, last = findings.last.seq + 1, findings.last_seen_seq
    if last >= first:
        which = f"entries {first} to {last} are missing" if last > first else f"entry {first} is missing"
    elif findings.salvaged and not findings.doubt:
        return f"journal_damaged: {findings.trouble}: {_salvaged(findings)}no entry is missing"
    else:
        which = f"entries after {first - 1} may be missing"
    since = ""
    if findings.last.seq:
        at = datetime.fromtimestamp(findings.last.recorded_at // SECOND_NS, UTC)
        since = f", since {at.isoformat(timespec='seconds').replace('+00:00', 'Z')}"
    return f"journal_damaged: {findings.trouble}: {_salvaged(findings)}{which}{since}"


def _salvaged(findings: Findings) -> str:
    if not findings.salvaged:
        return ""
    first, last = findings.salvaged[0].seq, findings.salvaged[-1].seq
    return f"entries {first} to {last} were salvaged, " if last > first else f"entry {first} was salvaged, "


def _with_salvage(path: Path, found: Findings, mark: Mark) -> Findings:
    """Add what can be proven of all that SQLite doesn't read. Version 1 has no hashes that could prove it."""
    if found.version == 1:
        return found
    try:
        rows, meta = salvage(path, found.last, mark)
    except OSError as error:
        log.error("journal_not_salvaged error=%s", error)  # nothing is worse for it
        return found
    if not rows:
        return found
    last = rows[-1]._replace(kind=b"", body=b"")
    # What SQLite misses is there.
    trouble = "its end cannot be read" if found.trouble.endswith("missing") else found.trouble
    return found._replace(
        version=SCHEMA_VERSION,
        meta=_known({**found.meta, **meta}, mark),
        last=last,
        last_seen_seq=max(found.last_seen_seq, last.seq),
        trouble=trouble or "its end cannot be read",
        doubt=found.doubt or ("" if mark.instance else _NO_MARK),
        salvaged=rows,
    )


class _Check:
    """One pass over one journal."""

    def __init__(self, path: Path, database: sqlite3.Connection, mark: Mark, progress: Progress) -> None:
        self._path = path
        self._database = database
        self._mark = mark
        self._progress = progress
        self._meta: dict[str, str] = {}
        self._version = 0
        self._seq, self._recorded_at, self._hash = 0, 0, GENESIS  # of the last row that is right
        self._last_seen_seq = mark.seq
        self._has_marked_row = not mark.seq

    def findings(self, doubt: str) -> Findings:
        trouble = ""
        try:
            trouble = self._read()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            trouble = str(error)
        last = Row(self._seq, self._recorded_at, b"", b"", self._hash)
        if not trouble and last.seq < self._mark.seq:
            trouble = "its end is missing"
        if not trouble and not doubt and self._version > 1 and last.seq:
            if not self._mark.instance:  # it is written before the first entry
                doubt = _NO_MARK
            elif not self._has_marked_row:
                doubt = f"entry {self._mark.seq} is not the one that was marked"
        return Findings(
            self._version, _known(self._meta, self._mark), last, max(last.seq, self._last_seen_seq), trouble, doubt
        )

    def _read(self) -> str:
        """Follow the rows as far as they can be proven; return what ended that."""
        names = tables(self._database)
        if b"meta" in names:
            self._read_meta()
        if b"journal" not in names:
            return "its entries are missing" if names or self._mark.seq else ""
        columns = {row[1] for row in self._database.execute("PRAGMA table_info(journal)")}
        self._version = 2 if b"hash" in columns else 1
        total = self._highest_seq()
        self._last_seen_seq = max(self._last_seen_seq, total)
        for values in self._database.execute(_ROWS[self._version]):
            if trouble := self._wrong_with(*values):
                return trouble
            if self._seq % PROGRESS_EVERY == 0:
                self._progress(self._seq, total)
        for row in read_aside(self._path, self._seq):
            if trouble := self._wrong_with(*row):
                return trouble
        return ""

    def _read_meta(self) -> None:
        self._meta = {
            key.decode(errors="replace"): value.decode(errors="replace")
            for key, value in self._database.execute("SELECT key, value FROM meta")
        }
        written_by = self._meta.get("schema_version", "")
        if written_by.isdecimal() and int(written_by) > SCHEMA_VERSION:
            raise InvalidSetting(
                f"system.data_directory: {self._path} was written by nzeza"
                f" {self._meta.get('code_version', '?')} (journal version {written_by});"
                f" this one reads up to version {SCHEMA_VERSION}"
            )

    def _highest_seq(self) -> int:
        try:
            return int(self._database.execute("SELECT ifnull(max(seq), 0) FROM journal").fetchone()[0])
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            return 0  # its end is where it is damaged; the beginning may be whole

    def _wrong_with(self, seq: int, recorded_at: int, kind: bytes, body: bytes, told: bytes | None) -> str:
        """Return why the row is not the one that follows; otherwise it is the last one known."""
        if seq != self._seq + 1:
            return f"entry {self._seq + 1} is missing"
        if not (type(recorded_at) is int and type(kind) is bytes and type(body) is bytes):
            return f"entry {seq} is none"
        digest = chained(self._hash, seq, recorded_at, kind, body)
        if digest != told and self._version > 1:
            return f"entry {seq} is not what was written"
        if kind not in _KINDS or self._version == 1:
            if trouble := self._unreadable(seq, kind, body):
                return trouble
        if seq == self._mark.seq:
            self._has_marked_row = digest == self._mark.hash
        self._seq, self._hash, self._recorded_at = seq, digest, recorded_at
        return ""

    def _unreadable(self, seq: int, kind: bytes, body: bytes) -> str:
        """Judge a row by its text: version 1 has no hashes, and newer code knows more kinds."""
        try:
            decode_event(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            if self._version == 1:
                return f"entry {seq} cannot be read"
            raise InvalidSetting(
                f"system.data_directory: {self._path} was written by nzeza"
                f" {self._meta.get('code_version', '?')}, whose entries of kind"
                f" {kind.decode(errors='replace')!r} this version doesn't know"
            ) from None
        return ""


def _known(meta: Mapping[str, str], mark: Mark) -> Mapping[str, str]:
    """Return what the journal says of itself; whose it is, the mark knows as well."""
    is_told = re.fullmatch("[0-9a-f]{4}", meta.get("instance_id", ""))
    left = {key: value for key, value in meta.items() if key != "instance_id"}
    return meta if is_told else {**left, "instance_id": mark.instance} if mark.instance else left


def _marked(path: Path) -> tuple[Mark, str]:
    nothing = Mark(0, GENESIS, "")
    try:
        return read_mark(mark_path(path)) or nothing, ""
    except ValueError as error:
        return nothing, str(error)
