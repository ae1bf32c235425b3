"""Wishes to cancel: each has its own clock and is repeated until the order's end is proven.

Whether reads answer, and what they say, changes nothing here: only the proven end of the order does. Pauses
grow, and all repeats at one venue share one pace, so that a venue which refuses starves nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.effects import Role, WakeupKey
from domain.execution.order_rules import OrderRulebook
from domain.instant import SECOND_NS, Instant
from domain.ledger.order import OrderLifecycle
from domain.ledger.order_wakeups import OrderWakeup
from domain.ledger.outbox import Outbox
from domain.messages.journal import CancelRequested, CancelWithdrawn
from domain.messages.orders import CancelAccepted, CancelOrder, CancelRejected, CancelUnconfirmed
from domain.reconciliation.status_queries import StatusQueries
from domain.settings import Settings

FIRST_PAUSE_NS = SECOND_NS  # a venue's yes is not yet an end, nor a no the last word
PACE_NS = SECOND_NS // 4  # between two repeats at one venue, whatever they are about

Answer = CancelAccepted | CancelRejected | CancelUnconfirmed


@dataclass
class Wish:
    """One cancel that is not proven to have worked. Monotonic nanoseconds."""

    since_ns: int
    asked: int = 0
    due_ns: int = 0  # of the next time; 0 = the venue must name the order first
    answer: str = ""  # the newest one, in words
    told: str = ""  # what a person was told of it


class Cancels:
    """The wishes under way, one per order. That they exist is journaled; when to repeat them is not."""

    def __init__(
        self, settings: Settings, outbox: Outbox, status_queries: StatusQueries, rulebook: OrderRulebook
    ) -> None:
        # A position may wait for it, so a pause never grows beyond what that may go without its stop.
        self._longest_pause_ns = max(FIRST_PAUSE_NS, round(settings.protection.within_s * SECOND_NS))
        self._alarm_after_ns = round(settings.orders.alarm_after_s * SECOND_NS)
        self._outbox = outbox
        self._status_queries = status_queries
        self._rulebook = rulebook
        self._wishes: dict[str, Wish] = {}  # client_order_id ->
        self._free_ns: dict[str, int] = {}  # venue -> when its next repeat may leave
        self._dropped: set[str] = set()  # client_order_ids that nobody shall ask to cancel any more

    def wish(self, order: OrderLifecycle, reason: str, now: Instant) -> None:
        """Journal the wish, once, and ask the venue as soon as it has named the order."""
        if order.is_final or order.is_cancel_pending:
            return
        self._outbox.record(CancelRequested(ts_event=now.utc_ns, client_order_id=order.id, reason=reason))
        self.pursue(order, now)

    def pursue(self, order: OrderLifecycle, now: Instant) -> None:
        """Ask at once for what is journaled: the wish is new, the order has its name now, or we restarted."""
        if order.id in self._dropped:
            return
        wish = self._wishes.setdefault(order.id, Wish(now.monotonic_ns))
        if order.venue_order_id or self._rulebook.at(order.order.venue).capabilities.cancels_by_client_id:
            self._ask(order, wish, now)
        self._status_queries.begin(order, now, patience=1)

    def answered(self, order: OrderLifecycle, event: Answer, now: Instant) -> None:
        """Take in what came of asking. A no, or none, leads to a question how the order stands."""
        wish = self._wishes.setdefault(order.id, Wish(now.monotonic_ns))
        answer = _in_words(event)
        if answer != wish.answer:  # a venue that says the same for hours fills no journal
            wish.answer = answer
            self._outbox.record(event)
        if not isinstance(event, CancelAccepted):
            self._status_queries.ask_now(order, now)

    def tick(self, order: OrderLifecycle, now: Instant) -> None:
        """Ask again if that is due; a person is told of an order that won't go."""
        wish = self._wishes.get(order.id)
        if wish is None or not wish.due_ns or now.monotonic_ns < wish.due_ns:
            return
        free_ns = self._free_ns.get(order.order.venue, 0)
        if now.monotonic_ns < free_ns:
            self._wake_at(order, wish, free_ns)
            return
        self._free_ns[order.order.venue] = now.monotonic_ns + PACE_NS
        self._ask(order, wish, now)
        waited_ns = now.monotonic_ns - wish.since_ns
        if waited_ns >= self._alarm_after_ns and not wish.told:
            wish.told = f"not canceled for {waited_ns // SECOND_NS} s: {wish.answer or 'no answer'}"
            self._outbox.alarm(f"client_order_id={order.id}", wish.told, now.utc_ns)

    def hurry(self, order: OrderLifecycle, now: Instant) -> None:
        """Ask at once, where asking has begun, and go on as if the venue had not answered yet."""
        wish = self._wishes.get(order.id)
        if wish and wish.due_ns:
            wish.asked = 0
            self._ask(order, wish, now)

    def drop(self, order: OrderLifecycle, now: Instant) -> None:
        """Ask no more; what is on its way to the venue may still work."""
        self._forget(order, now)
        self._dropped.add(order.id)

    def withdraw(self, order: OrderLifecycle, now: Instant) -> None:
        """Journal that nobody wants it gone any more; where the venue was asked, that may yet work: see whether it did."""
        self._outbox.record(CancelWithdrawn(ts_event=now.utc_ns, client_order_id=order.id))
        if self._forget(order, now):
            self._status_queries.ask_now(order, now)

    def settle(self, order: OrderLifecycle, now: Instant) -> None:
        """Forget the wish once the order has ended."""
        if order.is_final:
            self._forget(order, now)
            self._dropped.discard(order.id)

    def _forget(self, order: OrderLifecycle, now: Instant) -> bool:
        """Forget the wish; tells whether there was one."""
        wish = self._wishes.pop(order.id, None)
        if wish and wish.told:
            self._outbox.alarm_over(f"client_order_id={order.id}", wish.told, now.utc_ns)
        return wish is not None

    def _ask(self, order: OrderLifecycle, wish: Wish, now: Instant) -> None:
        self._outbox.tell(Role.EXCHANGE_GATEWAY.at(order.order.venue), _command(order))
        pause_ns = min(FIRST_PAUSE_NS << min(wish.asked, 10), self._longest_pause_ns)
        wish.asked += 1
        self._wake_at(order, wish, now.monotonic_ns + pause_ns)

    def _wake_at(self, order: OrderLifecycle, wish: Wish, due_ns: int) -> None:
        wish.due_ns = due_ns
        self._outbox.wake_at(due_ns, WakeupKey(OrderWakeup.CANCEL, order.id))


def _command(order: OrderLifecycle) -> CancelOrder:
    body = order.order
    return CancelOrder(
        client_order_id=order.id,
        venue=body.venue,
        venue_order_id=order.venue_order_id,
        venue_client_id=body.venue_client_id,
        instrument=body.instrument,
        symbol=body.symbol,
        live_until=body.live_until,
    )


def _in_words(event: Answer) -> str:
    match event:
        case CancelRejected():
            return f"refused: {event.code}"
        case CancelUnconfirmed():
            return f"unanswered: {event.reason}"
    return "accepted, and the order lives"
