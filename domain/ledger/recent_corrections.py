"""What the corrections of the last 24 hours were worth together: many small ones may be one leak."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from domain.instant import DAY_NS
from domain.messages.journal import BalanceCorrected, PositionCorrected
from domain.numbers import ZERO

_KEPT = 10_000  # per venue: more than two each 20 s


@dataclass
class RecentCorrections:
    """Folded from the journal. Those of unknown worth are not in it: each of them halts by itself."""

    _worths: dict[str, deque[tuple[int, Decimal]]] = field(default_factory=dict)  # venue -> when, and USD, signed

    def hear(self, event: BalanceCorrected | PositionCorrected) -> None:
        if event.worth:
            worths = self._worths.setdefault(event.venue, deque(maxlen=_KEPT))
            worths.append((event.ts_event, event.worth))

    def resumed(self, scope: str) -> None:
        """A person has seen those of a venue."""
        self._worths.pop(scope, None)

    def worth(self, venue: str, utc_ns: int) -> Decimal:
        """Return in USD what was at stake until then.

        What came and what went may be the two legs of one trade, or a correction taken back: the larger of the two
        sums, not both.
        """
        recent = [worth for ts_event, worth in self._worths.get(venue, ()) if ts_event > utc_ns - DAY_NS]
        came = sum((worth for worth in recent if worth > 0), ZERO)
        went = sum((worth for worth in recent if worth < 0), ZERO)
        return max(came, -went)
