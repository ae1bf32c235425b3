"""Opening files of ours: never through a link that somebody planted, never one that belongs to another user."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from domain.errors import InvalidSetting


def open_own(path: Path, flags: int) -> int:
    """Return a descriptor of a plain file of ours, for this user alone where it is made.

    Raises:
        OSError: it cannot be opened, or is a link or somebody else's.
    """
    try:
        fd = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _link(path) from error
        raise
    try:
        _require_own(path, os.fstat(fd))
    except OSError:
        os.close(fd)
        raise
    return fd


def read_own(path: Path) -> bytes:
    """Return what is in a plain file of ours; never waits for who might write to something else.

    Raises:
        OSError: as of `open_own`.
    """
    with open(open_own(path, os.O_RDONLY), "rb") as file:
        return file.read()


def is_own(path: Path) -> bool:
    """Tell whether there is a plain file of ours at `path`, and neither nothing nor anything else."""
    try:
        require_own(path)
    except OSError:
        return False
    return os.path.lexists(path)


def put_away(path: Path, word: str = "unknown") -> Path:
    """Give what is at `path` another name beside it, as it is: nothing is followed, changed or deleted.

    Raises:
        OSError: it cannot be moved.
    """
    names = (path.with_name(f"{path.name}.{word}{number}") for number in ("", *(f"-{n}" for n in range(2, 1000))))
    free = next(name for name in names if not os.path.lexists(name))
    os.rename(path, free)
    return free


def sync(path: Path) -> None:
    """Make a file, or the names in a directory, survive a power cut."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def require_own_directory(path: Path) -> None:
    """Refuse a directory that is a link, something else, or somebody else's.

    Raises:
        OSError: and says what it is.
    """
    found = os.lstat(path)
    if stat.S_ISLNK(found.st_mode):
        raise _link(path)
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(0, "is not a directory", str(path))
    if found.st_uid != os.geteuid():
        raise PermissionError(0, f"belongs to another user (uid {found.st_uid})", str(path))


def require_own(path: Path) -> None:
    """Refuse a path that others open by name (SQLite does) when it leads to what is not ours; none is fine.

    Raises:
        OSError: it is a link, not a plain file, or somebody else's.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    _require_own(path, found)


def require_own_database(path: Path) -> None:
    """Refuse an SQLite file, or what SQLite keeps beside it, that is not ours; see `require_own`."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        require_own(path.with_name(path.name + suffix))


def _require_own(path: Path, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise _link(path)
    if not stat.S_ISREG(found.st_mode):
        raise PermissionError(0, "is not a plain file", str(path))
    if found.st_uid != os.geteuid():
        raise PermissionError(0, f"belongs to another user (uid {found.st_uid})", str(path))


def _link(path: Path) -> PermissionError:
    return PermissionError(0, "is a link, which is never followed", str(path))


def identity(path: Path) -> tuple[tuple[int, int] | None, int]:
    """Return which file that is, if any, and its size. What another has at the name of one that we hold open, or
    nothing, means that what we write goes where nobody finds it.
    """
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None, 0
    return identity_of(found), found.st_size


def identity_of(found: os.stat_result) -> tuple[int, int]:
    """Return which file that is, whatever it is called."""
    return found.st_dev, found.st_ino


class HeldFiles:
    """The files that we hold open and write, by the names that they had then."""

    def __init__(self, *paths: Path) -> None:
        self._held = [(path, identity(path)[0]) for path in paths]

    def is_lost(self) -> bool:
        """Tell whether one was removed, moved or replaced; not where nobody can look."""
        try:
            return any(identity(path)[0] != held for path, held in self._held)
        except PermissionError:
            return False


def is_gone(directory: Path) -> bool:
    """Return whether a directory was removed, though we may still hold it open."""
    try:
        return not os.stat(directory).st_nlink  # reached by a descriptor, it is still there
    except FileNotFoundError:
        return True


def not_ours(path: Path, error: OSError) -> InvalidSetting:
    """Return what to tell a person whose file of ours could not be opened as such."""
    name = error.filename or path
    return InvalidSetting(f"system.data_directory: {name!s} {error.strerror}: it must be a file of ours")
