"""The screen in a terminal: draws each status as it comes, without a thread of its own."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.live import Live

from scripts.view import render


class LiveView:
    """Owns the terminal's alternate screen from the first status until `close`."""

    def __init__(self) -> None:
        self._live = Live(console=Console(), auto_refresh=False, screen=True)
        self._live.start()

    def show(self, status: dict[str, Any]) -> None:
        self._live.update(render(status), refresh=True)

    def close(self) -> None:
        self._live.stop()
