"""The rows of the order journal as bytes, and the running hash that makes each vouch for all before it."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from domain.errors import Fatal
from domain.messages.journal import JournalEvent
from domain.numbers import plain

SCHEMA_VERSION = 2  # 1 had no hashes and no mark
HASH_BYTES = 16
GENESIS = bytes(HASH_BYTES)

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
    seq INTEGER PRIMARY KEY, recorded_at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
    hash BLOB NOT NULL
);
"""
INSERT = "INSERT INTO journal (seq, recorded_at, kind, body, hash) VALUES (?, ?, ?, ?, ?)"

_NUMBERS = struct.Struct("<qq")
_UNREADABLE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
PATIENCE_S = 0.1  # with a lock of somebody else: far below `supervision.hung_after_s`

decode_event = msgspec.json.Decoder(JournalEvent).decode
_encode = msgspec.json.Encoder(order="sorted").encode


class Row(NamedTuple):
    """One entry as it is stored."""

    seq: int
    recorded_at: int  # UTC ns
    kind: bytes  # class of the event
    body: bytes  # the event as canonical JSON
    hash: bytes = b""

    def after(self, previous: bytes) -> Row:
        """Return the row with its hash, given that of the row before."""
        digest = chained(previous, self.seq, self.recorded_at, self.kind, self.body)
        return Row(self.seq, self.recorded_at, self.kind, self.body, digest)

    @property
    def values(self) -> tuple[int, int, str, str, bytes]:
        return self.seq, self.recorded_at, self.kind.decode(), self.body.decode(), self.hash


BEFORE_ALL = Row(0, 0, b"", b"", GENESIS)  # what the first row follows


def make_row(seq: int, recorded_at: int, event: JournalEvent, previous: bytes) -> Row:
    return Row(seq, recorded_at, type(event).__name__.encode(), canonical(event)).after(previous)


def chained(previous: bytes, seq: int, recorded_at: int, kind: bytes, body: bytes) -> bytes:
    """Return the hash of a row: of everything in it, and through `previous` of everything before it."""
    text = previous + _NUMBERS.pack(seq, recorded_at) + kind + b"\0" + body
    return blake2b(text, digest_size=HASH_BYTES).digest()


def canonical(event: JournalEvent) -> bytes:
    """Return `event` as JSON with sorted keys and canonical decimals."""
    return _encode(builtins(event))


def canonical_line(fields: dict[str, Any]) -> bytes:
    return _encode(fields) + b"\n"


def builtins(event: JournalEvent) -> Any:
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


def connect(path: Path, mode: str = "rwc", patience_s: float | None = None) -> sqlite3.Connection:
    """Return a connection on which transactions are explicit.

    Args:
        mode: "ro" never writes, not even when it is the last to close and a log is left to be moved.
    """
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(
        uri, uri=True, isolation_level=None, timeout=PATIENCE_S if patience_s is None else patience_s
    )


def connect_to_prove(path: Path) -> sqlite3.Connection:
    """Return a connection that only reads: raw bytes, and of a damaged file whatever can be had."""
    database = connect(path, "ro")
    database.text_factory = bytes
    # Without it SQLite refuses to read anything of a file that was cut. Read only, it allows nothing else.
    database.execute("PRAGMA writable_schema = ON")
    return database


def tables(database: sqlite3.Connection) -> frozenset[bytes]:
    """Return the names of what is there, by a connection that reads texts as bytes."""
    return frozenset(name for (name,) in database.execute("SELECT name FROM sqlite_master"))


def stored_rows(database: sqlite3.Connection, after_seq: int = 0) -> Iterator[tuple[int, int, str]]:
    """Yield seq, recorded_at and body of what follows; seqs rise."""
    return database.execute("SELECT seq, recorded_at, body FROM journal WHERE seq > ? ORDER BY seq", (after_seq,))


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether the file itself is at fault, rather than a lock, the disk or our rights."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by Python's module: text that is no UTF-8, and the like
        return "decode" in str(error)
    return code & 0xFF in _UNREADABLE or code == sqlite3.SQLITE_IOERR_SHORT_READ or _lacks_schema(error)


def is_busy(error: sqlite3.Error) -> bool:
    """Tell whether another program holds a lock."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _lacks_schema(error: sqlite3.Error) -> bool:
    return str(error).startswith(("no such table", "no such column", "malformed"))


def fatal(error: sqlite3.Error) -> Fatal:
    """Return what a caller must know: `code` is "disk_full", "busy", "damaged" or "io"."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
        code = "disk_full"
    elif is_busy(error):
        return Fatal(f"another program holds the journal ({error})", code="busy")
    else:
        code = "damaged" if is_damage(error) else "io"
    return Fatal(f"the journal cannot be used: {error}", code=code)
