"""What is done to the data directory while a system runs in it, told when it begins and again when it is over.

While the journal can't be found by who looks for it, openings are halted: at once, and anew whenever that halt is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from scripts.run.control import ControlServer
from scripts.run.data_directory import DataDirectory, Trouble


class Ask(Protocol):
    def __call__(self, verb: str, *, text: str, kind: str = "") -> object:
        """Tell the supervisor "alarm", "alarm_over" or "halt"; `kind` is that of a halt."""


class DirectoryWatch:
    def __init__(self, place: DataDirectory, control: ControlServer) -> None:
        self._place = place
        self._control = control
        self._standing: dict[str, Trouble] = {}  # text -> what was told, and isn't over

    @property
    def lost(self) -> Trouble | None:
        """Return why openings must be halted, as of the last look; None when nothing is in their way."""
        return next((trouble for trouble in self._standing.values() if trouble.is_lost), None)

    def look(self, ask: Ask, halts: Iterable[Mapping[str, Any]] | None) -> None:
        """Tell what has changed.

        Args:
            halts: that stand as of the newest status; None while there is none.
        """
        found = {trouble.text: trouble for trouble in self._found()}
        before, self._standing = self._standing, found
        for text in before:
            if text not in found:
                ask("alarm_over", text=text)
        for text, trouble in found.items():
            is_news = text not in before
            if is_news:
                ask("alarm", text=text)
            if trouble.is_lost and (is_news or (halts is not None and not _stands(trouble.halts_as, halts))):
                ask("halt", text=text, kind=trouble.halts_as)

    def _found(self) -> Iterator[Trouble]:
        if told := self._control.renew():
            yield Trouble(told)
        yield from self._place.troubles()


def _stands(kind: str, halts: Iterable[Mapping[str, Any]]) -> bool:
    return any(halt["scope"] == "all" and halt["kind"] == kind for halt in halts)
