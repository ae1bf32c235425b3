"""What waits beside a held-up journal is known by heart until it is moved: nothing done to its file loses an entry."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.storage.journal import SqliteJournal
from domain.errors import Fatal
from tests.adapters.journals import beside, crash, halt, held, open_journal

CHANGED = "what waited beside it was changed or taken away"


pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def other(path: Path, journal: SqliteJournal) -> Iterator[sqlite3.Connection]:
    """Another program that has the lock, while entries 2 to 5 wait."""
    with held(path) as other:
        for number in range(2, 6):
            journal.append([halt(number)], recorded_at=number)
        yield other


def flip(path: Path) -> None:
    text = bytearray(path.read_bytes())
    text[text.index(b"\n") + 30] ^= 0xFF
    path.write_bytes(text)


def replace_by_a_copy(path: Path) -> None:
    text = path.read_bytes()
    path.unlink()
    path.write_bytes(text)


def replace_by(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        path.unlink()
        make(path)

    return spoil


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a flipped byte": flip,
    "a changed text": lambda path: path.write_bytes(path.read_bytes().replace(b"reason 3", b"reason 9")),
    "cut in the middle": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "a foreign line at its end": lambda path: path.write_bytes(path.read_bytes() + b"[6]\n"),
    "removed": Path.unlink,
    "another file": replace_by_a_copy,
    "a directory": replace_by(Path.mkdir),
    "a fifo": replace_by(os.mkfifo),
    "a link": replace_by(lambda path: path.symlink_to("/nowhere")),
}


@pytest.mark.parametrize("is_locked", [True, False])
@pytest.mark.parametrize("damage", DAMAGES)
def test_whatever_is_done_to_what_waits_is_noticed_at_once_and_loses_nothing(
    damage: str, is_locked: bool, path: Path, journal: SqliteJournal, other: sqlite3.Connection
) -> None:
    DAMAGES[damage](beside(path))
    if not is_locked:
        other.execute("ROLLBACK")

    with pytest.raises(Fatal, match=CHANGED) as failure:
        journal.tend()

    assert failure.value.code == "damaged"
    crash(journal)
    journal = open_journal(path)
    *kept, told = [entry.event for entry in journal.read()]
    assert kept == [halt(number) for number in range(1, 6)]
    assert told.reason.startswith(f"journal_damaged: {CHANGED}: no entry is missing")
    assert journal.trouble == ""  # it has been told, by that halt
    [is_kept] = [list(path.parent.glob("*.damaged-*-aside"))]
    assert len(is_kept) == (damage != "removed")
    if not is_locked:
        assert not beside(path).exists()


def test_no_entry_goes_to_a_file_that_nobody_will_find(
    path: Path, journal: SqliteJournal, other: sqlite3.Connection
) -> None:
    beside(path).unlink()

    with pytest.raises(Fatal, match=CHANGED):
        journal.append([halt(6)], recorded_at=6)

    assert [entry.event for entry in journal.read()][:5] == [halt(number) for number in range(1, 6)]


def test_what_looks_unchanged_is_proven_before_it_is_moved(
    path: Path, journal: SqliteJournal, other: sqlite3.Connection
) -> None:
    before = beside(path).stat()
    flip(beside(path))
    os.utime(beside(path), ns=(before.st_atime_ns, before.st_mtime_ns))
    other.execute("ROLLBACK")

    with pytest.raises(Fatal, match=CHANGED):
        journal.tend()


def test_a_file_that_was_only_touched_is_none_of_our_business(
    path: Path, journal: SqliteJournal, other: sqlite3.Connection
) -> None:
    os.utime(beside(path))

    journal.tend()

    assert journal.trouble == ""


def test_damage_to_what_waits_that_is_found_when_it_ends_is_saved_too(
    path: Path, journal: SqliteJournal, other: sqlite3.Connection
) -> None:
    beside(path).unlink()
    other.execute("ROLLBACK")

    journal.close()

    journal = open_journal(path)
    *kept, told = [entry.event for entry in journal.read()]
    assert kept == [halt(number) for number in range(1, 6)]
    assert CHANGED in told.reason


def test_entries_that_another_program_writes_into_the_database_never_replace_ours(
    path: Path, journal: SqliteJournal, other: sqlite3.Connection
) -> None:
    other.execute("INSERT INTO journal SELECT 2, recorded_at, kind, body, hash FROM journal WHERE seq = 1")
    other.execute("COMMIT")

    with pytest.raises(Fatal, match="another program has changed its entries"):
        journal.tend()

    journal.close()
    journal = open_journal(path)
    *kept, told = [entry.event for entry in journal.read()]
    assert kept == [halt(number) for number in range(1, 6)]
    assert "no entry is missing" in told.reason


@pytest.mark.parametrize("calls", range(8))
def test_killed_while_it_is_saved_nothing_is_lost(
    calls: int, path: Path, journal: SqliteJournal, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(beside(path))

    with monkeypatch.context() as patched:
        die_at_call(calls, patched)
        with pytest.raises((Killed, Fatal)):
            journal.tend()
    crash(journal)
    journal = open_journal(path)

    entries = [entry.event for entry in journal.read()]
    if calls < 3:  # what was saved has no name yet: it is as damaged as it was found, and that is told
        assert "entries 3 to 5 are missing" in journal.trouble
    else:
        assert entries[:5] == [halt(number) for number in range(1, 6)]
    assert "journal_damaged" in entries[-1].reason


class Killed(BaseException):
    """As by SIGKILL: nobody handles it."""


def die_at_call(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Die before the call of that number to the kernel, of those that change what is on the disk."""
    left = number

    def dying(call: Callable[..., object]) -> Callable[..., object]:
        def or_die(*arguments: object, **named: object) -> object:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return call(*arguments, **named)

        return or_die

    for name in ("rename", "pwrite", "fdatasync", "fsync", "ftruncate", "unlink"):
        monkeypatch.setattr(os, name, dying(getattr(os, name)))


@pytest.mark.parametrize("text", [b"garbage\n" * 20, os.urandom(3000) + b"\n", b"no line"])
def test_something_strange_where_entries_would_wait_is_kept_and_halts(
    text: bytes, path: Path, journal: SqliteJournal
) -> None:
    journal.close()
    beside(path).write_bytes(text)

    journal = open_journal(path)

    assert journal.trouble.startswith("journal_doubtful: what waited beside it is not what was written")
    [kept] = path.parent.glob("*.damaged-*-aside")
    assert kept.read_bytes() == text
    assert kept.name in journal.trouble
    assert next(entry.event for entry in journal.read()) == halt(1)
    journal.close()
    assert open_journal(path).trouble == ""
