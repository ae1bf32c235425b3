"""The disk runs full under a running system: openings must halt, what reduces risk must still pass, and once
there is room and a person resumes, it must trade again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random

from adapters.journal import JournalReader
from domain.order_messages import (
    CancelRequested,
    HaltCleared,
    HaltRaised,
    JournalEntry,
    OrderSubmitted,
    Purpose,
)
from scripts.bench.small_disk import SmallDisk
from scripts.bench.trial import Trial

_HALT_WITHIN_S = 30.0  # as long as it takes until the journal needs more room
_REDUCE_WITHIN_S = 30.0
_BACK_WITHIN_S = 20.0
_TRADE_WITHIN_S = 30.0
_LOOK_AGAIN_S = 0.1


class FullDisk:
    """One such misfortune."""

    def __init__(self, trial: Trial, disk: SmallDisk, journal: Path, random: Random, tell: Callable) -> None:
        self._trial = trial
        self._disk = disk
        self._journal = journal
        self._random = random
        self._tell = tell

    def strike(self) -> Iterator[str]:
        """Fill the disk, look, make room, and yield what was not as it must be."""
        began_seq = self._entries()[-1].seq
        self._tell(f"disk full: took the last {self._disk.fill()} bytes")
        halt_seq = self._wait_for(lambda entry: isinstance(entry.event, HaltRaised), began_seq, _HALT_WITHIN_S)
        if halt_seq:
            self._tell("  openings are halted")
            self._wait_for(is_reducing, halt_seq, _REDUCE_WITHIN_S)
            if self._random.random() < 0.5:
                self._kill_router()
            self._wait_for(is_reducing, self._entries()[-1].seq, _REDUCE_WITHIN_S)
            entries = [entry for entry in self._entries() if entry.seq > halt_seq]
            self._tell(f"  {sum(map(is_reducing, entries))} orders and cancels that reduce risk passed")
            if any(map(is_opening, entries)):
                yield "an opening was sent on a full disk"
            if not any(map(is_reducing, entries)):
                yield "nothing that reduces risk passed a full disk"
        else:
            yield f"the full disk was not noticed within {_HALT_WITHIN_S:g} s"
        self._disk.free()
        self._trial.ask("resume")
        self._tell("  room again, and resumed")
        cleared_seq = self._wait_for(lambda entry: isinstance(entry.event, HaltCleared), began_seq, _BACK_WITHIN_S)
        if not cleared_seq or not self._wait_for(is_opening, cleared_seq, _TRADE_WITHIN_S):
            yield "it does not trade again after the disk was full"

    def _kill_router(self) -> None:
        pid = self._trial.status()["actors"]["order_router"]["pid"]
        os.kill(pid, signal.SIGKILL)
        self._trial.wait_for(
            "the router is back",
            lambda now: now["actors"]["order_router"]["pid"] != pid
            and now["actors"]["order_router"]["state"] == "up",
            _BACK_WITHIN_S,
        )
        self._tell("  killed order_router meanwhile, and it is back")

    def _entries(self) -> tuple[JournalEntry, ...]:
        with closing(JournalReader(self._journal)) as reader:
            return reader.read()

    def _wait_for(self, wanted: Callable[[JournalEntry], bool], after_seq: int, within_s: float) -> int:
        """Return the sequence number of the first wanted entry after `after_seq`; 0 when none came in time."""
        give_up_at = time.monotonic() + within_s
        while time.monotonic() < give_up_at:
            for entry in self._entries():
                if entry.seq > after_seq and wanted(entry):
                    return entry.seq
            time.sleep(_LOOK_AGAIN_S)
        return 0


def is_opening(entry: JournalEntry) -> bool:
    event = entry.event
    return isinstance(event, OrderSubmitted) and event.order.purpose is Purpose.OPEN


def is_reducing(entry: JournalEntry) -> bool:
    event = entry.event
    is_order = isinstance(event, OrderSubmitted) and event.order.purpose is not Purpose.OPEN
    return is_order or isinstance(event, CancelRequested)
