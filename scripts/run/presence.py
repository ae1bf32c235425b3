"""What there is in a data directory beside the system that is asked for, or instead of it."""

from __future__ import annotations

from pathlib import Path

from scripts.run.control import Conversation, NoAnswer, NotRunning
from scripts.run.data_directory import last_launcher, left_by
from scripts.run.leftovers import holders

RECORD = "record"  # below the data directory: `nzeza record` keeps to itself


def recording_in(directory: Path) -> Path | None:
    """Return where a recording runs beside the system of `directory`; None when none does."""
    place = directory / RECORD
    try:
        with Conversation(place):
            return place
    except NotRunning:
        return None
    except NoAnswer:
        return None  # somebody else's


def instead(directory: Path) -> str:
    """Return what to add to "no system is running"; empty when nothing else is there either."""
    if found := holders(directory):
        launcher = last_launcher(directory)
        if launcher in [holder.pid for holder in found]:
            clean = f"`kill -TERM {launcher}` ends it cleanly"
            return (
                f" that answers, but one with pid {launcher} runs: {clean}; only what is left after that needs --force"
            )
        left = left_by(launcher, found)
        return f", but it is held by {left}; `nzeza stop --force` ends it"
    if place := recording_in(directory):
        return f", but a recording is: ask with --data-directory {place}"
    return ""
