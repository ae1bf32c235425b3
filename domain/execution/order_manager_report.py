"""What the order manager reports about itself: counts of the run, live orders, and what openings wait for, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from domain.execution.account_reports import AccountReports
from domain.execution.pre_send_checks import PreSendChecks
from domain.execution.venue_readiness import VenueReadiness
from domain.instant import Instant
from domain.ledger.order import OrderLifecycle
from domain.ledger.order_words import doubt_in_words
from domain.ledger.outbox import Outbox
from domain.market.latest_quotes import LatestQuotes
from domain.messages.halts import HaltLine
from domain.messages.orders import OrderStatus
from domain.messages.system import OpenOrderLine, OrdersReported, WaitLine
from domain.numbers import plain
from domain.portfolio.foreign_orders import ForeignOrders
from domain.reconciliation.reconciliation import Audit

_COUNTED = ("submitted", "accepted", "filled", "canceled", "rejected", "denied", "expired")
_MISSING = {  # in a venue's readiness; what else is missing there is a halt, and told as one
    "instruments": "the venue has not told its instruments yet",
    "private_stream": "its private stream is down",
    "reconciliation": "its account has not been found to be what the books say",
}
_TROUBLES = {  # of a venue's instrument
    "margin_mismatch": "leverage or margin mode at the venue are not as configured",
    "unclaimed_fill": "a fill there is of no order that we know: the venue is being asked whose it is",
    "unread_balance": "a balance that it needs can't be read",
    "unread_fill": "a fill there can't be read",
    "unread_order": "an order there can't be read",
}


class OrderManagerReport:
    """Reads the order manager's parts; changes none."""

    def __init__(
        self,
        outbox: Outbox,
        pre_send_checks: PreSendChecks,
        readiness: VenueReadiness,
        audits: Mapping[str, Audit],
        account: AccountReports,
        foreign: ForeignOrders,
        quotes: LatestQuotes,
    ) -> None:
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._pre_send_checks = pre_send_checks
        self._readiness = readiness
        self._audits = audits
        self._account = account
        self._foreign = foreign
        self._quotes = quotes

    def of(self, halts: tuple[HaltLine, ...], now: Instant) -> OrdersReported:
        live = list(self._ledger.live_orders())
        counts = {name: self._outbox.counts[name] for name in _COUNTED}
        counts["open"] = len(live)
        counts["unconfirmed"] = sum(order.status is OrderStatus.UNCONFIRMED for order in live)
        return OrdersReported(
            ts_event=now.utc_ns,
            counts=counts,
            by_venue={
                venue: {
                    "orders": self._outbox.orders_by_venue[venue],
                    "fills": self._outbox.fills_by_venue[venue],
                }
                for venue in self._readiness.venues
            },
            open_orders=tuple(_line(order) for order in live),
            corrections=self._outbox.counts["corrections"],
            is_reconciled=self._readiness.are_reconciled,
            reconciled_at=min((audit.compared_at for audit in self._audits.values()), default=0),
            halts=halts,
            journal_seq=self._ledger.last_seq,
            external_orders=self._account.external_orders,
            refused=dict(self._outbox.refused),
            waiting=tuple(self._waiting(now)),
        )

    def _waiting(self, now: Instant) -> Iterator[WaitLine]:
        """Yield what keeps openings from being made, is no halt, and ends by itself."""
        for venue in self._readiness.venues:
            if reason := _MISSING.get(self._readiness.missing(venue)):
                apart = (
                    [self._readiness.apart[venue]] if venue in self._readiness.apart else self._audits[venue].in_words
                )
                differences = ", ".join([*apart, *self._foreign.tagged(venue)])
                yield WaitLine(scope=venue, reason=f"{reason}: {differences}" if differences else reason)
            if self._readiness.is_breaker_open(venue):
                yield WaitLine(scope=venue, reason="orders to it keep failing, so its circuit breaker is open")
            venue_now = self._quotes.venue_now(venue, now).utc_ns
            for scope, reason in self._ledger.refused_openings.pauses(venue, venue_now):
                yield WaitLine(scope=scope, reason=reason)
        for order in self._ledger.live_orders():
            if order.status is OrderStatus.UNCONFIRMED:
                yield WaitLine(scope=order.scope, reason=doubt_in_words(order))
        for venue, instrument, trouble in self._pre_send_checks.troubles():
            yield WaitLine(scope=f"{venue}:{instrument}", reason=_TROUBLES.get(trouble, trouble))


def _line(order: OrderLifecycle) -> OpenOrderLine:
    body = order.order
    return OpenOrderLine(
        client_order_id=body.client_order_id,
        venue=body.venue,
        instrument=body.instrument,
        side=body.side,
        purpose=body.purpose,
        quantity=plain(body.quantity),
        filled_quantity=plain(order.filled_quantity),
        limit_price=plain(body.limit_price),
        status=order.status,
        stop_price=plain(body.stop_price) if body.stop_price is not None else "",
    )
