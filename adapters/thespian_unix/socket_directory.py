"""Where the sockets of one actor system lie, and who may open it: the user alone, one launcher at a time.

    the temporary directory (or $XDG_RUNTIME_DIR) / thespian-UID / ADMIN PORT / admin, and one socket per
    actor

The runtime directory is the second choice: when its user logs out it is taken away with all that is in it, and the user
can't make it anew. In a temporary directory each process makes its place anew (`listener`).

A launcher holds a lock beside that directory for as long as it lives, so a second one is refused. The lock is
the kernel's, per process: a crash releases it and a forked child doesn't inherit it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
import tempfile
from pathlib import Path

LONGEST_PATH = 107  # bytes of a socket's path, without the final zero
LONGEST_NAME = 40  # what `address.new_name` may need, with a digit or two to spare
_NOTE = ".opened"  # that a directory was given another mode, which is the note's name

_locks: dict[Path, tuple[int, int, int]] = {}  # lock file -> (descriptor, process, holders in it)


class DirectoryRefused(Exception):
    """The place for sockets isn't ours alone, is too deep, or another launcher has it."""


def directory_of(port: object) -> Path:
    """Return the (not yet existing) directory of the system whose admin is called `port`.

    Raises:
        DirectoryRefused: no place is short enough.
    """
    name = f"thespian-{os.geteuid()}/{port}"
    for base in (tempfile.gettempdir(), "/tmp", os.environ.get("XDG_RUNTIME_DIR", "")):
        path = Path(base, name)
        is_short = len(os.fsencode(path)) + 1 + LONGEST_NAME <= LONGEST_PATH
        if base and is_short and os.path.isdir(base) and not _is_taken(path.parent):
            return path
    raise DirectoryRefused(f"no directory for {name} with a path short enough for sockets")


def _is_taken(directory: Path) -> bool:
    """Tell whether another user has put something there, so that we can't."""
    try:
        return directory.lstat().st_uid != os.geteuid()
    except FileNotFoundError:
        return not os.access(directory.parent, os.W_OK | os.X_OK)


def make_private(directory: Path) -> None:
    """Make `directory` and its parent, both for this user only, and what is above them if it was taken away.

    Raises:
        DirectoryRefused: one exists and is somebody else's, or open to somebody else.
        OSError: it can't be made.
    """
    directory.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in (directory.parent, directory):
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            if _mode_of_ours(path) & 0o077:
                raise _not_ours_alone(path) from None


def take_back(directory: Path) -> None:
    """Make `directory` and its parent, in use by us, this user's alone again if they were given another mode.

    A note of it is left in `directory`, whoever noticed it: `opened_modes` finds it. What is missing stays so.

    Raises:
        DirectoryRefused: one is not ours any more.
        OSError: a mode can't be changed.
    """
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError):
        for path in (directory.parent, directory):
            mode = _mode_of_ours(path)
            if mode != 0o700:
                path.chmod(0o700)
                found.append(mode)
    with contextlib.suppress(FileNotFoundError):  # taken away since
        for mode in found:
            (directory / f"{mode:03o}{_NOTE}").touch(mode=0o600)


def opened_modes(directory: Path) -> list[str]:
    """Return the modes that `take_back` has ended since we last asked, as they are written; in order.

    Where nobody can look, without a descriptor for one, what is noted there is told by the next one that can.
    """
    told = []
    with contextlib.suppress(OSError):
        for note in [path for path in _sockets(directory) if path.suffix == _NOTE]:
            note.unlink(missing_ok=True)
            told.append(note.stem)
    return sorted(told)


def _mode_of_ours(path: Path) -> int:
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise _not_ours_alone(path)
    return found.st_mode & 0o777


def _not_ours_alone(path: Path) -> DirectoryRefused:
    return DirectoryRefused(f"{path} is not a directory of this user alone")


