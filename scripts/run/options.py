"""What a person asks of one run, beside the settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RunOptions:
    duration_s: float | None = None  # None: until interrupted or stopped
    headless: bool = False  # no live view, even in a terminal
    json: bool = False  # the report as the last line on standard output
    records: bool = False  # it is for its recording: one that stops is a problem of the run
    live: bool = False  # real orders, if the settings allow them too
