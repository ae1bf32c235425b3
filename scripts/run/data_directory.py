"""The directory that one system owns while it runs: its journal, keys and control socket.

One system per directory, by a lock that the kernel drops when its last holder dies. The actors inherit
it when they are forked: after a kill of the launcher the directory stays taken until they are gone too,
so that a second system never writes beside the leftovers of the first.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from adapters.storage.own_files import identity, identity_of, open_own
from domain.errors import InvalidSetting
from domain.messages.halts import HaltKind
from scripts.run.leftovers import LOCK_NAME, Holder, holders
from scripts.run.ownership import strangers, why_not_private, why_not_safe_place

SOCKET_NAME = "control.sock"
_WATCHED = {  # of the files that stay the same from their first day -> what follows when one doesn't
    LOCK_NAME: "this system can't be found by it any more",
    "simulator.sqlite": "a next start will not find the simulated account as this run leaves it",
}
LEFTOVERS_END_WITHIN_S = 2.0  # orphaned actors see the launcher's death and end themselves
_LOOK_AGAIN_S = 0.02
_HOLDERS_NAMED = 2


def make_directory(path: Path) -> Path:
    """Create the directory if it is missing, for us alone, and return its absolute path.

    Raises:
        InvalidSetting: it can't be created, or is open to others.
    """
    try:
        _refuse(path, why_not_safe_place(path))
        # Journal and keys are nobody else's business.
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse(path, why_not_private(path))
        for stranger in strangers(path):
            _refuse(path, f"{stranger}, which it must not be: see who put it there, and move it away")
        return path.absolute()
    except FileExistsError:
        raise _invalid(path, "must be a directory, and this is something else") from None
    except (OSError, ValueError) as error:
        raise _not_ours(path, error) from None


class Trouble(NamedTuple):
    text: str
    halts_as: str = ""  # a HaltKind, where the journal can't be found by who looks for it

    @property
    def is_lost(self) -> bool:
        return bool(self.halts_as)


class DataDirectory:
    """A locked directory, from construction until `release`, or until this process and its children died."""

    def __init__(self, path: Path) -> None:
        """Create the directory if it is missing, and lock it.

        Raises:
            InvalidSetting: it can't be created or written, or another system runs in it.
        """
        self.path = make_directory(path)
        try:
            self._lock = open_own(self.path / LOCK_NAME, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise _no_file(path, LOCK_NAME, error) from None
        try:
            self._take_lock(path)
            self._place = os.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            self._held = {LOCK_NAME: identity_of(os.fstat(self._lock))}  # name -> which file it was
        except BaseException:
            os.close(self._lock)
            raise

    def _take_lock(self, path: Path) -> None:
        give_up_at = time.monotonic() + LEFTOVERS_END_WITHIN_S
        while not _is_locked_now(self._lock):
            launcher, found = _holder(self._lock), holders(self.path)
            if launcher in [holder.pid for holder in found] or (not found and _is_alive(launcher)):
                raise _invalid(path, f"already in use by the system with pid {launcher}")
            if time.monotonic() > give_up_at:
                raise _invalid(path, f"still in use by {left_by(launcher, found)}; `nzeza stop --force` ends it")
            time.sleep(_LOOK_AGAIN_S)
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def require_files(self, *names: str) -> None:
        """Raise InvalidSetting unless these, logs, can be written: who writes them later could only fail."""
        for name in names:
            try:
                os.close(open_own(self.path / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT))
            except OSError as error:
                raise _no_file(self.path, name, error) from None

    @property
    def handle(self) -> Path:
        """Return a path to the directory for us and our forked children, which holds wherever it is moved to: by its
        name, an actor that starts anew would find none, and make an empty one."""
        return Path(f"/proc/self/fd/{self._place}")

    def troubles(self) -> list[Trouble]:
        """Return what has been done to the directory since it was locked; none while it is as it was."""
        ours = os.fstat(self._place)
        if not ours.st_nlink:
            text = "the data directory was removed: what is journaled now ends with this run"
            return [Trouble(text, HaltKind.DIRECTORY_REMOVED)]
        found = []
        if not _is_same(self.path, ours):
            now_at = os.readlink(f"/proc/self/fd/{self._place}")
            text = f"the data directory was moved to {now_at!r}: move it back, or stop"
            found.append(Trouble(text, HaltKind.DIRECTORY_MOVED))
        mode = ours.st_mode & 0o777
        if ours.st_uid != os.geteuid():
            found.append(Trouble(f"the data directory was given to user {ours.st_uid}: it must be ours alone"))
        elif mode != 0o700:
            found.append(Trouble(f"the data directory was given mode {mode:03o}: it {self._close_to_others()}"))
        return [*found, *self._files_lost()]

    def _files_lost(self) -> Iterator[Trouble]:
        for name, consequence in _WATCHED.items():
            now, _ = identity(self.handle / name)
            held = self._held.setdefault(name, now) if now else self._held.get(name)
            if now != held:
                yield Trouble(
                    f"{name!r} was {'replaced in' if now else 'removed from'} the data directory: {consequence}"
                )

    def _close_to_others(self) -> str:
        try:
            os.chmod(self.handle, 0o700)
        except OSError as error:
            return f"must have 700, and we cannot change it ({error.strerror})"
        return "has 700 again; see who did that, and what was put there"

    def release(self) -> None:
        """Give the directory up, for forked children too."""
        fcntl.flock(self._lock, fcntl.LOCK_UN)
        os.close(self._lock)
        os.close(self._place)

    def __enter__(self) -> DataDirectory:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def last_launcher(directory: Path) -> int:
    """Return the pid of the launcher that locked `directory` last; 0 when none is known."""
    try:
        lock = open_own(directory / LOCK_NAME, os.O_RDONLY)
    except OSError:
        return 0
    try:
        return _holder(lock)
    finally:
        os.close(lock)


def left_by(launcher: int, found: Sequence[Holder]) -> str:
    """Return the words for processes that outlived their launcher."""
    named = ", ".join(map(str, found[:_HOLDERS_NAMED]))
    if len(found) > _HOLDERS_NAMED:
        named += f" and {len(found) - _HOLDERS_NAMED} more"
    return (
        f"{named}, what the system with pid {launcher} left running"
        if named
        else (f"what the system with pid {launcher} left running")
    )


def _is_same(path: Path, ours: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), ours)
    except OSError:
        return False


def _is_locked_now(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(lock: int) -> int:
    """Return the pid that the lock file tells; 0 when its holder hasn't written it yet."""
    text = os.pread(lock, 32, 0).strip()
    return int(text) if text.isdigit() else 0


def _is_alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _refuse(path: Path, reason: str) -> None:
    if reason:
        raise _invalid(path, reason)


def _not_ours(path: Path, error: OSError | ValueError) -> InvalidSetting:
    reason = error.strerror if isinstance(error, OSError) else error
    return _invalid(path, f"must be a directory that we can write to ({reason})")


def _no_file(path: Path, name: str, error: OSError) -> InvalidSetting:
    return _invalid(
        path, f"{name!r} in it must be a file that we can write to ({error.strerror}): look, and move it away"
    )


def _invalid(path: Path, reason: str) -> InvalidSetting:
    return InvalidSetting(f"system.data_directory = {str(path)!r}: {reason}")
