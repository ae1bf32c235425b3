"""A small file system of our own that can be filled up for real, without any privilege and without a trace.

It is mounted in a namespace of this process and its children, so it vanishes with the last of them.
"""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_MNT_DETACH = 2
_MS_BIND = 4096
_CHUNK = 64 * 1024


class SmallDisk:
    """A mounted directory of limited size."""

    def __init__(self, directory: Path, size_mb: int) -> None:
        """Mount it at `directory`, which exists. For a process that has no other thread yet.

        Raises:
            OSError: this machine lets users make no namespaces.
        """
        self.directory = directory
        self._ballast = directory / "ballast"
        libc = ctypes.CDLL(None, use_errno=True)
        user, group = os.geteuid(), os.getegid()
        _check(libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNS))
        # We stay who we are; without this the kernel would make us nobody.
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        options = f"size={size_mb}m,mode=700".encode()
        _check(libc.mount(b"tmpfs", os.fsencode(directory), b"tmpfs", 0, options))

    def keep_elsewhere(self, directory: Path, *names: str) -> None:
        """Let files of these names lie in `directory`, as plain files here: what refuses links takes them."""
        for name in names:
            (directory / name).touch(mode=0o600)
            (self.directory / name).touch(mode=0o600)
            source, target = os.fsencode(directory / name), os.fsencode(self.directory / name)
            _check(ctypes.CDLL(None, use_errno=True).mount(source, target, None, _MS_BIND, None))

    def fill(self) -> int:
        """Take all that is free, and return how many bytes that was."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in (_CHUNK, 1):
                while _is_room_for(ballast.fileno(), size):
                    pass
            return ballast.tell()

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def unmount(self) -> None:
        """Forget it and all that is on it."""
        _check(ctypes.CDLL(None, use_errno=True).umount2(os.fsencode(self.directory), _MNT_DETACH))


def _is_room_for(fd: int, size: int) -> bool:
    try:
        return os.write(fd, bytes(size)) > 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
