"""A journal with one event of each kind, written before its classes moved to other modules, reads as it did."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from adapters.storage.journal import SqliteJournal
from domain.messages.journal import JournalEvent

WRITTEN = Path(__file__).parent / "before_the_rooms"  # by SqliteJournal of version 0.1.0
with closing(sqlite3.connect(f"file:{WRITTEN / 'journal.sqlite'}?immutable=1", uri=True)) as _database:
    EVENTS = [(kind, json.loads(body)) for kind, body in _database.execute("SELECT kind, body FROM journal")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    for file in WRITTEN.glob("journal.sqlite*"):
        shutil.copy(file, tmp_path)
    return tmp_path / "journal.sqlite"


def left_of(written: Any, read: Any) -> Any:
    """Return what of `written` is not in `read`, where fields that came later may be; {} when all is there."""
    if isinstance(written, dict) and isinstance(read, dict):
        lost = {name: left_of(value, read.get(name)) for name, value in written.items()}
        return {name: value for name, value in lost.items() if value != {}}
    if isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        return {number: lost for number, pair in enumerate(zip(written, read, strict=True)) if (lost := left_of(*pair))}
    return {} if written == read else written


def test_every_event_is_read_as_it_was_written(path: Path) -> None:
    journal = SqliteJournal(path, code_version="now")
    read = [entry.event for entry in journal.read()][: len(EVENTS)]
    journal.close()

    assert [type(event).__name__ for event in read] == [kind for kind, _ in EVENTS]
    for event, (_, written) in zip(read, EVENTS, strict=True):
        assert left_of(written, json.loads(msgspec.json.encode(event))) == {}


def test_it_holds_each_kind_that_there_was() -> None:
    kinds = {cls.__name__ for cls in get_args(JournalEvent)}

    assert len(EVENTS) == 33
    assert {kind for kind, _ in EVENTS} <= kinds, "a kind was renamed or taken away"


def test_a_field_that_was_renamed_would_show() -> None:
    assert left_of({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 2, "d": 3}]}, "e": 4}) == {}
    assert left_of({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"x": 2}]}}) == {"a": {"b": {1: {"c": 2}}}}
