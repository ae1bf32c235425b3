"""Ends that a venue has told without proof of how much had filled: how long the rest may have, and what ends that.

The order is asked about meanwhile, as any in doubt, and nothing else is sold in its place (docs/money.md 1 and 2).
"""

from __future__ import annotations

from collections.abc import Iterator

from domain.instant import SECOND_NS, Instant
from domain.ledger.order import FILLED, OrderLifecycle
from domain.ledger.outbox import Outbox
from domain.reconciliation.evidence import Rules
from domain.reconciliation.unmatched_fills import UnmatchedFills
from domain.reconciliation.unread_rows import UnreadRows
from domain.settings import Settings

ENDING = "ending"  # alarm key: "ending:" and the client_order_id


class Endings:
    """Since when each of these ends is known. Monotonic nanoseconds; begun anew after a restart."""

    def __init__(
        self, settings: Settings, outbox: Outbox, rules: Rules, unmatched: UnmatchedFills, unread: UnreadRows
    ) -> None:
        # FILLED alone proves the quantity, so a better word is awaited only as long as a position may be bare.
        self._within_ns = round(settings.protection.within_s * SECOND_NS / 2)
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._rules = rules
        self._unmatched = unmatched
        self._unread = unread
        self._since_ns: dict[str, int] = {}  # client_order_id ->

    def note(self, order: OrderLifecycle, now: Instant) -> None:
        """Take note of how an order stands."""
        if order.ended is None:
            self._since_ns.pop(order.id, None)
            return
        since_ns = self._since_ns.setdefault(order.id, now.monotonic_ns)
        if order.ended is FILLED and now.monotonic_ns < since_ns + self._within_ns:
            self._outbox.wake_at(since_ns + self._within_ns, f"{ENDING}:{order.id}")

    def is_due(self, order: OrderLifecycle, now: Instant) -> bool:
        """Tell whether FILLED has waited long enough for its total."""
        since_ns = self._since_ns.get(order.id)
        return order.ended is FILLED and since_ns is not None and now.monotonic_ns >= since_ns + self._within_ns

    def shown(self, venue: str, asked_ns: int) -> Iterator[OrderLifecycle]:
        """Yield the orders of which a list of fills that was asked for then shows all: no read lags so far behind."""
        lag_ns = self._rules.at(venue).facts.read_lag_ns
        for order in self._ledger.live_orders(venue):
            since_ns, body = self._since_ns.get(order.id), order.order
            if since_ns is None or asked_ns <= since_ns + lag_ns:
                continue
            is_one_unread = self._unread.trouble(venue, body.instrument) == "unread_fill"
            if not is_one_unread and not self._unmatched.has_any(venue, body.instrument, body.side):
                yield order
