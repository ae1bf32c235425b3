"""The end of a run: no new risk, nothing in flight, positions protected (or closed, if so configured), every
venue compared once more; or what is unproven when the time is over."""

from __future__ import annotations

from collections.abc import Iterator

from domain.effects import Role, WakeupKey
from domain.execution.cancels import Cancels
from domain.execution.order_executor import OrderExecutor
from domain.execution.pre_send_checks import PreSendChecks
from domain.instant import SECOND_NS, Instant
from domain.instrument import InstrumentId
from domain.ledger.order import OrderLifecycle
from domain.ledger.order_wakeups import OrderWakeup
from domain.ledger.outbox import Outbox
from domain.market.latest_quotes import LatestQuotes
from domain.messages.orders import OrderStatus, Purpose
from domain.messages.system import WindDown, WindDownCompleted
from domain.numbers import plain
from domain.portfolio.foreign_orders import ForeignOrders
from domain.portfolio.last_call import last_call_ns
from domain.portfolio.risk_checks import close_quantity, is_small
from domain.portfolio.stuck_positions import stuck_positions
from domain.reconciliation.reconciliation import Reconciliation
from domain.reconciliation.status_queries import StatusQueries
from domain.settings import Settings

PAUSE_NS = SECOND_NS // 10  # between two questions to one venue


