"""Another program holds the journal: entries go beside it, durably, and are moved when it lets go."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.storage.journal import SqliteJournal
from adapters.storage.journal_reader import JournalReader
from domain.errors import Fatal
from domain.settings import SupervisionSettings
from tests.adapters.journals import beside, crash, halt, held, open_journal

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def other(path: Path, journal: SqliteJournal) -> Iterator[sqlite3.Connection]:
    """Another program that has the lock."""
    with held(path) as other:
        yield other


def stored(path: Path) -> list[int]:
    """Return the numbers that are in the database itself."""
    with sqlite3.connect(path) as database:
        return [seq for (seq,) in database.execute("SELECT seq FROM journal ORDER BY seq")]


def test_patience_with_a_lock_is_a_small_part_of_what_makes_an_actor_hung() -> None:
    assert 0.05 * SupervisionSettings().hung_after_s >= 0.1


def test_entries_are_durable_and_readable_while_the_lock_is_held(
    path: Path, journal: SqliteJournal, other: sqlite3.Connection
) -> None:
    [second] = journal.append([halt(2)], recorded_at=2)
    journal.append([halt(3), halt(4)], recorded_at=3)

    assert second.seq == 2
    assert journal.holdup.startswith("another program holds the journal")
    assert stored(path) == [1]
    expected = [halt(number) for number in range(1, 5)]
    assert [entry.event for entry in journal.read()] == expected
    assert [entry.event for entry in JournalReader(path).read()] == expected
    assert [entry.seq for entry in JournalReader(path).read(after_seq=3)] == [4]


def test_when_the_lock_is_let_go_they_are_moved_in_order(
    path: Path, journal: SqliteJournal, other: sqlite3.Connection
) -> None:
    journal.append([halt(2)], recorded_at=2)
    journal.tend()
    assert journal.holdup

    other.execute("COMMIT")
    journal.tend()
    journal.append([halt(3)], recorded_at=3)

    assert journal.holdup == ""
    assert stored(path) == [1, 2, 3]
    assert not beside(path).exists()
    journal.close()
    assert open_journal(path).trouble == ""


def test_waiting_for_the_lock_is_done_once_and_not_at_each_entry(
    journal: SqliteJournal, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append([halt(2)], recorded_at=2)
    journal._database.execute("PRAGMA busy_timeout = 60000")
    began = time.monotonic()

    journal.append([halt(3)], recorded_at=2)
    journal.tend()

    assert time.monotonic() - began < 5


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_a_crash_during_the_holdup_or_the_move_loses_nothing_and_repeats_nothing(
    moved: int, path: Path, journal: SqliteJournal, other: sqlite3.Connection
) -> None:
    journal.append([halt(2)], recorded_at=2)
    journal.append([halt(3)], recorded_at=2)
    text = beside(path).read_bytes()
    other.execute("COMMIT")
    if moved:
        journal.tend()
        lines = text.splitlines(keepends=True)
        beside(path).write_bytes(b"".join(lines[2 - moved :]))  # moved, and not yet removed
    crash(journal)

    journal = open_journal(path)

    assert journal.trouble == ""
    assert stored(path) == [1, 2, 3]
    assert not beside(path).exists()


def test_a_line_that_a_crash_cut_off_was_never_acted_on(
    path: Path, journal: SqliteJournal, other: sqlite3.Connection
) -> None:
    journal.append([halt(2)], recorded_at=2)
    with beside(path).open("ab") as file:
        file.write(b'[3,2,"HaltRaised","{\\"sco')
    other.execute("COMMIT")
    crash(journal)

    journal = open_journal(path)
    journal.append([halt(3)], recorded_at=3)

    assert journal.trouble == ""
    assert stored(path) == [1, 2, 3]


def test_what_is_damaged_beside_the_journal_is_missed_like_any_other_entry(
    path: Path, journal: SqliteJournal, other: sqlite3.Connection
) -> None:
    journal.append([halt(2)], recorded_at=2)
    journal.append([halt(3)], recorded_at=2)
    beside(path).write_bytes(beside(path).read_bytes().replace(b"reason 3", b"reason 4"))
    other.execute("COMMIT")
    crash(journal)

    journal = open_journal(path)

    assert "entry 3 is missing" in journal.trouble
    assert [entry.event for entry in journal.read()][:2] == [halt(1), halt(2)]
    assert list(path.parent.glob("*.damaged-*-aside"))


def test_a_start_while_the_lock_is_held_goes_on_beside_it(
    path: Path, journal: SqliteJournal, other: sqlite3.Connection
) -> None:
    journal.append([halt(2)], recorded_at=2)
    crash(journal)

    journal = open_journal(path)
    journal.append([halt(3)], recorded_at=3)

    assert journal.holdup
    assert [entry.seq for entry in journal.read()] == [1, 2, 3]


def test_a_disk_that_is_full_as_well_is_named_and_leaves_no_half_entry(
    path: Path, journal: SqliteJournal, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append([halt(2)], recorded_at=2)
    pwrite = os.pwrite

    def no_room(fd: int, text: bytes, at: int) -> int:
        if at + len(text) > beside(path).stat().st_size + 10:
            pwrite(fd, text[:10], at)
            raise OSError(28, "No space left on device")
        return pwrite(fd, text, at)

    monkeypatch.setattr(os, "pwrite", no_room)
    with pytest.raises(Fatal) as failure:
        journal.append([halt(3)], recorded_at=2)
    monkeypatch.undo()

    assert failure.value.code == "disk_full"
    [again] = journal.append([halt(4)], recorded_at=2)
    assert again.seq == 3
    assert [entry.event for entry in journal.read()] == [halt(1), halt(2), halt(4)]


def cut(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [("journal.sqlite", Path.unlink), ("journal.sqlite", cut), ("journal.sqlite-wal", Path.unlink)],
)
def test_a_file_cut_or_taken_away_under_the_writer_is_noticed_and_saved_from_memory(
    path: Path, journal: SqliteJournal, name: str, spoil: Callable[[Path], None]
) -> None:
    instance = journal.instance
    journal.append([halt(2)], recorded_at=2)
    journal.tend()

    spoil(path.with_name(name))

    with pytest.raises(Fatal) as failure:
        journal.tend()
    assert failure.value.code == "damaged"
    crash(journal)
    journal = open_journal(path)
    *kept, told = [entry.event for entry in journal.read()]
    assert kept == [halt(1), halt(2)]
    assert "no entry is missing" in told.reason  # and yet a person should look
    assert journal.instance == instance


def test_what_cannot_be_saved_from_memory_is_left_to_the_next_start(
    path: Path, journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append([halt(number) for number in range(2, 1_000)], recorded_at=2)
    journal._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    journal._database.execute("PRAGMA cache_size = 10")
    journal.tend()
    os.truncate(path, path.stat().st_size // 2)

    with pytest.raises(Fatal):
        journal.tend()
    crash(journal)
    journal = open_journal(path)

    assert journal.trouble.startswith("journal_damaged: ")
    assert "to 999 are missing" in journal.trouble
    entries = journal.read()
    assert len(entries) > 200
    assert [entry.event for entry in entries[:-1]] == [halt(number) for number in range(1, len(entries))]
