"""Whatever happens to the journal's files: what is provable is kept, the rest is named, openings halt."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from adapters.storage.journal import SqliteJournal
from adapters.storage.journal_mark import mark_path
from adapters.storage.journal_reader import JournalReader
from domain.errors import InvalidSetting
from domain.instant import Instant
from domain.messages.base import Event
from domain.messages.halts import HaltKind
from domain.messages.journal import HaltCleared, HaltRaised

ENTRIES = 40
FILES = ("journal.sqlite", "journal.sqlite-wal", "journal.sqlite.mark")
BODY = "x" * 300  # a few entries to a page
AT = 1_764_526_445_000_000_000  # 2025-11-30T18:14:05Z


class FixedClock:
    def now(self) -> Instant:
        return Instant(0, AT)


def open_journal(path: Path) -> SqliteJournal:
    return SqliteJournal(path, code_version="1.0", clock=FixedClock())


def event(number: int) -> Event:
    return HaltRaised(ts_event=number, scope=f"venue-{number}", reason=BODY)


@cache
def crashed_files(in_log: int) -> dict[str, bytes]:
    """Return the files of a journal as kill -9 leaves them, with so many of its entries in the log alone."""
    with TemporaryDirectory() as directory:
        return write_and_crash(Path(directory) / "journal.sqlite", in_log)


def write_and_crash(writing: Path, in_log: int) -> dict[str, bytes]:
    first = open_journal(writing)
    for number in range(1, ENTRIES - in_log + 1):
        first.append([event(number)], recorded_at=AT)
    first.close()
    journal = open_journal(writing)
    for number in range(ENTRIES - in_log + 1, ENTRIES + 1):
        journal.append([event(number)], recorded_at=AT)
    files = {name: writing.with_name(name).read_bytes() for name in FILES}
    journal.close()
    return files


def crashed_journal(directory: Path, in_log: int) -> Path:
    for name, content in crashed_files(in_log).items():
        (directory / name).write_bytes(content)
    return directory / "journal.sqlite"


def wal(path: Path) -> Path:
    return path.with_name("journal.sqlite-wal")


def overwrite(path: Path, share: float, text: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(int(path.stat().st_size * share))
        file.write(text)


def cut(path: Path, share: float) -> None:
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * share))


def execute(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as database:
        database.execute(statement)
    database.close()


def replace_by_another_database(path: Path) -> None:
    path.unlink()
    execute(path, "CREATE TABLE photos (name TEXT)")


DAMAGES: dict[str, tuple[int, Callable[[Path], object]]] = {
    "100 bytes in the middle of the log": (20, lambda path: overwrite(wal(path), 0.5, b"\xff" * 100)),
    "a log cut in the middle": (20, lambda path: cut(wal(path), 0.5)),
    "a log that is empty": (20, lambda path: cut(wal(path), 0)),
    "a log that is gone": (20, lambda path: wal(path).unlink()),
    "the head of the log": (20, lambda path: overwrite(wal(path), 0, b"\x00" * 32)),
    "a torn page": (0, lambda path: overwrite(path, 0.7, b"\xff" * 2048)),
    "a zeroed page": (0, lambda path: overwrite(path, 0.5, b"\x00" * 4096)),
    "a flipped byte in a text": (0, lambda path: overwrite(path, 0.6, b"y")),
    "a file cut in the middle": (0, lambda path: cut(path, 0.5)),
    "a file cut within a page": (0, lambda path: cut(path, 0.45)),
    "an empty file": (0, lambda path: cut(path, 0)),
    "an empty file beside a log": (20, lambda path: cut(path, 0)),
    "garbage in the header": (0, lambda path: overwrite(path, 0, b"garbage " * 16)),
    "garbage from end to end": (20, lambda path: path.write_bytes(b"garbage " * 4096)),
    "a file that is gone": (20, lambda path: path.unlink()),
    "another database": (0, replace_by_another_database),
    "no table of entries": (0, lambda path: execute(path, "DROP TABLE journal")),
    "a missing entry": (0, lambda path: execute(path, "DELETE FROM journal WHERE seq = 25")),
    "a missing first entry": (0, lambda path: execute(path, "DELETE FROM journal WHERE seq = 1")),
    "a missing last entry": (0, lambda path: execute(path, "DELETE FROM journal WHERE seq = 40")),
    "no entry at all": (0, lambda path: execute(path, "DELETE FROM journal")),
    "a moved entry": (0, lambda path: execute(path, "UPDATE journal SET seq = 99 WHERE seq = 30")),
    "a changed time": (0, lambda path: execute(path, "UPDATE journal SET recorded_at = 5 WHERE seq = 30")),
    "a changed kind": (0, lambda path: execute(path, "UPDATE journal SET kind = 'IntentDone' WHERE seq = 30")),
    "a changed body": (
        0,
        lambda path: execute(path, "UPDATE journal SET body = replace(body, 'x', 'y') WHERE seq = 30"),
    ),
    "a malformed body": (0, lambda path: execute(path, "UPDATE journal SET body = '{' WHERE seq = 30")),
    "a body that is no text": (0, lambda path: execute(path, "UPDATE journal SET body = 7 WHERE seq = 30")),
    "a body that is no UTF-8": (
        0,
        lambda path: execute(path, "UPDATE journal SET body = CAST(x'ff' AS TEXT) WHERE seq = 30"),
    ),
    "a repeated body": (
        0,
        lambda path: execute(
            path, "UPDATE journal SET body = (SELECT body FROM journal WHERE seq = 29) WHERE seq = 30"
        ),
    ),
    "a changed hash": (0, lambda path: execute(path, "UPDATE journal SET hash = zeroblob(16) WHERE seq = 30")),
}


# Only SQLite can't read the entries any more.
ALL_SALVAGED = ("100 bytes in the middle of the log", "the head of the log", "garbage in the header")
PROVABLE = {
    "a log cut in the middle": 25,
    "a log that is gone": 20,
    "a torn page": 18,
    "a zeroed page": 8,
    "a file cut in the middle": 8,
    "a missing entry": 24,
    "a missing last entry": 39,
    "a changed body": 29,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_provable_is_recovered_and_the_rest_is_named(damage: str, tmp_path: Path) -> None:
    in_log, spoil = DAMAGES[damage]
    at_least = PROVABLE.get(damage, 0)
    path = crashed_journal(tmp_path, in_log)
    spoil(path)
    found = {
        suffix: beside.read_bytes()
        for suffix in ("", "-wal")
        if (beside := path.with_name(f"journal.sqlite{suffix}")).exists()
    }

    journal = open_journal(path)

    *kept, halt = [entry.event for entry in journal.read()]
    assert kept == [event(number) for number in range(1, len(kept) + 1)]
    assert at_least <= len(kept) <= ENTRIES
    assert (len(kept) == ENTRIES) == (damage in ALL_SALVAGED)
    # One line, in the journal as well: it halts openings until a person resumes.
    assert halt == HaltRaised(ts_event=AT, scope="all", reason=journal.trouble, kind=HaltKind.JOURNAL_DAMAGED)
    first = len(kept) + 1
    which = f"entries {first} to {ENTRIES} are" if first < ENTRIES else f"entry {ENTRIES} is"
    missing = "no entry is missing" if len(kept) == ENTRIES else f"{which} missing"
    assert re.search(
        rf": (entr(y|ies) \d+( to {len(kept)})? (was|were) salvaged, )?{missing}",
        journal.trouble.replace(f"to {99}", f"to {ENTRIES}"),
    )
    assert "\n" not in journal.trouble
    assert ("since 2025-11-30T18:14:05Z" in journal.trouble) == (0 < len(kept) < ENTRIES)
    # What was there is kept as it was, to the last byte.
    aside = path.with_name("journal.sqlite.damaged-20251130T181405Z")
    assert {suffix: aside.with_name(aside.name + suffix).read_bytes() for suffix in found} == found
    # No file is claimed to be kept that isn't, and none is left out that is.
    named = set(re.findall(rf"{re.escape(aside.name)}[\w-]*", journal.trouble))
    assert named == {aside.name + suffix for suffix, content in found.items() if content or not suffix}


def test_of_a_file_that_is_gone_nothing_is_claimed_to_be_kept(tmp_path: Path) -> None:
    path = crashed_journal(tmp_path, 0)
    for each in ("", "-wal", "-shm"):
        path.with_name(f"journal.sqlite{each}").unlink(missing_ok=True)

    journal = open_journal(path)

    assert journal.trouble.endswith(
        "the file is gone: entries 1 to 40 are missing; nothing of the file is left to be kept"
    )
    assert not list(tmp_path.glob("*.damaged-*"))


@pytest.mark.parametrize("damage", ["the head of the log", "a torn page", "an empty file"])
def test_a_recovered_journal_is_whole_for_writer_and_reader_and_told_of_once(damage: str, tmp_path: Path) -> None:
    in_log, spoil = DAMAGES[damage]
    path = crashed_journal(tmp_path, in_log)
    spoil(path)
    open_journal(path).close()

    journal = open_journal(path)
    journal.append([HaltCleared(ts_event=AT, scope="all")], recorded_at=AT)

    assert journal.trouble == ""
    entries = JournalReader(path).read()
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    halts = [one.event for one in entries if "journal_damaged" in getattr(one.event, "reason", "")]
    assert len(halts) == 1


def test_a_crash_costs_nothing_and_says_nothing(tmp_path: Path) -> None:
    journal = open_journal(crashed_journal(tmp_path, in_log=20))

    assert journal.trouble == ""
    assert [entry.event for entry in journal.read()] == [event(number) for number in range(1, ENTRIES + 1)]


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: overwrite(path, 0.5, b"!"), lambda path: cut(path, 0.5)])
def test_without_its_mark_nobody_can_tell_whether_the_journal_is_all(
    spoil: Callable[[Path], object], tmp_path: Path
) -> None:
    path = crashed_journal(tmp_path, in_log=20)
    spoil(mark_path(path))

    journal = open_journal(path)

    *kept, halt = [entry.event for entry in journal.read()]
    assert len(kept) == ENTRIES
    assert halt == HaltRaised(ts_event=AT, scope="all", reason=journal.trouble, kind=HaltKind.JOURNAL_DOUBTFUL)
    assert journal.trouble.startswith("journal_doubtful: the mark")
    journal.close()
    assert open_journal(path).trouble == ""


def test_another_journal_in_its_place_is_noticed(tmp_path: Path) -> None:
    path = crashed_journal(tmp_path, in_log=0)
    other = open_journal(tmp_path / "other.sqlite")
    other.append([HaltCleared(ts_event=number, scope="all") for number in range(ENTRIES)], recorded_at=AT)
    other.close()
    shutil.copy(tmp_path / "other.sqlite", path)

    assert open_journal(path).trouble.startswith("journal_doubtful: entry 40 is not the one that was marked")


@pytest.mark.parametrize("moves_done", [0, 1, 2])
def test_a_recovery_that_is_cut_off_is_finished_by_the_next_start(
    moves_done: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = crashed_journal(tmp_path, in_log=20)
    cut(wal(path), 0.5)
    rename, moves = __import__("os").rename, []

    def rename_some(old: Path, new: Path) -> None:
        if len(moves) > moves_done:  # the first names the fresh journal
            raise KeyboardInterrupt
        moves.append(old)
        rename(old, new)

    monkeypatch.setattr("os.rename", rename_some)
    with pytest.raises(KeyboardInterrupt):
        open_journal(path)
    monkeypatch.undo()

    journal = open_journal(path)

    assert journal.trouble == ""  # told already: the halt is in the journal
    *kept, halt = [entry.event for entry in journal.read()]
    assert kept == [event(number) for number in range(1, len(kept) + 1)] and len(kept) >= 20
    assert halt.reason.startswith("journal_damaged")


def as_version_1(path: Path) -> None:
    """Make of a journal what version 1 wrote."""
    with sqlite3.connect(path) as database:
        database.executescript(
            "ALTER TABLE journal DROP COLUMN hash;"
            "DELETE FROM meta WHERE key IN ('mode', 'account', 'instance_id');"
            "UPDATE meta SET value = '1' WHERE key = 'schema_version';"
        )
    database.close()
    mark_path(path).unlink()


def test_a_journal_of_version_1_is_taken_over_and_kept_as_it_was(tmp_path: Path) -> None:
    path = crashed_journal(tmp_path, in_log=0)
    as_version_1(path)
    before = path.read_bytes()

    journal = open_journal(path)

    assert journal.trouble == ""
    assert [entry.event for entry in journal.read()] == [event(number) for number in range(1, ENTRIES + 1)]
    assert path.with_name("journal.sqlite.version-1").read_bytes() == before
    assert journal.meta["schema_version"] == "2"
    journal.close()
    execute(path, "UPDATE journal SET recorded_at = 5 WHERE seq = 30")
    assert "entry 30 is not what was written" in open_journal(path).trouble


@pytest.mark.parametrize(
    ("statement", "kept"),
    [
        ("DELETE FROM journal WHERE seq = 25", 24),
        ("UPDATE journal SET body = '{' WHERE seq = 30", 29),
        ("UPDATE journal SET body = CAST(x'ff' AS TEXT) WHERE seq = 30", 29),
    ],
)
def test_a_damaged_journal_of_version_1_is_recovered_as_far_as_it_can_be_read(
    statement: str, kept: int, tmp_path: Path
) -> None:
    path = crashed_journal(tmp_path, in_log=0)
    as_version_1(path)
    execute(path, statement)

    journal = open_journal(path)

    assert journal.trouble.startswith("journal_damaged")
    assert len(journal.read()) == kept + 1


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: cut(path, 0), lambda path: cut(path, 0.7)])
def test_each_journal_has_one_instance_for_life(spoil: Callable[[Path], object], tmp_path: Path) -> None:
    path = crashed_journal(tmp_path, in_log=20)
    first = open_journal(path)
    instance = first.instance
    first.close()
    assert len(instance) == 4 and int(instance, 16) >= 0

    spoil(path)

    assert open_journal(path).instance == instance


def test_an_entry_that_only_newer_code_knows_is_refused_in_one_line_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"

    class OptionExercised(HaltRaised, kw_only=True):
        """Of a version to come."""

    journal = open_journal(path)
    journal.append([OptionExercised(ts_event=1, scope="all", reason="")], recorded_at=AT)
    journal.close()

    with pytest.raises(InvalidSetting, match="whose entries of kind 'OptionExercised' this version doesn't know"):
        open_journal(path)

    assert [beside.name for beside in tmp_path.glob("*damaged*")] == []


@pytest.mark.parametrize("name", ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite.lock", "journal.sqlite.mark"])
def test_a_planted_link_is_never_followed(name: str, tmp_path: Path) -> None:
    path = crashed_journal(tmp_path, in_log=20)
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    path.with_name(name).unlink(missing_ok=True)
    path.with_name(name).symlink_to(victim)

    with pytest.raises(InvalidSetting, match=name):
        open_journal(path)

    assert victim.read_bytes() == b"precious"


def test_a_reader_notices_that_a_recovery_has_begun_a_fresh_journal(tmp_path: Path) -> None:
    path = crashed_journal(tmp_path, in_log=20)
    reader = JournalReader(path)
    assert not reader.was_replaced()
    reader.read()
    assert not reader.was_replaced()

    cut(wal(path), 0.5)
    open_journal(path)

    assert reader.was_replaced()


def test_a_mark_that_is_taken_away_in_a_run_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = open_journal(path)
    journal.append([event(1)], recorded_at=AT)

    mark_path(path).unlink()
    journal.tend()
    journal.append([event(2)], recorded_at=AT)
    journal.close()

    assert open_journal(path).trouble == ""
