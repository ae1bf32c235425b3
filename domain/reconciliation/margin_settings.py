"""Leverage and margin mode as they are set at a venue, against what is configured (docs/money.md 3).

What is configured is capped by the listing, as margin is reckoned. A mismatch means no openings in that instrument:
sizes and distances were reckoned with other terms. What a venue does not tell is no mismatch: not each has a setting.
"""

from __future__ import annotations

from domain.instant import Instant
from domain.instrument import InstrumentId
from domain.ledger.outbox import Outbox
from domain.market.latest_quotes import LatestQuotes
from domain.messages.account import VenueSnapshot
from domain.messages.denials import Denial, DenialReason
from domain.messages.positions import VenuePosition
from domain.numbers import plain
from domain.portfolio.margin import margin_mode, margin_terms
from domain.settings import Settings


class MarginSettings:
    """The newest word of each venue; after a restart it is read again before anything is opened."""

    def __init__(self, settings: Settings, outbox: Outbox, quotes: LatestQuotes) -> None:
        self._settings = settings
        self._outbox = outbox
        self._quotes = quotes
        self._told: dict[InstrumentId, VenuePosition] = {}
        self._alarmed: dict[str, str] = {}  # venue -> what a person was told of it

    def hear(self, snapshot: VenueSnapshot, now: Instant) -> None:
        """Take in how it is set there. What can't be read this time stays as it was."""
        venue = snapshot.venue
        for position in snapshot.positions or ():
            self._told[InstrumentId(venue, position.instrument)] = position
        self._tell(venue, now)

    def trouble(self, venue: str, name: str) -> Denial:
        return DenialReason.MARGIN_MISMATCH if self.mismatch(InstrumentId(venue, name)) else ""

    def mismatch(self, key: InstrumentId) -> str:
        """Return how it is set there and what is configured, in words; empty where that is the same, or not known."""
        position, instrument = self._told.get(key), self._quotes.instrument(*key)
        if position is None or instrument is None:
            return ""
        terms = margin_terms(instrument, self._settings.risk)
        is_alike = position.leverage in (None, terms.leverage) and position.is_isolated in (None, terms.is_isolated)
        if is_alike:
            return ""
        there = _words(
            "" if position.leverage is None else f"{plain(position.leverage)}x",
            "" if position.is_isolated is None else margin_mode(position.is_isolated),
        )
        return f"{there} there, {_words(f'{plain(terms.leverage)}x', margin_mode(terms.is_isolated))} configured"

    def _tell(self, venue: str, now: Instant) -> None:
        """Tell a person once of all that is set otherwise there, and again when that becomes other."""
        names = self._settings.venues[venue].instruments if venue in self._settings.venues else ()
        found = {name: how for name in names if (how := self.mismatch(InstrumentId(venue, name)))}
        listed = "; ".join(f"{name} is {how}" for name, how in found.items())
        text = f"leverage or margin mode: {listed}: no openings there until that is set alike" if found else ""
        if text != self._alarmed.get(venue, ""):
            if told := self._alarmed.pop(venue, ""):
                self._outbox.alarm_over(venue, told, now.utc_ns)
            if text:
                self._alarmed[venue] = text
                self._outbox.alarm(venue, text, now.utc_ns)


def _words(*words: str) -> str:
    return " ".join(filter(None, words))