class WindingDown:
    """Waits for rest, then for one equal comparison per venue; the deadline ends it in any case."""

    def __init__(
        self,
        outbox: Outbox,
        pre_send_checks: PreSendChecks,
        execution: OrderExecutor,
        status_queries: StatusQueries,
        cancels: Cancels,
        reconciliation: Reconciliation,
        quotes: LatestQuotes,
        foreign: ForeignOrders,
        settings: Settings,
    ) -> None:
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._pre_send_checks = pre_send_checks
        self._execution = execution
        self._status_queries = status_queries
        self._cancels = cancels
        self._reconciliation = reconciliation
        self._quotes = quotes
        self._foreign = foreign
        self._settings = settings
        # Positions are to be closed instead of left protected.
        self._is_flattening = settings.protection.on_exit == "flatten"
        self._last_call_ns = 0
        self._deadline_ns: int | None = None
        self._proven: dict[str, int] = {}  # venue -> movements of the ledger when it was equal
        self._may_ask_ns: dict[str, int] = {}  # venue -> not before
        self._is_told = False

    def begin(self, command: WindDown, now: Instant) -> None:
        """Stop taking risk; a second command only moves the deadline, or gets the answer again."""
        if self._is_told:
            self._tell(now)
            return
        self._deadline_ns = command.deadline_ns
        self._last_call_ns = last_call_ns(command.deadline_ns, now, self._settings)
        self._pre_send_checks.is_winding_down = True
        for order in self._ledger.live_orders():
            self._cancels.hurry(order, now)
            is_in_doubt = order.is_in_flight and order.status is not OrderStatus.SUBMITTED
            if order.order.purpose is Purpose.OPEN:  # also what should end by itself: the venue may keep it
                self._cancels.wish(order, "winding down", now)
            if is_in_doubt:
                self._status_queries.ask_now(order, now)
        for plan in list(self._ledger.open_plans.values()):
            self._execution.advance(plan, now)  # pauses are short from now on
        self._outbox.wake_at(self._last_call_ns, WakeupKey(OrderWakeup.WIND_DOWN))
        self._outbox.wake_at(command.deadline_ns, WakeupKey(OrderWakeup.WIND_DOWN))

    def compared(self, venue: str) -> None:
        """Note that the venue has just equalled the books; before the stop that proves nothing."""
        if self._deadline_ns is not None:
            self._proven[venue] = self._ledger.movements[venue]

    def progress(self, now: Instant) -> None:
        """Do what the state of things allows; called after everything that happens."""
        if self._deadline_ns is None or self._is_told:
            return
        is_last_call = now.monotonic_ns >= self._last_call_ns
        if is_last_call and not self._execution.keeps_stops:
            self._execution.give_up_closes(now)
            self._end_closes(now)
        if now.monotonic_ns >= self._deadline_ns:
            self._tell(now)
        elif not self._is_busy(is_last_call):
            unproven = self._unproven()
            if not unproven:
                self._tell(now)
            for venue in unproven:
                self._ask(venue, now)

    def _end_closes(self, now: Instant) -> None:
        """Cancel what should have ended by itself: the rest of the time is for the stop that it took away."""
        for order in self._ledger.live_orders():
            if order.never_rests:
                self._cancels.wish(order, "the run ends", now)

    def _is_busy(self, is_last_call: bool) -> bool:
        in_flight = any(order.is_in_flight for order in self._ledger.live_orders())
        return in_flight or bool(self._unfinished() or self._bare(self._is_flattening and not is_last_call))

    def _unfinished(self) -> list[str]:
        """Return the plans that have yet to send something."""
        return [intent_id for intent_id, plan in self._ledger.open_plans.items() if plan.live_attempt is None]

    def _bare(self, must_be_closed: bool) -> list[InstrumentId]:
        """Return the positions that are not as they may be left: the portfolio's next intent will see to them."""
        books = self._ledger.books
        bare = []
        for key, position in books.positions.items():
            instrument = self._quotes.instrument(*key)
            if instrument is None:
                continue  # without its grid nothing can be asked for
            quantity = close_quantity(books, instrument, self._foreign)
            if is_small(self._quotes, key, quantity, position.average_price):
                continue
            if must_be_closed or books.covered_quantity(*key) < quantity:
                bare.append(key)
        return bare

    def _unproven(self) -> list[str]:
        return [
            venue for venue in self._reconciliation.audits if self._proven.get(venue) != self._ledger.movements[venue]
        ]

    def _ask(self, venue: str, now: Instant) -> None:
        audit = self._reconciliation.audits[venue]
        if audit.request_id and audit.was_quiet and audit.movements == self._ledger.movements[venue]:
            return  # the answer under way can prove it
        if now.monotonic_ns >= self._may_ask_ns.get(venue, 0):
            self._may_ask_ns[venue] = now.monotonic_ns + PAUSE_NS
            self._reconciliation.ask(venue, now)
        self._outbox.wake_at(self._may_ask_ns[venue], WakeupKey(OrderWakeup.WIND_DOWN))

    def _tell(self, now: Instant) -> None:
        self._is_told = True
        self._execution.stop()
        live = list(self._ledger.live_orders())
        self._keep_stops(live, now)
        in_flight = [order for order in live if order.is_in_flight]
        differences = tuple(f"{venue}: {self._difference(venue)}" for venue in self._unproven())
        unfinished = tuple(map(self._unfinished_in_words, self._unfinished()))
        bare = tuple(self._bare_in_words())
        venues = self._reconciliation.audits
        strange = tuple(
            f"an order that we can't account for: {line}" for venue in venues for line in self._foreign.tagged(venue)
        )
        self._outbox.tell(
            Role.SUPERVISOR,
            WindDownCompleted(
                ts_event=now.utc_ns,
                is_reconciled=not (in_flight or differences or unfinished or bare or strange),
                unconfirmed=tuple(order.id for order in in_flight),
                protective=tuple(
                    self._stop_in_words(order)
                    for order in live
                    if order.order.purpose is Purpose.PROTECT and not order.is_in_flight
                ),
                differences=differences + unfinished + bare + strange,
                journal_seq=self._ledger.last_seq,
                unproven=tuple(f"{_in_words(order)} ({order.status}, id {order.id})" for order in in_flight),
                bare=bare,
                external=self._foreign.in_words(),
            ),
        )

    def _stop_in_words(self, order: OrderLifecycle) -> str:
        """Say so where it guards what our books don't know as ours (the journal was lost); money.md 3."""
        is_flat = self._ledger.books.position(InstrumentId.of(order.order)).is_flat
        return _in_words(order) + (", though our books have no position there" if is_flat else "")

    def _keep_stops(self, live: list[OrderLifecycle], now: Instant) -> None:
        """Let no stop go any more that guards a position: nothing would take its place."""
        for order in live:
            body = order.order
            if body.purpose is Purpose.PROTECT and not self._ledger.books.position(InstrumentId.of(body)).is_flat:
                self._cancels.drop(order, now)

    def _bare_in_words(self) -> Iterator[str]:
        """Yield the positions left without cover, those too whose instrument nobody tells us about."""
        books, bare = self._ledger.books, set(self._bare(self._is_flattening))
        state = "not closed" if self._is_flattening else "not protected"
        if self._is_flattening:
            for key, held in self._foreign.held_back().items():
                yield f"position {key} is not closed: {plain(held)} of it are held for an order that is not ours"
        for key in stuck_positions(books, self._quotes, self._settings.orders.correction_halts_above):
            if self._is_flattening or books.covered_quantity(*key) < abs(books.position(key).quantity):
                yield f"position {key} is {state}: it is below the venue's minimum, so no order can close it"
        for key, position in books.positions.items():
            is_unknown = self._quotes.instrument(*key) is None
            if key in bare or (is_unknown and books.covered_quantity(*key) < abs(position.quantity)):
                yield f"position {key} is {state}"

    def _difference(self, venue: str) -> str:
        known = self._reconciliation.audits[venue].in_words
        return (
            ", ".join(known)
            or "its account could not be read and compared after trading had stopped; the next start does that"
        )

    def _unfinished_in_words(self, intent_id: str) -> str:
        plan = self._ledger.open_plans[intent_id]
        intent = plan.intent
        left = plain(intent.quantity - plan.filled_quantity)
        what = f"{intent.purpose} of {intent.venue} {intent.instrument}, {intent.side} {left}"
        return f"{what}, has no order at the venue yet; the next start sends it, or do it there by hand ({intent_id})"


def _in_words(order: OrderLifecycle) -> str:
    body = order.order
    stop = f" stop {plain(body.stop_price)}" if body.stop_price is not None else ""
    return (
        f"{body.venue} {body.instrument} {body.side} {plain(order.leaves_quantity)}"
        f" {'target' if stop else 'limit'} {plain(body.limit_price)}{stop}"
    )
