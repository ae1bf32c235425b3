"""The history for people: one SQLite table of events, written in batches. Reports read it; trading never does."""

from __future__ import annotations

import logging
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from adapters.storage.own_files import HeldFiles, is_gone, require_own_database

log = logging.getLogger(__name__)

# As much as the journal keeps back: what it gives up on a full disk is for orders, not for us.
LEAVES_FREE_BYTES = 16 * 1024 * 1024
REMOVED_AT_ONCE = 2_000  # of the oldest rows, per flush: far more than arrive, and a matter of milliseconds
PAGES_AT_ONCE = 500  # given back to the disk

_PATIENCE_S = 0.1  # with a lock of somebody else: far below `supervision.hung_after_s`
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS history (
    recorded_at INTEGER NOT NULL,  -- UTC ns
    kind TEXT NOT NULL,            -- class of the event
    fields TEXT NOT NULL           -- its fields as JSON
);
CREATE INDEX IF NOT EXISTS history_by_kind ON history (kind, recorded_at);
"""


class SqliteHistory:
    """Rows wait in memory until `flush`, so a burst costs one transaction. Whatever the file does costs rows only."""

    def __init__(self, path: Path, keep_bytes: int) -> None:
        """Args:
        keep_bytes: above it the oldest rows go, a few with each flush.
        """
        self.failure = ""  # why the last flush lost rows; empty when it didn't
        self.files_lost = 0  # removed, moved or replaced while they were written; each time a new one was begun
        self._path = path
        self._keep_bytes = keep_bytes
        self._db: sqlite3.Connection | None = None  # None until a flush finds room for it
        self._held: HeldFiles | None = None
        self._rows: list[tuple[int, str, str]] = []

    def add(self, recorded_at: int, kind: str, fields: dict[str, Any]) -> None:
        self._rows.append((recorded_at, kind, msgspec.json.encode(fields).decode()))

    def flush(self) -> int:
        rows, self._rows = self._rows, []
        self.failure = ""
        if not rows:
            return 0
        try:
            self._leave_lost_file()
            if free_bytes(self._path.parent) < LEAVES_FREE_BYTES:
                self.failure = "the disk is full"
            else:
                self._write(rows)
        except (OSError, sqlite3.Error) as error:
            self.failure = _reason(error)
            self._begin_anew_if_damaged(error)
        if self.failure:
            log.warning("history_lost rows=%s error=%s", len(rows), self.failure)
        return len(rows) if self.failure else 0

    def _write(self, rows: list[tuple[int, str, str]]) -> None:
        db = self._db = self._db or _open(self._path)
        with db:  # rolls back what failed
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT INTO history VALUES (?, ?, ?)", rows)
            is_shrinking = self._forget_oldest(db)
        if is_shrinking:
            # A script, because it gives back one page with each step, and `execute` takes one.
            db.executescript(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})")
        if self._held is None:  # only now there is a log
            self._held = HeldFiles(self._path, self._path.with_name(self._path.name + "-wal"))

    def _leave_lost_file(self) -> None:
        """Write no more into what nobody can find: SQLite would, for as long as it is open."""
        if self._held is None or not self._held.is_lost():
            return
        if not is_gone(self._path.parent):  # of which the launcher tells
            self._close()
            self.files_lost += 1
            log.warning("history_file_lost name=%s", self._path.name)

    def _forget_oldest(self, db: sqlite3.Connection) -> bool:
        """Remove some of what is above the bound. Freed pages are used again, so the file stays as it is."""
        names = ("page_size", "page_count", "freelist_count")
        page, pages, free = (int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in names)
        if (pages - free) * page > self._keep_bytes:
            (oldest,) = db.execute("SELECT ifnull(min(rowid), 0) FROM history").fetchone()
            db.execute("DELETE FROM history WHERE rowid < ?", (oldest + REMOVED_AT_ONCE,))
        return pages * page > self._keep_bytes and free > 0

    def _begin_anew_if_damaged(self, error: Exception) -> None:
        """Set a damaged file aside, as it is: it would cost every row to come."""
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
            return
        self._close()
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        aside = self._path.with_name(f"{self._path.name}.damaged-{stamp}")
        for suffix in ("-wal", "-shm", ""):
            old = self._path.with_name(self._path.name + suffix)
            if old.exists():
                os.replace(old, aside.with_name(aside.name + suffix))
        self.failure += f"; kept as {aside.name}, a new one begins"

    def close(self) -> None:
        self.flush()
        self._close()

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = self._held = None


def free_bytes(directory: Path) -> int:
    """Return what we may still write there."""
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize


def _open(path: Path) -> sqlite3.Connection:
    require_own_database(path)
    database = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE_S)
    database.execute("PRAGMA auto_vacuum = INCREMENTAL")  # of a new file; an old one keeps its size
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = OFF")  # losing the tail loses no money
    database.executescript(_SCHEMA)
    return database


def _reason(error: OSError | sqlite3.Error) -> str:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"another program holds it ({error})"
    return getattr(error, "strerror", None) or str(error)
