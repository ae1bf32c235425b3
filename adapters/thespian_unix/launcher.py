"""The process that created the actor system, and the end of every other one when it dies.

A parent-death signal would not do: actors are children of actors, the admin detaches itself, and a dead
supervisor's children shall live. So each process holds a descriptor of the launcher's process and waits on it
in a thread, which works while a handler blocks too.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Launcher(NamedTuple):
    process: int
    started: str  # the kernel's start time, since process numbers are reused


def this_process() -> Launcher:
    return Launcher(os.getpid(), _started(os.getpid()))


def is_alive(launcher: Launcher) -> bool:
    return _started(launcher.process) == launcher.started


def end_with(launcher: Launcher, clean_up: Callable[[], None]) -> None:
    """Kill this process when the launcher is gone, after `clean_up`; at once if it is gone already."""

    def wait() -> None:
        try:
            life = os.pidfd_open(launcher.process)
        except ProcessLookupError:
            life = -1
        if life >= 0 and is_alive(launcher):
            death = select.poll()  # not select(): descriptors may have large numbers
            death.register(life, select.POLLIN)
            death.poll()
        try:
            clean_up()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)  # handlers may never return, and crashes cost nothing

    threading.Thread(target=wait, name="launcher's life", daemon=True).start()


def _started(process: int) -> str:
    """Return field 22 of /proc/PID/stat, or nothing if there is no such process."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return text.rpartition(")")[2].split()[19]  # the name before it may hold spaces
