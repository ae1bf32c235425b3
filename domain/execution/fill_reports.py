"""What venues say about single fills: booked once, kept until their order is known, or told as somebody else's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from domain.execution.contradictions import Contradictions
from domain.instant import Instant
from domain.instrument import InstrumentId
from domain.ledger.order import OrderLifecycle
from domain.ledger.outbox import Outbox
from domain.messages.halts import HaltKind
from domain.messages.journal import ExternalFillSeen, OrderFilled, OrderUpdate
from domain.messages.orders import FINAL, Fill, OrderReported
from domain.numbers import plain
from domain.reconciliation.opening_balances import OpeningBalances
from domain.reconciliation.status_queries import StatusQueries
from domain.reconciliation.unmatched_fills import UnmatchedFills
from domain.reconciliation.unmatched_orders import purpose_told

Book = Callable[[OrderLifecycle, Sequence[OrderUpdate], Instant], None]


class FillReports:
    """Takes in fills, from whatever side and however often.

    Args:
        book: journals what a word has proven of an order, and does what follows.
    """

    def __init__(
        self,
        outbox: Outbox,
        status_queries: StatusQueries,
        unmatched: UnmatchedFills,
        opening: OpeningBalances,
        book: Book,
    ) -> None:
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._status_queries = status_queries
        self._unmatched = unmatched
        self._opening = opening
        self._contradictions = Contradictions(outbox)
        self._book = book

    def take(self, fill: Fill, now: Instant) -> None:
        """Take in one fill."""
        order = self._ledger.order_of(fill.venue, fill.venue_order_id)
        first = self._ledger.fills.find(fill.venue, fill.fill_id)
        if first is None and order is not None:
            first = order.executions.fills.get(fill.fill_id)
        if first is not None:
            self._contradictions.compare(first, fill, now)
            return
        if order is not None:
            self._book(order, order.judge_fill(fill), now)
            return
        if self._ledger.fills.is_forgotten(fill):
            return
        if self._ledger.books.terms(InstrumentId.of(fill)).kind is None:
            # We have no orders in such products, so nobody needs to be asked whose it is.
            if self._opening.is_after(fill):
                self._outbox.record(ExternalFillSeen(ts_event=fill.ts_event, fill=fill))
            return
        candidates = [order for order in self._ledger.live_orders(fill.venue) if _may_own(order, fill)]
        for order in candidates:
            self._status_queries.begin(order, now)
        if candidates or self._opening.is_after(fill):
            self._contradictions.compare(self._unmatched.keep(fill, now), fill, now)
        else:
            self._opening.keep(fill)

    def of_retired(self, report: OrderReported, now: Instant) -> None:
        """Book late fills of an order of ours that ended long ago; nothing else is kept of it."""
        if report.status not in FINAL:
            reason = f"order {report.client_order_id} is {report.status} though it ended long ago"
            self._outbox.halt(str(InstrumentId.of(report)), HaltKind.LIVES_LONG_AFTER, reason, now.utc_ns)
        for fill in self._unmatched.take(report.venue, report.venue_order_id, now):
            self._outbox.record(
                OrderFilled(
                    ts_event=fill.ts_event,
                    client_order_id=report.client_order_id,
                    intent_id="",
                    purpose=purpose_told(report),
                    fill=fill,
                )
            )
            text = f"filled {plain(fill.quantity)} long after it ended"
            self._outbox.alarm(f"client_order_id={report.client_order_id}", text, now.utc_ns)


def _may_own(order: OrderLifecycle, fill: Fill) -> bool:
    """Tell whether `fill` could be of an order whose name at the venue we don't know yet."""
    is_same_market = (order.order.instrument, order.order.side) == (fill.instrument, fill.side)
    is_named_anew = order.pending_replace is not None
    return is_same_market and (is_named_anew or not order.venue_order_id)
