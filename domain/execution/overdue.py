"""Orders that end by themselves, and have not: each is cancelled after a bounded time, whatever it is for.

An IOC or FOK order ends as it arrives, a GTD order at its own end, and no opening shall outlive its intent. A venue
that keeps one anyway may fill it minutes later; a close that it keeps leaves a position without its stop meanwhile
(docs/money.md 1 and 3). Nothing of it is journaled but the wish to cancel: a restart counts from the order's stamps.
"""

from __future__ import annotations

from typing import NamedTuple

from domain.effects import WakeupKey
from domain.execution.cancels import Cancels
from domain.instant import SECOND_NS, Instant
from domain.ledger.expiries import Expiries
from domain.ledger.order import OrderLifecycle
from domain.ledger.order_wakeups import OrderWakeup
from domain.ledger.outbox import Outbox
from domain.market.latest_quotes import LatestQuotes
from domain.messages.orders import Purpose, TimeInForce
from domain.numbers import plain
from domain.settings import Settings
from domain.stamps import iso_utc

KEPT = "should have ended by itself"  # why it is cancelled
EXPIRED = "its intent has expired"


class Ends(NamedTuple):
    """When one order must be gone. Monotonic nanoseconds."""

    by_itself_ns: int  # with time for the word of it to arrive
    telling_ns: int  # then a person is told; later where we have only just heard that the venue has it
    intent_ns: int | None  # nobody wants it to trade from then on; None = of one that reduces risk


class Overdue:
    """The orders that a venue has and should not keep."""

    def __init__(
        self, settings: Settings, outbox: Outbox, quotes: LatestQuotes, expiries: Expiries, cancels: Cancels
    ) -> None:
        # A position may be unprotected until the end: the other half is for the cancel, and for what comes after it.
        self._grace_ns = round(settings.protection.within_s * SECOND_NS / 2)
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._quotes = quotes
        self._expiries = expiries
        self._cancels = cancels
        self._ends: dict[str, Ends] = {}  # client_order_id ->
        self._told: set[str] = set()  # client_order_ids that a person knows of

    def watch(self, order: OrderLifecycle, now: Instant) -> None:
        """Expect the end of an order that the venue has named. One without a name can't be cancelled yet."""
        if order.is_final or not order.venue_order_id or order.id in self._ends:
            return
        by_itself_ns = self._by_itself_ns(order, now)
        if by_itself_ns is None:
            return
        intent = self._ledger.plans[order.order.intent_id].intent
        is_opening = order.order.purpose is Purpose.OPEN
        intent_ns = self._expiries.end_ns(intent, now) if is_opening else None
        telling_ns = max(by_itself_ns, now.monotonic_ns + self._grace_ns // 2)
        self._ends[order.id] = Ends(by_itself_ns, telling_ns, intent_ns)
        self.tick(order, now)

    def tick(self, order: OrderLifecycle, now: Instant) -> None:
        """Cancel what is overdue, and tell a person of what the venue keeps."""
        ends = self._ends.get(order.id)
        if ends is None or order.ended:
            return
        if now.monotonic_ns >= ends.telling_ns and order.id not in self._told:
            self._told.add(order.id)
            self._outbox.alarm(order.scope, _in_words(order), now.utc_ns)
        if now.monotonic_ns >= ends.by_itself_ns:
            self._cancels.wish(order, KEPT, now)
        elif ends.intent_ns is not None and now.monotonic_ns >= ends.intent_ns:
            self._cancels.wish(order, EXPIRED, now)
        for due_ns in ends:
            if due_ns is not None and due_ns > now.monotonic_ns:
                self._outbox.wake_at(due_ns, WakeupKey(OrderWakeup.OVERDUE, order.id))

    def settle(self, order: OrderLifecycle, now: Instant) -> None:
        """Forget an order that has ended."""
        was_watched = self._ends.pop(order.id, None) is not None
        # An earlier run may have told a person.
        if was_watched and (order.id in self._told or order.cancel_reason == KEPT):
            self._told.discard(order.id)
            self._outbox.alarm_over(order.scope, _in_words(order), now.utc_ns)

    def _by_itself_ns(self, order: OrderLifecycle, now: Instant) -> int | None:
        """Return by when word of the order's own end must be here; None: it rests until somebody cancels it."""
        body = order.order
        if order.never_rests:
            left_ns = min(0, order.last_sent_at - now.utc_ns)
        elif body.time_in_force is TimeInForce.GTD and body.expires_at:
            left_ns = body.expires_at - self._quotes.venue_now(body.venue, now).utc_ns
        else:
            return None
        return now.monotonic_ns + max(0, left_ns + self._grace_ns)


def _in_words(order: OrderLifecycle) -> str:
    """Return what a person must know; nothing that changes while it lasts."""
    body = order.order
    follows = {
        Purpose.CLOSE: ", and until that is proven no stop is placed",
        Purpose.OPEN: ", and may still fill",
        Purpose.PROTECT: "",
    }
    return (
        f"its order to {body.side} {plain(body.quantity)} ({body.purpose}), sent at {iso_utc(order.sent_at)},"
        f" {KEPT}: it is being canceled{follows[body.purpose]} (id {order.id})"
    )
