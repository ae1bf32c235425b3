"""Orders of ours that the venue has and our journal does not: a power cut took its tail, or damage did.

An order with our tag and our own instance in its id was sent by this very system: it is taken back into the
journal as what the venue says that it is, and its fills are booked. Any other with our tag is a second bot's.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from enum import Enum

from domain.instant import SECOND_NS, Instant
from domain.instrument import Side
from domain.ledger.order_ids import instance_of, is_ours
from domain.ledger.outbox import Outbox
from domain.market.latest_quotes import LatestQuotes
from domain.messages.journal import IntentAccepted, OrderAdopted, OrderSubmitted
from domain.messages.orders import (
    FINAL,
    OrderIntent,
    OrderReported,
    OrderStatus,
    OrderType,
    Purpose,
    SubmitOrder,
    TimeInForce,
)
from domain.numbers import ZERO

CLOCKS_DIFFER_NS = 60 * SECOND_NS  # the venue's from ours, at most; what was on its way lands within that, too
MOVED_WITHIN_NS = 2 * SECOND_NS  # the same of a journal that has moved: nothing was on its way for so long


class Origin(Enum):
    """Who has sent an order that our journal does not know."""

    LOST = "this system, and its journal lost it"
    SECOND_BOT = "somebody with our key and our code"
    SOMEBODY = "somebody else"
    OPEN = "nobody can tell yet, or need ever know"


class Adoption:
    """Takes lost orders back.

    Args:
        provenance: configuration hash and code version, for the journal.
        instance: which of all systems this is.
        former_instances: which it was where its journal lived before: nobody else may be that by now.
    """

    def __init__(
        self,
        outbox: Outbox,
        quotes: LatestQuotes,
        provenance: tuple[str, str],
        instance: str,
        former_instances: Collection[str] = (),
    ) -> None:
        self._outbox = outbox
        self._quotes = quotes
        self._configuration_hash, self._code_version = provenance
        self._instance = instance
        self._former_instances = frozenset(former_instances)
        self._began = Instant(0, 0)  # this run

    def begin(self, now: Instant) -> None:
        self._began = now

    def origin(self, report: OrderReported) -> Origin:
        """Tell who has sent an order that the journal does not know.

        Nobody loses what was made since this run began: whoever made it works with a copy of our journal. When it
        began, by the venue's clock, is only known once that has been told: a power cut may have set ours back.
        """
        if not is_ours(report.client_order_id):
            return Origin.SOMEBODY
        instance = instance_of(report.client_order_id)
        if instance != self._instance and instance not in self._former_instances:
            return Origin.SECOND_BOT
        if report.status in FINAL and report.status is not OrderStatus.FILLED and report.cumulative_quantity == 0:
            return Origin.OPEN  # nothing has come of it, nor will
        if report.created_at is not None:
            if not self._quotes.knows_time(report.venue):
                return Origin.OPEN
            began_at = self._quotes.venue_now(report.venue, self._began).utc_ns
            latest_ns = CLOCKS_DIFFER_NS if instance == self._instance else MOVED_WITHIN_NS
            if report.created_at > began_at + latest_ns:
                return Origin.SECOND_BOT
        quantity = _quantity(report)
        if quantity is None or _price(report) is None:
            return Origin.OPEN  # the next word may say enough to take it back
        return Origin.LOST if quantity > 0 else Origin.SECOND_BOT

    def adopt(self, report: OrderReported, now: Instant) -> None:
        """Journal the order as ours; what has become of it is judged next, as for any other.

        Raises:
            ValueError: the report says too little of it: its `origin` is not LOST.
        """
        order, purpose = self._order(report), purpose_told(report)
        intent = OrderIntent(
            intent_id=order.intent_id,
            signal_id="adopted",
            venue=order.venue,
            instrument=order.instrument,
            side=order.side,
            quantity=order.quantity,
            purpose=purpose,
            reference_price=order.limit_price,
            expires_at=now.utc_ns,  # nothing is sent for it any more
            limit_price=order.limit_price if purpose is Purpose.PROTECT else None,
            stop_price=order.stop_price,
            leg=order.leg,
        )
        self._outbox.record(IntentAccepted(ts_event=now.utc_ns, intent=intent))
        self._outbox.record(
            OrderSubmitted(
                ts_event=now.utc_ns,
                order=order,
                attempt=1,
                quote_bid=None,
                quote_ask=None,
                quote_ts_event=0,
                configuration_hash=self._configuration_hash,
                code_version=self._code_version,
            )
        )
        evidence = f"{report.status} at the venue, with our tag and instance {instance_of(report.client_order_id)}"
        self._outbox.record(
            OrderAdopted(
                ts_event=now.utc_ns, client_order_id=order.client_order_id, venue=order.venue, evidence=evidence
            )
        )
        text = f"not in our journal, {evidence}: taken back as our {purpose} order"
        self._outbox.alarm(f"client_order_id={order.client_order_id}", text, now.utc_ns)

    def _order(self, report: OrderReported) -> SubmitOrder:
        quantity, price = _quantity(report), _price(report)
        if quantity is None or price is None:
            raise ValueError(f"{report.client_order_id} has no quantity or no price")
        purpose, instrument = purpose_told(report), self._quotes.instrument(report.venue, report.instrument)
        is_protective = purpose is Purpose.PROTECT
        return SubmitOrder(
            client_order_id=report.client_order_id,
            intent_id=f"adopted:{report.client_order_id}",
            venue=report.venue,
            instrument=report.instrument,
            symbol=instrument.symbol if instrument else report.instrument,
            side=report.side,
            purpose=purpose,
            order_type=report.order_type or (OrderType.STOP if is_protective else OrderType.LIMIT),
            time_in_force=TimeInForce.GTC if is_protective else TimeInForce.IOC,
            quantity=quantity,
            limit_price=price,
            stop_price=report.stop_price,
            reduce_only=bool(report.reduce_only),
        )


def purpose_told(report: OrderReported) -> Purpose:
    """Return what an order of ours was for: what waits for a price protects, and only what reduces closes.

    The side tells where the venue doesn't: on spot we sell what we have bought.
    """
    if report.stop_price is not None or report.order_type not in (None, OrderType.LIMIT):
        return Purpose.PROTECT
    if report.reduce_only is not None:
        return Purpose.CLOSE if report.reduce_only else Purpose.OPEN
    return Purpose.OPEN if report.side is Side.BUY else Purpose.CLOSE


def _price(report: OrderReported) -> Decimal | None:
    return report.average_price if report.limit_price is None else report.limit_price


def _quantity(report: OrderReported) -> Decimal | None:
    """Return the size of an order; zero where the venue doesn't say, so that nothing can be taken back.

    None where it would follow from a total that is missing.
    """
    if report.quantity is not None or report.cumulative_quantity is None:
        return report.quantity
    if report.status in FINAL:
        return report.cumulative_quantity
    return ZERO if report.leaves_quantity is None else report.cumulative_quantity + report.leaves_quantity
