"""Commands in what people are told, so that they work as pasted: with the path of this nzeza, and where it runs."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

from domain.settings import SystemSettings

_COMMAND = re.compile(r"`nzeza (status|stop|resume|restart|metrics)([^`]*)`")
_program = "nzeza"
_data_directory = ""


def stand_in(data_directory: str | Path) -> None:
    """Take note of how this process was called, and which data directory it is about."""
    global _program, _data_directory
    called = sys.argv[0] if sys.argv else ""
    _program = called if os.path.basename(called) == "nzeza" and os.path.isfile(called) else "nzeza"
    is_default = str(data_directory) == SystemSettings().data_directory
    _data_directory = "" if is_default else str(data_directory)


def pasteable(text: str) -> str:
    """Return `text` with each command in it as this person would have to type it."""

    def spelled(match: re.Match[str]) -> str:
        about = f" --data-directory {shlex.quote(_data_directory)}" if _data_directory else ""
        return f"`{shlex.quote(_program)} {match[1]}{match[2]}{about}`"

    return _COMMAND.sub(spelled, text)
