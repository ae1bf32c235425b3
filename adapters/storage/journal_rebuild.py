"""A fresh journal from what is provable of another: after damage, and for a newer schema.

The file that it replaces is set aside whole, never deleted or changed. A crash in between is no loss: the next start
either begins again or finishes.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from adapters.storage.journal_check import PROGRESS_EVERY, check
from adapters.storage.journal_home import HOME, INSTANCE, draw_instance, home_of
from adapters.storage.journal_mark import Mark, MarkFile, mark_path
from adapters.storage.journal_rows import INSERT, SCHEMA, SCHEMA_VERSION, Row, connect, make_row
from adapters.storage.own_files import is_own, put_away, require_own_database, sync
from adapters.storage_ports import Progress
from domain.instant import SECOND_NS
from domain.messages.journal import JournalEvent

log = logging.getLogger(__name__)

_OF_SQLITE = ("", "-wal", "-shm", "-journal")
_SET_ASIDE = "set_aside"  # in what a journal says of itself: the name of the one that it replaced, chosen once
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
    events: Iterable[JournalEvent],
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
    for each in (making.with_name(making.name + suffix) for suffix in _OF_SQLITE):
        if is_own(each):
            each.unlink()
        elif os.path.lexists(each):
            put_away(each)
    with closing(connect(making)) as database:
        # Nobody relies on this file before it is complete, and then it is written out as a whole.
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.executescript(SCHEMA)
        database.execute("BEGIN")
        meta = {**completed_meta(provable.meta), _SET_ASIDE: aside.name, HOME: home_of(making)}
        write_meta(database, meta)
        rows = _counted(provable.rows, provable.last.seq, progress)
        last = provable.last
        while some := [row.values for row in islice(rows, PROGRESS_EVERY)]:
            database.executemany(INSERT, some)
        for event in events:
            last = make_row(last.seq + 1, utc_ns, event, last.hash)
            database.execute(INSERT, last.values)
        database.execute("COMMIT")
    sync(making)
    with closing(MarkFile(mark_path(path))) as mark:
        # Between this and the end a start finds the complete file, and needs no mark.
        if os.path.lexists(_rebuilt(path)):
            put_away(_rebuilt(path))
        os.rename(making, _rebuilt(path))
        sync(path.parent)
        mark.put(Mark(last.seq, last.hash, meta["instance_id"]))
        mark.sync()
    finish(path, aside)


def settle_unfinished(path: Path, utc_ns: int) -> None:
    """Finish what a crash has cut off, if a fresh journal waits for its place and has a right to it.

    Whatever else has its name, or is not needed because the journal is whole without it, is set aside.

    Raises:
        InvalidSetting, sqlite3.Error, OSError: as of `check`.
    """
    fresh = _rebuilt(path)
    if not os.path.lexists(fresh):
        return
    name = _replaced_by(fresh, path)
    if name is None:
        log.warning("journal_not_replaced by=%s kept_as=%s", fresh.name, put_away(fresh).name)
    else:
        finish(path, path.with_name(name) if name else aside_name(path, "damaged", utc_ns))


def _replaced_by(fresh: Path, path: Path) -> str | None:
    """Return as what the journal at `path` is to be kept when `fresh` takes its place ("" if it doesn't say).

    None where it must not take it: it is no whole journal of ours, or is not needed, or doesn't go as far.
    """
    try:
        require_own_database(fresh)
    except OSError:
        return None
    made = check(fresh, marked_at=path)
    if made.version != SCHEMA_VERSION or not made.last.seq:
        return None
    if path.exists():  # without it, anything is better: what is missing is found as at any start
        found = check(path)
        is_whole = found.version and not found.trouble and not found.doubt
        goes_as_far = not made.trouble and not made.doubt and made.last.seq >= found.last.seq
        if not goes_as_far or (is_whole and found.version == SCHEMA_VERSION):
            return None
    name = made.meta.get(_SET_ASIDE, "")
    return name if re.fullmatch(re.escape(path.name) + r"\.(damaged|version-1)[-\dTZ]*", name) else ""


def finish(path: Path, aside: Path) -> None:
    """Put a complete fresh journal in its place."""
    for suffix in _BESIDE:
        old, kept = path.with_name(path.name + suffix), aside.with_name(aside.name + suffix)
        if not os.path.lexists(old):
            continue
        if not kept.exists():
            os.rename(old, kept)
        elif suffix == "-shm" or not _has_text(old):
            old.unlink()  # a reader has made it, after its namesake was moved
        else:
            put_away(old, "damaged")
    os.rename(_rebuilt(path), path)
    sync(path.parent)


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
    drawn = {"mode": "", "account": "", INSTANCE: draw_instance()}
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
