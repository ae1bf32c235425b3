"""What is done to the data directory is told each time, and halts openings for as long as it stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.messages.halts import HaltKind
from scripts.run.control import ControlServer
from scripts.run.data_directory import DataDirectory, Trouble
from scripts.run.directory_watch import DirectoryWatch

Asked = list[tuple[str, str]]


class Launcher:
    """Looks as the launcher does, and keeps what the supervisor is asked for."""

    def __init__(self, directory: DataDirectory, control: ControlServer) -> None:
        self.directory = directory
        self.control = control
        self.watch = DirectoryWatch(directory, control)
        self.asked: Asked = []
        self.halts: list[dict[str, Any]] | None = []  # of the newest status

    def ask(self, verb: str, *, text: str, kind: str = "") -> None:
        self.asked.append((verb, text))
        if verb == "halt":
            self.halts = [{"scope": "all", "kind": kind}]

    def look(self) -> Asked:
        self.asked = []
        self.watch.look(self.ask, self.halts)
        return self.asked


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[Launcher]:
    with DataDirectory(tmp_path / "data") as directory:
        control = ControlServer(directory)
        yield Launcher(directory, control)
        control.close()


def moved(launcher: Launcher) -> str:
    return f"the data directory was moved to {str(launcher.directory.path.with_name('away'))!r}: move it back, or stop"


def test_a_directory_that_is_as_it_was_is_not_spoken_of(launcher: Launcher) -> None:
    assert launcher.look() == []
    assert launcher.watch.lost is None


def test_each_move_is_told_and_halts_and_its_end_is_told_too(launcher: Launcher) -> None:
    here = launcher.directory.path
    away, text = here.with_name("away"), moved(launcher)

    for _ in range(2):
        here.rename(away)
        assert launcher.look() == [("alarm", text), ("halt", text)]
        assert launcher.look() == []
        assert launcher.watch.lost == Trouble(text, HaltKind.DIRECTORY_MOVED)
        away.rename(here)
        assert launcher.look() == [("alarm_over", text)]
        assert launcher.look() == []
        assert launcher.watch.lost is None
        launcher.halts = []  # a person has resumed


def test_a_halt_that_is_gone_while_the_directory_is_lost_is_raised_again(launcher: Launcher) -> None:
    launcher.directory.path.rename(launcher.directory.path.with_name("away"))
    launcher.look()

    launcher.halts = [{"scope": "coinbase", "kind": HaltKind.DIRECTORY_MOVED}, {"scope": "all", "kind": "daily_loss"}]

    assert launcher.look() == [("halt", moved(launcher))]
    assert launcher.look() == []


def test_before_there_is_a_status_a_halt_is_asked_for_once(launcher: Launcher) -> None:
    launcher.directory.path.rename(launcher.directory.path.with_name("away"))

    first = launcher.look()
    launcher.halts = None

    assert [verb for verb, _ in first] == ["alarm", "halt"]
    assert launcher.look() == []


def test_each_change_of_permissions_is_told_and_so_is_that_they_are_back(launcher: Launcher) -> None:
    for _ in range(2):
        launcher.directory.path.chmod(0o755)
        assert [verb for verb, _ in launcher.look()] == ["alarm"]
        assert [verb for verb, _ in launcher.look()] == ["alarm_over"]
    assert launcher.look() == []


def test_each_loss_of_a_way_to_the_system_is_told(launcher: Launcher) -> None:
    lock = launcher.directory.path / "lock"
    lock.rename(lock.with_name("elsewhere"))
    [(_, lost)] = launcher.look()

    for _ in range(2):
        (launcher.directory.path / "control.sock").unlink()
        launcher.directory.path.chmod(0o755)
        told = launcher.look()
        over = launcher.look()

        assert [verb for verb, _ in told] == ["alarm", "alarm"] and "made anew" in told[0][1]
        assert over == [("alarm_over", text) for _, text in told]
    lock.with_name("elsewhere").rename(lock)
    assert launcher.look() == [("alarm_over", lost)]
