"""The launcher's hold on its actor system: the directory of sockets is claimed, and in the end left empty."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from thespian.actors import ActorSystemStartupFailure

from adapters.thespian_unix import socket_directory
from adapters.thespian_unix.post import Post
from adapters.thespian_unix.socket_directory import DirectoryRefused

FORMER_ENDS_WITHIN_S = 3.0  # the processes of a launcher that has just been killed
ALL_LEAVE_WITHIN_S = 2.0
LOCK_WITHIN_S = 0.3  # a former admin may hold it while it clears up
LOOK_AGAIN_S = 0.002


class Door:
    def __init__(self, admin: str) -> None:
        """Claim the system whose admin listens (or will) at the path `admin`.

        Raises:
            ActorSystemStartupFailure: another process has it, or somebody else's directory is in its place.
        """
        self._admin = admin
        self._directory = Path(admin).parent
        try:
            if self._lock():
                self._outlive_former()
        except DirectoryRefused as refusal:
            raise ActorSystemStartupFailure(str(refusal)) from None

    def hold_again(self) -> None:
        """Claim the directory after it was taken away and made anew; whoever was faster keeps it."""
        with contextlib.suppress(DirectoryRefused, OSError):
            socket_directory.lock_again(self._directory)

    def opened_modes(self) -> list[str]:
        """Return the modes that the directory was given since we last asked, and has not any more."""
        return socket_directory.opened_modes(self._directory)

    def wait_until_all_left(self, post: Post) -> None:
        """After a shutdown: wait until the admin is gone, and the others have taken their sockets away."""
        until_s = time.monotonic() + ALL_LEAVE_WITHIN_S
        post.wait_for_end_of(self._admin, until_s)
        while socket_directory.sockets_of_others(self._directory) and time.monotonic() < until_s:
            time.sleep(LOOK_AGAIN_S)
            socket_directory.sweep(self._directory)

    def close(self) -> None:
        socket_directory.sweep(self._directory)  # an admin that was killed leaves its socket
        socket_directory.unlock(self._directory)

    def _lock(self) -> bool:
        until_s = time.monotonic() + LOCK_WITHIN_S
        while True:
            try:
                socket_directory.make_private(self._directory)
                return socket_directory.lock(self._directory)
            except (DirectoryRefused, FileNotFoundError):  # or taken away as empty between the two
                if time.monotonic() > until_s:
                    raise
                time.sleep(LOOK_AGAIN_S)

    def _outlive_former(self) -> None:
        until_s = time.monotonic() + FORMER_ENDS_WITHIN_S
        while socket_directory.answers(self._admin):
            if time.monotonic() > until_s:
                socket_directory.unlock(self._directory)
                raise DirectoryRefused(f"the admin at {self._admin} outlives its launcher")
            time.sleep(LOOK_AGAIN_S)
        socket_directory.sweep(self._directory)
        socket_directory.occupy(self._directory)
        socket_directory.sweep_dead_systems(self._directory)


def leave(process: int, path: str, door: Door | None) -> None:
    """Take the socket of a door away, and its hold if it has one."""
    if process == os.getpid():  # and not a child that somebody forked
        Path(path).unlink(missing_ok=True)
        if door:
            door.close()
