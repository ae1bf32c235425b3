"""The launcher tells what a damaged journal has lost, in one line, before anybody trades on it."""

import re
from pathlib import Path

import pytest

from adapters.storage import journal_check
from adapters.storage.journal import SqliteJournal
from domain.account_binding import Account
from domain.errors import InvalidSetting, NzezaError
from domain.messages.journal import BalancesOpened, HaltRaised
from scripts.run import journal_start
from scripts.run.journal_start import prepare_journal

SIMULATED = Account("simulated", "simulator")
NONE = Account("none", "none")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.sqlite"
    journal = SqliteJournal(path, code_version="1")
    journal.append([HaltRaised(ts_event=1, scope="all", reason="r")] * 3, recorded_at=1)
    journal.close()
    return path


def prepared(path: Path, is_stopping: bool = False, account: Account = SIMULATED) -> list[str]:
    """Return what a person is told."""
    told: list[str] = []
    prepare_journal(path, account, told.append, lambda: is_stopping)
    return told


def test_a_whole_journal_is_nothing_to_speak_of(path: Path) -> None:
    assert prepared(path) == []


def test_a_first_start_has_none_and_makes_none(tmp_path: Path) -> None:
    assert prepared(tmp_path / "journal.sqlite") == []

    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_is_told_in_one_line(path: Path) -> None:
    path.write_bytes(b"")

    [told] = prepared(path)

    assert told.startswith("journal_damaged: the file is empty: entries 1 to 3 are missing")
    assert "\n" not in told


def test_a_long_check_tells_how_far_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_check, "PROGRESS_EVERY", 2)
    monkeypatch.setattr(journal_start, "_TELL_EVERY_S", 0)

    assert prepared(path) == ["checking journal: 2 of 3"]


def test_a_person_who_stops_a_long_check_is_heard(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_check, "PROGRESS_EVERY", 1)

    with pytest.raises(NzezaError, match="stopped while the journal was checked"):
        prepared(path, is_stopping=True)

    assert prepared(path) == []  # and nothing is held any more


@pytest.mark.parametrize(("bound", "other"), [(SIMULATED, NONE), (NONE, SIMULATED)])
def test_a_directory_is_bound_to_the_account_of_its_first_run(tmp_path: Path, bound: Account, other: Account) -> None:
    path = tmp_path / "journal.sqlite"
    for account in (bound, other):  # the second must not rebind it
        SqliteJournal(path, code_version="1", **account._asdict()).close()

    assert prepared(path, account=bound) == []
    with pytest.raises(
        InvalidSetting, match=f"belongs to .* and this is {re.escape(other.in_words)}.*--data-directory"
    ):
        prepared(path, account=other)


def test_a_journal_from_before_directories_were_bound_is_a_simulated_account_if_it_has_one(path: Path) -> None:
    assert prepared(path, account=NONE) == []
    journal = SqliteJournal(path, code_version="1")
    journal.append([BalancesOpened(ts_event=1, venue="coinbase", balances=())], recorded_at=1)
    journal.close()

    assert prepared(path, account=SIMULATED) == []
    with pytest.raises(InvalidSetting, match="belongs to a simulated account"):
        prepared(path, account=NONE)
