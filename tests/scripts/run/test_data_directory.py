"""One system per data directory, and one clear line when that can't be."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from domain.errors import InvalidSetting
from scripts.run.data_directory import DataDirectory, Trouble, last_launcher
from scripts.run.ownership import _nobody_here


def complaint(path: Path) -> str:
    with pytest.raises(InvalidSetting) as caught:
        DataDirectory(path)
    text = str(caught.value)
    assert text.startswith("system.data_directory = ") and "\n" not in text
    return text


def trouble_of(directory: DataDirectory) -> Trouble | None:
    return next(iter(directory.troubles()), None)


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
    monkeypatch.setattr("scripts.run.data_directory.LEFTOVERS_END_WITHIN_S", 0.05)
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

    assert f"still in use by process {orphan} (" in text
    assert f"what the system with pid {launcher} left running" in text
    DataDirectory(tmp_path).release()  # waits for the orphan's end


def test_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert "must be a directory" in complaint(tmp_path / "file")
    assert "must be a directory that we can write to (Not a directory)" in complaint(tmp_path / "file" / "below")


def test_directory_that_the_system_cannot_make_is_refused() -> None:
    assert "must be a directory that we can write to" in complaint(Path("/proc/nzeza-data"))
    assert "must be a directory that we can write to" in complaint(Path("nul\0byte"))


# ---- for us alone ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o711, 0o702])
def test_directory_that_others_may_enter_or_write_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(mode)

    text = complaint(tmp_path / "data")

    assert f"is open to others (mode {mode:03o})" in text and f"chmod 700 {str(tmp_path / 'data')!r}" in text
    assert list((tmp_path / "data").iterdir()) == []


def test_directory_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    owner = os.geteuid()
    monkeypatch.setattr("scripts.run.ownership._is_trusted", lambda uid: True)
    monkeypatch.setattr("scripts.run.ownership.os.geteuid", lambda: owner + 1)

    assert "belongs to user" in complaint(tmp_path / "data")


@pytest.mark.parametrize("below", ["data", "missing/data"])
def test_directory_that_others_may_replace_is_refused_and_not_made(tmp_path: Path, below: str) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)

    assert "lies below a directory in which others may write (mode 777)" in complaint(tmp_path / "open" / below)
    assert list((tmp_path / "open").iterdir()) == []


def test_directory_below_that_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.run.ownership._is_trusted", lambda uid: False)

    assert "lies below a directory that belongs to user" in complaint(tmp_path / "data")


def test_user_called_nobody_is_trusted_only_where_users_have_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for uid_map, trusted in (("0 0 4294967295", 0), ("0 100000 65536", 0), ("1000 1000 1", 65534)):
        monkeypatch.setattr(Path, "read_text", lambda path: uid_map if path.name == "uid_map" else "65534")
        assert _nobody_here.__wrapped__() == trusted


def test_directory_behind_a_link_is_judged_by_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "open" / "data").mkdir(parents=True, mode=0o700)
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "open" / "data")

    assert "in which others may write" in complaint(tmp_path / "link")

    (tmp_path / "open").chmod(0o1777)  # as /tmp is: nobody can take away what is ours
    DataDirectory(tmp_path / "link").release()


@pytest.mark.parametrize("name", ["lock", "control.sock", "nzeza.log", "journal.sqlite", "simulator.sqlite"])
@pytest.mark.parametrize("kind", ["link", "hard link"])
def test_what_leads_out_of_the_directory_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("keep me")
    (tmp_path / "data").mkdir(mode=0o700)
    if kind == "link":
        (tmp_path / "data" / name).symlink_to(victim)
    else:
        (tmp_path / "data" / name).hardlink_to(victim)

    assert f"{name!r} in it is a " in complaint(tmp_path / "data")
    assert victim.read_text() == "keep me"


def test_what_was_put_there_by_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "recordings").mkdir()
    owner = os.geteuid()
    monkeypatch.setattr("scripts.run.data_directory.why_not_private", lambda path: "")
    monkeypatch.setattr("scripts.run.data_directory.why_not_safe_place", lambda path: "")
    monkeypatch.setattr("scripts.run.ownership.os.geteuid", lambda: owner + 1)

    assert "'recordings' in it belongs to user" in complaint(tmp_path / "data")


def test_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with DataDirectory(tmp_path / "data") as directory:
        (directory.path / "nzeza.log").mkdir()

        with pytest.raises(InvalidSetting, match=r"'nzeza.log' in it must be a file that we can write to \(Is a"):
            directory.require_files("simulator.log", "nzeza.log")


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir])
def test_lock_that_is_no_file_is_named_and_nobody_waits_for_it(tmp_path: Path, make: Callable[[Path], None]) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    make(tmp_path / "data" / "lock")

    assert "'lock' in it must be a file that we can write to (" in complaint(tmp_path / "data")
    assert last_launcher(tmp_path / "data") == 0


# ---- while it runs ---------------------------------------------------------------------------------------


@pytest.fixture
def held(tmp_path: Path) -> Iterator[DataDirectory]:
    with DataDirectory(tmp_path / "data") as directory:
        assert trouble_of(directory) is None
        yield directory


def test_directory_that_was_moved_is_noticed_and_found(held: DataDirectory, tmp_path: Path) -> None:
    held.path.rename(tmp_path / "elsewhere")

    trouble = trouble_of(held)

    assert trouble.is_lost and f"was moved to {str(tmp_path / 'elsewhere')!r}" in trouble.text
    held.path.mkdir(mode=0o700)  # another one in its place is not it
    assert trouble_of(held) == trouble
    held.path.rmdir()
    (tmp_path / "elsewhere").rename(held.path)
    assert trouble_of(held) is None


def test_directory_that_was_removed_is_noticed(held: DataDirectory) -> None:
    shutil.rmtree(held.path)

    trouble = trouble_of(held)

    assert trouble.is_lost and "was removed" in trouble.text


@pytest.mark.parametrize("mode", [0o500, 0o000, 0o755])
def test_changed_permissions_are_noticed_and_taken_back(held: DataDirectory, mode: int) -> None:
    held.path.chmod(mode)

    trouble = trouble_of(held)

    assert not trouble.is_lost and f"was given mode {mode:03o}: it has 700 again" in trouble.text
    assert held.path.stat().st_mode & 0o777 == 0o700
    assert trouble_of(held) is None


def test_lost_way_to_the_system_is_noticed(held: DataDirectory) -> None:
    (held.path / "lock").unlink()
    assert "'lock' was removed from" in trouble_of(held).text

    (held.path / "lock").touch()
    assert "'lock' was replaced in" in trouble_of(held).text


def test_account_of_the_simulated_venues_that_was_taken_away_is_noticed(held: DataDirectory) -> None:
    account = held.path / "simulator.sqlite"
    account.touch()
    assert trouble_of(held) is None

    account.rename(account.with_name("elsewhere"))
    assert "'simulator.sqlite' was removed from the data directory: a next start" in trouble_of(held).text
    account.touch()
    assert "'simulator.sqlite' was replaced in" in trouble_of(held).text
    account.with_name("elsewhere").rename(account)
    assert trouble_of(held) is None
