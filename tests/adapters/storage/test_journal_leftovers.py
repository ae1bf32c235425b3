"""What lies beside a journal under the names that its writer uses, and what a kill at any moment leaves there."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from adapters.storage import journal_reserve
from adapters.storage.journal import SqliteJournal
from domain.errors import Fatal
from tests.adapters.journals import crash
from tests.adapters.storage.test_journal_aside import Killed, die_at_call
from tests.adapters.storage.test_journal_damage import (
    ENTRIES,
    as_version_1,
    crashed_journal,
    cut,
    event,
    open_journal,
    wal,
)

WHOLE = [event(number) for number in range(1, ENTRIES + 1)]


def entries_of(journal: SqliteJournal) -> list[object]:
    return [entry.event for entry in journal.read()]


def earlier_journal(path: Path, directory: Path) -> None:
    """Put a whole journal of ours, of less entries, where a fresh one would wait for its place."""
    directory.mkdir()
    other = open_journal(directory / "journal.sqlite")
    other.append([event(1), event(2)], recorded_at=1)
    other.close()
    (directory / "journal.sqlite").rename(path)


def directory_with_a_file(path: Path) -> None:
    path.mkdir()
    (path / "precious").write_bytes(b"precious")


STRANGE: dict[str, Callable[[Path], object]] = {
    "garbage": lambda path: path.write_bytes(os.urandom(3000)),
    "empty": Path.touch,
    "a directory": directory_with_a_file,
    "a fifo": os.mkfifo,
    "a link": lambda path: path.symlink_to(path.with_name("journal.sqlite.version-1")),
    "an earlier journal": lambda path: earlier_journal(path, path.with_name("earlier")),
}


@pytest.mark.parametrize("strange", STRANGE)
def test_nothing_takes_the_place_of_a_whole_journal(strange: str, tmp_path: Path) -> None:
    path = crashed_journal(tmp_path, 20)
    STRANGE[strange](tmp_path / "journal.sqlite.rebuilt")
    found = os.lstat(tmp_path / "journal.sqlite.rebuilt").st_ino

    journal = open_journal(path)

    assert journal.trouble == ""
    assert entries_of(journal) == WHOLE
    assert os.lstat(tmp_path / "journal.sqlite.rebuilt.unknown").st_ino == found  # kept, as it is


@pytest.mark.parametrize(
    ("strange", "name"),
    [*((strange, "rebuilt") for strange in STRANGE), ("a directory", "rebuilding"), ("a fifo", "rebuilding-journal")],
)
def test_nothing_keeps_a_damaged_journal_from_being_recovered(strange: str, name: str, tmp_path: Path) -> None:
    path = crashed_journal(tmp_path, 20)
    cut(wal(path), 0.5)
    STRANGE[strange](tmp_path / f"journal.sqlite.{name}")

    journal = open_journal(path)

    assert f"to {ENTRIES} are missing" in journal.trouble
    assert entries_of(journal)[:20] == WHOLE[:20]


def test_where_the_journal_is_gone_an_earlier_one_is_better_than_none_and_what_is_missing_is_told(
    tmp_path: Path,
) -> None:
    path = crashed_journal(tmp_path, 0)
    path.unlink()
    earlier_journal(tmp_path / "journal.sqlite.rebuilt", tmp_path / "earlier")

    journal = open_journal(path)

    assert entries_of(journal)[:2] == WHOLE[:2]
    assert f"entries 3 to {ENTRIES} are missing" in journal.trouble


def spoil_the_log(path: Path) -> None:
    cut(wal(path), 0.5)


@pytest.mark.parametrize("calls", range(14))
@pytest.mark.parametrize("before", [spoil_the_log, as_version_1])
def test_a_recovery_killed_at_any_moment_is_done_by_the_next_start_and_keeps_the_file_under_one_name(
    before: Callable[[Path], None], calls: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = crashed_journal(tmp_path, in_log=20)
    before(path)
    found = {suffix: file.read_bytes() for suffix in ("", "-wal") if (file := Path(f"{path}{suffix}")).exists()}

    with monkeypatch.context() as patched:
        die_at_call(calls, patched)
        with suppress(Killed):
            crash(open_journal(path))
    journal = SqliteJournal(path, code_version="1.0")  # by its clock it is another time: the name was chosen before

    told = [one for one in entries_of(journal) if one not in WHOLE]
    if before is as_version_1:
        assert told == [] and journal.trouble == ""
        assert entries_of(journal) == WHOLE
    else:
        assert entries_of(journal)[:20] == WHOLE[:20]
        assert [one.reason.partition(":")[0] for one in told] == ["journal_damaged"]
    [kept] = {file.name.removesuffix("-wal").removesuffix("-shm") for file in tmp_path.glob("*.sqlite.[dv]*")}
    assert {suffix: (tmp_path / f"{kept}{suffix}").read_bytes() for suffix in found} == found


@pytest.mark.parametrize("calls", range(13))
def test_killed_at_any_moment_of_its_life_a_journal_has_all_that_was_answered_and_doubts_nothing(
    calls: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.sqlite"
    open_journal(path).close()
    journal, answered = open_journal(path), 0
    with monkeypatch.context() as patched:
        die_at_call(calls, patched)
        try:
            for number in range(1, 20):
                journal.append([event(number)], recorded_at=number)
                answered = number
                journal.tend()
        except Killed:
            pass
    crash(journal)

    journal = open_journal(path)

    assert journal.trouble == ""
    assert answered <= journal.last_seq <= answered + 1
    assert entries_of(journal) == [event(number) for number in range(1, journal.last_seq + 1)]


@pytest.mark.parametrize("strange", STRANGE)
def test_something_strange_in_the_place_of_the_reserve_says_nothing_about_the_disk(
    strange: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_reserve, "RESERVE_BYTES", 4096)
    path = crashed_journal(tmp_path, 20)
    reserve = tmp_path / "journal.sqlite.reserve"
    victim = tmp_path / "journal.sqlite.version-1"
    victim.write_bytes(b"precious")
    STRANGE[strange](reserve)
    journal = open_journal(path)

    journal.release_reserve()
    assert journal.take_reserve()

    assert reserve.stat().st_blocks * 512 >= 4096
    assert victim.read_bytes() == b"precious"
    journal.release_reserve()
    assert not reserve.exists()


@pytest.mark.parametrize("take_away", [Path.unlink, lambda lock: lock.rename(lock.with_name("elsewhere"))])
def test_a_writer_that_lost_its_lock_writes_no_more(take_away: Callable[[Path], object], tmp_path: Path) -> None:
    path = crashed_journal(tmp_path, 20)
    journal = open_journal(path)
    take_away(tmp_path / "journal.sqlite.lock")
    other = open_journal(path)
    other.append([event(ENTRIES + 1)], recorded_at=1)

    with pytest.raises(Fatal) as failure:
        journal.tend()

    assert failure.value.code == "locked"
    other.tend()
    assert entries_of(other) == [*WHOLE, event(ENTRIES + 1)]
