"""A journal that goes on somewhere else mints ids of another instance, and still knows its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from adapters.storage import journal_home
from adapters.storage.journal import SqliteJournal
from adapters.storage.journal_mark import mark_path
from tests.order_builders import make_submitted


def opened(path: Path) -> SqliteJournal:
    return SqliteJournal(path, code_version="1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "one").mkdir(mode=0o700)
    journal = opened(tmp_path / "one" / "journal.sqlite")
    journal.append([make_submitted()], 1)
    journal.close()
    return tmp_path / "one" / "journal.sqlite"


def copied(path: Path) -> Path:
    elsewhere = path.parent.with_name("two")
    shutil.copytree(path.parent, elsewhere)
    return elsewhere / path.name


def test_a_restart_keeps_the_instance_and_so_does_a_directory_that_is_renamed(path: Path) -> None:
    journal = opened(path)
    instance = journal.instance
    journal.close()
    renamed = path.parent.rename(path.parent.with_name("two")) / path.name

    again = opened(renamed)

    assert (again.instance, again.former_instances, again.moved, again.trouble) == (instance, (), "", "")
    again.close()


def test_a_copy_draws_another_instance_once_and_remembers_the_former_one(path: Path) -> None:
    original, copy = opened(path), opened(copied(path))
    assert copy.instance != original.instance
    assert copy.former_instances == (original.instance,)
    assert copy.moved and not copy.trouble and not original.moved
    instance, former = copy.instance, copy.former_instances
    copy.append([make_submitted()], 2)
    copy.close()
    original.close()

    again = opened(path.parent.with_name("two") / path.name)

    assert (again.instance, again.former_instances, again.moved) == (instance, former, "")
    again.close()


def test_the_same_file_on_another_machine_is_a_copy(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "machine-id"
    other.write_text("another machine")
    monkeypatch.setattr(journal_home, "_MACHINE_ID", other)

    journal = opened(path)

    assert journal.moved and len(journal.former_instances) == 1
    journal.close()


def test_a_journal_that_begins_afresh_after_damage_has_not_moved(path: Path) -> None:
    journal = opened(path)
    instance = journal.instance
    journal.close()
    data = bytearray(path.read_bytes())
    at = data.rindex(b"OrderSubmitted")
    data[at : at + 5] = b"XXXXX"
    path.write_bytes(data)

    recovered = opened(path)
    assert recovered.trouble and not recovered.moved
    recovered.close()
    again = opened(path)

    assert (again.instance, again.moved) == (instance, "")
    assert mark_path(path).exists()
    again.close()


def made(monkeypatch: pytest.MonkeyPatch, utc_ns: int) -> None:
    """Let files have been made then; 0: the file system doesn't say."""
    monkeypatch.setattr(journal_home, "made_at", lambda path: utc_ns)


def test_a_copy_that_got_the_number_of_its_original_was_made_at_another_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(monkeypatch, 1_000)
    path.unlink()
    opened(path).close()

    made(monkeypatch, 1_001)
    journal = opened(path)

    assert journal.moved and len(journal.former_instances) == 1
    journal.close()


@pytest.mark.parametrize(("before", "now"), [(0, 1_000), (1_000, 0), (0, 0), (1_000, 1_000)])
def test_where_nobody_says_when_it_was_made_or_an_old_version_did_not_ask_it_is_at_home(
    path: Path, monkeypatch: pytest.MonkeyPatch, before: int, now: int
) -> None:
    made(monkeypatch, before)
    path.unlink()
    opened(path).close()

    made(monkeypatch, now)
    journal = opened(path)

    assert not journal.moved
    journal.close()
