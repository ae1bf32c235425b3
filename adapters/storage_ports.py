"""What is kept on disk, as actors see it: the order journal, its readers, the history, recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from domain.instant import Instant
from domain.messages.journal import JournalEntry, JournalEvent


class FrameRecorder(Protocol):
    """Keeps what one stream brought, byte by byte. It may fail, and says so; it never raises for that."""

    failure: str  # why nothing is kept any more; empty while all is well
    files_lost: int  # removed, moved or replaced while they were written; each time a new one was begun

    def opened(self, url: str, now: Instant) -> None: ...

    def frame(self, frame: bytes, read_ns: int, utc_ns: int) -> None: ...

    def closed(self, reason: str, now: Instant) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


# What a person is told of each of those.
FILE_LOST = "its file was removed, moved or replaced while it was written, with what was in it; a new one begins"

Progress = Callable[[int, int], None]  # how many entries of the journal are done, of how many


class OrderJournal(Protocol):
    """Append-only, one writer; the only source of truth about our orders."""

    trouble: str  # what was found missing when it was opened, in one line; a halt of openings is journaled for it
    # Why entries go beside the store for now (another program holds its lock): durable all the same, and moved there
    # by `tend` as soon as that is over. Empty while all is well.
    holdup: str

    @property
    def instance(self) -> str:
        """Return four hex digits, drawn once per place where the journal lives: whose orders these are."""
        ...

    @property
    def former_instances(self) -> tuple[str, ...]:
        """Return those of places where it lived before."""
        ...

    @property
    def last_seq(self) -> int:
        """Return the number of the newest entry; 0 when there is none."""
        ...

    def append(self, events: Sequence[JournalEvent], recorded_at: int) -> tuple[JournalEntry, ...]:
        """Write all or nothing, durably, and return the entries with their sequence numbers.

        Raises:
            Fatal: the store cannot be written (`code` "disk_full" or "io"), or is "damaged".
        """
        ...

    def tend(self) -> None:
        """Do what is due between appends; called twice a second, never waits.

        Raises:
            Fatal: the store is no longer what was written (`code` "damaged"), or another may write it ("locked").
        """
        ...

    def read(self, after_seq: int = 0) -> Sequence[JournalEntry]: ...

    def scan(self, after_seq: int = 0) -> Iterator[JournalEntry]:
        """Yield what `read` returns, one at a time: a long journal is never all in memory."""
        ...

    def take_reserve(self) -> bool:
        """Keep disk space back for cancels and reducing orders; False where there is no room for it."""
        ...

    def release_reserve(self) -> None:
        """Give that space to the entries that follow."""
        ...

    def close(self) -> None: ...


class JournalReader(Protocol):
    """The journal as its readers see it: read-only, while the router writes."""

    def was_replaced(self) -> bool:
        """Tell whether what has been read so far is no longer the journal: a recovery has begun a fresh one."""
        ...

    def read(self, after_seq: int = 0) -> Sequence[JournalEntry]: ...

    def scan(self, after_seq: int = 0) -> Iterator[JournalEntry]:
        """Yield what `read` returns, one at a time: a long journal is never all in memory."""
        ...

    def close(self) -> None: ...


class History(Protocol):
    """Rows for people (signals, equity, breaker moves, dead letters); losing them loses no money."""

    failure: str  # why the last flush lost rows; empty when it didn't
    files_lost: int  # removed, moved or replaced while they were written; each time a new one was begun

    def add(self, recorded_at: int, kind: str, fields: dict[str, Any]) -> None: ...

    def flush(self) -> int:
        """Write what waits; return how many rows were lost because it could not be written."""
        ...

    def close(self) -> None: ...
