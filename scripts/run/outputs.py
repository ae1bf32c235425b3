"""Standard output and error, which anybody may take away: a reader that ends or only stops to read, a full disk, a
terminal that is gone, a shell that closed them before the start. A lost output costs the output and nothing else.

Verbs that ask use `say` and `complain`. The launcher has an `Outlet` for each, which neither raises nor blocks.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from domain.errors import NzezaError
from scripts.run.advice import pasteable

MOST_WAITING = 1_000  # texts for a reader that doesn't read; beyond, they are left out
_STANDARD = {0: "stdin", 1: "stdout", 2: "stderr"}


class OutputLost(NzezaError):
    """Standard output takes no more."""

    def __init__(self, error: OSError | ValueError) -> None:
        reason = error.strerror if isinstance(error, OSError) else error
        super().__init__(f"cannot write to standard output ({reason})")
        # Nobody is wronged by `| head -1`.
        self.has_reader_left = isinstance(error, OSError) and error.errno == errno.EPIPE


def secure_outputs() -> None:
    """Put the null device where a standard descriptor is closed, before a file or socket of ours gets its number
    and with it the words that were meant for people."""
    for descriptor, name in _STANDARD.items():
        try:
            os.fstat(descriptor)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != descriptor:  # the lowest free number is ours, since those below are taken by now
                os.dup2(null, descriptor)
                os.close(null)
        if getattr(sys, name) is None:
            stream = open(descriptor, "r" if descriptor == 0 else "w", closefd=False)  # noqa: SIM115  for good
            setattr(sys, name, stream)
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):  # else it was put there by somebody else
            output.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def claimed_output() -> Iterator[int]:
    """Yield a descriptor that leads to standard output, which nobody else finds meanwhile.

    The report is for programs: what else is printed, in this process or a child, by a strategy say, goes to standard
    error.
    """
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    ours = os.dup(1)
    os.dup2(2, 1)
    try:
        yield ours
    finally:
        os.dup2(ours, 1)  # and `ours` stays open: a thread may be writing what is left


def print_into(log: Path) -> None:
    """Let whatever this process prints go into the log, line by line. Raises OSError."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    os.dup2(descriptor, 1)
    os.close(descriptor)
    if isinstance(sys.stdout, io.TextIOWrapper):  # else it was put there by somebody else
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")


def say(text: str, end: str = "\n") -> None:
    """Print to standard output. Raises OutputLost."""
    try:
        print(text, end=end, flush=True)
    except (OSError, ValueError) as error:
        raise OutputLost(error) from None


def complain(text: object) -> None:
    """Print one line to standard error, if anybody is there."""
    with contextlib.suppress(OSError, ValueError):
        print(f"nzeza: {pasteable(str(text))}", file=sys.stderr, flush=True)


def finish_output() -> None:
    """Write what is still buffered, and let nothing be left for the interpreter to fail on. Raises OutputLost."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        raise OutputLost(error) from None


def abandon_output() -> None:
    """Let whatever is still buffered vanish."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


class Outlet:
    """A descriptor that is written by a thread of its own: writers never wait, whatever its reader does."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.error = ""  # why the last text wasn't written; empty when it was
        self._waiting: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._is_writing = False
        self._thread: threading.Thread | None = None

    def write(self, text: str) -> None:
        with self._changed:
            if len(self._waiting) >= MOST_WAITING:
                self.error = "nobody reads it"
                return
            self._waiting.append(text.encode("utf-8", "backslashreplace"))
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_all, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    @property
    def is_behind(self) -> bool:
        """Tell whether something written before hasn't left yet."""
        return bool(self._waiting) or self._is_writing

    def drain(self, within_s: float) -> bool:
        """Wait until all has left or was lost; False when the reader takes too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.is_behind, within_s)

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting)
                text = self._waiting.popleft()
                self._is_writing = True
            try:
                self._write_one(text)
                self.error = ""
            except OSError as error:  # the next text tries again: a disk may have room by then
                self.error = error.strerror or str(error)

    def _write_one(self, text: bytes) -> None:
        while text:
            try:
                text = text[os.write(self.descriptor, text) :]
            except BlockingIOError:  # somebody who shares it made it so
                select.select([], [self.descriptor], [])


class _IntoLog(logging.Handler):
    """Takes what this process logs: those are words for who reads the log, not for a terminal."""

    def __init__(self, keep: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._keep = keep

    def emit(self, record: logging.LogRecord) -> None:
        self._keep(f"{record.name} {record.getMessage()}")


class Voice:
    """What the launcher tells people: on standard error, and in the log, where it stands when nobody listens."""

    def __init__(self, log: Path, output: int = 1) -> None:
        """Args:
        output: descriptor of standard output.
        """
        self.output, self.errors = Outlet(output), Outlet(2)
        self._log = log
        logging.lastResort = _IntoLog(self._keep)  # what is logged before the actors' log is set up, or beside it

    def tell(self, text: str, is_logged: bool = True, is_shown: bool = True) -> None:
        if is_logged:
            self._keep(text)
        if is_shown:
            self.errors.write(f"nzeza: {pasteable(text)}\n")

    def _keep(self, text: str) -> None:
        stamp = datetime.now().strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
        with contextlib.suppress(OSError):
            # By the path, for the log may have been rotated by those who write most of it.
            descriptor = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            with open(descriptor, "ab") as log:
                log.write(f"{stamp} WARNING launcher {text}\n".encode("utf-8", "backslashreplace"))

    def close(self, within_s: float) -> None:
        """Give both outputs that long altogether to take what is left."""
        give_up_at = time.monotonic() + within_s
        for outlet in (self.output, self.errors):
            outlet.drain(max(0.0, give_up_at - time.monotonic()))
