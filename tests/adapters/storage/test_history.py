import itertools
import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from adapters.storage import history as history_module
from adapters.storage.history import LEAVES_FREE_BYTES, SqliteHistory

KEEP = 10_000_000


def rows(path: Path) -> list[tuple]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT recorded_at, kind, fields FROM history").fetchall()


def test_rows_are_written_when_flushed_and_stay(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    history = SqliteHistory(path, KEEP)

    history.add(1, "Signal", {"side": "BUY"})
    assert not path.exists()
    history.flush()
    history.close()

    [(recorded_at, kind, fields)] = rows(path)
    assert (recorded_at, kind, json.loads(fields)) == (1, "Signal", {"side": "BUY"})


def test_closing_writes_what_was_not_flushed(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    history = SqliteHistory(path, KEEP)
    history.add(1, "Signal", {})

    history.close()

    assert len(rows(path)) == 1


def test_a_second_run_adds_to_the_first(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    for recorded_at in (1, 2):
        history = SqliteHistory(path, KEEP)
        history.add(recorded_at, "Signal", {})
        history.close()

    assert [row[0] for row in rows(path)] == [1, 2]


def test_on_a_disk_that_is_nearly_full_rows_are_lost_and_what_is_free_is_left_to_orders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.sqlite"
    history = SqliteHistory(path, KEEP)
    free = LEAVES_FREE_BYTES - 1
    monkeypatch.setattr(history_module, "free_bytes", lambda directory: free)

    history.add(1, "Signal", {})
    history.add(2, "Signal", {})
    assert history.flush() == 2
    assert not path.exists()

    free = LEAVES_FREE_BYTES
    history.add(3, "Signal", {})
    assert history.flush() == 0
    assert [row[0] for row in rows(path)] == [3]


def test_a_file_that_cannot_be_written_costs_its_rows_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    path.mkdir()
    history = SqliteHistory(path, KEEP)

    history.add(1, "Signal", {})
    assert history.flush() == 1

    path.rmdir()
    history.add(2, "Signal", {})
    assert history.flush() == 0
    assert [row[0] for row in rows(path)] == [2]


def test_a_lock_of_another_program_costs_rows_and_no_time_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    history = SqliteHistory(path, KEEP)
    history.add(1, "Signal", {})
    history.flush()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    began = time.monotonic()
    history.add(2, "Signal", {})
    assert history.flush() == 1
    assert time.monotonic() - began < 1.5  # of the three seconds after which an actor counts as hung
    assert history.failure.startswith("another program holds it")

    other.execute("ROLLBACK")
    history.add(3, "Signal", {})
    assert history.flush() == 0
    assert history.failure == ""
    assert [row[0] for row in rows(path)] == [1, 3]


def test_it_is_bounded_by_its_oldest_rows_and_its_file_does_not_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "REMOVED_AT_ONCE", 40)
    path = tmp_path / "history.sqlite"
    history = SqliteHistory(path, keep_bytes=100_000)
    sizes = []
    for flush in range(60):
        for number in range(20):
            history.add(flush * 20 + number, "Signal", {"text": "x" * 300})
        assert history.flush() == 0
        sizes.append(history._db.execute("PRAGMA page_count").fetchone()[0] * 4096)

    kept = [row[0] for row in rows(path)]
    assert kept == list(range(kept[0], 60 * 20))  # the newest
    assert 100 < len(kept) < 400
    assert max(sizes) < 120_000


def test_a_file_from_before_there_was_a_bound_shrinks_step_by_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "REMOVED_AT_ONCE", 40)
    path = tmp_path / "history.sqlite"
    unbounded = SqliteHistory(path, KEEP)
    for number in range(1200):
        unbounded.add(number, "Signal", {"text": "x" * 300})
    unbounded.close()

    history = SqliteHistory(path, keep_bytes=100_000)
    left = []
    for number in range(1200, 1260):
        history.add(number, "Signal", {})
        history.flush()
        left.append(len(rows(path)))

    assert max(before - after for before, after in itertools.pairwise(left)) < 40
    assert left[-1] < 400
    history.close()
    assert path.stat().st_size < 150_000


@pytest.mark.parametrize("spoil", [b"garbage " * 100, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_file_is_set_aside_and_a_new_one_begins(spoil: bytes, tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    path.write_bytes(spoil)
    history = SqliteHistory(path, KEEP)

    history.add(1, "Signal", {})
    assert history.flush() == 1
    history.add(2, "Signal", {})
    assert history.flush() == 0

    assert [row[0] for row in rows(path)] == [2]
    [aside] = tmp_path.glob("history.sqlite.damaged-*")
    assert aside.read_bytes() == spoil


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    path = tmp_path / "history.sqlite"
    path.symlink_to(victim)
    history = SqliteHistory(path, KEEP)

    history.add(1, "Signal", {})

    assert history.flush() == 1
    assert not victim.exists()


def take_away(path: Path) -> None:
    for each in path.parent.glob("history.sqlite*"):
        each.unlink()


def write_a_copy_in_its_place(path: Path) -> None:
    shutil.copy(path, path.with_name("copy"))
    path.with_name("copy").replace(path)


def take_its_log_away(path: Path) -> None:
    path.with_name("history.sqlite-wal").unlink()


@pytest.mark.parametrize("lose", [take_away, write_a_copy_in_its_place, take_its_log_away])
def test_a_file_that_is_taken_away_is_counted_and_the_rows_go_on_in_another(
    lose: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "history.sqlite"
    history = SqliteHistory(path, KEEP)
    history.add(1, "Signal", {})
    history.flush()

    lose(path)
    for recorded_at in (2, 3):
        history.add(recorded_at, "Signal", {})
        assert history.flush() == 0

    assert (history.files_lost, history.failure) == (1, "")
    assert [row[0] for row in rows(path)][-2:] == [2, 3]


def test_rows_go_on_into_what_is_open_while_the_whole_directory_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "history.sqlite"
    path.parent.mkdir()
    history = SqliteHistory(path, KEEP)
    history.add(1, "Signal", {})
    history.flush()

    path.parent.rename(tmp_path / "moved")
    history.add(2, "Signal", {})
    history.flush()

    assert history.files_lost == 0
