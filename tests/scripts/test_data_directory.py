"""One system per data directory, and one clear line when that can't be."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from domain.errors import InvalidSetting
from scripts.data_directory import DataDirectory


def complaint(path: Path) -> str:
    with pytest.raises(InvalidSetting) as caught:
        DataDirectory(path)
    text = str(caught.value)
    assert text.startswith("system.data_directory = ") and "\n" not in text
    return text


def fork_and_wait_for_a_signal() -> int:
    """Return the pid of a child that holds what we hold, and does nothing until it is killed."""
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    return child


def kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_missing_directory_is_created_for_the_owner_only(tmp_path: Path) -> None:
    with DataDirectory(tmp_path / "deep" / "down") as directory:
        assert directory.path.stat().st_mode & 0o777 == 0o700


def test_second_system_is_refused_and_told_the_pid_of_the_first(tmp_path: Path) -> None:
    with DataDirectory(tmp_path):
        assert f"already in use by the system with pid {os.getpid()}" in complaint(tmp_path)


def test_released_directory_can_be_taken_again(tmp_path: Path) -> None:
    DataDirectory(tmp_path).release()

    DataDirectory(tmp_path).release()


def test_release_frees_the_directory_although_a_forked_child_lives(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    child = fork_and_wait_for_a_signal()

    directory.release()

    DataDirectory(tmp_path).release()
    kill(child)


def test_directory_stays_taken_while_the_orphans_of_a_dead_launcher_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.data_directory.LEFTOVERS_END_WITHIN_S", 0.05)
    reading, writing = os.pipe()
    launcher = os.fork()
    if launcher == 0:
        DataDirectory(tmp_path)
        os.write(writing, fork_and_wait_for_a_signal().to_bytes(4, "big"))
        os._exit(0)
    os.waitpid(launcher, 0)
    orphan = int.from_bytes(os.read(reading, 4), "big")

    text = complaint(tmp_path)
    os.kill(orphan, signal.SIGKILL)
    monkeypatch.undo()

    assert f"what the system with pid {launcher} left running" in text
    DataDirectory(tmp_path).release()  # waits for the orphan's end


def test_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert "must be a directory" in complaint(tmp_path / "file")
    assert "must be a directory that we can write to (Not a directory)" in complaint(
        tmp_path / "file" / "below"
    )


def test_directory_that_the_system_cannot_make_is_refused() -> None:
    assert "must be a directory that we can write to" in complaint(Path("/proc/nzeza-data"))
    assert "must be a directory that we can write to" in complaint(Path("nul\0byte"))
