"""What the system needs of the machine's limits, asked before anything starts: later it would show as crashes."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

from domain.errors import NzezaError

_FILES = 40, 4  # of one process: for itself, and for each role, since children inherit some
_FILES_WANTED = 4096
_TASKS = 30, 4  # processes and threads of all
_FILE_MB = 64  # the journal's reserve, the logs before they are turned over, a long journal
_ADDRESS_SPACE_MB = 640  # of one process; most of it is never touched
_MB = 1_000_000


class TooLittle(NzezaError):
    """A limit is too low; the text names it and how to raise it."""


def check_limits(roles: int) -> None:
    """Raise the limits that we may raise, and refuse those under which `roles` actors can't work.

    Raises:
        TooLittle: for the first such limit.
    """
    files = _raised(resource.RLIMIT_NOFILE, _FILES_WANTED)
    _require(files, _FILES[0] + _FILES[1] * roles, "open files", "ulimit -n")
    if os.geteuid() != 0:  # whom that limit doesn't concern
        tasks = _raised(resource.RLIMIT_NPROC, resource.RLIM_INFINITY)
        _require(tasks, _tasks_of_user() + _TASKS[0] + _TASKS[1] * roles, "processes and threads", "ulimit -u")
    _require(_megabytes(resource.RLIMIT_AS), _ADDRESS_SPACE_MB, "MB of memory", "ulimit -v")
    _require(_megabytes(resource.RLIMIT_FSIZE), _FILE_MB, "MB in one file", "ulimit -f")


def _require(limit: int, needed: int, what: str, remedy: str) -> None:
    if limit != resource.RLIM_INFINITY and limit < needed:
        raise TooLittle(f"at most {limit} {what} are allowed here, and {needed} are needed: raise it by `{remedy}`")


def _megabytes(kind: int) -> int:
    limit = _raised(kind, resource.RLIM_INFINITY)
    return limit if limit == resource.RLIM_INFINITY else limit // _MB


def _raised(kind: int, wanted: int) -> int:
    """Return the limit, after raising it as far as `wanted`, if we may."""
    soft, hard = resource.getrlimit(kind)
    highest = (
        wanted if hard == resource.RLIM_INFINITY else hard if wanted == resource.RLIM_INFINITY else min(wanted, hard)
    )
    if soft == resource.RLIM_INFINITY or (highest != resource.RLIM_INFINITY and soft >= highest):
        return soft
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(kind, (highest, hard))
    return resource.getrlimit(kind)[0]


def _tasks_of_user() -> int:
    tasks = 0
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # it has ended
            if entry.name.isdigit() and entry.stat().st_uid == os.geteuid():
                tasks += len(os.listdir(entry / "task"))
    return tasks
