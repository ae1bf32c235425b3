"""Where log lines go and how much of them is kept: a few files of bounded size, of lines that steer no terminal.

One process writes a log and rotates it. Who adds a line now and then opens the file by its path each time.
"""

from __future__ import annotations

import logging
import logging.handlers
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from adapters.storage.own_files import HeldFiles, is_gone
from domain.text import bounded

LOG_BYTES = 10_000_000  # of one file; then it becomes .1, .1 becomes .2, and so on
LOGS_KEPT = 3  # besides the newest
_MOST_LINES = 200  # of one record: a traceback
_MOST_CHARACTERS = 1_000  # of each line
_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class LineFormatter(logging.Formatter):
    """Formats records of any origin: libraries quote what they were sent, too."""

    def __init__(self) -> None:
        super().__init__(_FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        lines = super().format(record).split("\n")
        if len(lines) > _MOST_LINES:
            half = _MOST_LINES // 2  # the end of a traceback says what went wrong
            lines = [*lines[:half], "…", *lines[-half:]]
        return "\n".join(bounded(line, _MOST_CHARACTERS) for line in lines)


class LogFile(logging.handlers.RotatingFileHandler):
    """A log of bounded size, begun anew, and so told, where its file was removed, moved or replaced."""

    def _open(self) -> TextIOWrapper:
        stream = super()._open()
        self._held = HeldFiles(Path(self.baseFilename))
        return stream

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream is not None and self._held.is_lost():
            self._begin_anew(self.stream)
        super().emit(record)

    def _begin_anew(self, lost: TextIOWrapper) -> None:
        """Write no more into what nobody can find; while the whole directory is gone, there is nowhere else."""
        if is_gone(Path(self.baseFilename).parent):
            return
        try:
            self.stream = self._open()
        except OSError:
            return  # what is open takes the lines; the next one tries again
        lost.close()
        words = "log_file_lost: it was removed, moved or replaced while it was written, with what was in it"
        super().emit(logging.LogRecord(__name__, logging.WARNING, __file__, 0, words, (), None))


def log_definitions(path: Path, level: str) -> dict[str, Any]:
    """Return how the actor system's logger is set up, for `logging.config.dictConfig`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": f"{__name__}.{LineFormatter.__name__}"}},
        "handlers": {
            "file": {
                "class": f"{__name__}.{LogFile.__name__}",
                "filename": str(path),
                "maxBytes": LOG_BYTES,
                "backupCount": LOGS_KEPT,
                "formatter": "line",
            }
        },
        "root": {"level": level.upper(), "handlers": ["file"]},
    }


def log_here(path: Path) -> None:
    """Send what this process logs to `path`, from warnings up."""
    handler = LogFile(path, maxBytes=LOG_BYTES, backupCount=LOGS_KEPT)
    handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    root.addHandler(handler)


def make_room(path: Path) -> None:
    """Set a log aside that others write to without looking at its size, once it is full. Before they do."""
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
