"""What a dead system left in its directory is named by proof, and ended only on that proof."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.main import main
from scripts.run.control import ControlServer
from scripts.run.data_directory import DataDirectory
from scripts.run.leftovers import end_all, holders
from scripts.run.presence import RECORD


@pytest.fixture
def orphan(tmp_path: Path) -> Iterator[int]:
    """Yield the pid of a process that holds the lock of `data`; the launcher that took it is dead."""
    reading, writing = os.pipe()
    launcher = os.fork()
    if launcher == 0:
        DataDirectory(tmp_path / "data")
        child = os.fork()
        if child == 0:
            signal.pause()
        os.write(writing, child.to_bytes(4, "big"))
        os._exit(0)
    os.waitpid(launcher, 0)
    pid = int.from_bytes(os.read(reading, 4), "big")
    yield pid
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def test_holder_is_who_has_the_lock_and_not_who_looks_at_the_file(tmp_path: Path, orphan: int) -> None:
    with open(tmp_path / "data" / "lock"):  # as a pager would
        assert [holder.pid for holder in holders(tmp_path / "data")] == [orphan]


def test_what_is_left_is_ended_and_nobody_else(tmp_path: Path, orphan: int) -> None:
    with DataDirectory(tmp_path / "other") as other:
        ended, left = end_all(tmp_path / "data", within_s=2)

        assert ([holder.pid for holder in ended], left) == ([orphan], [])
        assert [holder.pid for holder in holders(other.path)] == [os.getpid()]
    assert holders(tmp_path / "data") == []


def test_without_a_directory_nobody_holds_it(tmp_path: Path) -> None:
    assert holders(tmp_path / "missing") == []
    assert end_all(tmp_path / "missing", within_s=1) == ([], [])


def test_stop_names_what_is_left_and_by_force_ends_it(
    tmp_path: Path, orphan: int, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data-directory", str(tmp_path / "data")]

    assert main(["stop", *where]) == 1
    errors = capsys.readouterr().err
    assert (
        f"but it is held by process {orphan} (" in errors
        and f"`nzeza stop --force --data-directory {tmp_path / 'data'}` ends it" in errors
    )
    assert errors.count("\n") == 1

    assert main(["stop", "--force", *where]) == 0
    output, errors = capsys.readouterr()
    assert output.startswith(f"ended process {orphan} (") and "nothing was cancelled or proven" in errors

    assert main(["stop", "--force", *where]) == 1
    assert capsys.readouterr() == ("", f"nzeza: no system is running in {str(tmp_path / 'data')!r}\n")


def test_recording_beside_is_told_to_who_asks_for_a_system(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with DataDirectory(tmp_path / "data" / RECORD) as directory:
        server = ControlServer(directory)
        assert main(["status", "--data-directory", str(tmp_path / "data")]) == 1
        server.close()

    assert f"but a recording is: ask with --data-directory {tmp_path}/data/record" in capsys.readouterr().err
