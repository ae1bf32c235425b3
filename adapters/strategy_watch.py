"""Watches over strategies in a real process: an interval timer ends what hangs in Python, and a note in a file
names the one that hangs, or crashes, in C, where no timer reaches it and the process must be ended instead.

The note is written before each call and wiped after it. Who is named in it when the next process starts was at
work when the last one ended: for long, then it hung and is benched; else the process may have been killed by
anybody, and only the second such death benches.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from domain.signals.bench import StrategyOverdue

_NOTE_BYTES = 1024  # at the beginning of the file: who is at work, since when; then what is known of this run
_TICKS = 5  # of the timer until a strategy is overdue: a machine that slept brings one, however long it slept
_SUDDEN_DEATHS = 2  # of the process while the same strategy was at work
_HUNG_SHARE = 0.75  # of the time after which the supervisor ends a hung actor


class _Known(msgspec.Struct):
    run: int = 0  # which run this is about: nothing outlives it
    benched: dict[str, str] = {}  # name -> reason
    deaths: dict[str, int] = {}  # name -> of the process, sudden ones


class StrategyWatch:
    """One per process, used by its main thread. A file that can't be written costs the memory, not the watching.

    Args:
        run: stands for this run of the system.
        within_s: a strategy that takes longer is ended.
        hung_after_s: the supervisor ends a process that is silent for so long.
    """

    def __init__(self, path: Path, run: int, within_s: float, hung_after_s: float) -> None:
        self._path = path
        self._tick_s = within_s / _TICKS
        self._ticks = 0
        self._is_inside = False
        self._fd: int | None = None
        self._known = _Known(run)
        with contextlib.suppress(OSError):
            fd = self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            self._learn(fd, run, hung_after_s)
        self._note("")
        self._keep()
        signal.signal(signal.SIGALRM, self._tick)

    def benched(self) -> Mapping[str, str]:
        return self._known.benched

    def bench(self, name: str, reason: str) -> None:
        self._known.benched[name] = reason
        self._keep()

    def enter(self, name: str) -> None:
        self._ticks = 0
        self._is_inside = True
        self._note(name)
        signal.setitimer(signal.ITIMER_REAL, self._tick_s, self._tick_s)

    def leave(self) -> None:
        self._is_inside = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        self._note("")
        if self._ticks >= _TICKS:  # also of one that swallowed what the timer raised
            self._ticks = 0
            raise StrategyOverdue

    def _tick(self, number: int, frame: FrameType | None) -> Any:
        is_leaving = frame is not None and frame.f_code is StrategyWatch.leave.__code__
        if not self._is_inside or is_leaving:
            return
        self._ticks += 1
        if self._ticks >= _TICKS:
            raise StrategyOverdue

    # ---- the file ----------------------------------------------------------------------------------------

    def _learn(self, fd: int, run: int, hung_after_s: float) -> None:
        note = os.pread(fd, _NOTE_BYTES, 0)
        try:
            known = msgspec.json.decode(os.pread(fd, 1 << 20, _NOTE_BYTES), type=_Known)
            name, since = note.decode().rstrip().rsplit("\t", 1)
            since_ns = int(since)
        except (msgspec.DecodeError, ValueError):
            return  # a new file, or not ours to read
        if known.run != run:
            return
        self._known = known
        if not name or name in known.benched:
            return
        if (time.monotonic_ns() - since_ns) / 1e9 >= hung_after_s * _HUNG_SHARE:
            known.benched[name] = "it hung, and the process with it"
            return
        deaths = Counter(known.deaths)
        deaths[name] += 1
        known.deaths = dict(deaths)
        if deaths[name] >= _SUDDEN_DEATHS:
            known.benched[name] = f"the process ended {deaths[name]} times while it was at work"

    def _note(self, name: str) -> None:
        if self._fd is not None:
            note = f"{name}\t{time.monotonic_ns()}".encode().ljust(_NOTE_BYTES)
            with contextlib.suppress(OSError):
                os.pwrite(self._fd, note[:_NOTE_BYTES], 0)

    def _keep(self) -> None:
        if self._fd is not None:
            known = msgspec.json.encode(self._known)
            with contextlib.suppress(OSError):
                os.pwrite(self._fd, known, _NOTE_BYTES)
                os.ftruncate(self._fd, _NOTE_BYTES + len(known))
