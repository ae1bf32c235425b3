"""History must never be the reason why something fails that matters."""

from __future__ import annotations

from actors.recorder import Recorder
from actors.stage.stage import Stage
from actors.stage.toolbox import MemoryHistory
from adapters.storage_ports import FILE_LOST
from domain.effects import Role
from domain.messages.system import AlarmRaised


class FullDisk(MemoryHistory):
    def flush(self) -> int:
        self.failure = "the disk is full"
        return 3


def test_rows_that_a_full_disk_costs_are_counted_and_told_to_a_person_once() -> None:
    stage = Stage()
    stage.toolbox.memory_history = FullDisk()
    stage.cast(Recorder, Role.RECORDER)

    stage.advance(seconds=2.5)

    assert stage.actor(Role.RECORDER).counters["rows_lost"] == 6
    [alarm] = [told for told in stage.received[Role.MONITOR] if isinstance(told, AlarmRaised)]
    assert (alarm.subject, alarm.text) == ("history", "not written: the disk is full")


class TakenAway(MemoryHistory):
    def flush(self) -> int:
        self.files_lost = 1
        return 0


def test_a_file_that_was_taken_away_is_counted_and_told_to_a_person_once() -> None:
    stage = Stage()
    stage.toolbox.memory_history = TakenAway()
    stage.cast(Recorder, Role.RECORDER)

    stage.advance(seconds=130)

    assert stage.actor(Role.RECORDER).counters["files_lost"] == 1
    [alarm] = [told for told in stage.received[Role.MONITOR] if isinstance(told, AlarmRaised)]
    assert (alarm.subject, alarm.text) == ("history", FILE_LOST)
