"""Disk kept back for the entries of cancels and reducing orders: a file beside the database, because freeing pages
inside it would itself need disk for its log.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from adapters.storage.own_files import is_own, open_own, put_away

log = logging.getLogger(__name__)

RESERVE_BYTES = 16 * 1024 * 1024


def reserve_path(journal: Path) -> Path:
    return journal.with_name(journal.name + ".reserve")


class Reserve:
    """The file, and the disk under it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self) -> bool:
        """Make the file take up so much disk; False, and no file, where there is no room."""
        try:
            if os.path.lexists(self._path) and not is_own(self._path):
                # It says nothing about the disk, and whoever put it there may want it.
                log.warning("no_reserve_of_ours kept_as=%s", put_away(self._path))
            reserve = open_own(self._path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            log.error("no_reserve error=%s", error)
            return False
        try:
            os.posix_fallocate(reserve, 0, RESERVE_BYTES)
        except OSError as error:
            log.error("no_reserve error=%s", error)
            self._path.unlink()
            return False
        finally:
            os.close(reserve)
        return True

    def release(self) -> None:
        """Give the disk to the entries that follow. What is no file of ours gives none."""
        if is_own(self._path):
            self._path.unlink()
