"""The journal before anybody trades on it: checked, brought up to date, and recovered as far as it can be proven."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from adapters.storage.journal import SqliteJournal
from adapters.storage.journal_mark import mark_path
from domain.account_binding import Account
from domain.errors import InvalidSetting, NzezaError
from domain.messages.journal import BalancesOpened
from scripts.run.version import code_version

_TELL_EVERY_S = 2.0


def prepare_journal(path: Path, account: Account, tell: Callable[[str], None], is_stopping: Callable[[], bool]) -> None:
    """Check every entry, and `tell` a person what is missing; nothing where there is no journal yet.

    The router checks them again when it opens the journal, on purpose: it also starts in the middle of a run, after a
    crash, with nobody before it, and may rely on nothing that another process saw earlier. Here it is done so that a
    refusal is one line and a long check can be stopped, before any process or venue is there.

    Raises:
        InvalidSetting: a newer version wrote it, it is not a file of ours, or of another account than `account`.
        NzezaError: it cannot be opened, or `is_stopping` said so meanwhile.
    """
    if not path.exists() and not mark_path(path).exists():
        return
    told_at = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal told_at
        if is_stopping():
            raise NzezaError("stopped while the journal was checked: nothing was started")
        if time.monotonic() - told_at >= _TELL_EVERY_S:
            told_at = time.monotonic()
            tell(f"checking journal: {done:,} of {total:,}")

    journal = SqliteJournal(path, code_version=code_version(), progress=progress)
    if journal.moved:
        tell(journal.moved)
    if journal.trouble:
        tell(journal.trouble)
    bound = Account(journal.meta["mode"], journal.meta["account"])
    if not bound.mode and _has_opened_books(journal):
        bound = Account("simulated", "simulator")  # an older version wrote it, which had no other
    journal.close()
    if bound.mode and bound != account:
        raise InvalidSetting(
            f"system.data_directory: {str(path.parent)!r} belongs to {bound.in_words}, and this is {account.in_words}:"
            " give it a directory of its own, with --data-directory"
        )


def _has_opened_books(journal: SqliteJournal) -> bool:
    return any(isinstance(entry.event, BalancesOpened) for entry in journal.scan())
