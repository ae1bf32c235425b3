"""What holding each perpetual has paid or cost, and the newest payment of it. Folded from the journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from domain.instrument import InstrumentId
from domain.messages.journal import FundingPaid
from domain.numbers import ZERO


@dataclass
class FundingTotal:
    """All that was paid for one instrument in one currency."""

    newest: FundingPaid  # by the venue's time
    amount: Decimal = ZERO  # received less paid


@dataclass
class FundingTotals:
    """All instruments that ever paid or were charged."""

    _totals: dict[tuple[InstrumentId, str], FundingTotal] = field(default_factory=dict)  # instrument, currency ->

    def hear(self, event: FundingPaid) -> None:
        total = self._totals.setdefault((InstrumentId.of(event), event.currency), FundingTotal(event))
        total.amount += event.amount
        if event.paid_at >= total.newest.paid_at:
            total.newest = event

    def __iter__(self) -> Iterator[FundingTotal]:
        """Yield them in the order of their names."""
        return (total for _, total in sorted(self._totals.items()))
