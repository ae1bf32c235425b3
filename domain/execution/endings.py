"""Ends that a venue has told without proof of how much had filled: how long the rest may have, and what ends that.

The order is asked about meanwhile, as any in doubt, and nothing else is sold in its place (docs/money.md 1 and 2).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from domain.instant import SECOND_NS, Instant
from domain.instrument import InstrumentId, Side
from domain.ledger.order import FILLED, OrderLifecycle
from domain.ledger.outbox import Outbox
from domain.messages.orders import FINAL, OrderReported, OrderStatus, Purpose
from domain.numbers import ZERO
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
        # A better word is awaited only as long as a position may be unprotected.
        self._within_ns = round(settings.protection.within_s * SECOND_NS / 2)
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._rules = rules
        self._unmatched = unmatched
        self._unread = unread
        self._since_ns: dict[str, int] = {}  # client_order_id ->
        self._totals: dict[str, Decimal] = {}  # client_order_id -> the most that came with a word of its end
        self._short_ns: dict[
            InstrumentId, int
        ] = {}  # when an opening ended short there, and no list has shown it since
        self._belied: set[str] = set()  # venues where one filled after all, though a read had said that it had not

    def hear(self, order: OrderLifecycle, report: OrderReported) -> None:
        """Take in with what total an end is told."""
        if report.status in FINAL and report.cumulative_quantity is not None:
            self._totals[order.id] = max(report.cumulative_quantity, self._totals.get(order.id, ZERO))

    def note(self, order: OrderLifecycle, now: Instant) -> None:
        """Take note of how an order stands."""
        if order.ended is None:
            self._since_ns.pop(order.id, None)
            self._totals.pop(order.id, None)
            return
        since_ns = self._since_ns.setdefault(order.id, now.monotonic_ns)
        if self._is_bounded(order) and now.monotonic_ns < since_ns + self._within_ns:
            self._outbox.wake_at(since_ns + self._within_ns, f"{ENDING}:{order.id}")

    def is_due(self, order: OrderLifecycle, now: Instant) -> bool:
        """Tell whether an end has waited long enough for proof of its total."""
        since_ns = self._since_ns.get(order.id)
        is_late = since_ns is not None and now.monotonic_ns >= since_ns + self._within_ns
        return is_late and self._is_bounded(order)

    def is_settled(self, order: OrderLifecycle) -> bool:
        """Tell whether the total that came with an end stands without proof, once that has waited long enough.

        A resting order ends when we or the venue cancel it, and trades seldom just then: had it, the next word would
        be here. One that never rests trades in the very moment of its end.
        """
        total = self._totals.get(order.id)
        return not order.never_rests and total is not None and total >= order.filled_quantity

    def _is_bounded(self, order: OrderLifecycle) -> bool:
        """Tell whether a position may be bare until the end is proven."""
        return order.ended is not None and (order.ended is FILLED or order.order.side is Side.SELL)

    # ---- openings -------------------------------------------------------------------------------------------

    def ended(self, order: OrderLifecycle, now: Instant) -> None:
        """Take note of an opening that ended with less than it was for: it may be tried again."""
        is_short = order.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED) and order.venue_order_id
        if order.order.purpose is Purpose.OPEN and is_short and order.filled_quantity < order.order.quantity:
            self._short_ns.setdefault(InstrumentId.of(order.order), now.monotonic_ns)

    def belied(self, order: OrderLifecycle) -> None:
        """Take note that an order filled after all."""
        self._belied.add(order.order.venue)

    def are_reads_believed(self, order: OrderLifecycle, now: Instant) -> bool:
        """Tell whether a read proves with what an order ended; else a list of fills does that no read lags behind.

        A venue whose reads have been wrong about that is believed no more; nor is a second opening in a row that, it
        says, has ended short: so the limits can be exceeded by one order, and not by one a second.
        """
        if order.order.purpose is not Purpose.OPEN:
            return True
        return order.order.venue not in self._belied and InstrumentId.of(order.order) not in self._short_ns

    def is_as_told(self, order: OrderLifecycle) -> bool:
        """Tell whether what has filled is what came with the word of an opening's end."""
        return order.order.purpose is Purpose.OPEN and self._totals.get(order.id) == order.filled_quantity

    # ---- what lists of fills prove --------------------------------------------------------------------------

    def shown(self, venue: str, asked_ns: int) -> Iterator[OrderLifecycle]:
        """Yield the orders of which a list of fills that was asked for then shows all: no read lags so far behind."""
        lag_ns = self._rules.at(venue).facts.read_lag_ns
        for key in [
            key for key, since_ns in self._short_ns.items() if key.venue == venue and asked_ns > since_ns + lag_ns
        ]:
            del self._short_ns[key]
        for order in self._ledger.live_orders(venue):
            since_ns, body = self._since_ns.get(order.id), order.order
            if since_ns is None or asked_ns <= since_ns + lag_ns:
                continue
            is_one_unread = self._unread.trouble(venue, body.instrument) == "unread_fill"
            if not is_one_unread and not self._unmatched.has_any(venue, body.instrument, body.side):
                yield order
