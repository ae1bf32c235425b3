"""The directory of sockets is the user's alone, one launcher's at a time, and swept of the dead only."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.thespian_unix import socket_directory
from adapters.thespian_unix.address import new_name
from adapters.thespian_unix.socket_directory import DirectoryRefused

HOLD_LOCK = """
import sys
from pathlib import Path
from adapters.thespian_unix.socket_directory import lock
lock(Path(sys.argv[1]))
print(flush=True)
sys.stdin.read()
"""
TRY_LOCK = """
import sys
from pathlib import Path
from adapters.thespian_unix.socket_directory import DirectoryRefused, lock
try:
    print(lock(Path(sys.argv[1])))
except DirectoryRefused:
    print("refused")
"""


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "thespian" / "1900"
    socket_directory.make_private(path)
    yield path


def listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()
    return listener


def lock_elsewhere(directory: Path) -> str:
    answer = subprocess.run(
        [sys.executable, "-c", TRY_LOCK, directory], capture_output=True, text=True, check=True, timeout=10
    )
    return answer.stdout.strip()


def test_directory_lies_where_it_can_be_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime directory vanishes with the last login of its user, who can't make another."""
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/tmp")

    assert socket_directory.directory_of("a port") == Path(f"/tmp/thespian-{os.geteuid()}/a port")


def test_directory_that_another_user_has_taken_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 123_456)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/tmp/nzeza-taken")
    taken = Path("/tmp/nzeza-taken/thespian-123456")
    taken.mkdir(parents=True)
    try:
        assert socket_directory.directory_of(1900) == Path("/tmp/thespian-123456/1900")
    finally:
        taken.rmdir()
        taken.parent.rmdir()


def test_directory_too_deep_for_a_socket_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("d" * 80)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(deep))

    found = socket_directory.directory_of(1900)

    assert deep not in found.parents
    assert len(str(found / new_name())) <= socket_directory.LONGEST_PATH


def test_name_that_fits_nowhere_is_refused() -> None:
    with pytest.raises(DirectoryRefused, match="short enough"):
        socket_directory.directory_of("p" * 100)


def test_both_directories_are_for_their_user_only(directory: Path) -> None:
    assert [path.stat().st_mode & 0o777 for path in (directory, directory.parent)] == [0o700, 0o700]
    socket_directory.make_private(directory)  # again is fine


@pytest.mark.parametrize("which", ["itself", "parent"])
def test_directory_that_others_may_enter_is_refused(directory: Path, which: str) -> None:
    (directory if which == "itself" else directory.parent).chmod(0o711)

    with pytest.raises(DirectoryRefused, match="not a directory of this user alone"):
        socket_directory.make_private(directory)


def test_link_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "thespian").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(DirectoryRefused, match="not a directory of this user alone"):
        socket_directory.make_private(tmp_path / "thespian" / "1900")


def test_lock_that_was_taken_away_is_taken_again(directory: Path) -> None:
    socket_directory.lock(directory)
    shutil.rmtree(directory.parent)

    socket_directory.lock_again(directory)

    assert lock_elsewhere(directory) == "refused"
    assert list(directory.iterdir()), "nor does anybody take the directory away as empty"
    socket_directory.lock_again(directory)  # once more is fine
    socket_directory.unlock(directory)
    assert not directory.parent.exists()


def test_second_launcher_is_refused_until_the_first_lets_go(directory: Path) -> None:
    assert socket_directory.lock(directory)
    assert not socket_directory.lock(directory), "not news to the one who has it"
    assert lock_elsewhere(directory) == "refused"

    socket_directory.unlock(directory)
    assert lock_elsewhere(directory) == "refused", "one hold is left"
    socket_directory.unlock(directory)

    assert not directory.exists(), "the last one takes the directory away"
    socket_directory.make_private(directory)
    assert lock_elsewhere(directory) == "True"


def test_sweep_removes_the_sockets_of_the_dead_and_spares_the_living(directory: Path) -> None:
    living, dead = directory / new_name(), directory / new_name()
    listener = listen(living)
    listen(dead).close()

    socket_directory.sweep(directory)

    assert list(directory.iterdir()) == [living]
    assert socket_directory.answers(living)
    assert not socket_directory.answers(dead)
    listener.close()


def test_orphaned_admin_clears_everything_up_and_others_only_their_own(directory: Path) -> None:
    for name in ("admin", "actor", "other"):
        listen(directory / name).close()

    socket_directory.clear_up(directory / "actor", is_orphaned_admin=False)
    assert sorted(path.name for path in directory.iterdir()) == ["admin", "other"]

    socket_directory.clear_up(directory / "admin", is_orphaned_admin=True)
    assert not directory.exists()


def test_names_are_never_the_same_and_tell_their_process() -> None:
    names = [new_name() for _ in range(1000)]

    assert len(set(names)) == 1000
    assert all(name.startswith(f"{os.getpid():x}.") for name in names)
    assert max(map(len, names)) <= socket_directory.LONGEST_NAME


def test_what_a_system_left_whose_processes_were_all_killed_is_swept_by_the_next_one(directory: Path) -> None:
    dead, orphaned = directory.with_name("1901"), directory.with_name("1902")
    for path in (dead, orphaned):
        socket_directory.make_private(path)
        listen(path / "admin").close()
        (path / "abc.launcher").touch()
        path.with_suffix(".lock").touch()
    living = listen(orphaned / "actor")

    socket_directory.sweep_dead_systems(directory)

    assert not dead.exists() and not dead.with_suffix(".lock").exists()
    assert [path.name for path in orphaned.iterdir()] == ["actor"]
    living.close()


def test_system_whose_launcher_lives_is_left_alone(directory: Path) -> None:
    other = directory.with_name("1901")
    socket_directory.make_private(other)
    (other / "mark").touch()
    ours = directory.with_name("1902")
    socket_directory.make_private(ours)
    socket_directory.lock(ours)
    (ours / "mark").touch()
    holder = subprocess.Popen([sys.executable, "-c", HOLD_LOCK, other], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdout.readline()

    socket_directory.sweep_dead_systems(directory)

    assert (other / "mark").exists() and (ours / "mark").exists()
    holder.communicate()
    socket_directory.unlock(ours)
