"""The order journal on SQLite: append-only, one writer, many readers by sequence number.

The journal is the only source of truth about our orders, so the writer refuses what it doesn't understand (a
newer schema) and says plainly when it cannot write. Nothing is ever updated or deleted.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import msgspec

from domain.errors import Fatal, InvalidSetting
from domain.messages import Event
from domain.numbers import plain
from domain.order_messages import JournalEntry, JournalEvent

SCHEMA_VERSION = 1
RESERVE_BYTES = 16 * 1024 * 1024  # disk kept back for cancels and reducing orders

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
    seq INTEGER PRIMARY KEY, recorded_at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL
);
"""
_READ = "SELECT seq, recorded_at, body FROM journal WHERE seq > ? ORDER BY seq"

_decode = msgspec.json.Decoder(JournalEvent).decode
_encode = msgspec.json.Encoder(order="sorted").encode


class SqliteJournal:
    """The writing end; see `adapters.ports.OrderJournal`. Holds a file lock: a second writer is refused."""

    def __init__(
        self,
        path: str | Path,
        *,
        code_version: str,
        synchronous: Literal["normal", "full"] = "normal",
    ) -> None:
        """Open or create the journal at `path`.

        Raises:
            InvalidSetting: a newer version of this program wrote it.
            Fatal: another process writes it (`code` "locked"), or it cannot be opened ("io", "disk_full").
        """
        self._path = Path(path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = _take_lock(self._path)
        try:
            try:
                self._open(code_version, synchronous)
            except sqlite3.OperationalError:
                # Even opening writes a little. On a full disk the reserve is for this, too.
                self.release_reserve()
                self._open(code_version, synchronous)
        except sqlite3.Error as error:
            raise _fatal(error) from error

    def _open(self, code_version: str, synchronous: str) -> None:
        # Transactions are explicit, so that one append is one of them.
        self._database = sqlite3.connect(self._path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(f"PRAGMA synchronous = {synchronous.upper()}")
        self._adopt_schema(code_version)
        self._last_seq = self._database.execute("SELECT ifnull(max(seq), 0) FROM journal").fetchone()[0]

    def append(self, events: Sequence[Event], recorded_at: int) -> tuple[JournalEntry, ...]:
        entries = tuple(
            JournalEntry(seq=seq, recorded_at=recorded_at, event=event)
            for seq, event in enumerate(events, self._last_seq + 1)
        )
        rows = [
            (entry.seq, recorded_at, type(entry.event).__name__, canonical(entry.event)) for entry in entries
        ]
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany("INSERT INTO journal VALUES (?, ?, ?, ?)", rows)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise _fatal(error) from error
        self._last_seq += len(entries)
        return entries

    def read(self, after_seq: int = 0) -> tuple[JournalEntry, ...]:
        return tuple(self.scan(after_seq))

    def scan(self, after_seq: int = 0) -> Iterator[JournalEntry]:
        return _scan(self._database, after_seq)

    def take_reserve(self) -> bool:
        """Keep disk back for cancels and reducing orders; False where there is no room for it."""
        return _preallocate(self._reserve_path, RESERVE_BYTES)

    def release_reserve(self) -> None:
        """Give the disk kept back to the entries that follow."""
        self._reserve_path.unlink(missing_ok=True)

    def close(self) -> None:
        self._database.close()
        os.close(self._lock)

    def _adopt_schema(self, code_version: str) -> None:
        self._database.executescript(_SCHEMA)
        meta = dict(self._database.execute("SELECT key, value FROM meta"))
        written_by = int(meta.get("schema_version", SCHEMA_VERSION))
        if written_by > SCHEMA_VERSION:
            raise InvalidSetting(
                f"system.data_directory: {self._path} was written by nzeza {meta.get('code_version', '?')}"
                f" (journal version {written_by}); this one reads up to version {SCHEMA_VERSION}"
            )
        self._database.executemany(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)",
            [("schema_version", str(SCHEMA_VERSION)), ("code_version", code_version)],
        )

    @property
    def _reserve_path(self) -> Path:
        # A file beside the database, because freeing pages inside it would itself need disk for the WAL.
        return self._path.with_name(self._path.name + ".reserve")


class JournalReader:
    """The reading end, for projections in other processes. Never writes, never waits for the writer."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._database: sqlite3.Connection | None = None

    def read(self, after_seq: int = 0) -> tuple[JournalEntry, ...]:
        """Return what follows `after_seq`; nothing while the journal doesn't exist yet."""
        return tuple(self.scan(after_seq))

    def scan(self, after_seq: int = 0) -> Iterator[JournalEntry]:
        try:
            if self._database is None:
                self._database = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True)
            yield from _scan(self._database, after_seq)
        except sqlite3.OperationalError as error:
            if not self._path.exists() or "no such table" in str(error):
                self.close()
                return
            raise _fatal(error) from error

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def export(path: str | Path) -> bytes:
    """Return the whole journal as canonical JSON, one line per entry: equal bytes mean equal history."""
    reader = JournalReader(path)
    try:
        return b"".join(
            _encode({"seq": entry.seq, "recorded_at": entry.recorded_at, "event": _builtins(entry.event)})
            + b"\n"
            for entry in reader.scan()
        )
    finally:
        reader.close()


def canonical(event: Event) -> str:
    """Return `event` as JSON with sorted keys and canonical decimals."""
    return _encode(_builtins(event)).decode()


def _builtins(event: Event) -> Any:
    return _plain(msgspec.to_builtins(event, builtin_types=(Decimal,)))


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return plain(value)
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value


def _scan(database: sqlite3.Connection, after_seq: int) -> Iterator[JournalEntry]:
    for seq, recorded_at, body in database.execute(_READ, (after_seq,)):
        yield JournalEntry(seq=seq, recorded_at=recorded_at, event=_decode(body))


def _take_lock(path: Path) -> int:
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise Fatal(f"another process writes the journal {path}", code="locked") from error
    return lock


def _preallocate(path: Path, size: int) -> bool:
    """Make the file take up so much disk; False, and no file, where there is no room."""
    reserve = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(reserve, 0, size)
    except OSError:
        path.unlink()
        return False
    finally:
        os.close(reserve)
    return True


def _fatal(error: sqlite3.Error) -> Fatal:
    is_full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    return Fatal(f"the journal cannot be used: {error}", code="disk_full" if is_full else "io")
