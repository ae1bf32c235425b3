"""What a system can't do without, its launcher and its admin, and the end of all other processes with them.

Without the launcher nobody owns the system. Without the admin it makes no actor and delivers no dead letter,
which is worse than none, and nobody but the launcher would notice.

A parent-death signal would not do: actors are children of actors, the admin detaches itself, and a dead
supervisor's children shall live. So each process holds descriptors of these processes and waits on them in a
thread, which works while a handler blocks too.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple


class Lifeline(NamedTuple):
    process: int
    started: str  # the kernel's start time, since process numbers are reused
    grace_s: float  # left to others after its end: an orderly shutdown ends it before they are through


def this_process(grace_s: float) -> Lifeline:
    return Lifeline(os.getpid(), _started(os.getpid()), grace_s)


def is_alive(lifeline: Lifeline) -> bool:
    return _started(lifeline.process) == lifeline.started


def end_with(lifelines: Iterable[Lifeline], clean_up: Callable[[], None]) -> None:
    """Kill this process, after `clean_up`, when the first of these is gone; at once if it is gone already."""

    def wait() -> None:
        time.sleep(_first_to_end(lifelines).grace_s)
        try:
            clean_up()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)  # handlers may never return, and crashes cost nothing

    threading.Thread(target=wait, name="lifelines", daemon=True).start()


def _first_to_end(lifelines: Iterable[Lifeline]) -> Lifeline:
    deaths = select.poll()  # not select(): descriptors may have large numbers
    by_descriptor = {}
    for lifeline in lifelines:
        try:
            descriptor = os.pidfd_open(lifeline.process)
        except ProcessLookupError:
            return lifeline
        if not is_alive(lifeline):
            return lifeline
        deaths.register(descriptor, select.POLLIN)
        by_descriptor[descriptor] = lifeline
    return by_descriptor[deaths.poll()[0][0]]


def _started(process: int) -> str:
    """Return field 22 of /proc/PID/stat, or nothing if there is no such process."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return text.rpartition(")")[2].split()[19]  # the name before it may hold spaces
