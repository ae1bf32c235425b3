"""Orders in doubt: asked about again and again, resolved by evidence only, never by waiting.

Owns when to ask and what a venue's "not found" proves. It is never journaled: after a restart every order in
doubt is asked about anew, and proof of absence starts over.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from domain.effects import Role, WakeupKey
from domain.instant import SECOND_NS, Instant
from domain.ledger.order import OrderLifecycle
from domain.ledger.order_status import ABSENT
from domain.ledger.order_wakeups import OrderWakeup
from domain.ledger.order_words import doubt_in_words
from domain.ledger.outbox import Outbox
from domain.ledger.unconfirmed import in_doubt
from domain.market.latest_quotes import LatestQuotes
from domain.messages.orders import OrderNotFound, OrderStatus, OrderUnconfirmed, Purpose, QueryOrder
from domain.numbers import ZERO
from domain.reconciliation.evidence import Absence, Rules
from domain.reconciliation.holds import Holds
from domain.reconciliation.unmatched_fills import UnmatchedFills
from domain.settings import Settings, VenueSettings

_ASKED_IN_VAIN = 3  # questions
_ASKS_KEPT = 8  # an answer belongs to one of the newest questions
_LATE_NS = 2 * SECOND_NS  # word that a send got no answer comes that much later than its end, at most


@dataclass
class Send:
    """The newest send of one order. Monotonic nanoseconds."""

    ends_ns: int  # nothing is signed or written for it after that
    is_awaited: bool = True  # its answer may still come


@dataclass
class StatusQuery:
    """What is asked about one order. Monotonic nanoseconds."""

    since_ns: int
    sent_ns: int  # no send of it is later: nothing is signed or written after that
    asked: int = 0
    due_ns: int = 0  # of the next question
    is_answered: bool = True  # the last question
    answer_due_ns: int = 0  # until then the outcome of a newer send is awaited
    first_look_ns: int | None = None  # when the first listing without it began that counts
    last_look_ns: int = 0  # when the newest one began
    before_resend: tuple[int, int | None] | None = None  # sent_ns, first_look_ns, should that come to nothing
    is_refused: bool = False  # the venue has refused to take it a second time
    look_height: int = 0  # newest block that we had seen when the newest look was asked for
    asks: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_ASKS_KEPT))  # when, height then
    has_alarmed: bool = False


class StatusQueries:
    """The questions under way, one per order."""

    def __init__(
        self,
        settings: Settings,
        outbox: Outbox,
        quotes: LatestQuotes,
        rules: Rules,
        holds: Holds,
        unmatched: UnmatchedFills,
    ) -> None:
        self._settings = settings
        self._orders = settings.orders
        self._outbox = outbox
        self._quotes = quotes
        self._rules = rules
        self._holds = holds
        self._unmatched = unmatched
        self._status_queries: dict[str, StatusQuery] = {}  # client_order_id ->
        self._named_ns: dict[str, int] = {}  # client_order_id -> when we knew that the venue has it
        self._sends: dict[str, Send] = {}  # client_order_id ->
        self._held_before: dict[str, Decimal] = {}  # client_order_id -> unexplained holds as it was sent

    def watch(self, order: OrderLifecycle, now: Instant) -> None:
        """Expect an acknowledgement of what is being sent."""
        self._held_before[order.id] = self._holds.unexplained(order)
        self._sends[order.id] = Send(self._ends_ns(order, now))
        due_ns = now.monotonic_ns + _ns(self._orders.acknowledge_within_s)
        self._outbox.wake_at(due_ns, WakeupKey(OrderWakeup.ACKNOWLEDGE, order.id))

    def unacknowledged(self, order: OrderLifecycle, reason: str, now: Instant) -> None:
        """Call a SUBMITTED order UNCONFIRMED; others have been heard of."""
        if order.status is OrderStatus.SUBMITTED:
            self.doubt(order, reason, now)

    def doubt(self, order: OrderLifecycle, reason: str, now: Instant) -> None:
        """Journal that it may or may not be at the venue, and ask."""
        self._outbox.record(in_doubt(order.order, reason, now.utc_ns))
        self.begin(order, now)

    def begin(self, order: OrderLifecycle, now: Instant, patience: int = 0) -> None:
        """Ask about `order` until it is resolved, if that isn't under way.

        Args:
            patience: how many of the first, short delays to skip.
        """
        if order.id not in self._status_queries:
            send = self._sends.get(order.id) or Send(now.monotonic_ns, is_awaited=False)
            status_query = self._status_queries[order.id] = StatusQuery(now.monotonic_ns, send.ends_ns, patience)
            status_query.answer_due_ns = send.ends_ns + _LATE_NS if send.is_awaited else 0
            self._schedule(order, status_query, now)

    def ask_now(self, order: OrderLifecycle, now: Instant) -> None:
        """Ask at once, and go on asking until it is resolved."""
        self.begin(order, now)
        self._ask(order, self._status_queries[order.id], now)

    def may_still_leave(self, order: OrderLifecycle, now: Instant) -> None:
        """Count an order as sent only when it can't leave any more: nobody knows how far it got."""
        if status_query := self._status_queries.get(order.id):
            # Of what an earlier run sent, the journal's stamps tell the age only to a clock that was never set.
            send = self._sends.get(order.id) or Send(self._ends_ns(order, now))
            if send.ends_ns > status_query.sent_ns:
                status_query.sent_ns, status_query.first_look_ns = send.ends_ns, None

    def changing(self, order: OrderLifecycle, now: Instant) -> None:
        """Ask what comes of a change that is being sent; no look before it has arrived proves the order gone."""
        self._sends[order.id] = Send(self._ends_ns(order, now))
        self.begin(order, now, patience=1)
        self.may_still_leave(order, now)

    def resent(self, order: OrderLifecycle, now: Instant) -> None:
        """Start proof of absence over: the order may have arrived just now."""
        status_query = self._status_queries[order.id]
        status_query.before_resend = status_query.sent_ns, status_query.first_look_ns
        send = self._sends[order.id] = Send(self._ends_ns(order, now))
        status_query.sent_ns, status_query.first_look_ns = send.ends_ns, None
        status_query.answer_due_ns = send.ends_ns + _LATE_NS

    def _ends_ns(self, order: OrderLifecycle, now: Instant) -> int:
        """Return by when a send that begins now is over: it waits for its turn, and may be signed a second time."""
        body = order.order
        timeout_s = self._settings.create_timeout_s(body.venue, body.purpose is not Purpose.OPEN)
        return now.monotonic_ns + _ns(self._orders.send_within_s + timeout_s)

    def send_answered(self, order: OrderLifecycle, now: Instant) -> None:
        """Note that the newest send has had its answer: nothing more leaves for it."""
        if send := self._sends.get(order.id):
            send.ends_ns = min(send.ends_ns, now.monotonic_ns)
        if status_query := self._status_queries.get(order.id):
            status_query.sent_ns = min(status_query.sent_ns, now.monotonic_ns)
        self.send_lost(order)

    def send_lost(self, order: OrderLifecycle) -> None:
        """Note that the newest send will have no further answer."""
        if send := self._sends.get(order.id):
            send.is_awaited = False
        if status_query := self._status_queries.get(order.id):
            status_query.answer_due_ns, status_query.before_resend = 0, None

    def resend_failed(self, order: OrderLifecycle, event: OrderUnconfirmed) -> None:
        """Learn from what became of a second send: what rests nowhere needs no proof of absence."""
        status_query = self._status_queries.get(order.id)
        if status_query is None:
            return
        if event.is_void and status_query.before_resend:
            status_query.sent_ns, status_query.first_look_ns = status_query.before_resend
        status_query.is_refused = status_query.is_refused or event.is_refused

    def query_answered(self, order: OrderLifecycle) -> None:
        """Note that the venue, or the way to it, has had its say about the last question."""
        if status_query := self._status_queries.get(order.id):
            status_query.is_answered = True

    def _has_lasted(self, order: OrderLifecycle, status_query: StatusQuery, now: Instant) -> bool:
        """Tell whether an order is in doubt for so long that a person should know, over restarts too.

        By the journal's stamp it may look older than it is, after a sleep or a step of the clock: then one more
        question was asked in vain, too.
        """
        alarm_after_ns = _ns(self._orders.alarm_after_s)
        is_old = now.utc_ns - order.sent_at >= alarm_after_ns and status_query.asked >= _ASKED_IN_VAIN
        return now.monotonic_ns - status_query.since_ns >= alarm_after_ns or is_old

    def settle(self, order: OrderLifecycle, now: Instant) -> None:
        """Stop asking about an order that rests or is final."""
        if not order.is_in_flight:
            if self._status_queries.pop(order.id, None) and now.utc_ns - order.sent_at >= _ns(
                self._orders.alarm_after_s
            ):
                # An earlier run may have raised it, so it is told whether or not this one did.
                self._outbox.alarm_over(order.scope, doubt_in_words(order), now.utc_ns)
            self._held_before.pop(order.id, None)
        if order.is_final:
            self._named_ns.pop(order.id, None)
            self._sends.pop(order.id, None)

    def tick(self, order: OrderLifecycle, now: Instant) -> bool:
        """Ask if that is due; return whether the question before was asked in vain."""
        status_query = self._status_queries.get(order.id)
        if status_query is None or now.monotonic_ns < status_query.due_ns:
            return False
        if not status_query.has_alarmed and self._has_lasted(order, status_query, now):
            status_query.has_alarmed = True
            self._outbox.alarm(order.scope, doubt_in_words(order), now.utc_ns)
        was_in_vain = not status_query.is_answered
        self._ask(order, status_query, now)
        return was_in_vain

    def may_resend(self, order: OrderLifecycle, now: Instant) -> bool:
        """Tell whether no send of `order` is still under way, and another may do more good than harm.

        A refusal may be of the moment. But an order that was refused before is not sent again once the waiting time
        for proof of its absence has started: a last try would put that off.
        """
        status_query = self._status_queries.get(order.id)
        if status_query is None or now.monotonic_ns < status_query.answer_due_ns:
            return False
        telling_ns = self._telling_ns(order, status_query)
        has_begun_to_wait = telling_ns is not None and now.monotonic_ns >= telling_ns
        return not (status_query.is_refused and (has_begun_to_wait or status_query.first_look_ns is not None))

    # ---- what a look without the order proves ------------------------------------------------------------

    def named(self, order: OrderLifecycle, now: Instant) -> None:
        """Note since when the venue is known to have an order; after a restart that is now."""
        self._named_ns.setdefault(order.id, now.monotonic_ns)

    def is_missed(self, order: OrderLifecycle, event: OrderNotFound, now: Instant) -> bool:
        """Tell whether the venue should have shown an order that it had named, and did not."""
        self.begin(order, now)
        return self._look(order, self._status_queries[order.id], event, now)

    def looked(self, order: OrderLifecycle, event: OrderNotFound, now: Instant) -> str:
        """Take in a look that did not show an UNCONFIRMED order; return what proves it gone, or empty."""
        if event.is_proof and not order.venue_order_id:
            return f"{ABSENT}:venue_rule"
        self._look(order, self._status_queries[order.id], event, now)
        return self.proof_of_absence(order)

    def proof_of_absence(self, order: OrderLifecycle) -> str:
        """Return the evidence that an order never was at the venue nor ever will be, or is gone; else empty.

        One absence proves nothing. The venue's rule says how many looks do, how late, and what else must be so.
        """
        status_query = self._status_queries.get(order.id)
        if status_query is None or status_query.first_look_ns is None:
            return ""
        verdict = self._rules.at(order.order.venue).absent(self._absence(order, status_query))
        return f"{ABSENT}:{verdict.reason}" if verdict.is_proven else ""

    def _look(self, order: OrderLifecycle, status_query: StatusQuery, event: OrderNotFound, now: Instant) -> bool:
        """Note when a look without the order began; return whether it was late enough to count."""
        began_ns = _began_ns(event, now)
        status_query.look_height = max(
            (height for asked_ns, height in status_query.asks if asked_ns <= began_ns), default=0
        )
        telling_ns = self._telling_ns(order, status_query)
        status_query.last_look_ns = max(status_query.last_look_ns, began_ns)
        if telling_ns is None or began_ns < telling_ns:
            return False
        if status_query.first_look_ns is None:
            status_query.first_look_ns = began_ns
            self._schedule(order, status_query, now)
        return True

    def _absence(self, order: OrderLifecycle, status_query: StatusQuery) -> Absence:
        body, is_named = order.order, bool(order.venue_order_id)
        # A venue may have left the configuration; its orders have not left the journal.
        venue = self._settings.venues.get(body.venue, VenueSettings())
        apart_s = self._orders.absent_twice_apart_s
        if is_named:  # nothing can arrive any more, and a position may be unprotected
            apart_s = min(apart_s, self._settings.protection.within_s / 2)
        return Absence(
            accept_until_ns=status_query.sent_ns + _ns(venue.create_ttl_s(body.purpose is not Purpose.OPEN)),
            named_ns=self._named_ns.get(order.id, status_query.since_ns) if is_named else None,
            apart_ns=_ns(apart_s),
            first_look_ns=status_query.first_look_ns,
            last_look_ns=status_query.last_look_ns,
            holds_read_ns=self._holds.read_ns(body.venue),
            may_be_held=self._holds.may_show(order, self._held_before.get(order.id, ZERO)),
            has_unclaimed_fill=self._unmatched.has_any(body.venue, body.instrument, body.side),
            accept_end_ns=self._accept_end_ns(order),
            live_until_height=body.live_until.height if body.live_until else 0,
            look_height=status_query.look_height,
        )

    def _accept_end_ns(self, order: OrderLifecycle) -> int | None:
        until = order.accept_until
        if until is None or not until.utc_ns:
            return None
        return self._quotes.monotonic_of(order.order.venue, until.utc_ns)

    def _telling_ns(self, order: OrderLifecycle, status_query: StatusQuery) -> int | None:
        """Return from when on a listing without the order is the next step of the proof; None: never."""
        return self._rules.at(order.order.venue).look_from_ns(self._absence(order, status_query))

    def _ask(self, order: OrderLifecycle, status_query: StatusQuery, now: Instant) -> None:
        self._outbox.tell(
            Role.EXCHANGE_GATEWAY.at(order.order.venue),
            QueryOrder(
                client_order_id=order.id,
                venue=order.order.venue,
                instrument=order.order.instrument,
                sent_at=order.sent_at,
                venue_order_id="" if order.pending_replace else order.venue_order_id,  # it may have another by now
                venue_client_id=order.order.venue_client_id,
                symbol=order.order.symbol,
            ),
        )
        status_query.asks.append((now.monotonic_ns, self._quotes.venue_moment(order.order.venue, now).height))
        status_query.asked += 1
        status_query.is_answered = False
        self._schedule(order, status_query, now)

    def _schedule(self, order: OrderLifecycle, status_query: StatusQuery, now: Instant) -> None:
        """Ask next after a growing delay, and not later than an answer would be proof: both wait for it."""
        delays_s = self._orders.query_delays_s
        delay_s = delays_s[min(status_query.asked, len(delays_s) - 1)]
        if order.order.purpose is not Purpose.OPEN:  # a position may be unprotected until the answer
            delay_s = min(delay_s, self._settings.protection.within_s / 2)
        due_ns = now.monotonic_ns + _ns(delay_s)
        telling_ns = self._telling_ns(order, status_query)
        if order.is_unproven and telling_ns is not None and telling_ns > now.monotonic_ns:
            due_ns = min(due_ns, telling_ns)
        status_query.due_ns = due_ns
        self._outbox.wake_at(due_ns, WakeupKey(OrderWakeup.QUERY, order.id))


def _began_ns(event: OrderNotFound, now: Instant) -> int:
    """Return when a look began, on the monotonic clock: a step of the wall clock can't hasten a proof."""
    return event.listing_began_ns or now.monotonic_ns - max(0, now.utc_ns - event.listing_began_at)


def _ns(seconds: float) -> int:
    return round(seconds * SECOND_NS)
