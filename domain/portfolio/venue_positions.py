"""Derivatives as venues keep them: what they tell of liquidation and margin comes before what we reckon."""

from __future__ import annotations

from domain.effects import Effect
from domain.instant import Instant
from domain.instrument import InstrumentId
from domain.ledger.account import Portfolio
from domain.messages.account import VenuePositionsSeen
from domain.messages.positions import VenuePosition
from domain.numbers import ZERO


class VenuePositions:
    """The newest word of each venue; after a restart it is told again."""

    def __init__(self, books: Portfolio) -> None:
        self._books = books
        self._told: dict[str, dict[str, VenuePosition]] = {}  # venue -> instrument ->

    def hear(self, event: VenuePositionsSeen, now: Instant) -> list[Effect]:
        self._told[event.venue] = {position.instrument: position for position in event.positions}
        return []

    def of(self, key: InstrumentId) -> VenuePosition | None:
        """Return what the venue says of one; None where it says nothing, or spoke of another quantity than there is."""
        told = self._told.get(key.venue, {}).get(key.name)
        return told if told and told.quantity == self._books.derivatives.get(key, ZERO) else None
