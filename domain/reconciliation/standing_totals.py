"""Totals whose fill rows never come: after a while they stand as they are, and a person is told.

The while is counted between reads that succeeded and did not show them: that none does proves nothing.
Until then the venue is not compared, since the rows would explain a difference. Afterwards it is, and what is
traded there takes no more risk until the rows come, or a person resumes.
"""

from __future__ import annotations

from collections.abc import Collection

from domain.instant import SECOND_NS, Instant
from domain.ledger.order import OrderLifecycle
from domain.ledger.outbox import Outbox
from domain.messages.halts import HaltKind
from domain.messages.journal import HaltCleared, TotalsStand
from domain.settings import Settings


class StandingTotals:
    """Since which read each order waits for its rows. Monotonic; begun anew after a restart."""

    def __init__(self, settings: Settings, outbox: Outbox) -> None:
        self._within_ns = round(settings.orders.fill_rows_within_s * SECOND_NS)
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._since_ns: dict[str, int] = {}  # client_order_id ->

    def stand(self, order: OrderLifecycle) -> bool:
        """Tell whether an order's totals are all the evidence that there will be."""
        return order.id in self._ledger.standing

    def missed(self, venue: str, asked_of: Collection[str], asked: Instant, now: Instant) -> None:
        """Note what an answer still lacks, once its fills have been taken in.

        Args:
            asked_of: venue_order_ids whose fills were asked for by name; those of a nameless order never are.
            asked: when the question left.
        """
        for order in self._ledger.unexplained.values():
            if order.order.venue == venue and all(name in asked_of for name in order.venue_order_ids):
                if self.stand(order):
                    continue
                since_ns = self._since_ns.setdefault(order.id, asked.monotonic_ns)
                if asked.monotonic_ns - since_ns >= self._within_ns:
                    self._let_stand(order, now)

    def review(self, venue: str, now: Instant) -> None:
        for client_order_id in self._since_ns.keys() - self._ledger.unexplained.keys():
            del self._since_ns[client_order_id]
        self._lift(venue, now)

    def _let_stand(self, order: OrderLifecycle, now: Instant) -> None:
        body = order.order
        del self._since_ns[order.id]  # what fills after a person's word is waited for anew
        self._outbox.record(
            TotalsStand(
                ts_event=now.utc_ns,
                client_order_id=order.id,
                venue=body.venue,
                instrument=body.instrument,
                quantity=order.executions.provisional_quantity,
            )
        )
        reason = f"its totals stand, for the venue lists no fills of order {order.id}"
        self._outbox.halt(order.scope, HaltKind.TOTALS_STAND, reason, now.utc_ns)

    def _lift(self, venue: str, now: Instant) -> None:
        """Take back the halts of instruments where the rows of all orders came after all; no halt for anything else."""
        standing = self._ledger.standing.items()
        waiting = {self._ledger.orders[it].scope for it, is_settled in standing if not is_settled}
        for halt in self._ledger.halts:
            if halt.scope.startswith(f"{venue}:") and ends_when(halt.kind) and halt.scope not in waiting:
                cleared = HaltCleared(ts_event=now.utc_ns, scope=halt.scope, reason=halt.reason, kind=halt.kind)
                self._outbox.record(cleared)


def ends_when(kind: str) -> str:
    """Return when a halt of that kind ends by itself; empty where only a person ends it."""
    return "when they come" if kind == HaltKind.TOTALS_STAND else ""
