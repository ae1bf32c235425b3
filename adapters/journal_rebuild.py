"""A fresh journal from what is provable of another: after damage, and for a newer schema.

The file that it replaces is set aside whole, never deleted or changed. A crash in between is no loss: the next start
either begins again or finishes.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from adapters.journal_check import PROGRESS_EVERY
from adapters.journal_mark import Mark, MarkFile, mark_path
from adapters.journal_rows import INSERT, SCHEMA, SCHEMA_VERSION, Row, connect, make_row
from adapters.own_files import require_own_database
from adapters.storage_ports import Progress
from domain.messages import Event
from domain.settings import SECOND_NS

_BESIDE = ("-aside", "-wal", "-shm", "")  # the database last: its log must never be met by the fresh one


class Provable(NamedTuple):
    rows: Iterable[Row]  # with their hashes
    last: Row  # of them; its text does not matter
    meta: Mapping[str, str]


def aside_name(path: Path, word: str, utc_ns: int) -> Path:
    """Return where the file goes that is replaced; beside it, and not taken yet."""
    stamp = datetime.fromtimestamp(utc_ns // SECOND_NS, UTC).strftime("%Y%m%dT%H%M%SZ")
    names = [word, f"{word}-{stamp}"] if word.startswith("version") else [f"{word}-{stamp}"]
    names += [f"{word}-{stamp}-{number}" for number in range(2, 1000)]
    return next(
        aside
        for aside in (path.with_name(f"{path.name}.{name}") for name in names)
        if not any(aside.with_name(aside.name + suffix).exists() for suffix in _BESIDE)
    )


def rebuild(
    path: Path,
    provable: Provable,
    events: Iterable[Event],
    utc_ns: int,
    aside: Path,
    progress: Progress,
) -> None:
    """Replace the journal at `path` by its provable entries and `events`; what was there goes to `aside`.

    Raises:
        ValueError: an entry is not what was written after all; nothing has changed.
        sqlite3.Error: it cannot be written; nothing has changed.
        OSError: the same.
    """
    making = path.with_name(path.name + ".rebuilding")
    making.unlink(missing_ok=True)
    require_own_database(making)
    with closing(connect(making)) as database:
        # Nobody relies on this file before it is complete, and then it is written out as a whole.
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.executescript(SCHEMA)
        database.execute("BEGIN")
        meta = completed_meta(provable.meta)
        write_meta(database, meta)
        rows = _counted(provable.rows, provable.last.seq, progress)
        last = provable.last
        while some := [row.values for row in islice(rows, PROGRESS_EVERY)]:
            database.executemany(INSERT, some)
        for event in events:
            last = make_row(last.seq + 1, utc_ns, event, last.hash)
            database.execute(INSERT, last.values)
        database.execute("COMMIT")
    _sync(making)
    with closing(MarkFile(mark_path(path))) as mark:
        # Between this and the end a start finds the complete file, and needs no mark.
        os.rename(making, _rebuilt(path))
        _sync(path.parent)
        mark.put(Mark(last.seq, last.hash, meta["instance_id"]))
        mark.sync()
    finish(path, aside)


def is_unfinished(path: Path) -> bool:
    """Tell whether a complete fresh journal waits for the place of the old one."""
    return _rebuilt(path).exists()


def finish(path: Path, aside: Path) -> None:
    """Put a complete fresh journal in its place."""
    for suffix in _BESIDE:
        old = path.with_name(path.name + suffix)
        if old.exists():
            os.rename(old, aside.with_name(aside.name + suffix))
    os.rename(_rebuilt(path), path)
    _sync(path.parent)


def what_is_kept(path: Path, aside: Path) -> str:
    """Return in words what of the journal at `path` `finish` is going to keep, and as what."""
    # Not the shared memory nor an empty log, which any reader makes anew: nothing that a person could want.
    logs = [suffix for suffix in ("-wal", "-aside") if _has_text(path.with_name(path.name + suffix))]
    parts = [""] * path.exists() + logs
    if not parts:
        return "nothing of the file is left to be kept"
    names = " and ".join(aside.name + suffix for suffix in parts)
    if "" in parts:
        return f"the damaged file is kept as {names}"
    return f"the file itself is not there to be kept, what was beside it is: {names}"


def completed_meta(known: Mapping[str, str]) -> dict[str, str]:
    """Return all that a journal says of itself, given what it does already. The instance is drawn once."""
    drawn = {"mode": "", "account": "", "instance_id": f"{secrets.randbelow(1 << 16):04x}"}
    return {**drawn, **known, "schema_version": str(SCHEMA_VERSION)}


def write_meta(database: sqlite3.Connection, meta: Mapping[str, str]) -> None:
    database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())


def _has_text(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _counted(rows: Iterable[Row], total: int, progress: Progress) -> Iterator[Row]:
    for row in rows:
        yield row
        if row.seq % PROGRESS_EVERY == 0:
            progress(row.seq, total)


def _rebuilt(path: Path) -> Path:
    return path.with_name(path.name + ".rebuilt")


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
