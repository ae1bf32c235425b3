"""The journal that several files of tests begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.storage import journal_rows
from adapters.storage.journal import SqliteJournal
from tests.adapters.journals import halt, open_journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> SqliteJournal:
    journal = open_journal(path)
    journal.append([halt(1)], recorded_at=1)
    return journal


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it take almost no time to find that another program holds the journal."""
    monkeypatch.setattr(journal_rows, "PATIENCE_S", 0.001)
