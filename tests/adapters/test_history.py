import json
import sqlite3
from pathlib import Path

from adapters.history import SqliteHistory


def rows(path: Path) -> list[tuple]:
    with sqlite3.connect(path) as database:
        return database.execute("SELECT recorded_at, kind, fields FROM history").fetchall()


def test_rows_are_written_when_flushed_and_stay(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    history = SqliteHistory(path)

    history.add(1, "Signal", {"side": "BUY"})
    assert rows(path) == []
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
