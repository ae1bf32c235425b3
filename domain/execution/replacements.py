"""Changes of live orders: which are asked for, and from when on a read knows what came of one.

None is ever sent twice: a second might change what the first has made. One of which nothing comes is over once it can't
arrive any more; whoever wanted it decides anew. That it is pending is journaled; since when it can't arrive, is not.
"""

from __future__ import annotations

from decimal import Decimal

from domain.effects import Role
from domain.execution.attempts import Attempts
from domain.execution.order_rules import OrderRulebook
from domain.instant import SECOND_NS, Instant
from domain.instrument import Side
from domain.ledger.order import OrderLifecycle
from domain.ledger.outbox import Outbox
from domain.ledger.replacing import judge_answer
from domain.messages.journal import OrderUpdate
from domain.messages.orders import CancelProtection, OrderType, Purpose, SubmitOrder
from domain.messages.replacements import (
    ModifyAccepted,
    ModifyOrder,
    ModifyRejected,
    ModifyRequested,
    ModifyUnconfirmed,
)
from domain.reconciliation.evidence import Rules
from domain.reconciliation.status_queries import StatusQueries
from domain.settings import Settings, VenueSettings

Answer = ModifyAccepted | ModifyRejected | ModifyUnconfirmed


class Replacements:
    """The changes under way, one per order at most."""

    def __init__(
        self,
        settings: Settings,
        outbox: Outbox,
        attempts: Attempts,
        status_queries: StatusQueries,
        rulebook: OrderRulebook,
        rules: Rules,
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._attempts = attempts
        self._status_queries = status_queries
        self._rulebook = rulebook
        self._rules = rules
        self._since_ns: dict[str, int] = {}  # client_order_id -> when it was asked for, or this run began to wait

    def resize(self, order: OrderLifecycle, command: CancelProtection, now: Instant) -> bool:
        """Let a bracket guard another quantity, where the venue can: it is never gone in between.

        Returns:
            False where it must be cancelled, and a new one follow.
        """
        quantity, limit_price = command.quantity, command.limit_price
        if quantity is None or limit_price is None or order.order.order_type is not OrderType.BRACKET:
            return False
        total = order.filled_quantity + quantity
        return self.wish(order, total, limit_price, command.stop_price, command.reason, now)

    def wish(
        self,
        order: OrderLifecycle,
        quantity: Decimal,
        limit_price: Decimal,
        stop_price: Decimal | None,
        reason: str,
        now: Instant,
    ) -> bool:
        """Journal and send a change of a resting order, and return True; False where none can be made: cancel it then.

        Args:
            quantity: what has filled included. It and the prices are on the instrument's grid.
        """
        body, wanted = order.order, (quantity, limit_price, stop_price)
        if not self._may_change(order, *wanted):
            return False
        if pending := order.pending_replace:
            return (pending.quantity, pending.limit_price, pending.stop_price) == wanted
        if (body.quantity, body.limit_price, body.stop_price) == wanted:
            return True
        changed = self._attempts.changed(body, quantity, limit_price, stop_price, now)
        filled = order.filled_quantity
        self._outbox.record(
            ModifyRequested(
                ts_event=now.utc_ns,
                client_order_id=order.id,
                quantity=quantity,
                filled_quantity=filled,
                limit_price=limit_price,
                stop_price=stop_price,
                reason=reason,
                accept_until=changed.accept_until,
            )
        )
        command = ModifyOrder(
            client_order_id=order.id,
            venue=body.venue,
            venue_order_id=order.venue_order_id,
            order=self._attempts.told(changed, now),
            filled_quantity=filled,
        )
        self._outbox.tell(Role.EXCHANGE_GATEWAY.at(body.venue), command)
        self._since_ns[order.id] = now.monotonic_ns
        self._status_queries.changing(order, now)
        return True

    def _may_change(
        self, order: OrderLifecycle, quantity: Decimal, limit_price: Decimal, stop_price: Decimal | None
    ) -> bool:
        body = order.order
        rests = bool(order.venue_order_id) and not (order.is_final or order.is_unproven or order.never_rests)
        is_settled = rests and not (order.is_cancel_pending or order.ended)
        if not is_settled or quantity <= order.filled_quantity:
            return False
        if body.purpose is Purpose.OPEN and _adds_risk(body, quantity, limit_price):
            return False  # that is a new decision, with all its gates
        return self._rulebook.at(body.venue).capabilities.replaces

    def judge(self, order: OrderLifecycle, event: Answer, now: Instant) -> list[OrderUpdate]:
        """Return what the answer to a change proves; where it is not all, the order is asked about at once."""
        if order.pending_replace is None:
            return []
        if isinstance(event, ModifyAccepted) and event.venue_order_id:
            return judge_answer(order, event)
        self._status_queries.ask_now(order, now)
        return [event]

    def renames(self, order: OrderLifecycle) -> bool:
        """Tell whether its venue may give it another name; a journal may have lost that we asked for that."""
        return self._rulebook.at(order.order.venue).capabilities.replaces

    def is_late(self, order: OrderLifecycle, now: Instant) -> bool:
        """Tell whether a change has arrived by now or never will, and a read that answers now knows of it."""
        if order.pending_replace is None:
            self._since_ns.pop(order.id, None)
            return False
        since_ns = self._since_ns.setdefault(order.id, now.monotonic_ns)
        return now.monotonic_ns - since_ns >= self._settles_after_ns(order.order)

    def _settles_after_ns(self, body: SubmitOrder) -> int:
        venue = self._settings.venues.get(body.venue, VenueSettings())
        timeout_s = self._settings.create_timeout_s(body.venue, is_reducing=True)
        arrives_s = self._settings.orders.send_within_s + timeout_s + venue.create_ttl_s(is_reducing=True)
        read_ns = self._rules.at(body.venue).facts.read_lag_ns + round(venue.request_timeout_s * SECOND_NS)
        return round(arrives_s * SECOND_NS) + read_ns


def _adds_risk(body: SubmitOrder, quantity: Decimal, limit_price: Decimal) -> bool:
    is_worse = limit_price > body.limit_price if body.side is Side.BUY else limit_price < body.limit_price
    return quantity > body.quantity or is_worse
