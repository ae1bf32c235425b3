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

from adapters.storage.journal_reader import JournalReader
from domain.messages.journal import (
    CancelRequested,
    HaltRaised,
    JournalEntry,
    OrderFilled,
    OrderFilledProvisionally,
    OrderSubmitted,
)
from domain.messages.orders import Purpose
from scripts.bench.small_disk import SmallDisk
from scripts.bench.trial import Trial

_POSITION_WITHIN_S = 30.0
_HALT_WITHIN_S = 30.0  # as long as it takes until the journal needs more room
_REDUCE_WITHIN_S = 30.0
_BACK_WITHIN_S = 20.0
_TRADE_WITHIN_S = 30.0
_LOOK_AGAIN_S = 0.1


class FullDisk:
    """One such misfortune."""

    def __init__(
        self, trial: Trial, disk: SmallDisk, journal: Path, random: Random, tell: Callable[[str], None]
    ) -> None:
        self._trial = trial
        self._disk = disk
        self._journal = journal
        self._random = random
        self._tell = tell

    def strike(self) -> Iterator[str]:
        """Fill the disk, look, make room, and yield what was not as it must be."""
        self._trial.wait_for("a position", lambda now: bool(now["positions"]), _POSITION_WITHIN_S)
        began_seq = self._last_seq()
        self._tell(f"disk full: took the last {self._disk.fill()} bytes")
        halted_seq = self._wait_for(is_halt, began_seq, _HALT_WITHIN_S)
        if halted_seq:
            self._tell("  openings are halted")
            yield from self._suffer(halted_seq)
        else:
            yield f"the full disk was not noticed within {_HALT_WITHIN_S:g} s"
        self._disk.free()
        room_seq = self._last_seq()
        self._trial.ask("resume")
        self._tell("  room again, and resumed")
        if not self._wait_for(is_opening, room_seq, _TRADE_WITHIN_S):
            yield "it does not trade again after the disk was full"

    def _suffer(self, halted_seq: int) -> Iterator[str]:
        if self._random.random() < 0.5:
            self._kill_router()
        if self._is_holding() and not self._wait_for(is_reducing, halted_seq, _REDUCE_WITHIN_S):
            # Asked again: a status may tell of a position that was closed just before the halt.
            if self._is_holding():
                yield "nothing that reduces risk passed a full disk"
        self._trial.ask("resume")
        self._tell("  a person resumes too early")
        if not self._wait_for(is_halt, halted_seq, _HALT_WITHIN_S):
            yield "it was not halted again on a disk that is still full"
        time.sleep(self._random.uniform(0, 2))
        entries = [entry for entry in self._entries() if entry.seq > halted_seq]
        self._tell(f"  {sum(map(is_reducing, entries))} entries tell of what reduced risk")
        if any(map(is_opening, entries)):
            yield "an opening was sent on a full disk"

    def _is_holding(self) -> bool:
        return bool(self._trial.wait_for("positions", lambda now: True, _BACK_WITHIN_S)["positions"])

    def _kill_router(self) -> None:
        pid = self._trial.status()["actors"]["order_router"]["pid"]
        os.kill(pid, signal.SIGKILL)
        self._trial.wait_for(
            "the router is back",
            lambda now: now["actors"]["order_router"]["pid"] != pid and now["actors"]["order_router"]["state"] == "up",
            _BACK_WITHIN_S,
        )
        self._tell("  killed order_router meanwhile, and it is back")

    def _last_seq(self) -> int:
        return self._entries()[-1].seq

    def _entries(self) -> tuple[JournalEntry, ...]:
        with closing(JournalReader(self._journal)) as reader:
            return reader.read()

    def _wait_for(self, wanted: Callable[[JournalEntry], bool], after_seq: int, within_s: float) -> int:
        """Return the number of the first wanted entry after `after_seq`; 0 when none came in time."""
        give_up_at = time.monotonic() + within_s
        while time.monotonic() < give_up_at:
            for entry in self._entries():
                if entry.seq > after_seq and wanted(entry):
                    return entry.seq
            time.sleep(_LOOK_AGAIN_S)
        return 0


def is_halt(entry: JournalEntry) -> bool:
    return isinstance(entry.event, HaltRaised)


def is_opening(entry: JournalEntry) -> bool:
    event = entry.event
    return isinstance(event, OrderSubmitted) and event.order.purpose is Purpose.OPEN


def is_reducing(entry: JournalEntry) -> bool:
    match entry.event:
        case OrderSubmitted(order=order):
            return order.purpose is not Purpose.OPEN
        case OrderFilled(purpose=purpose) | OrderFilledProvisionally(purpose=purpose):
            return purpose is not Purpose.OPEN
        case CancelRequested():
            return True
    return False
