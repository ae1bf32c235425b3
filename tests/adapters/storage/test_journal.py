import os
import shutil
import sqlite3
import tracemalloc
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.storage import journal as journal_module
from adapters.storage import journal_reader, journal_reserve
from adapters.storage.journal import SqliteJournal
from adapters.storage.journal_reader import JournalReader, export
from domain.errors import Fatal, InvalidSetting
from domain.messages.journal import BalanceCorrected, HaltCleared, JournalEntry
from tests.adapters.journals import halt, open_journal


@pytest.fixture(autouse=True)
def small_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_reserve, "RESERVE_BYTES", 4096)


def test_what_was_appended_is_read_back_with_rising_numbers(path: Path) -> None:
    journal = open_journal(path)

    journal.append([halt(1), halt(2)], recorded_at=7)
    journal.append([halt(3)], recorded_at=8)

    assert journal.read() == (
        JournalEntry(seq=1, recorded_at=7, event=halt(1)),
        JournalEntry(seq=2, recorded_at=7, event=halt(2)),
        JournalEntry(seq=3, recorded_at=8, event=halt(3)),
    )
    assert [entry.seq for entry in journal.read(after_seq=2)] == [3]


def test_numbers_go_on_after_reopening(path: Path) -> None:
    first = open_journal(path)
    first.append([halt(1)], recorded_at=1)
    first.close()

    (entry,) = open_journal(path).append([halt(2)], recorded_at=2)

    assert entry.seq == 2


def test_money_survives_with_every_digit(path: Path) -> None:
    correction = BalanceCorrected(
        ts_event=1, correction_id="c", venue="coinbase", currency="BTC",
        difference=Decimal("-123456789.000000000000000001"), reason="r",
    )  # fmt: skip
    journal = open_journal(path)

    journal.append([correction], recorded_at=1)

    assert journal.read()[0].event == correction


def test_equal_histories_export_equal_bytes_however_decimals_were_written(tmp_path: Path) -> None:
    exports = []
    for name, spelling in (("a", "1E+2"), ("b", "100.00")):
        journal = open_journal(tmp_path / name)
        journal.append(
            [
                BalanceCorrected(
                    ts_event=1, correction_id="c", venue="v", currency="USD",
                    difference=Decimal(spelling), reason="",
                )
            ],
            recorded_at=1,
        )  # fmt: skip
        exports.append(export(tmp_path / name))

    assert exports[0] == exports[1]
    assert b'"difference":"100"' in exports[0]
    assert exports[0].count(b"\n") == 1


def test_a_reader_follows_a_living_writer(path: Path) -> None:
    journal, reader = open_journal(path), JournalReader(path)
    journal.append([halt(1)], recorded_at=1)
    seen = reader.read()

    journal.append([halt(2)], recorded_at=2)

    assert reader.read(after_seq=seen[-1].seq)[0].event == halt(2)


def test_a_reader_that_comes_before_the_writer_sees_nothing_and_then_everything(path: Path) -> None:
    reader = JournalReader(path)
    assert reader.read() == ()

    open_journal(path).append([halt(1)], recorded_at=1)

    assert [entry.event for entry in reader.read()] == [halt(1)]


def test_a_long_journal_is_scanned_without_being_in_memory(path: Path) -> None:
    journal = open_journal(path)
    journal.append([halt(number) for number in range(1, 4_001)], recorded_at=1)

    for entries in (journal.scan, JournalReader(path).scan):
        tracemalloc.start()
        seqs = sum(entry.seq for entry in entries())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert seqs == sum(range(1, 4_001))
        assert peak < 200_000  # all of them would take 1.5 MB


def test_a_closed_journal_can_still_be_read(path: Path) -> None:
    journal = open_journal(path)
    journal.append([halt(1)], recorded_at=1)
    journal.close()

    assert len(JournalReader(path).read()) == 1


def test_a_reader_cannot_write(path: Path) -> None:
    open_journal(path)
    reader = JournalReader(path)
    reader.read()

    with pytest.raises(sqlite3.OperationalError):
        reader._database.execute("DELETE FROM journal")


def test_a_second_writer_is_refused(path: Path) -> None:
    keep = open_journal(path)

    with pytest.raises(Fatal) as refusal:
        open_journal(path)

    assert refusal.value.code == "locked"
    keep.close()


def test_a_journal_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    open_journal(path).close()
    database = sqlite3.connect(path)
    database.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    database.execute("UPDATE meta SET value = '9.9' WHERE key = 'code_version'")
    database.commit()
    database.close()

    with pytest.raises(InvalidSetting, match=r"written by nzeza 9.9 \(journal version 99\)"):
        open_journal(path)

    kept = sqlite3.connect(path).execute("SELECT value FROM meta WHERE key = 'code_version'")
    assert kept.fetchone() == ("9.9",)


