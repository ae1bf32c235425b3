"""A moment as a person reads it and a program parses it: UTC, ISO 8601, to the second."""

from __future__ import annotations

from datetime import UTC, datetime

_SECOND_NS = 1_000_000_000


def iso_utc(utc_ns: int) -> str:
    """Return such as "2026-11-30T18:14:05Z"; empty for 0, which stands for never."""
    if not utc_ns:
        return ""
    return datetime.fromtimestamp(utc_ns // _SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
