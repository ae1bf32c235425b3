"""The history for people: one SQLite table of events, written in batches. Reports read it; trading never does."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec

_SCHEMA = """
CREATE TABLE IF NOT EXISTS history (
    recorded_at INTEGER NOT NULL,  -- UTC ns
    kind TEXT NOT NULL,            -- class of the event
    fields TEXT NOT NULL           -- its fields as JSON
);
CREATE INDEX IF NOT EXISTS history_by_kind ON history (kind, recorded_at);
"""


class SqliteHistory:
    """Rows wait in memory until `flush`, so a burst costs one transaction."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")  # losing the tail loses no money
        self._db.executescript(_SCHEMA)
        self._rows: list[tuple[int, str, str]] = []

    def add(self, recorded_at: int, kind: str, fields: dict[str, Any]) -> None:
        self._rows.append((recorded_at, kind, msgspec.json.encode(fields).decode()))

    def flush(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            with self._db:
                self._db.execute("BEGIN")
                self._db.executemany("INSERT INTO history VALUES (?, ?, ?)", rows)

    def close(self) -> None:
        self.flush()
        self._db.close()
