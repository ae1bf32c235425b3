"""What the launcher shows and tells people: the screen, troubles when they come, the report at the end."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

from scripts.report import telling
from scripts.run.actor_system import LOG_FILE
from scripts.run.advice import pasteable
from scripts.run.data_directory import DataDirectory
from scripts.run.options import RunOptions
from scripts.run.outputs import Voice

_TOLD_KEPT = 1_000  # halts and alarms that are not told again
_READ_WITHIN_S = 3.0  # the last words, by whoever still reads


class Announcer:
    """Never raises for an output that is lost, and never waits for one while there is something to lose."""

    def __init__(self, place: DataDirectory, options: RunOptions, output: int = 1) -> None:
        """Args:
        output: descriptor of standard output.
        """
        self._directory = place.path
        self._options = options
        self._voice = Voice(place.handle / LOG_FILE, output)
        self._view: Any = None
        self._is_ending = False
        self._told: dict[tuple[str, ...], None] = {}  # halts and alarms that a person has been told of

    def begin(self, mode: str, venues: Iterable[str]) -> None:
        """Say that everybody is up: by the screen, or by a line where there is none."""
        if not self._options.headless and _is_our_terminal(self._voice.output.descriptor):
            from scripts.run.live_view import LiveView

            self._view = LiveView(self._voice.output)
        else:
            begun = telling.started(mode, venues, os.getpid(), str(self._directory))
            self.tell(begun, is_logged=False)

    def show(self, status: dict[str, Any]) -> None:
        if self._view is not None:
            self._view.show(status)
        # The screen shows troubles, too, but a file into which standard error goes, doesn't.
        if self._view is None or not _is_our_terminal(self._voice.errors.descriptor):
            self._tell_troubles(status)

    def _tell_troubles(self, status: dict[str, Any]) -> None:
        """Say on standard error what a person should look at, once: halts, of earlier runs too, and alarms."""
        lines = telling.troubles(status)
        for key, line in lines.items():
            is_reported = self._is_ending and line.startswith("halted: ")  # as a problem, in a moment
            if key not in self._told and not is_reported:
                self.tell(line, is_logged=False)  # who raised it has logged it
        # A monitor that has just been replaced knows less for a moment, so what is not told now is kept as well.
        self._told = dict.fromkeys([*self._told, *lines])
        for *alarm, over in lines:
            if over:  # should it begin again, that is news
                self._told.pop((*alarm, ""), None)
        for key in list(self._told)[:-_TOLD_KEPT]:
            del self._told[key]

    def tell(self, text: str, is_logged: bool = True, is_shown: bool = True) -> None:
        self._voice.tell(text, is_logged, is_shown)

    def end(self) -> None:
        """Leave the screen: the report comes next."""
        self._is_ending = True
        if self._view is not None:
            self._view.close()
            self._view = None

    def report(self, status: dict[str, Any], problems: Sequence[str]) -> None:
        for line in [*problems, *telling.last_words(status)]:
            self.tell(line)
        if not status:
            return
        report = {key: value for key, value in status.items() if key != "view"}
        output = self._voice.output
        output.write(f"{self._worded(report)}\n")
        output.drain(_READ_WITHIN_S)
        if output.error:
            self.tell(f"the report could not be written: {output.error}")

    def _worded(self, report: dict[str, Any]) -> str:
        if self._options.json:
            return json.dumps(report)
        from scripts.report.summary import summary

        return pasteable(summary(report))

    def close(self) -> None:
        """Give the outputs some time to take what is left."""
        self._voice.close(_READ_WITHIN_S)


def _is_our_terminal(descriptor: int) -> bool:
    """Tell whether it is a terminal in which we run in the foreground: another's is not ours to draw on."""
    try:
        return os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False  # it is gone, or not the one that controls us
