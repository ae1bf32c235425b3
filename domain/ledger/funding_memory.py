"""Which funding payments are booked: a venue lists them again and again. Folded from the journal."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from domain.messages.journal import FillsCovered, FundingPaid

PaymentKey = tuple[str, int]  # instrument, paid_at


@dataclass
class FundingMemory:
    """The payments of all venues that may still be listed; remembered as long as fills are."""

    forgotten: dict[str, int] = field(default_factory=dict)  # venue -> up to which they were known, and are not
    _paid: dict[str, dict[PaymentKey, Decimal]] = field(default_factory=dict)  # venue -> what was booked of each

    def book(self, event: FundingPaid) -> None:
        self._paid.setdefault(event.venue, {})[event.instrument, event.paid_at] = event.amount

    def amount(self, venue: str, instrument: str, paid_at: int) -> Decimal | None:
        """Return what was booked for that time; None where nothing was."""
        return self._paid.get(venue, {}).get((instrument, paid_at))

    def is_forgotten(self, venue: str, paid_at: int) -> bool:
        """Tell whether a payment that nobody knows is so old that it was known once."""
        return paid_at <= self.forgotten.get(venue, 0)

    def cover(self, event: FillsCovered) -> None:
        venue = event.venue
        if event.forget_before > self.forgotten.get(venue, 0):
            self.forgotten[venue] = event.forget_before
            paid = self._paid.get(venue, {})
            for key in [key for key in paid if key[1] <= event.forget_before]:
                del paid[key]
