"""Where an actor's log goes: Thespian replaces the root logger in each process."""

from __future__ import annotations

import logging

_ROOT_AT_IMPORT = logging.getLogger()


def follow_root_logger() -> None:
    """Lead loggers that were made before the fork to the actor system's log: they still hang under the old root."""
    if logging.root is not _ROOT_AT_IMPORT:
        _ROOT_AT_IMPORT.handlers[:] = logging.root.handlers
        _ROOT_AT_IMPORT.setLevel(logging.root.level)
