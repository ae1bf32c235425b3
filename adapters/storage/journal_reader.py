"""Reading the order journal by sequence number: for its projections, while the writer writes, and for exports."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from adapters.storage.journal_aside import read_aside
from adapters.storage.journal_rows import builtins, canonical_line, connect, decode_event, fatal, stored_rows
from adapters.storage.own_files import identity, require_own_database
from domain.errors import Fatal
from domain.messages.journal import JournalEntry

# A writer that makes the file holds it for a moment. Read at a start and over a gap, so this is no part of the road.
_PATIENCE_S = 0.5
_EVER_TRADED = (
    "SELECT DISTINCT json_extract(body, '$.order.venue'), json_extract(body, '$.order.instrument')"
    " FROM journal WHERE kind = 'OrderSubmitted'"
)


class JournalReader:
    """The reading end, for projections in other processes. Never writes, never waits for the writer."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._database: sqlite3.Connection | None = None
        self._exists = False  # when it was opened: the writer may make it a moment later
        self._file: tuple[int, int] | None = None  # which one has been read

    def read(self, after_seq: int = 0) -> tuple[JournalEntry, ...]:
        """Return what follows `after_seq`; nothing while the journal doesn't exist yet."""
        return tuple(self.scan(after_seq))

    def scan(self, after_seq: int = 0) -> Iterator[JournalEntry]:
        """Yield what follows `after_seq`.

        Raises:
            Fatal: it cannot be read; `code` "damaged" when that is the file's own fault.
        """
        try:
            yield from scan_entries(self._opened(), self._path, after_seq)
        except (sqlite3.Error, OSError) as error:
            self._refuse_unless_missing(error)

    def ever_traded(self) -> frozenset[tuple[str, str]]:
        """Return venue and instrument of all orders of ours, without reading what became of them."""
        traded: set[tuple[str, str]] = set()
        try:
            traded.update(self._opened().execute(_EVER_TRADED))
            waiting = [decode_event(row.body) for row in read_aside(self._path) if row.kind == b"OrderSubmitted"]
            traded.update((event.order.venue, event.order.instrument) for event in waiting)
        except (sqlite3.Error, OSError) as error:
            self._refuse_unless_missing(error)
        return frozenset(traded)

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            require_own_database(self._path)
            self._exists = self._path.exists()
            self._database = connect(self._path, "ro", _PATIENCE_S)
            self._file, _ = identity(self._path)
        return self._database

    def _refuse_unless_missing(self, error: sqlite3.Error | OSError) -> None:
        if isinstance(error, OSError):
            raise Fatal(f"the journal cannot be used: {error}", code="io") from error
        if self._exists and self._path.exists() and "no such table" not in str(error):
            raise fatal(error) from error
        self.close()

    def was_replaced(self) -> bool:
        """Tell whether what has been read so far is no longer the journal: another file has taken its place."""
        return self._file is not None and identity(self._path)[0] != self._file

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


def export(path: str | Path) -> bytes:
    """Return the whole journal as canonical JSON, one line per entry: equal bytes mean equal history."""
    reader = JournalReader(path)
    try:
        return b"".join(
            canonical_line({"seq": entry.seq, "recorded_at": entry.recorded_at, "event": builtins(entry.event)})
            for entry in reader.scan()
        )
    finally:
        reader.close()


def scan_entries(database: sqlite3.Connection, path: Path, after_seq: int) -> Iterator[JournalEntry]:
    """Yield what the database holds, and then what waits beside it to be moved there."""
    last_seq = after_seq
    for seq, recorded_at, body in stored_rows(database, after_seq):
        yield _entry(seq, recorded_at, body)
        last_seq = seq
    for row in read_aside(path, last_seq):
        if row.seq != last_seq + 1:
            return  # it was moved meanwhile: the next look shows it all
        yield _entry(row.seq, row.recorded_at, row.body)
        last_seq = row.seq


def _entry(seq: int, recorded_at: int, body: str | bytes) -> JournalEntry:
    try:
        return JournalEntry(seq=seq, recorded_at=recorded_at, event=decode_event(body))
    except msgspec.MsgspecError as error:
        raise Fatal(f"entry {seq} of the journal cannot be read: {error}", code="damaged") from error
