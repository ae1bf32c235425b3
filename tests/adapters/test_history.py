import json
import sqlite3
from pathlib import Path

import pytest

from adapters import history as history_module
from adapters.history import LEAVES_FREE_BYTES, SqliteHistory


def rows(path: Path) -> list[tuple]:
    with sqlite3.connect(path) as database:
        return database.execute("SELECT recorded_at, kind, fields FROM history").fetchall()


def test_rows_are_written_when_flushed_and_stay(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    history = SqliteHistory(path)

    history.add(1, "Signal", {"side": "BUY"})
    assert not path.exists()
    history.flush()
    history.close()

    [(recorded_at, kind, fields)] = rows(path)
    assert (recorded_at, kind, json.loads(fields)) == (1, "Signal", {"side": "BUY"})


def test_closing_writes_what_was_not_flushed(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    history = SqliteHistory(path)
    history.add(1, "Signal", {})

    history.close()

    assert len(rows(path)) == 1


def test_a_second_run_adds_to_the_first(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    for recorded_at in (1, 2):
        history = SqliteHistory(path)
        history.add(recorded_at, "Signal", {})
        history.close()

    assert [row[0] for row in rows(path)] == [1, 2]


def test_on_a_disk_that_is_nearly_full_rows_are_lost_and_what_is_free_is_left_to_orders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.sqlite"
    history = SqliteHistory(path)
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
    history = SqliteHistory(path)

    history.add(1, "Signal", {})
    assert history.flush() == 1

    path.rmdir()
    history.add(2, "Signal", {})
    assert history.flush() == 0
    assert [row[0] for row in rows(path)] == [2]
