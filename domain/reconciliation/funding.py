"""Funding as a venue lists it, booked once each: its key is (venue, instrument, time)."""

from __future__ import annotations

from collections.abc import Iterable

from domain.instant import Instant
from domain.ledger.outbox import Outbox
from domain.messages.journal import FundingPaid
from domain.messages.positions import FundingPayment
from domain.numbers import plain


class Funding:
    """Takes in what was paid since the books of a venue were opened; what came before that is in its balances."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._contradicted: set[tuple[str, str, int]] = set()

    def take(self, venue: str, payments: Iterable[FundingPayment], now: Instant) -> None:
        opened_at = self._ledger.opened_at.get(venue)
        if opened_at is None:
            return
        for payment in payments:
            booked = self._ledger.funding.amount(venue, payment.instrument, payment.paid_at)
            if booked is not None:
                if booked != payment.amount:
                    self._contradict(venue, payment, plain(booked), now)
            elif payment.paid_at > opened_at and not self._ledger.funding.is_forgotten(venue, payment.paid_at):
                self._outbox.record(_paid(venue, payment, now))

    def _contradict(self, venue: str, payment: FundingPayment, booked: str, now: Instant) -> None:
        """Tell, once, of a payment that comes back with another amount; the first telling stands."""
        key = venue, payment.instrument, payment.paid_at
        if key not in self._contradicted:
            self._contradicted.add(key)
            text = f"funding of {payment.paid_at} told again as {plain(payment.amount)}, first as {booked}"
            self._outbox.alarm(f"{venue}:{payment.instrument}", text, now.utc_ns, is_theirs=True)


def _paid(venue: str, payment: FundingPayment, now: Instant) -> FundingPaid:
    return FundingPaid(
        ts_event=now.utc_ns,
        venue=venue,
        instrument=payment.instrument,
        paid_at=payment.paid_at,
        amount=payment.amount,
        currency=payment.currency,
        wallet=payment.wallet,
        rate=payment.rate,
        quantity=payment.quantity,
    )
