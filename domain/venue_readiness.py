"""Whether a venue may take openings: instruments known, private stream live, account compared in this run."""

from __future__ import annotations

from collections.abc import Iterable

from domain.system_messages import BreakerChanged, BreakerState, Operation


class VenueReadiness:
    """What is known about each venue in this run; nothing of it survives a restart."""

    def __init__(self, venues: Iterable[str]) -> None:
        self.venues = tuple(venues)
        self.is_loaded = dict.fromkeys(self.venues, False)
        self.is_live = dict.fromkeys(self.venues, False)
        self.is_reconciled = dict.fromkeys(self.venues, False)
        self._submit_breakers: dict[str, BreakerState] = {}  # venue -> the last state heard
        self._announced: dict[str, str] = {}  # venue -> what was missing when last told

    def hear_breaker(self, event: BreakerChanged) -> None:
        if event.operation is Operation.SUBMIT:
            self._submit_breakers[event.venue] = event.state

    def is_breaker_open(self, venue: str) -> bool:
        """Tell whether creates are pointless now; half open, the gateway picks the one probe."""
        return self._submit_breakers.get(venue) is BreakerState.OPEN

    def missing(self, venue: str) -> str:
        """Return what keeps the venue from taking openings, empty when it is ready."""
        for what, known in (
            ("instruments", self.is_loaded),
            ("private_stream", self.is_live),
            ("reconciliation", self.is_reconciled),
        ):
            if not known.get(venue):
                return what
        return ""

    def news(self) -> list[tuple[str, str]]:
        """Return (venue, what is missing) of those that changed since the last call."""
        changed = [
            (venue, missing)
            for venue in self.venues
            if (missing := self.missing(venue)) != self._announced.get(venue)
        ]
        self._announced.update(changed)
        return changed

    def forget_announcements(self) -> None:
        """Let `news` return every venue again: somebody new is listening."""
        self._announced.clear()
