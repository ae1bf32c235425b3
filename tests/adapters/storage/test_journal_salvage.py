"""What SQLite reads no more of a damaged journal is still proven by the hashes, and kept."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from adapters.storage.journal import SqliteJournal
from adapters.storage.journal_check import check
from adapters.storage.journal_mark import mark_path
from domain.messages.base import Event
from domain.messages.journal import HaltRaised

ENTRIES = 12
LONG = "y" * 30_000  # goes on for pages
HEAD, FRAME = 32, 24 + 4096


def open_journal(path: Path) -> SqliteJournal:
    return SqliteJournal(path, code_version="1.0", mode="simulated", account="simulator")


def event(number: int) -> Event:
    return HaltRaised(ts_event=number, scope=f"venue-{number}", reason=LONG if number == 5 else "x" * 700)


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory as kill -9 leaves it, with everything in the log."""
    directory = tmp_path_factory.mktemp("crashed")
    journal = open_journal(directory / "writing.sqlite")
    for number in range(1, ENTRIES + 1):
        journal.append([event(number)], recorded_at=number)
    for beside in list(directory.glob("writing.sqlite*")):
        shutil.copy(beside, directory / beside.name.replace("writing", "journal"))
    journal.close()
    return directory


@pytest.fixture
def path(crashed: Path, tmp_path: Path) -> Path:
    for name in ("journal.sqlite", "journal.sqlite-wal", "journal.sqlite.mark"):
        shutil.copy(crashed / name, tmp_path / name)
    return tmp_path / "journal.sqlite"


def log_of(path: Path) -> Path:
    return path.with_name("journal.sqlite-wal")


def flip(path: Path, at: int) -> None:
    text = bytearray(path.read_bytes())
    text[at] ^= 1
    path.write_bytes(text)


@pytest.mark.parametrize("at", [20, HEAD + 2, HEAD + 10, HEAD + 20, HEAD + 24 + 200, HEAD + FRAME + 24 + 500])
def test_one_flipped_bit_early_in_the_log_costs_no_entry(at: int, path: Path) -> None:
    flip(log_of(path), at)

    journal = open_journal(path)

    *kept, halt = [entry.event for entry in journal.read()]
    assert kept == [event(number) for number in range(1, ENTRIES + 1)]
    assert halt.reason == journal.trouble
    assert journal.trouble.startswith(
        f"journal_damaged: its end cannot be read: entries 1 to {ENTRIES} were salvaged, no entry is missing; the damaged"
    )


def test_whose_journal_it_is_survives_a_flipped_bit(path: Path) -> None:
    flip(log_of(path), HEAD + 24 + 200)

    found = check(path)

    assert (found.meta["mode"], found.meta["account"]) == ("simulated", "simulator")
    assert "home" in found.meta


def test_what_only_the_damaged_page_held_is_named_as_missing(path: Path) -> None:
    log_of(path).write_bytes(log_of(path).read_bytes().replace(b"venue-11", b"venue-1l"))

    journal = open_journal(path)

    kept = [entry.event for entry in journal.read()][:-1]
    assert kept == [event(number) for number in range(1, 11)]
    assert "entries 11 to 12 are missing" in journal.trouble


def test_of_two_entries_with_one_number_the_marked_one_was_written(path: Path) -> None:
    # A write that failed leaves its frames behind; the same number is written anew, and marked.
    other = path.with_name("other.sqlite")
    shutil.copy(path, other)
    shutil.copy(log_of(path), other.with_name("other.sqlite-wal"))
    shutil.copy(mark_path(path), mark_path(other))
    journal, rival = open_journal(path), open_journal(other)
    journal.append([event(100)], recorded_at=100)
    rival.append([event(200)], recorded_at=200)
    log, left = log_of(path).read_bytes(), log_of(other).read_bytes()
    log_of(path).write_bytes(log + left[HEAD:])
    flip(log_of(path), 20)

    found = check(path)

    assert found.last.recorded_at == 100
    assert found.last.seq == ENTRIES + 1


def test_without_a_mark_nobody_claims_that_all_was_salvaged(path: Path) -> None:
    flip(log_of(path), HEAD + 24 + 200)
    mark_path(path).unlink()

    journal = open_journal(path)

    assert [entry.event for entry in journal.read()][:-1] == [event(number) for number in range(1, ENTRIES + 1)]
    assert f"entries 1 to {ENTRIES} were salvaged, entries after {ENTRIES} may be missing" in journal.trouble


def test_another_journal_in_its_place_is_not_salvaged_past_its_mark(path: Path) -> None:
    other = path.with_name("other.sqlite")
    journal = open_journal(other)
    for number in range(1, ENTRIES + 3):
        journal.append([event(number + 50)], recorded_at=number)
    shutil.copy(other, path)
    shutil.copy(other.with_name("other.sqlite-wal"), log_of(path))
    flip(log_of(path), 20)

    assert check(path).last.seq < ENTRIES


def test_pages_of_garbage_are_no_entries(path: Path) -> None:
    text = log_of(path).read_bytes()
    for seed in range(40):
        spoiled = bytearray(text)
        for step in range(200):
            spoiled[HEAD + (seed * 7919 + step * 104_729) % (len(text) - HEAD)] = (seed * 31 + step * 17) % 256
        log_of(path).write_bytes(spoiled)

        found = check(path)

        assert 0 <= found.last.seq <= ENTRIES
        assert found.trouble


def test_salvage_knows_the_page_size_that_sqlite_takes(path: Path) -> None:
    assert int.from_bytes(log_of(path).read_bytes()[8:12], "big") == 4096
    assert sqlite3.connect(":memory:").execute("PRAGMA page_size").fetchone() == (4096,)
