"""Who holds a data directory, and how what was left there is ended: by proof of the kernel, not by a number that a
file tells, since numbers are reused.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

LOCK_NAME = "lock"
LONGEST_SHOWN = 80  # characters of a command
_LOOK_AGAIN_S = 0.02
_SIMULATOR = "scripts.run.simulated_venues"


class Holder(NamedTuple):
    pid: int
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command})"


def holders(directory: Path) -> list[Holder]:
    """Return the processes of this user that have the lock of `directory`, or serve the simulated venues there."""
    try:
        lock = (directory / LOCK_NAME).stat()
    except OSError:
        return []
    return [Holder(pid, _command(pid)) for pid in _pids() if _is_of(pid, directory, lock)]


def end_all(directory: Path, within_s: float) -> tuple[list[Holder], list[Holder]]:
    """Kill the holders of `directory`. Returns who was ended, and who is still there after `within_s`."""
    ended: dict[int, Holder] = {}
    give_up_at = time.monotonic() + within_s
    while (left := holders(directory)) and time.monotonic() < give_up_at:
        for holder in left:
            if _kill(holder.pid, directory):
                ended[holder.pid] = holder
        time.sleep(_LOOK_AGAIN_S)
    return [holder for pid, holder in ended.items() if holder not in left], left


def _kill(pid: int, directory: Path) -> bool:
    """Kill a process if it is a holder still: its number may be somebody else's by now."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if not _is_of(pid, directory, (directory / LOCK_NAME).stat()):
            return False
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        return True
    except (OSError, ProcessLookupError):
        return False
    finally:
        os.close(descriptor)


def _pids() -> Iterator[int]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            yield int(name)


def _is_of(pid: int, directory: Path, lock: os.stat_result) -> bool:
    with contextlib.suppress(OSError):  # it ends while we look, or isn't ours
        if os.stat(f"/proc/{pid}").st_uid != os.geteuid():
            return False
        return _has_lock(pid, lock) or _simulates(pid, directory)
    return False


def _has_lock(pid: int, lock: os.stat_result) -> bool:
    """Tell whether one of its descriptors holds the lock: having the file open proves nothing."""
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            found = os.stat(f"/proc/{pid}/fd/{number}")
            if (found.st_dev, found.st_ino) == (lock.st_dev, lock.st_ino):
                if "FLOCK" in Path(f"/proc/{pid}/fdinfo/{number}").read_text():
                    return True
    return False


def _simulates(pid: int, directory: Path) -> bool:
    words = _words(pid)
    with contextlib.suppress(OSError):
        return _SIMULATOR in words and os.path.samefile(words[-1], directory)
    return False


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        text = " ".join(_words(pid))
        shown = "".join(letter if letter.isprintable() else "?" for letter in text)
        return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}..."
    return "?"


def _words(pid: int) -> list[str]:
    raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    return [os.fsdecode(word) for word in raw.split(b"\0") if word]
