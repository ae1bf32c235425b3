"""Moments: which can be, and how a person reads and a program parses them (UTC, ISO 8601, to the second)."""

from __future__ import annotations

from datetime import UTC, datetime

_SECOND_NS = 1_000_000_000
# The year 2200. Messages and the journal keep 64 bits, which end in 2262: from here on, hours and days can be added.
LAST_NS = 7_258_118_400 * _SECOND_NS


def is_sane(utc_ns: int) -> bool:
    """Tell whether a time that somebody told can be one."""
    return 0 < utc_ns < LAST_NS


def iso_utc(utc_ns: int) -> str:
    """Return such as "2026-11-30T18:14:05Z"; empty for 0, which stands for never."""
    if not utc_ns:
        return ""
    return datetime.fromtimestamp(utc_ns // _SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
