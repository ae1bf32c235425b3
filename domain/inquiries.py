"""Orders in doubt: asked about again and again, resolved by evidence only, never by waiting.

Owns when to ask and what a venue's "not found" proves. It is never journaled: after a restart every order in
doubt is asked about anew, and proof of absence starts over.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.effects import Instant, Role
from domain.order import ABSENT, OrderLifecycle
from domain.order_messages import OrderNotFound, OrderStatus, OrderUnconfirmed, QueryOrder
from domain.outbox import Outbox
from domain.settings import SECOND_NS, Settings, VenueSettings

ACKNOWLEDGE = "acknowledge"  # alarm keys: "acknowledge:" and the client_order_id
QUERY = "query"


@dataclass
class Inquiry:
    """What is asked about one order. Monotonic nanoseconds."""

    since_ns: int
    sent_ns: int  # no send of it was later
    asked: int = 0
    due_ns: int = 0  # of the next question
    answer_due_ns: int = 0  # until then the outcome of a newer send is awaited
    absent_ns: int | None = None  # when the first listing began that counts as proof
    has_alarmed: bool = False


class Inquiries:
    """The questions under way, one per order."""

    def __init__(self, settings: Settings, outbox: Outbox) -> None:
        self._settings = settings
        self._orders = settings.orders
        self._outbox = outbox
        self._inquiries: dict[str, Inquiry] = {}  # client_order_id ->

    def watch(self, order: OrderLifecycle, now: Instant) -> None:
        """Expect an acknowledgement of what is being sent."""
        due_ns = now.monotonic_ns + _ns(self._orders.acknowledge_within_s)
        self._outbox.wake_at(due_ns, f"{ACKNOWLEDGE}:{order.id}")

    def unacknowledged(self, order: OrderLifecycle, reason: str, now: Instant) -> None:
        """Call a SUBMITTED order UNCONFIRMED; others have been heard of."""
        if order.status is not OrderStatus.SUBMITTED:
            return
        self._outbox.record(
            OrderUnconfirmed(
                ts_event=now.utc_ns, client_order_id=order.id, venue=order.order.venue, reason=reason
            )
        )
        self.begin(order, now)

    def begin(self, order: OrderLifecycle, now: Instant, patience: int = 0) -> None:
        """Ask about `order` until it is resolved, if that isn't under way.

        Args:
            patience: how many of the first, short delays to skip.
        """
        if order.id not in self._inquiries:
            inquiry = self._inquiries[order.id] = Inquiry(now.monotonic_ns, now.monotonic_ns, patience)
            self._schedule(order.id, inquiry, now)

    def ask_now(self, order: OrderLifecycle, now: Instant) -> None:
        """Ask at once, and go on asking until it is resolved."""
        self.begin(order, now)
        self._ask(order, self._inquiries[order.id], now)

    def resent(self, order: OrderLifecycle, now: Instant) -> None:
        """Start proof of absence over: the order may have arrived just now."""
        inquiry = self._inquiries[order.id]
        inquiry.sent_ns, inquiry.absent_ns = now.monotonic_ns, None
        inquiry.answer_due_ns = now.monotonic_ns + _ns(self._orders.acknowledge_within_s)

    def answered(self, order: OrderLifecycle) -> None:
        """Note that the newest send has had its answer, whatever it was."""
        if inquiry := self._inquiries.get(order.id):
            inquiry.answer_due_ns = 0

    def settle(self, order: OrderLifecycle) -> None:
        """Stop asking about an order that rests or is final."""
        if not order.is_in_flight:
            self._inquiries.pop(order.id, None)

    def tick(self, order: OrderLifecycle, now: Instant) -> None:
        inquiry = self._inquiries.get(order.id)
        if inquiry is None or now.monotonic_ns < inquiry.due_ns:
            return
        waited_ns = now.monotonic_ns - inquiry.since_ns
        if waited_ns >= _ns(self._orders.alarm_after_s) and not inquiry.has_alarmed:
            inquiry.has_alarmed = True
            text = f"{order.status} for {waited_ns // SECOND_NS} s"
            self._outbox.alarm(f"client_order_id={order.id}", text, now.utc_ns)
        self._ask(order, inquiry, now)

    def may_resend(self, order: OrderLifecycle, now: Instant) -> bool:
        """Tell whether no send of `order` is still under way."""
        inquiry = self._inquiries.get(order.id)
        return inquiry is not None and now.monotonic_ns >= inquiry.answer_due_ns

    def proof_of_absence(self, order: OrderLifecycle, event: OrderNotFound, now: Instant) -> str:
        """Return the evidence that an UNCONFIRMED order never was at the venue nor ever will be; else empty.

        One absence proves nothing. Two full listings do, some time apart, both begun after the token that
        authorised the newest send had expired. Listings are placed on the monotonic clock, so a step of the
        wall clock can't hasten the proof.
        """
        inquiry = self._inquiries[order.id]
        if event.is_proof:
            return f"{ABSENT}:venue_rule"
        began_ns = now.monotonic_ns - max(0, now.utc_ns - event.listing_began_at)
        # A venue may have left the configuration; its orders have not left the journal.
        venue = self._settings.venues.get(order.order.venue, VenueSettings())
        if began_ns < inquiry.sent_ns + _ns(venue.order_token_ttl_s):
            return ""
        if inquiry.absent_ns is None:
            inquiry.absent_ns = began_ns
            return ""
        apart_ns = began_ns - inquiry.absent_ns
        is_proof = apart_ns >= _ns(self._orders.absent_twice_apart_s)
        return f"{ABSENT}:twice {apart_ns / SECOND_NS:.1f} s apart" if is_proof else ""

    def _ask(self, order: OrderLifecycle, inquiry: Inquiry, now: Instant) -> None:
        self._outbox.tell(
            Role.EXCHANGE_GATEWAY.at(order.order.venue),
            QueryOrder(
                client_order_id=order.id,
                venue=order.order.venue,
                instrument=order.order.instrument,
                sent_at=order.submitted.ts_event,
                venue_order_id=order.venue_order_id,
            ),
        )
        inquiry.asked += 1
        self._schedule(order.id, inquiry, now)

    def _schedule(self, client_order_id: str, inquiry: Inquiry, now: Instant) -> None:
        delays_s = self._orders.query_delays_s
        inquiry.due_ns = now.monotonic_ns + _ns(delays_s[min(inquiry.asked, len(delays_s) - 1)])
        self._outbox.wake_at(inquiry.due_ns, f"{QUERY}:{client_order_id}")


def _ns(seconds: float) -> int:
    return round(seconds * SECOND_NS)
