"""Whose turn it is at a position that has no stop: the stop's again, after a close that left it there.

Closes and stops are each the other's fallback: a venue that refuses the one may take the other (docs/money.md 3).
"""

from __future__ import annotations

from domain.instant import Instant
from domain.instrument import InstrumentId
from domain.ledger.account import Portfolio
from domain.messages.base import Event
from domain.messages.journal import IntentDenied, IntentDone, OrderClosed
from domain.messages.orders import OrderStatus, Purpose


class StopTurns:
    """Since when it is the stop's turn there. A stop that is refused gives it back; so does time. Monotonic."""

    def __init__(self, lasts_ns: int) -> None:
        self._lasts_ns = lasts_ns
        self._since_ns: dict[InstrumentId, int] = {}

    def hear(self, event: Event, portfolio: Portfolio, now: Instant) -> None:
        """Take in what is about to be booked."""
        match event:
            case IntentDone():
                if plan := portfolio.plans.get(event.intent_id):
                    self._ended(plan.key, plan.intent.purpose, portfolio, now)
            case IntentDenied():
                self._ended(InstrumentId.of(event), event.purpose, portfolio, now)
            case OrderClosed(status=OrderStatus.REJECTED):
                live = portfolio.orders.get(event.client_order_id)
                if live and live.order.purpose is Purpose.PROTECT:
                    self.end(InstrumentId.of(live.order))

    def give(self, key: InstrumentId, now: Instant) -> None:
        self._since_ns[key] = now.monotonic_ns

    def end(self, key: InstrumentId) -> None:
        self._since_ns.pop(key, None)

    def is_on(self, key: InstrumentId, now: Instant) -> bool:
        since_ns = self._since_ns.get(key)
        return since_ns is not None and now.monotonic_ns - since_ns <= self._lasts_ns

    def _ended(self, key: InstrumentId, purpose: Purpose, portfolio: Portfolio, now: Instant) -> None:
        if purpose is Purpose.PROTECT:
            self.end(key)
        # A stop in doubt may be what the close was refused for: a second one would help nobody.
        elif purpose is Purpose.CLOSE and not portfolio.orders_of(*key, Purpose.PROTECT):
            self.give(key, now)
