"""A journal, what is written to it, and what may befall it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.storage.journal import SqliteJournal
from domain.messages.journal import HaltRaised


def open_journal(path: Path) -> SqliteJournal:
    return SqliteJournal(path, code_version="1.0")


def halt(number: int) -> HaltRaised:
    return HaltRaised(ts_event=number, scope="all", reason=f"reason {number}")


def beside(path: Path) -> Path:
    """Return where entries wait while another program holds the journal."""
    return path.with_name("journal.sqlite-aside")


@contextmanager
def held(path: Path) -> Iterator[sqlite3.Connection]:
    """Be another program that has the journal's lock."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.close()


def crash(journal: SqliteJournal) -> None:
    """Let go of what the kernel takes from a process that was killed."""
    os.close(journal._lock)
    journal._database.close()