def lock(directory: Path) -> bool:
    """Claim `directory` for this process, and return whether that is news; more than once is fine.

    Raises:
        DirectoryRefused: another launcher has it.
    """
    path = directory.with_suffix(".lock")
    descriptor, process, holders = _locks.get(path, (-1, 0, 0))
    is_first = process != os.getpid()  # or remembered from the process that forked us
    _locks[path] = (_lock_file(path), os.getpid(), 1) if is_first else (descriptor, process, holders + 1)
    return is_first


def _lock_file(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise DirectoryRefused(f"another process runs the actor system at {path}") from None
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # its last holder took the file away between our two calls


def lock_again(directory: Path) -> None:
    """Claim `directory`, which is locked by us, in its new place: the lock file was taken away with it.

    Raises:
        DirectoryRefused: another launcher has it now, or it isn't ours alone.
    """
    path = directory.with_suffix(".lock")
    former, process, holders = _locks.get(path, (-1, 0, 0))
    if process != os.getpid():
        return
    if not _is_at(path, former):
        make_private(directory)
        _locks[path] = (_lock_file(path), process, holders)
        os.close(former)
    occupy(directory)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def unlock(directory: Path) -> None:
    """Take back one `lock`; the last one lets other launchers in, and takes the empty directories away."""
    path = directory.with_suffix(".lock")
    descriptor, process, holders = _locks.pop(path, (-1, 0, 0))
    if process != os.getpid():
        return
    if holders > 1:
        _locks[path] = (descriptor, process, holders - 1)
        return
    _mark(directory).unlink(missing_ok=True)
    remove_if_empty(directory)
    path.unlink(missing_ok=True)
    os.close(descriptor)
    remove_if_empty(directory.parent)


def occupy(directory: Path) -> None:
    """Make `directory`, locked by us, and put a mark in it, so that nobody takes it away as empty.

    Raises:
        DirectoryRefused: it isn't ours alone.
    """
    while True:
        make_private(directory)
        try:
            _mark(directory).touch(mode=0o600)
        except FileNotFoundError:  # a process of a former system was just leaving
            continue
        return


def _mark(directory: Path) -> Path:
    return directory / f"{os.getpid():x}.launcher"


def remove_if_empty(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError:
        return  # gone already, or in use


def answers(path: str | os.PathLike[str]) -> bool:
    """Return whether somebody listens at this socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(os.fspath(path))
        except BlockingIOError:
            return True  # its backlog is full
        except OSError:
            return False
        return True


def sweep(directory: Path) -> None:
    """Remove the sockets that nobody listens at. No name is reused, so this can't hit a newcomer's."""
    for path in _sockets(directory):
        if not answers(path):
            path.unlink(missing_ok=True)


def sweep_dead_systems(directory: Path) -> None:
    """Take away what other systems beside this one left when all their processes were killed."""
    places = {path.with_suffix("") for path in _sockets(directory.parent)}
    for place in places - {directory}:
        with contextlib.suppress(DirectoryRefused, OSError):  # its launcher lives
            is_free = lock(place)  # else it is one of ours
            try:
                if is_free:
                    sweep(place)
            finally:
                unlock(place)


def sockets_of_others(directory: Path) -> list[Path]:
    """Return the sockets that belong to other processes than this one."""
    return [path for path in _sockets(directory) if not path.name.startswith(f"{os.getpid():x}.")]


def clear_up(own_socket: Path, is_orphaned_admin: bool) -> None:
    """Remove our socket, and the directory if it is empty: a launcher that lives has its mark in it.

    When it has died, the admin removes all, and last its own: that is what the next launcher waits for.
    """
    directory = own_socket.parent
    for path in _sockets(directory) if is_orphaned_admin else []:
        if path != own_socket:
            path.unlink(missing_ok=True)
    own_socket.unlink(missing_ok=True)
    remove_if_empty(directory)
    if is_orphaned_admin:
        with contextlib.suppress(DirectoryRefused):  # the next launcher has it
            lock(directory)
            unlock(directory)


def _sockets(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except FileNotFoundError:
        return []
