"""The address of an actor on this host: the path of its socket."""

from __future__ import annotations

import itertools
import os
import time

_numbers = itertools.count()


class UnixAddress:
    """What Thespian's ActorAddress holds as its details. Never reused, but for an admin's."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnixAddress) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __str__(self) -> str:
        return f"(U|{self.path})"

    def __getstate__(self) -> str:
        return self.path

    def __setstate__(self, path: str) -> None:
        self.path = path


def new_name() -> str:
    """Return a name that no actor of this host has had or will have."""
    return f"{os.getpid():x}.{time.time_ns() // 1000:x}.{next(_numbers):x}"
