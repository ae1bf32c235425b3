"""What a forked child must not keep: its parent's sockets. They hide its death from its peers."""

from __future__ import annotations

import gc
import os
import socket
import stat
import weakref
from typing import Protocol


class Holder(Protocol):
    def close_descriptors(self) -> None: ...


_holders: weakref.WeakSet[Holder] = weakref.WeakSet()
_is_making_actor = False


def hold(holder: Holder) -> None:
    """Close the holder's descriptors in every child forked from now on, whoever forks it."""
    _holders.add(holder)


def release(holder: Holder) -> None:
    _holders.discard(holder)


def making_actor(is_making: bool) -> None:
    """Say whether the next fork makes a process of the system, which needs no socket it inherits."""
    global _is_making_actor
    _is_making_actor = is_making


def _in_child() -> None:
    for holder in list(_holders):
        holder.close_descriptors()
    _holders.clear()
    if _is_making_actor:
        making_actor(False)
        _close_all_sockets()
        gc.freeze()  # what is inherited stays shared: collections would write to all of it


def _close_all_sockets() -> None:
    """Close an exchange's connection and the like: what the parent closes must be closed for the peer."""
    if not _has_sockets():
        return  # as usual; the search below would touch, and so unshare, all of the memory
    for thing in gc.get_objects():
        # type(), not isinstance(): proxies among all those objects answer for others
        if issubclass(type(thing), socket.socket) and thing.fileno() >= 0:
            os.close(thing.detach())  # not close(): a file made of it would keep it open


def _has_sockets() -> bool:
    for name in os.listdir("/proc/self/fd"):
        try:
            if stat.S_ISSOCK(os.stat(int(name)).st_mode):
                return True
        except OSError:
            continue  # the listing's own
    return False


os.register_at_fork(after_in_child=_in_child)
