"""Ends that a venue has told without proof of how much had filled: how long the rest may have, and what ends that.

The order is asked about meanwhile, as any in doubt, and nothing else is sold in its place (docs/money.md 1 and 2).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from domain.effects import WakeupKey
from domain.instant import SECOND_NS, Instant
from domain.instrument import InstrumentId
from domain.ledger.order import OrderLifecycle
from domain.ledger.order_status import FILLED
from domain.ledger.order_wakeups import OrderWakeup
from domain.ledger.outbox import Outbox
from domain.ledger.wallet import Wallet
from domain.messages.orders import FINAL, OrderReported, Purpose
from domain.numbers import ZERO
from domain.reconciliation.differences import Totals
from domain.reconciliation.evidence import Ending, Rules
from domain.reconciliation.unmatched_fills import UnmatchedFills
from domain.reconciliation.unread_rows import UnreadRows
from domain.settings import Settings


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
        self._taken_back: set[str] = set()  # client_order_ids of those that rested until we did that

    def hear(self, order: OrderLifecycle, report: OrderReported) -> None:
        """Take in with what total an end is told, and whether we had asked for it.

        One that ended unasked may have filled at a price of which we hear later, or which was there for a moment only.
        """
        if order.ended is None:
            self._taken_back.discard(order.id)
            if report.status in FINAL and order.is_cancel_pending and not order.never_rests:
                self._taken_back.add(order.id)
        if report.status in FINAL and report.cumulative_quantity is not None:
            self._totals[order.id] = max(report.cumulative_quantity, self._totals.get(order.id, ZERO))

    def note(self, order: OrderLifecycle, now: Instant) -> None:
        """Take note of how an order stands."""
        if order.ended is None:
            self._since_ns.pop(order.id, None)
            self._totals.pop(order.id, None)
            self._taken_back.discard(order.id)
            return
        since_ns = self._since_ns.setdefault(order.id, now.monotonic_ns)
        if self._is_bounded(order) and now.monotonic_ns < since_ns + self._within_ns:
            self._outbox.wake_at(since_ns + self._within_ns, WakeupKey(OrderWakeup.ENDING, order.id))

    def is_due(self, order: OrderLifecycle, now: Instant) -> bool:
        """Tell whether an end has waited long enough for proof of its total."""
        since_ns = self._since_ns.get(order.id)
        is_late = since_ns is not None and now.monotonic_ns >= since_ns + self._within_ns
        return is_late and self._is_bounded(order)

    def is_taken_back(self, order: OrderLifecycle) -> bool:
        """Tell whether an order rested until we took it back; of the end that an earlier run heard of, nobody knows."""
        return order.id in self._taken_back

    def is_settled(self, order: OrderLifecycle) -> bool:
        """Tell whether the total that came with an end stands without proof, once that has waited long enough.

        What rested until we took it back seldom traded just then: had it, the next word would be here.
        """
        total = self._totals.get(order.id)
        return self.is_taken_back(order) and total is not None and total >= order.filled_quantity

    def _is_bounded(self, order: OrderLifecycle) -> bool:
        """Tell whether a position may be bare until the end is proven."""
        return order.ended is not None and (order.ended is FILLED or order.order.purpose is not Purpose.OPEN)

    # ---- what proves how much had filled ---------------------------------------------------------------------

    def is_read_proof(self, order: OrderLifecycle, may_be_repeated: bool, now: Instant) -> bool:
        """Tell whether a read that says the same as an earlier word proves with what an order ended."""
        since_ns = self._since_ns.get(order.id, now.monotonic_ns)
        ending = Ending(
            ended_ns=since_ns,
            is_read_alike=True,
            has_rested=self.is_taken_back(order),
            may_be_repeated=may_be_repeated,
        )
        return self._rules.at(order.order.venue).ended(ending).is_proven

    def is_as_told(self, order: OrderLifecycle) -> bool:
        """Tell whether what has filled is what came with the word of the end."""
        return self._totals.get(order.id) == order.filled_quantity

    def shown(self, venue: str, asked_ns: int, apart: Totals) -> Iterator[OrderLifecycle]:
        """Yield the orders of which a list of fills that was asked for then proves how much had filled.

        Args:
            apart: what the venue, read with that list, holds more than our books have, or less
        """
        for order in self._ledger.live_orders(venue):
            since_ns, body = self._since_ns.get(order.id), order.order
            if since_ns is None:
                continue
            is_one_unread = self._unread.trouble(venue, body.instrument) == "unread_fill"
            terms = self._ledger.books.terms(InstrumentId.of(body))
            held = InstrumentId.of(body) if terms.is_perpetual else Wallet(venue, "", terms.base)
            surplus = apart.get(held, ZERO)
            ending = Ending(
                ended_ns=since_ns,
                is_read_alike=False,
                has_rested=self.is_taken_back(order),
                may_be_repeated=True,
                listed_ns=asked_ns,
                has_unclaimed_fill=is_one_unread or self._unmatched.has_any(venue, body.instrument, body.side),
                is_balance_apart=body.side.sign * surplus > 0,
            )
            if self._rules.at(venue).ended(ending).is_proven:
                yield order
