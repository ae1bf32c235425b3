"""What venues say about our orders and fills, in whatever order they say it.

Each word is judged by the order it is about; what it proves is journaled, and then whatever waited for that
goes on: a cancel that needed the venue's name of the order, a fill that came before it, the next attempt.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from domain.execution.blocking_orders import BlockingOrders
from domain.execution.cancels import Cancels
from domain.execution.endings import Endings
from domain.execution.fill_reports import FillReports
from domain.execution.order_executor import OrderExecutor
from domain.execution.overdue import Overdue
from domain.execution.replacements import Replacements
from domain.instant import Instant
from domain.instrument import InstrumentId
from domain.ledger.order import OrderLifecycle
from domain.ledger.order_status import ABSENT
from domain.ledger.outbox import Outbox, refusal_in_words
from domain.ledger.replacing import is_aside, is_new_name, judge_change, judge_size
from domain.ledger.unconfirmed import in_doubt
from domain.messages.halts import HaltKind
from domain.messages.journal import (
    ExternalFillSeen,
    OrderFilled,
    OrderFilledProvisionally,
    OrderUpdate,
)
from domain.messages.orders import (
    FINAL,
    CancelAccepted,
    CancelRejected,
    CancelUnconfirmed,
    OrderAccepted,
    OrderEvent,
    OrderNotFound,
    OrderNotSent,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OrderUnconfirmed,
    Purpose,
    QueryFailed,
)
from domain.messages.replacements import ModifyAccepted, ModifyRejected, ModifyUnconfirmed
from domain.numbers import plain
from domain.reconciliation.differences import Totals
from domain.reconciliation.evidence import Rules
from domain.reconciliation.opening_balances import OpeningBalances
from domain.reconciliation.status_queries import StatusQueries
from domain.reconciliation.unmatched_fills import UnmatchedFills
from domain.reconciliation.unmatched_orders import Adoption, Origin

_FIRST_LOOK = 2  # an accepted IOC order ends by itself in a moment: skip the shortest delays


class ExecutionReports:
    """Takes in the venues' words about orders."""

    def __init__(
        self,
        outbox: Outbox,
        execution: OrderExecutor,
        status_queries: StatusQueries,
        cancels: Cancels,
        overdue: Overdue,
        unmatched: UnmatchedFills,
        rules: Rules,
        adoption: Adoption,
        opening: OpeningBalances,
        blocking: BlockingOrders,
        endings: Endings,
        replacements: Replacements,
    ) -> None:
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._execution = execution
        self._status_queries = status_queries
        self._cancels = cancels
        self._overdue = overdue
        self._unmatched = unmatched
        self._rules = rules
        self._adoption = adoption
        self._blocking = blocking
        self._endings = endings
        self._replacements = replacements
        self.fills = FillReports(outbox, status_queries, unmatched, opening, self._book)

    def on_accepted(self, event: OrderAccepted, now: Instant) -> None:
        order = self._order(event)
        named = self._ledger.order_of(event.venue, event.venue_order_id)
        if order is not None and named not in (None, order):
            # An answer out of step: that is the name of another order of ours.
            self.on_unconfirmed(in_doubt(order.order, "named_as_another", event.ts_event), now)
        elif order is not None:
            was_closed_as_absent = order.is_final and not order.venue_order_id
            self._status_queries.send_answered(order, now)
            self._book(order, order.judge_accepted(event), now)
            if was_closed_as_absent:
                self._reopen(order, "accepted", now)

    def on_refused(self, event: OrderRejected | OrderNotSent, now: Instant) -> None:
        if order := self._order(event):
            self._status_queries.send_answered(order, now)
            proven = order.judge_refused(event)
            self._book(order, proven, now)
            if proven and isinstance(event, OrderRejected):
                self._outbox.alarm(
                    order.scope, f"orders refused: {refusal_in_words(event)}", now.utc_ns, is_theirs=True
                )

    def on_unconfirmed(self, event: OrderUnconfirmed, now: Instant) -> None:
        if order := self._order(event):
            self._status_queries.resend_failed(order, event)
            self._status_queries.send_answered(order, now)
            self._book(order, order.judge_unconfirmed(event), now)

    def on_report(self, report: OrderReported, now: Instant) -> None:
        order = self._ledger.order_said(report.venue, report.venue_order_id, report.client_order_id)
        if order is not None:
            self._status_queries.query_answered(order)
            self._judge(order, self._with_cash_fees(report), now)
            return
        if self._ledger.may_be_ours(report):
            return  # whose it is will be told when the venue names ours
        if report.client_order_id in self._ledger.retired:
            self.fills.of_retired(report, now)
            return
        match self._adoption.origin(report):
            case Origin.LOST:
                self._adoption.adopt(report, now)
                self.on_report(report, now)
                return
            case Origin.OPEN:
                return  # its fills stay unclaimed, so that it is asked about again
            case Origin.SECOND_BOT:
                reason = f"a second bot: order {report.client_order_id} is not in our journal"
                self._outbox.halt(report.venue, HaltKind.SECOND_BOT, reason, now.utc_ns)
        for fill in self._unmatched.take(report.venue, report.venue_order_id, now):
            self._outbox.record(ExternalFillSeen(ts_event=fill.ts_event, fill=fill))

    def _with_cash_fees(self, report: OrderReported) -> OrderReported:
        """Leave out fees that are not paid in the cash of the instrument: the rows tell what they took of what else."""
        is_cash = report.fee_currency in ("", self._ledger.books.terms(InstrumentId.of(report)).settlement)
        return report if is_cash else replace(report, total_fees=None)

    def _judge(self, order: OrderLifecycle, report: OrderReported, now: Instant) -> None:
        was_closed_too_soon, had_ended = self._was_closed_too_soon(order, report), order.ended is not None
        self._book(
            order,
            judge_change(order, report, self._replacements.renames(order), self._replacements.is_late(order, now)),
            now,
        )
        if is_aside(order, report):
            self._book(order, order.judge_totals(report), now)
            return
        self._take_size(order, report, now)
        if had_ended and self._outlives(report, order.ended_at) and report.status not in FINAL:
            was_set_aside = order.is_set_aside
            self._book(order, [order.accepted(report.venue_order_id, report.ts_event)], now)
            self._overdue.tick(order, now)
            if order.is_cancel_pending:
                self._cancels.pursue(order, now)
            elif was_set_aside:
                self._cancels.wish(order, "it was counted as ended", now)
        self._endings.hear(order, report)
        is_harmless = self._endings.is_taken_back(order) and self._blocking.is_out_of_reach(order, report, now)
        may_oversell = not is_harmless and self._blocking.may_oversell(order)
        may_repeat = self._execution.may_open if order.order.purpose is Purpose.OPEN else may_oversell
        is_proof = self._endings.is_read_proof(order, may_repeat, now)
        word = report if is_proof else replace(report, is_read=False)
        self._book(order, order.judge_report(word, may_oversell or order.order.purpose is Purpose.OPEN), now)
        if was_closed_too_soon:
            self._reopen(order, f"reported {report.status}", now)
        if order.ended and not had_ended:
            self._status_queries.ask_now(order, now)
            self._execution.advance_all(order.order.venue, order.order.instrument, now)  # in whose way it is no more

    def _take_size(self, order: OrderLifecycle, report: OrderReported, now: Instant) -> None:
        """Believe a row's size, and tell a person; a read may lag behind a change of our own."""
        if order.asked.wanted is not None and not self._outlives(report, order.last_sent_at):
            return
        before = order.order.quantity
        if events := judge_size(order, report):
            self._book(order, events, now)
            text = (
                f"somebody has changed its size at the venue: {plain(order.order.quantity)} instead of {plain(before)}"
            )
            self._outbox.alarm(f"client_order_id={order.id}", text, now.utc_ns)

    def end_when_due(self, order: OrderLifecycle, now: Instant) -> None:
        """Wait no more for proof of a total: a position may be bare meanwhile.

        What is FILLED, as the venue says, is booked in full. Of another end its total stands, or what it may have sold
        is left alone.
        """
        if not self._endings.is_due(order, now):
            return
        if order.ended is OrderStatus.FILLED:
            self._end(order, "the venue doesn't say how much: booked in full until its fills are listed", now)
        elif self._endings.is_settled(order):
            self._end(order, "no read confirms how much had filled: what was told stands", now)
        elif not order.is_set_aside:
            self._set_aside(order, now)

    def _set_aside(self, order: OrderLifecycle, now: Instant) -> None:
        """Go on with what is certainly ours; had it sold all, selling more than that would take of others' coins."""
        doubtful = order.leaves_quantity
        if self._ledger.books.position(InstrumentId.of(order.order)).quantity <= doubtful:
            return
        self._outbox.record(order.set_aside(doubtful, now.utc_ns))
        text = f"{order.ended}, and nothing proves how much had filled: {plain(doubtful)} are left alone until then"
        self._outbox.alarm(f"client_order_id={order.id}", text, now.utc_ns)
        self._go_on(order, now)

    def fills_listed(self, venue: str, asked_ns: int, apart: Totals, now: Instant) -> None:
        """End what only waited for a list of all fills, which has been taken in; it was asked for then.

        Args:
            apart: what the venue, read with that list, holds more than our books have, or less
        """
        for order in list(self._endings.shown(venue, asked_ns, apart)):
            if self._endings.is_as_told(order):
                self._book(order, order.judge_end("reported, and listed so", now.utc_ns), now)
            else:
                self._end(order, "the venue doesn't say how much had filled: the fills that it lists stand", now)

    def _end(self, order: OrderLifecycle, text: str, now: Instant) -> None:
        self._outbox.alarm(f"client_order_id={order.id}", f"{order.ended}, but {text}", now.utc_ns)
        self._book(order, order.judge_end("reported without a total", now.utc_ns), now)

    def on_not_found(self, event: OrderNotFound, now: Instant) -> None:
        order = self._order(event)
        if order is None or order.is_final or order.status is OrderStatus.SUBMITTED:
            return
        self._status_queries.query_answered(order)
        if order.ended:
            return  # that it rests nowhere is known; not, how much has filled
        if any(order.may_be(it) and self._ledger.may_be_ours(it) for it in event.unnamed):
            self._execution.resubmit(order, now)  # no full look; it may be one of them
            return
        if not order.is_unproven:
            # One that the venue has named is not gone because one read missed it, but it is proven no more.
            if self._status_queries.is_missed(order, event, now):
                self._status_queries.doubt(order, "neither_listed_nor_found", now)
            return
        evidence = self._status_queries.looked(order, event, now)
        if evidence:
            self._close_as_absent(order, evidence, now)
        else:
            self._execution.resubmit(order, now)

    def look_at_holds(self, venue: str, now: Instant) -> None:
        """Close what only waited for the holds to be read."""
        for order in self._ledger.live_orders(venue):
            if (
                order.status is OrderStatus.UNCONFIRMED
                and not order.ended
                and (evidence := self._status_queries.proof_of_absence(order))
            ):
                self._close_as_absent(order, evidence, now)

    def _close_as_absent(self, order: OrderLifecycle, evidence: str, now: Instant) -> None:
        status = OrderStatus.CANCELED if order.venue_order_id else OrderStatus.REJECTED
        if order.venue_order_id:
            text = f"{order.order.purpose} order is gone: the venue neither lists nor finds it"
            self._outbox.alarm(f"client_order_id={order.id}", text, now.utc_ns)
        self._book(order, [order.closed(status, evidence, now.utc_ns)], now)

    def on_query_failed(self, event: QueryFailed, now: Instant) -> None:
        if order := self._order(event):
            self._status_queries.query_answered(order)
            self._execution.resubmit(order, now)

    def ask_when_due(self, order: OrderLifecycle, now: Instant) -> None:
        """Ask how an order stands; sending it again may tell where questions find no answer."""
        if self._status_queries.tick(order, now):
            self._execution.resubmit(order, now)

    def on_cancel(self, event: CancelAccepted | CancelRejected | CancelUnconfirmed, now: Instant) -> None:
        order = self._order(event)
        if order is not None and not order.is_final and order.is_cancel_pending:
            self._cancels.answered(order, event, now)

    def on_modified(self, event: ModifyAccepted | ModifyRejected | ModifyUnconfirmed, now: Instant) -> None:
        if order := self._order(event):
            self._book(order, self._replacements.judge(order, event, now), now)

    def doubt(self, order: OrderLifecycle, reason: str, now: Instant) -> None:
        """Ask about an order whose answers may have been lost with whoever carried them."""
        self._status_queries.send_lost(order)
        self._status_queries.unacknowledged(order, reason, now)
        if order.venue_order_id:
            self._status_queries.named(order, now)
        if order.is_in_flight:
            self._status_queries.ask_now(order, now)
            self._status_queries.may_still_leave(order, now)
        self._endings.note(order, now)
        if order.is_cancel_pending:
            self._cancels.pursue(order, now)
        self._overdue.watch(order, now)

    # ---- what follows ------------------------------------------------------------------------------------

    def _book(self, order: OrderLifecycle, events: Sequence[OrderUpdate], now: Instant) -> None:
        """Journal what a venue's word proved, and do what follows from it."""
        was_final, was_named = order.is_final, order.venue_order_id
        for event in events:
            filled = order.filled_quantity
            self._outbox.record(event)
            is_fill = isinstance(event, (OrderFilled, OrderFilledProvisionally))
            if is_fill and was_final and order.filled_quantity > filled:
                text = f"filled {plain(order.filled_quantity)} after it was {order.status}"
                self._outbox.alarm(f"client_order_id={order.id}", text, now.utc_ns)
        if order.is_overfilled:
            reason = f"order {order.id} filled above its quantity"
            self._outbox.halt(order.scope, HaltKind.OVERFILLED, reason, now.utc_ns)
        if order.venue_order_id != was_named:
            self._named(order, now)
        self._follow_up(order, now)

    def _named(self, order: OrderLifecycle, now: Instant) -> None:
        """Let go on what waited for the venue's name of the order."""
        self._status_queries.named(order, now)
        for fill in self._unmatched.take(order.order.venue, order.venue_order_id, now):
            self._book(order, order.judge_fill(fill), now)
        if order.is_cancel_pending and not order.is_final and not order.ended:
            self._cancels.pursue(order, now)

    def _follow_up(self, order: OrderLifecycle, now: Instant) -> None:
        if order.status is OrderStatus.UNCONFIRMED:
            self._status_queries.begin(order, now)
        elif not order.is_unproven and order.is_in_flight:
            self._status_queries.begin(order, now, _FIRST_LOOK)
        self._status_queries.settle(order, now)
        self._overdue.watch(order, now)
        self._endings.note(order, now)
        if order.is_final:
            self._overdue.settle(order, now)
            self._cancels.settle(order, now)
            self._go_on(order, now)

    def _go_on(self, order: OrderLifecycle, now: Instant) -> None:
        """Do what waited for the end of an order."""
        self._execution.advance(self._ledger.plans[order.order.intent_id], now)
        self._execution.advance_all(order.order.venue, order.order.instrument, now)

    def _was_closed_too_soon(self, order: OrderLifecycle, report: OrderReported) -> bool:
        """Tell whether a report of life is about an order that we called dead, and no old read of its better days."""
        if not order.is_final or report.status in FINAL or report.venue_order_id in order.venue_order_ids[:-1]:
            return False
        if is_new_name(order, report, self._replacements.renames(order)):
            return True
        if order.filled_quantity >= order.order.quantity:
            return False
        if not order.venue_order_id or order.evidence.startswith(ABSENT):
            return True
        return self._outlives(report, order.closed_at)

    def _outlives(self, report: OrderReported, ended_at: int) -> bool:
        lag_ns = self._rules.at(report.venue).facts.read_lag_ns
        return report.ts_event - ended_at > 2 * lag_ns  # a read may have been long under way, too

    def _reopen(self, order: OrderLifecycle, evidence: str, now: Instant) -> None:
        """An order that was called dead is at the venue: halt there, count it as live, and take it back."""
        text = f"order {order.id} lives although {order.evidence}"
        if not self._outbox.halt(order.scope, HaltKind.REOPENED, text, now.utc_ns):
            self._outbox.alarm(order.scope, text, now.utc_ns)
        intent = self._ledger.plans[order.order.intent_id].intent
        self._outbox.record(order.reopened(intent, evidence, now.utc_ns))
        self._cancels.wish(order, "it was proven dead", now)

    def _order(self, event: OrderEvent) -> OrderLifecycle | None:
        return self._ledger.orders.get(event.client_order_id)
