"""The history for people: one SQLite table of events, written in batches. Reports read it; trading never does."""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path
from typing import Any

import msgspec

log = logging.getLogger(__name__)

# As much as the journal keeps back: what it gives up on a full disk is for orders, not for us.
LEAVES_FREE_BYTES = 16 * 1024 * 1024

_SCHEMA = """
CREATE TABLE IF NOT EXISTS history (
    recorded_at INTEGER NOT NULL,  -- UTC ns
    kind TEXT NOT NULL,            -- class of the event
    fields TEXT NOT NULL           -- its fields as JSON
);
CREATE INDEX IF NOT EXISTS history_by_kind ON history (kind, recorded_at);
"""


class SqliteHistory:
    """Rows wait in memory until `flush`, so a burst costs one transaction. A disk that is full costs rows only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None  # None until a flush finds room for it
        self._rows: list[tuple[int, str, str]] = []

    def add(self, recorded_at: int, kind: str, fields: dict[str, Any]) -> None:
        self._rows.append((recorded_at, kind, msgspec.json.encode(fields).decode()))

    def flush(self) -> int:
        rows, self._rows = self._rows, []
        if not rows:
            return 0
        try:
            if free_bytes(self._path.parent) < LEAVES_FREE_BYTES:
                return len(rows)
            self._write(rows)
        except (OSError, sqlite3.Error) as error:
            log.warning("history_lost rows=%s error=%s", len(rows), error)
            return len(rows)
        return 0

    def _write(self, rows: list[tuple[int, str, str]]) -> None:
        if self._db is None:
            self._db = _open(self._path)
        with self._db:  # rolls back what failed
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO history VALUES (?, ?, ?)", rows)

    def close(self) -> None:
        self.flush()
        if self._db is not None:
            self._db.close()


def free_bytes(directory: Path) -> int:
    """Return what we may still write there."""
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize


def _open(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = OFF")  # losing the tail loses no money
    database.executescript(_SCHEMA)
    return database
