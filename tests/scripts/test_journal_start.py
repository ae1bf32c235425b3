"""The launcher tells what a damaged journal has lost, in one line, before anybody trades on it."""

from pathlib import Path

import pytest

from adapters import journal_check
from adapters.journal import SqliteJournal
from domain.errors import NzezaError
from domain.order_messages import HaltRaised
from scripts.journal_start import prepare_journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.sqlite"
    journal = SqliteJournal(path, code_version="1")
    journal.append([HaltRaised(ts_event=1, scope="all", reason="r")] * 3, recorded_at=1)
    journal.close()
    return path


def test_a_whole_journal_is_nothing_to_speak_of(path: Path, capsys: pytest.CaptureFixture) -> None:
    prepare_journal(path)

    assert capsys.readouterr().err == ""


def test_a_first_start_has_none_and_makes_none(tmp_path: Path) -> None:
    prepare_journal(tmp_path / "journal.sqlite")

    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_told_in_one_line(path: Path, capsys: pytest.CaptureFixture) -> None:
    path.write_bytes(b"")

    prepare_journal(path)

    told = capsys.readouterr().err
    assert told.startswith("nzeza: journal_damaged: the file is empty: entries 1 to 3 are missing")
    assert told.count("\n") == 1


def test_a_person_who_stops_a_long_check_is_heard(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_check, "PROGRESS_EVERY", 1)

    with pytest.raises(NzezaError, match="stopped while the journal was checked"):
        prepare_journal(path, is_stopping=lambda: True)

    prepare_journal(path)  # and nothing is held any more
