"""Every process that came from the launcher, found and ended whatever became of its parents.

The launcher adopts orphans (PR_SET_CHILD_SUBREAPER), so a crashed parent hides nobody from it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_LOOK_AGAIN_S = 0.01


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants() -> list[int]:
    """Return the pids of all our live children, grandchildren and so on."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            parent = _live_parent(int(entry.name))
            if parent is not None:
                children.setdefault(parent, []).append(int(entry.name))
    found, to_visit = [], [os.getpid()]
    while to_visit:
        for pid in children.get(to_visit.pop(), []):
            found.append(pid)
            to_visit.append(pid)
    return found


def end_all(within_s: float) -> list[int]:
    """Wait for our descendants to end by themselves; kill those left after `within_s` and return them."""
    give_up_at = time.monotonic() + within_s
    while (left := descendants()) and time.monotonic() < give_up_at:
        time.sleep(_LOOK_AGAIN_S)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return left


def children_of(parent: int) -> list[int]:
    """Return the pids of a process's children, dead ones that it has not reaped included; none on kernels that
    don't list them."""
    found: list[str] = []
    for task in _entries(Path(f"/proc/{parent}/task")):
        with contextlib.suppress(OSError):
            found += (task / "children").read_text().split()
    return [int(pid) for pid in found]


def live_children(parent: int) -> set[int]:
    """Return the pids of a process's children that haven't ended."""
    return {pid for pid in children_of(parent) if _live_parent(pid) is not None}


def is_running(child: int) -> bool:
    """Tell whether a child of this process has not ended. Asks for no descriptor: there may be none left."""
    try:
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False


def is_stopped(pid: int) -> bool:
    """Tell whether a process was stopped by a signal, or by who traces it."""
    return _state_and_parent(pid)[0] in ("T", "t")


def cpu_ns(pid: int) -> int:
    """Return the processor time that all threads of a process have used so far; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    user, system = map(int, fields[11:13])
    return (user + system) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []


def _live_parent(pid: int) -> int | None:
    state, parent = _state_and_parent(pid)
    return None if state in ("", "Z", "X") else parent


def _state_and_parent(pid: int) -> tuple[str, int]:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", 0  # it has ended since we listed it
    return fields[0], int(fields[1])