def test_a_full_disk_is_named_and_writes_all_or_nothing(path: Path) -> None:
    journal = open_journal(path)
    journal.append([halt(1)], recorded_at=1)
    allow_pages(journal, 6)

    with pytest.raises(Fatal) as failure:
        for number in range(2, 1000):
            journal.append([halt(number), HaltCleared(ts_event=number, scope="x" * 500)], recorded_at=1)

    assert failure.value.code == "disk_full"
    entries = journal.read()
    assert len(entries) % 2 == 1
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))


def test_after_a_full_disk_the_next_entry_takes_the_next_number(path: Path) -> None:
    journal = open_journal(path)
    allow_pages(journal, 6)
    with pytest.raises(Fatal):
        journal.append([HaltCleared(ts_event=1, scope="x" * 100_000)], recorded_at=1)

    journal.release_reserve()
    allow_pages(journal, 1000)  # what the released reserve is on a real disk
    (entry,) = journal.append([halt(1)], recorded_at=1)

    assert entry.seq == 1


def test_the_reserve_is_really_on_disk_until_it_is_released(path: Path) -> None:
    journal = open_journal(path)
    reserve = path.with_name("journal.sqlite.reserve")

    assert journal.take_reserve()
    assert reserve.stat().st_blocks * 512 >= 4096

    journal.release_reserve()
    assert not reserve.exists()


def test_where_there_is_no_room_for_the_reserve_entries_are_written_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_reserve, "RESERVE_BYTES", 1 << 62)
    journal = open_journal(path)

    assert not journal.take_reserve()

    assert not path.with_name("journal.sqlite.reserve").exists()
    assert journal.append([halt(1)], recorded_at=1)


def test_a_disk_too_full_even_to_open_the_journal_gets_the_reserve(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = open_journal(path)
    journal.append([halt(1)], recorded_at=1)
    journal.take_reserve()
    journal.close()
    reserve, connect = path.with_name("journal.sqlite.reserve"), sqlite3.connect

    def connect_where_there_is_room(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        if reserve.exists():
            raise sqlite3.OperationalError("database or disk is full")
        return connect(*args, **kwargs)

    monkeypatch.setattr(sqlite3, "connect", connect_where_there_is_room)
    journal = open_journal(path)

    assert len(journal.read()) == 1
    assert not reserve.exists()


def allow_pages(journal: SqliteJournal, pages: int) -> None:
    journal._database.execute(f"PRAGMA max_page_count = {pages}")


@pytest.mark.parametrize(("synchronous", "pragma"), [("normal", 1), ("full", 2)])
def test_what_must_survive_a_power_cut_is_synced_and_its_mark_too(
    path: Path, synchronous: Any, pragma: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr("os.fdatasync", synced.append)
    journal = SqliteJournal(path, code_version="1.0", synchronous=synchronous)
    journal.append([halt(1)], recorded_at=1)

    journal.tend()
    journal.tend()

    assert journal._database.execute("PRAGMA synchronous").fetchone() == (pragma,)
    assert len(synced) == (synchronous == "full")  # once, for there was nothing new


def test_journal_whose_directory_was_removed_goes_on_for_as_long_as_it_is_open(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    journal = open_journal(tmp_path / "data" / "journal.sqlite")
    journal.append([halt(1)], recorded_at=1)

    shutil.rmtree(tmp_path / "data")

    journal.tend()
    journal.append([halt(2)], recorded_at=2)
    assert [entry.event for entry in journal.read()] == [halt(1), halt(2)]
    journal.close()


def test_journal_whose_directory_was_shut_goes_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = open_journal(path)

    def refuse(path: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(journal_module, "identity", refuse)

    journal.tend()
    assert len(journal.append([halt(1)], recorded_at=1)) == 1


def test_journal_that_is_reached_by_a_handle_survives_a_move(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    handle = os.open(tmp_path / "data", os.O_PATH)
    journal = open_journal(Path(f"/proc/self/fd/{handle}/journal.sqlite"))
    journal.append([halt(1)], recorded_at=1)

    (tmp_path / "data").rename(tmp_path / "moved")

    journal.tend()
    journal.append([halt(2)], recorded_at=2)
    journal.close()
    assert len(open_journal(Path(f"/proc/self/fd/{handle}/journal.sqlite")).read()) == 2
    assert not (tmp_path / "data").exists()
    os.close(handle)


def test_a_journal_that_is_made_while_a_reader_looks_for_it_is_no_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = journal_reader.connect

    def too_early(*args: Any) -> sqlite3.Connection:
        try:
            return connect(*args)
        finally:
            if not path.exists():
                open_journal(path).close()

    monkeypatch.setattr(journal_reader, "connect", too_early)
    reader = JournalReader(path)

    assert reader.read() == ()
    assert path.exists()
    assert reader.read() == ()
