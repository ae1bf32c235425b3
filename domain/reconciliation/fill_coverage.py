"""Up to when every fill of a venue is known, and which fills to ask for next.

What is covered is journaled, so that a restart asks for what nobody heard of, however long that was ago. Fills
that nobody claims yet hold it back; how old a live order is does not.
"""

from __future__ import annotations

from collections.abc import Iterable

from domain.instant import SECOND_NS, Instant
from domain.ledger.fill_memory import KEPT_NS
from domain.ledger.outbox import Outbox
from domain.messages.journal import FillsCovered
from domain.messages.orders import Fill
from domain.reconciliation.evidence import Rules
from domain.reconciliation.unmatched_fills import UnmatchedFills
from domain.reconciliation.unread_rows import UnreadRows
from domain.settings import Settings
from domain.streams.health import FUTURE_NS

_OUR_ERROR_NS = 86_400 * SECOND_NS  # that our clock can have, where a venue has not told its time


def listed_until(fills: Iterable[Fill], venue_ns: int, is_told: bool) -> int:
    """Return the time of the newest fill that a listing can hold (UTC ns), or of the listing, whichever is later.

    One absurd stamp must not pass for it: all fills before that would count as known.

    Args:
        venue_ns: the venue's time of the listing; by our clock unless `is_told`.
    """
    latest_ns = venue_ns + (FUTURE_NS if is_told else _OUR_ERROR_NS)
    return max([venue_ns, *(fill.ts_event for fill in fills if fill.ts_event <= latest_ns)])


class FillCoverage:
    """The coverage of every venue; journaled now and then, exact in memory."""

    def __init__(
        self, settings: Settings, outbox: Outbox, unmatched: UnmatchedFills, unread: UnreadRows, rules: Rules
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._unmatched = unmatched
        self._unread = unread
        self._rules = rules
        self._known_to: dict[str, int] = {}  # venue -> UTC ns of the last question of this run that was answered

    def since(self, venue: str, now: Instant) -> int:
        """Return from when on fills may be unknown (UTC ns), less what reads may lag and clocks may differ."""
        known_to = self._known_to.get(venue) or self._ledger.fills.covered.get(venue, now.utc_ns)
        oldest = self._unmatched.oldest(venue)
        return min(known_to, now.utc_ns, now.utc_ns if oldest is None else oldest) - self._overlap_ns(venue)

    def orders(self, venue: str) -> tuple[str, ...]:
        """Return the venue_order_ids whose fills are asked for by name, however old they are.

        Those known from totals only; and in the first question of a run, those that have rested meanwhile.
        """
        orders = [it for it in self._ledger.unexplained.values() if it.order.venue == venue]
        if venue not in self._known_to:
            orders += self._ledger.live_orders(venue)
        return tuple(dict.fromkeys(name for order in orders for name in order.venue_order_ids))

    def answered(self, venue: str, asked: Instant, now: Instant) -> None:
        """Note that all fills of a question asked then have been taken in; journal it when it is worth it."""
        if self._is_one_unread(venue):
            return  # it must be listed again to whoever can read it
        oldest = self._unmatched.oldest(venue)
        until = asked.utc_ns if oldest is None else min(asked.utc_ns, oldest - 1)
        self._known_to[venue] = until
        covered, overlap_ns = self._ledger.fills.covered.get(venue), self._overlap_ns(venue)
        if covered is None or abs(until - covered) < overlap_ns:
            return
        forget_before = min(until, covered) - overlap_ns - KEPT_NS
        self._outbox.record(FillsCovered(ts_event=now.utc_ns, venue=venue, until=until, forget_before=forget_before))

    def _is_one_unread(self, venue: str) -> bool:
        names = self._settings.venues[venue].instruments
        return any(self._unread.trouble(venue, name) in ("unread_fill", "unread_funding") for name in names)

    def _overlap_ns(self, venue: str) -> int:
        overlap_ns = round(self._settings.orders.fills_overlap_s * SECOND_NS)
        return max(overlap_ns, self._rules.at(venue).facts.read_lag_ns)
