"""The order journal on SQLite: append-only, one writer, many readers by sequence number.

The journal is the only source of truth about our orders, so the writer refuses what it doesn't understand (a
newer schema), proves each entry before it believes it, and says plainly when it cannot write. Nothing is ever
updated or deleted: a journal that was damaged is set aside whole, and a fresh one begins with what is provable.
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NoReturn

from adapters.clock import Clock, SystemClock
from adapters.storage.journal_aside import AsideFile, aside_path, finish_renewal
from adapters.storage.journal_check import (
    Findings,
    check,
    no_progress,
    provable_rows,
    proven_rows,
    what_is_missing,
)
from adapters.storage.journal_home import HOME, MOVED, former_instances, home_of, is_elsewhere, moved_in
from adapters.storage.journal_lock import lock_path, take_lock
from adapters.storage.journal_mark import Mark, MarkFile, mark_path
from adapters.storage.journal_reader import scan_entries
from adapters.storage.journal_rebuild import (
    Provable,
    aside_name,
    completed_meta,
    rebuild,
    settle_unfinished,
    what_is_kept,
    write_meta,
)
from adapters.storage.journal_reserve import Reserve, reserve_path
from adapters.storage.journal_rows import (
    BEFORE_ALL,
    INSERT,
    PATIENCE_S,
    SCHEMA,
    Row,
    connect,
    fatal,
    is_busy,
    make_row,
)
from adapters.storage.own_files import identity, is_gone, not_ours, require_own, require_own_database
from adapters.storage_ports import Progress
from domain.errors import Fatal
from domain.messages.halts import HaltKind
from domain.messages.journal import HaltRaised, JournalEntry, JournalEvent

log = logging.getLogger(__name__)


class SqliteJournal:
    """The writing end; see `adapters.storage_ports.OrderJournal`. Holds a file lock: a second writer is refused."""

    def __init__(
        self,
        path: str | Path,
        *,
        code_version: str,
        synchronous: Literal["normal", "full"] = "normal",
        clock: Clock | None = None,
        progress: Progress = no_progress,
        mode: str = "",
        account: str = "",
    ) -> None:
        """Open or create the journal at `path`; every entry is checked.

        Args:
            clock: dates what damage makes us write.
            mode, account: whose journal this is from now on, unless it says so already.
            progress: hears how far the check is, on this thread.

        Raises:
            InvalidSetting: a newer version of this program wrote it, or it is not a file of ours.
            Fatal: another process writes it (`code` "locked"), or it cannot be opened ("io", "busy", "disk_full").
        """
        self.trouble = ""  # what opening it has found missing, for a person; openings are halted for it
        self.moved = ""  # that the journal is a copy, or was moved, since it was last opened: for a person
        self.holdup = ""  # why entries go beside the database for now, and are moved there later
        self.meta: dict[str, str] = {}  # "schema_version", "instance_id", "mode", "account", "code_version"
        self._path = Path(path)
        self._clock = clock or SystemClock()
        self._progress = progress
        self._reserve = Reserve(reserve_path(self._path))
        self._binding = {"mode": mode, "account": account}
        self._is_full = synchronous == "full"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            require_own_database(self._path)
            require_own(mark_path(self._path))
            require_own(aside_path(self._path))
            self._lock = take_lock(self._path)
        except OSError as error:
            raise not_ours(self._path, error) from error
        try:
            self._open_or_use_reserve(code_version)
        except BaseException:
            os.close(self._lock)
            raise

    def _open_or_use_reserve(self, code_version: str) -> None:
        try:
            try:
                self._open(code_version)
            except sqlite3.OperationalError as error:
                if is_busy(error):
                    raise
                # Even opening writes a little. On a full disk the reserve is for this, too.
                self.release_reserve()
                self._open(code_version)
        except sqlite3.Error as error:
            raise fatal(error) from error
        except OSError as error:
            raise Fatal(f"the journal cannot be used: {error}", code="io") from error

    def _open(self, code_version: str) -> None:
        settle_unfinished(self._path, self._clock.now().utc_ns)
        finish_renewal(self._path)
        findings = self._moved_in(check(self._path, self._progress))
        if findings.trouble or findings.version == 1:
            findings = self._rebuild(findings)
        self._database = connect(self._path)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(f"PRAGMA synchronous = {'FULL' if self._is_full else 'NORMAL'}")
        if not findings.version:
            self._database.executescript(SCHEMA)
        self._tell_meta(findings.meta, code_version)
        self._last_seq, self._last_hash = findings.last.seq, findings.last.hash
        self._mark = MarkFile(mark_path(self._path))
        self._aside = AsideFile(aside_path(self._path))
        self._identity, self._size = identity(self._path)
        self._log_file: tuple[int, int] | None = None  # SQLite makes it with the first entry
        doubt = findings.doubt
        if aside_path(self._path).exists():
            doubt = self._adopt_aside() or doubt
        if doubt:
            self.trouble = f"journal_doubtful: {doubt}: later entries may be missing"
            self.append([self._halt(HaltKind.JOURNAL_DOUBTFUL)], self._clock.now().utc_ns)
        self._put_mark()

    def _moved_in(self, findings: Findings) -> Findings:
        if not is_elsewhere(findings.meta, self._path):
            return findings
        self.moved = MOVED
        return findings._replace(meta=moved_in(findings.meta, self._path))

    def _adopt_aside(self) -> str:
        """See to what waits beside the database; return why it may not be all that did."""
        doubt = ""
        if not self._aside.adopt(self._stored_row(), Row(self._last_seq, 0, b"", b"", self._last_hash)):
            kept = aside_path(aside_name(self._path, "damaged", self._clock.now().utc_ns))
            self._aside.renew(kept)
            doubt = f"what waited beside it is not what was written, and is kept as {kept.name}"
        self._end_holdup()
        return doubt

    def _stored_row(self) -> Row:
        """Return the last entry of the database itself, without its text."""
        last = self._database.execute("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
        return Row(last[0], 0, b"", b"", last[1]) if last else BEFORE_ALL

    def _tell_meta(self, known: Mapping[str, str], code_version: str) -> None:
        unbound = {key: value for key, value in self._binding.items() if value and not known.get(key)}
        self.meta = completed_meta({**known, **unbound, "code_version": code_version, HOME: home_of(self._path)})
        if self.meta == known and not self.moved:
            return
        try:
            write_meta(self._database, self.meta)
        except sqlite3.OperationalError as error:
            if not (known and is_busy(error)):
                raise
            log.warning("journal_held_up error=%s", error)  # what wrote it is told by the next start

    def _rebuild(self, findings: Findings) -> Findings:
        """Begin afresh with what is provable, openings halted if that is not all; return what there is now."""
        utc_ns = self._clock.now().utc_ns
        word = "damaged" if findings.trouble else "version-1"
        aside = aside_name(self._path, word, utc_ns)
        halts: list[JournalEvent] = []
        if findings.trouble:
            log.error("journal_damaged trouble=%s aside=%s", findings.trouble, aside)
            self.trouble = f"{what_is_missing(findings)}; {what_is_kept(self._path, aside)}"
            halts.append(self._halt())
        provable = Provable(provable_rows(self._path, findings), findings.last, findings.meta)
        rebuild(self._path, provable, halts, utc_ns, aside, self._progress)
        return check(self._path)

    def _halt(self, kind: HaltKind = HaltKind.JOURNAL_DAMAGED) -> HaltRaised:
        return HaltRaised(ts_event=self._clock.now().utc_ns, scope="all", reason=self.trouble, kind=kind)

    @property
    def last_seq(self) -> int:
        return self._last_seq

    @property
    def instance(self) -> str:
        return self.meta["instance_id"]

    @property
    def former_instances(self) -> tuple[str, ...]:
        return former_instances(self.meta)

    def append(self, events: Sequence[JournalEvent], recorded_at: int) -> tuple[JournalEntry, ...]:
        rows, last = [], self._last_hash
        for seq, event in enumerate(events, self._last_seq + 1):
            row = make_row(seq, recorded_at, event, last)
            rows.append(row)
            last = row.hash
        self._write(rows)
        first_seq = self._last_seq + 1
        self._last_seq, self._last_hash = self._last_seq + len(rows), last
        self._put_mark()
        return tuple(
            JournalEntry(seq=seq, recorded_at=recorded_at, event=event) for seq, event in enumerate(events, first_seq)
        )

    def _put_mark(self) -> None:
        self._mark.put(Mark(self._last_seq, self._last_hash, self.instance))

    def _write(self, rows: Sequence[Row]) -> None:
        if not self.holdup:
            try:
                self._insert(rows)
                return
            except sqlite3.Error as error:
                failure = fatal(error)
                if failure.code not in ("busy", "io"):
                    raise failure from error
                log.error("journal_held_up error=%s", error)
                self.holdup = str(failure)
        self._has_aside(self._aside.is_whole)
        try:
            self._aside.append(rows)
        except OSError as error:
            code = "disk_full" if error.errno == errno.ENOSPC else "io"
            raise Fatal(f"the journal cannot be used: {error}", code=code) from error

    def _insert(self, rows: Iterable[Row]) -> None:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(INSERT, [row.values for row in rows])
            self._database.execute("COMMIT")
        except sqlite3.Error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    def tend(self) -> None:
        """Do what is due between appends: sync the mark, see to the file, end a holdup that is over.

        Raises:
            Fatal: the file is no longer what was written (`code` "damaged"), or the lock no longer ours ("locked").
        """
        self._require_lock()
        self._require_whole_file()
        self._mark.tend()
        if self._is_full:
            self._mark.sync()
        if self.holdup:
            self._end_holdup()

    def _require_lock(self) -> None:
        """Write no more once another may: who takes the lock anew finds a journal that stands still."""
        try:
            found, _ = identity(lock_path(self._path))
        except PermissionError:
            return  # as of the database itself, below
        ours = os.fstat(self._lock)
        if found != (ours.st_dev, ours.st_ino) and not is_gone(self._path.parent):
            raise Fatal("the journal's lock was taken away: another process may write it now", code="locked")

    def _end_holdup(self) -> None:
        """Move what waits beside the database into it, if it can be written now; never wait for that."""
        if not self._has_aside(self._aside.is_proven):
            return
        self._database.execute("PRAGMA busy_timeout = 0")
        try:
            self._move_aside()
        except sqlite3.Error as error:
            failure = fatal(error)
            if failure.code == "damaged":
                raise failure from error
            self.holdup = str(failure)
            return
        finally:
            self._database.execute(f"PRAGMA busy_timeout = {int(PATIENCE_S * 1000)}")
        self._aside.remove()
        self.holdup = ""

    def _move_aside(self) -> None:
        rows = self._aside.rows
        stored = self._stored_row()
        if rows and (rows[0].seq, rows[0].hash) != (stored.seq + 1, rows[0].after(stored.hash).hash):
            trouble = "another program has changed its entries"
            self._rescue(trouble)
            raise Fatal(f"the journal cannot be used: {trouble}", code="damaged")
        self._insert(rows)  # whose numbers are free, or it fails: nobody can come between

    def _has_aside(self, is_as_written: Callable[[], bool]) -> bool:
        """Tell whether what waits is there, unless nobody can look, or raise and save it."""
        try:
            if is_as_written():
                return True
        except PermissionError:
            return False  # as of the database itself, below
        if not is_gone(self._path.parent):
            self._rescue_aside()
        return False

    def _rescue_aside(self) -> NoReturn:
        """Write anew what waits beside the database, which we know by heart; the next start reads it there."""
        utc_ns = self._clock.now().utc_ns
        kept = aside_path(aside_name(self._path, "damaged", utc_ns))
        trouble = "what waited beside it was changed or taken away"
        where = (
            f"the damaged file is kept as {kept.name}" if aside_path(self._path).exists() else "nothing of it is left"
        )
        self.trouble = f"journal_damaged: {trouble}: no entry is missing; {where}"
        halt = make_row(self._last_seq + 1, utc_ns, self._halt(), self._last_hash)
        try:
            self._aside.renew(kept, [halt])
        except OSError as error:
            log.error("journal_not_rescued error=%s", error)
        else:
            log.error("journal_rescued entries=%s aside=%s", self._last_seq, kept)
            self._last_seq, self._last_hash = halt.seq, halt.hash
            self._put_mark()
        raise Fatal(f"the journal cannot be used: {trouble}", code="damaged")

    def _require_whole_file(self) -> None:
        """Notice a file that was cut, or taken away, under us: SQLite would go on for long before it does."""
        try:
            found, size = identity(self._path)
        except PermissionError:
            return  # the directory was shut; as below
        if found is None and is_gone(self._path.parent):
            return  # the launcher tells; what we have open lasts as long as we do, and orders end better with it
        log_file, _ = identity(self._path.with_name(self._path.name + "-wal"))
        self._log_file = self._log_file or log_file
        if found != self._identity or size < self._size or log_file != self._log_file:
            self._rescue("its file was cut or taken away while it was written")
            raise Fatal("the journal's file was cut or taken away while it was written", code="damaged")
        self._size = size
        self._has_aside(self._aside.is_whole)

    def _rescue(self, trouble: str) -> None:
        """Begin a fresh journal with what this process can still read, if that is all; else the next start sees."""
        utc_ns = self._clock.now().utc_ns
        aside = aside_name(self._path, "damaged", utc_ns)
        last = Row(self._last_seq, 0, b"", b"", self._last_hash)
        self.trouble = f"journal_damaged: {trouble}: no entry is missing; {what_is_kept(self._path, aside)}"
        provable = Provable(proven_rows(self._database, self._aside.rows, last), last, self.meta)
        try:
            rebuild(self._path, provable, [self._halt()], utc_ns, aside, self._progress)
        except (ValueError, sqlite3.Error, OSError) as error:
            log.error("journal_not_rescued error=%s", error)
        else:
            log.error("journal_rescued entries=%s aside=%s", self._last_seq, aside)
            self._aside.forget()
            self.holdup = ""

    def read(self, after_seq: int = 0) -> tuple[JournalEntry, ...]:
        return tuple(self.scan(after_seq))

    def scan(self, after_seq: int = 0) -> Iterator[JournalEntry]:
        return scan_entries(self._database, self._path, after_seq)

    def take_reserve(self) -> bool:
        """Keep disk back for cancels and reducing orders; False where there is no room for it."""
        return self._reserve.take()

    def release_reserve(self) -> None:
        """Give the disk kept back to the entries that follow."""
        self._reserve.release()

    def close(self) -> None:
        try:
            if self.holdup:
                self._end_holdup()  # or the next start does
        except Fatal as error:
            log.error("journal_damaged error=%s", error)  # what could be saved is, with a halt for the next start
        self._aside.close()
        self._database.close()
        self._mark.sync()
        self._mark.close()
        os.close(self._lock)
