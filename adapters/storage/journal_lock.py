"""The lock of the journal's one writer: a file beside it, which the kernel lets go when that process has died."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from adapters.storage.own_files import open_own
from domain.errors import Fatal


def lock_path(journal: Path) -> Path:
    return journal.with_name(journal.name + ".lock")


def take_lock(journal: Path) -> int:
    """Return the descriptor that holds it.

    Raises:
        Fatal: another process does (`code` "locked").
        OSError: what has its name is no file of ours.
    """
    lock = open_own(lock_path(journal), os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise Fatal(f"another process writes the journal {journal}", code="locked") from error
    return lock
