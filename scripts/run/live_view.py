"""The screen in a terminal: draws each status as it comes. A terminal that takes no more costs the screen alone."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console
from rich.live import Live

from scripts.report.view import render
from scripts.run.outputs import Outlet


class LiveView:
    """Owns the terminal's alternate screen from the first status until `close`."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._live = Live(console=Console(file=_Terminal(outlet)), auto_refresh=False, screen=True)
        self._live.start()

    def show(self, status: dict[str, Any]) -> None:
        if not self._outlet.is_behind:  # else it is stopped by Ctrl-S, or slow: a newer one will do
            self._live.update(render(status), refresh=True)

    def close(self) -> None:
        self._live.stop()


class _Terminal(io.StringIO):
    """What `rich` takes for the terminal's file."""

    def __init__(self, outlet: Outlet) -> None:
        super().__init__()
        self._outlet = outlet

    def write(self, text: str) -> int:
        self._outlet.write(text)
        return len(text)

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._outlet.descriptor
