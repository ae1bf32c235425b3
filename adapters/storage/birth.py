"""When a file was made: Python asks Linux for all of `statx` but this."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

_AT_FDCWD = -100
_STATX_BTIME = 0x800
_SIZE = 256  # of struct statx
_MASK, _BTIME = (0, "I"), (80, "qI")  # offsets in it and what stands there: seconds, nanoseconds


def made_at(path: Path) -> int:
    """Return UTC ns when a file was made, 0 where the system or its file system doesn't say.

    Neither a rename nor a remount changes it; a copy has its own.
    """
    try:
        statx = ctypes.CDLL(None, use_errno=True).statx
    except AttributeError:
        return 0  # another system than Linux, or an old one
    answer = ctypes.create_string_buffer(_SIZE)
    if statx(_AT_FDCWD, os.fsencode(path), 0, _STATX_BTIME, answer):
        return 0
    (mask,) = struct.unpack_from(_MASK[1], answer, _MASK[0])
    seconds, nanoseconds = struct.unpack_from(_BTIME[1], answer, _BTIME[0])
    return seconds * 1_000_000_000 + nanoseconds if mask & _STATX_BTIME else 0
