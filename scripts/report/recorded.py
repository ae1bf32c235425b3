"""What a recording has brought: its files and their sizes."""

from __future__ import annotations

from pathlib import Path

from adapters.storage.recording import SUFFIX

_MEGABYTE = 1e6


def recorded(directory: Path, since_s: float) -> list[str]:
    """Return a line for each recording that was written to since then (seconds since the epoch), by name."""
    sizes = {path: path.stat() for path in sorted(directory.glob(f"*{SUFFIX}"))}
    return [
        f"recorded: {path} ({stat.st_size / _MEGABYTE:.2f} MB)"
        for path, stat in sizes.items()
        if stat.st_mtime >= since_s - 1  # file systems round
    ]
