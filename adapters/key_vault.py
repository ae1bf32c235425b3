"""The variables that hold keys, out of the environment before any other process is made.

A forked process has its parent's memory, and `/proc/PID/environ` shows the block that the kernel made at the start,
whatever was unset since. So the values move to memory that belongs to a descriptor: the block and Python's copy are
overwritten, nothing that is executed inherits the descriptor, and of what is forked only those keep it that sign or
make those who do. Who reads a value has it in its memory, and nobody else.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
from collections.abc import Iterable
from pathlib import Path

_SHORTEST = 2  # bytes; shorter ones are shared by all of Python, and no key
_BLOCK_FIELDS = slice(49, 51)  # of /proc/PID/stat: where the environment's block begins and ends


class KeyVault:
    """Empty, and the environment's own reader, until something is locked away."""

    def __init__(self) -> None:
        self._descriptor = -1
        self._places: dict[str, tuple[int, int]] = {}  # variable -> offset and length of its value

    def lock_away(self, names: Iterable[str]) -> None:
        """Take these variables out of the environment; those that aren't set are left alone."""
        for name in names:
            value = os.environb.get(os.fsencode(name))
            if value is None:
                continue
            if self._descriptor < 0:
                self._descriptor = os.memfd_create("keys", os.MFD_CLOEXEC)
            offset = os.fstat(self._descriptor).st_size
            os.pwrite(self._descriptor, value, offset)
            self._places[name] = offset, len(value)
            _wipe(name, value)
            del os.environ[name]

    def get(self, name: str, default: str = "") -> str:
        """Return the value of a variable, locked away or not; `default` when there is none, or it was given up."""
        if name not in self._places:
            return os.environ.get(name, default)
        if self._descriptor < 0:
            return default
        offset, length = self._places[name]
        return os.fsdecode(os.pread(self._descriptor, length, offset))

    def give_up(self) -> None:
        """Make what is locked away unreachable for this process and those that it makes."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


VAULT = KeyVault()  # of this process: children inherit it as it is


def _wipe(name: str, value: bytes) -> None:
    """Overwrite a value where the kernel put it, and where Python copied it to."""
    if len(value) < _SHORTEST:
        return
    with contextlib.suppress(OSError, ValueError, IndexError):  # a system that doesn't say where the block is
        fields = Path("/proc/self/stat").read_text(errors="replace").rpartition(")")[2].split()
        start, end = (int(field) for field in ["", "", *fields][_BLOCK_FIELDS])
        if 0 < start < end:
            block = (ctypes.c_char * (end - start)).from_address(start)
            pattern = rb"(?:\A|\0)" + re.escape(os.fsencode(name)) + rb"=([^\0]*)"
            for found in re.finditer(pattern, block):
                ctypes.memset(start + found.start(1), 0, found.end(1) - found.start(1))
    ctypes.memset(id(value) + bytes.__basicsize__ - 1, 0, len(value))
