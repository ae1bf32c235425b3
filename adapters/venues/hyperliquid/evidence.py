"""What proves what at Hyperliquid (docs/money.md 1 and 2). Pure.

An order carries the last moment at which it can be accepted, and is asked for by our own id. What is shown as filled
may be part of an IOC order, and how much a cancelled one had filled no status tells: the list of fills does.
"""

from __future__ import annotations

from decimal import Decimal

from domain.instant import SECOND_NS
from domain.instrument import InstrumentKind
from domain.reconciliation.evidence import Absence, Ending, VenueFacts, Verdict, listed
from domain.settings import VenueSettings

SETTLED_NS = 2 * SECOND_NS  # of venue time after an order's end: what was accepted before shows by then


class HyperliquidEvidence:
    """The `Evidence` of Hyperliquid."""

    def __init__(self, settings: VenueSettings) -> None:
        # Whether the hold of a spot sale outlasts a total that says otherwise, nobody knows.
        self.facts = VenueFacts(read_lag_ns=settings.read_lag_ns, holds_prove_coins=False)

    def look_from_ns(self, absence: Absence) -> int | None:
        """One look, later than two seconds after the order's own end. An order without one is never proven absent."""
        return None if absence.accept_end_ns is None else absence.accept_end_ns + SETTLED_NS + 1

    def absent(self, absence: Absence) -> Verdict:
        from_ns = self.look_from_ns(absence)
        if absence.named_ns is not None:
            return Verdict(False, "the venue has named it, so it was there")
        if from_ns is None:
            return Verdict(False, "nothing says until when it can be accepted")
        if absence.last_look_ns < from_ns:
            return Verdict(False, "not yet looked late enough")
        if absence.has_unclaimed_fill:
            return Verdict(False, "a fill that nobody claims could be its")
        return Verdict(True, "unknown there after its own end")

    def ended(self, ending: Ending) -> Verdict:
        return listed(ending, self.facts.read_lag_ns)

    def close_beside(self, kind: InstrumentKind, is_in_place: bool, spare: Decimal | None) -> Verdict:
        if kind is InstrumentKind.PERPETUAL:
            return Verdict(True, "a stop that only reduces takes nothing beyond the position")
        return Verdict(False, "the stop may fill beside the close")
