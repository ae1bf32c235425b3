"""What proves what at Coinbase (docs/money.md 1 and 2). Pure.

Its reads show what was so up to fifteen seconds ago. A create is accepted as long as its token lives, also
after we gave up on it. A resting sale holds the coins that it would sell.
"""

from __future__ import annotations

from decimal import Decimal

from domain.instant import SECOND_NS
from domain.instrument import InstrumentKind
from domain.reconciliation.evidence import Absence, Ending, VenueFacts, Verdict, listed
from domain.settings import VenueSettings


class CoinbaseEvidence:
    """The `Evidence` of Coinbase."""

    def __init__(self, settings: VenueSettings) -> None:
        self.facts = VenueFacts(read_lag_ns=settings.read_lag_ns, holds_prove_coins=True)

    def look_from_ns(self, absence: Absence) -> int:
        """Two looks: the first after the token's end, the second when no read can lag behind that any more.

        An order that was named once is in everything that a read may show from the read lag on.
        """
        if absence.first_look_ns is None:
            return self._settled_ns(absence) if absence.named_ns is not None else absence.accept_until_ns
        return max(absence.first_look_ns + absence.apart_ns, self._settled_ns(absence))

    def absent(self, absence: Absence) -> Verdict:
        if absence.first_look_ns is None or absence.last_look_ns < self.look_from_ns(absence):
            return Verdict(False, "not yet looked twice, late enough")
        if absence.has_unclaimed_fill:
            return Verdict(False, "a fill that nobody claims could be its")
        if absence.holds_read_ns is None or absence.holds_read_ns < self._settled_ns(absence):
            return Verdict(False, "no late enough read of what is held")
        if absence.may_be_held:
            return Verdict(False, "something holds as much as it would")
        apart_s = (absence.last_look_ns - absence.first_look_ns) / SECOND_NS
        return Verdict(True, f"twice {apart_s:.1f} s apart")

    def ended(self, ending: Ending) -> Verdict:
        """A list of fills: the stream and a read have both called cancelled with nothing what had filled.

        A read is enough of what rested until we took it back, and seldom traded just then; and where nothing is tried
        again.
        """
        if ending.is_read_alike and (ending.has_rested or not ending.may_be_repeated):
            return Verdict(True, "read alike")
        return listed(ending, self.facts.read_lag_ns)

    def close_beside(self, kind: InstrumentKind, is_in_place: bool, spare: Decimal | None) -> Verdict:
        if kind is not InstrumentKind.SPOT:
            return Verdict(False, "the stop may fill beside the close")
        if is_in_place:
            return Verdict(False, "the stop holds the coins")
        if spare is None or spare > 0:
            return Verdict(False, "coins that are not of the position could feed both")
        return Verdict(True, "coins that a stop holds can't be sold twice")

    def _settled_ns(self, absence: Absence) -> int:
        """Return from when on reads show all that the last moment of doubt may have brought."""
        since_ns = absence.accept_until_ns if absence.named_ns is None else absence.named_ns
        return since_ns + self.facts.read_lag_ns
