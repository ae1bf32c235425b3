"""History for people. Nothing here is needed to trade correctly; losing it loses no money."""

from __future__ import annotations

import msgspec

from actors.runtime.base_actor import BaseActor
from adapters.storage_ports import FILE_LOST
from domain.effects import Effect, WakeupKey, WakeupKind
from domain.instant import SECOND_NS, Instant
from domain.messages.base import Event
from domain.messages.journal import JournalExtended

_EVERY_NS = SECOND_NS


class RecorderWakeup(WakeupKind):
    FLUSH = "flush"


_FLUSH = WakeupKey(RecorderWakeup.FLUSH)


class Recorder(BaseActor):
    """Writes every event it hears as one row, a second's worth at a time."""

    def started(self) -> None:
        self.history = self.toolbox.history(self.settings.history)
        self._schedule()

    def stopping(self) -> None:
        self.history.close()

    def receiveMsg_Event(self, event: Event, sender: str) -> None:
        self.history.add(event.ts_event, type(event).__name__, msgspec.to_builtins(event))
        self.counters["rows"] += 1

    def receiveMsg_JournalExtended(self, extended: JournalExtended, sender: str) -> None:
        for entry in extended.entries:
            self.receiveMsg_Event(entry.event, sender)

    def tick(self, key: WakeupKey, now: Instant) -> list[Effect]:
        lost = self.history.flush()
        if lost:
            self.counters["rows_lost"] += lost
            self.alarm("history", f"not written: {self.history.failure}")
        if self.history.files_lost > self.counters["files_lost"]:
            self.counters["files_lost"] = self.history.files_lost
            self.alarm("history", FILE_LOST)
        self._schedule()
        return []

    def _schedule(self) -> None:
        self.wake_at(self.clock.now().monotonic_ns + _EVERY_NS, _FLUSH)
