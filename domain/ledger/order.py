"""One order at one venue: what the journal says of it, and what each report of the venue proves.

Two halves. `apply` folds an event of the journal; nothing else changes state, so replaying the journal gives
the same order. The `judge_*` methods look at what a gateway reports and return the events to journal; they
change nothing. A venue's surprise is data: it returns an empty list, or what it does prove.

Only OrderClosed ends an order, with its evidence; only OrderReopened takes that back, with better evidence. A refusal
proves nothing once the order was sent a second time: it is about the second send. Fills are booked in every status,
final ones included.

An end that a venue tells proves no quantity by itself: until that is proven, too, the rest may have filled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from domain.instrument import InstrumentId, Side
from domain.ledger.asked import Asked
from domain.ledger.executions import Executions, Step
from domain.ledger.order_status import FILLED, SUBMITTED, UNPROVEN, next_status
from domain.ledger.unconfirmed import ended_without_total
from domain.messages.journal import (
    CancelRequested,
    CancelWithdrawn,
    OrderClosed,
    OrderFilled,
    OrderFilledProvisionally,
    OrderReopened,
    OrderResubmitted,
    OrderSubmitted,
    OrderUpdate,
)
from domain.messages.orders import (
    FINAL,
    Fill,
    FillKind,
    Leg,
    OrderAccepted,
    OrderIntent,
    OrderNotSent,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OrderUnconfirmed,
    Purpose,
    SubmitOrder,
    TimeInForce,
    VenueMoment,
)
from domain.messages.replacements import ModifyRequested, OrderReplaced
from domain.numbers import ZERO


@dataclass
class OrderLifecycle:
    """One order of ours at one venue. `submitted` is the journaled event that began it."""

    submitted: OrderSubmitted
    asked: Asked = field(init=False)
    status: OrderStatus = SUBMITTED
    venue_order_ids: list[str] = field(default_factory=list)  # all that the venue has told, the newest last
    sends: int = 1
    last_sent_at: int = 0  # UTC ns of the newest send
    is_cancel_pending: bool = False
    cancel_reason: str = ""  # of the newest wish
    ended: OrderStatus | None = None  # how it ended, the venue says, while what had filled is not proven
    ended_at: int = 0  # UTC ns of the newest word of that
    may_reach: Decimal | None = None  # what it counts as filled until that is proven, where that is waited for no more
    accept_until: VenueMoment | None = None  # no send of it can be accepted later, by the venue's clock
    executions: Executions = field(default_factory=Executions)
    evidence: str = ""  # why it is final
    closed_at: int = 0  # UTC ns when it was proven so

    def __post_init__(self) -> None:
        self.asked = Asked(self.submitted.order)
        self.last_sent_at = self.last_sent_at or self.submitted.ts_event
        self.accept_until = self.accept_until or self.order.accept_until

    @property
    def sent_at(self) -> int:
        """Return when it was first sent, in UTC ns by the venue's clock as far as that was known."""
        return self.submitted.venue_time or self.submitted.ts_event

    @property
    def order(self) -> SubmitOrder:
        """Return it as the venue has it: as it was submitted, but for changes that are proven."""
        return self.asked.order

    @property
    def venue_order_id(self) -> str:
        """Return the venue's newest name of it; empty while the venue hasn't told."""
        return self.venue_order_ids[-1] if self.venue_order_ids else ""

    @property
    def pending_replace(self) -> ModifyRequested | None:
        """Return the change of which nobody knows whether it is through."""
        return None if self.is_final else self.asked.pending

    @property
    def id(self) -> str:
        return self.order.client_order_id

    @property
    def scope(self) -> str:
        """Return what halts and alarms about it are told of: its instrument, "coinbase:BTC-USD"."""
        return str(InstrumentId.of(self.order))

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def is_unproven(self) -> bool:
        """Tell whether the venue has not yet said that it has this order, or shows it no more."""
        return self.status in UNPROVEN

    @property
    def never_rests(self) -> bool:
        """Tell whether it ends as it arrives, filled or not, at a venue that does as it says."""
        return self.order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK)

    @property
    def is_in_flight(self) -> bool:
        """Tell whether it is about to change by itself: anything live but a resting order left in peace."""
        is_resting = not (self.never_rests or self.is_cancel_pending or self.asked.pending)
        return not self.is_final and (self.is_unproven or not is_resting)

    @property
    def is_settling(self) -> bool:
        """Tell whether it may be moving balances just now. A resting order is not, be it unwanted, nor one that is gone."""
        has_ended_short = self.ended not in (None, FILLED)
        return not (self.is_final or has_ended_short) and (self.is_unproven or self.never_rests)

    @property
    def filled_quantity(self) -> Decimal:
        return self.executions.filled_quantity

    @property
    def leaves_quantity(self) -> Decimal:
        """Return what may still fill, all of the rest while not proven dead; what may have, of one that is set aside."""
        most = self.asked.most_quantity if self.may_reach is None else self.may_reach
        return ZERO if self.is_final else max(ZERO, most - self.filled_quantity)

    @property
    def sure_quantity(self) -> Decimal:
        """Return how much of that is there whatever becomes of a pending change."""
        return max(ZERO, min(self.leaves_quantity, self.asked.least_quantity - self.filled_quantity))

    @property
    def is_set_aside(self) -> bool:
        """Tell whether the others go on as if it were dead: it trades no more, only how much it had is not proven."""
        return self.may_reach is not None and not self.is_final

    @property
    def worst_price(self) -> Decimal:
        """Return the price to reckon with where the venue tells none."""
        return self.order.limit_price if self.order.stop_price is None else self.order.stop_price

    @property
    def is_overfilled(self) -> bool:
        return self.filled_quantity > self.asked.wanted_quantity

    def may_be(self, report: OrderReported) -> bool:
        """Tell whether a row without our name of its order may be of this one, which the venue has not named yet."""
        body = self.order
        is_alike = (report.instrument, report.side) == (body.instrument, body.side)
        is_nameless = not (report.client_order_id or self.venue_order_id) or bool(self.pending_replace)
        return is_nameless and is_alike and report.quantity in (None, body.quantity)

    def crosses(self, side: Side, price: Decimal) -> bool:
        """Tell whether a new order of ours at `price` could trade against this one.

        One that never rests has had its one moment once it has ended; or once any of it has filled, unless it must be
        canceled, for then the venue may have kept the rest.
        """
        waits = self.order.leg is not Leg.WHOLE  # in no book until its price is there, and then it ends as it arrives
        if self.is_final or self.is_set_aside or side is self.order.side or waits:
            return False
        if self.never_rests and (self.ended or (self.filled_quantity and not self.is_cancel_pending)):
            return False
        return any(price >= it if side is Side.BUY else price <= it for it in self.asked.prices())

    # ---- the journal ------------------------------------------------------------------------------------

    def apply(self, event: OrderUpdate) -> None:
        """Fold one event of the journal that is about this order."""
        match event:
            case OrderClosed() if not self.is_final:
                self.evidence, self.closed_at, self.ended = event.evidence, event.ts_event, None
            case OrderReopened():
                self.evidence, self.is_cancel_pending, self.may_reach = "", False, None
            case OrderAccepted():
                if event.venue_order_id and not self.venue_order_ids:  # only a change gives it another
                    self.venue_order_ids.append(event.venue_order_id)
                self.ended = self.may_reach = None
            case OrderUnconfirmed() if event.ended:
                self.ended, self.ended_at = event.ended, event.ts_event
                if event.may_have_filled is not None:
                    self.may_reach = self.filled_quantity + event.may_have_filled
            case OrderResubmitted():
                self.sends += 1
                self.last_sent_at = event.ts_event
                self.accept_until = event.accept_until or self.accept_until
            case ModifyRequested():
                self.last_sent_at = event.ts_event
                self.accept_until = event.accept_until or self.accept_until
            case OrderReplaced():
                self.ended = self.may_reach = None
                if event.is_renamed:
                    self.venue_order_ids.append(event.venue_order_id)
                    self.executions.begin_part(event.venue_order_id)
            case CancelRequested():
                self.is_cancel_pending, self.cancel_reason = True, event.reason
            case CancelWithdrawn():
                self.is_cancel_pending = False
            case OrderFilled():
                before = self.filled_quantity
                self.executions.book_exact(event.fill)
                self.asked.filled(event, self.filled_quantity - before)
            case OrderFilledProvisionally():
                self.executions.book_provisional(
                    Step(event.quantity, event.price, event.fee, venue_order_id=event.venue_order_id)
                )
                self.asked.filled(event, event.quantity)
        self.asked.apply(event)
        self.status = next_status(self.status, event)

    # ---- what a venue's word proves ----------------------------------------------------------------------

    def judge_accepted(self, event: OrderAccepted) -> list[OrderUpdate]:
        if not self._is_news(event.venue_order_id):
            return []
        return [event, self._ended(self.ended, event.ts_event)] if self.ended else [event]

    def judge_refused(self, event: OrderRejected | OrderNotSent) -> list[OrderUpdate]:
        if not self.is_unproven or self.venue_order_id or self.sends > 1:
            return []
        evidence = f"rejected:{event.code}" if isinstance(event, OrderRejected) else f"not_sent:{event.reason}"
        return [event, self.closed(OrderStatus.REJECTED, evidence, event.ts_event)]

    def judge_unconfirmed(self, event: OrderUnconfirmed) -> list[OrderUpdate]:
        return [event] if self.status is SUBMITTED else []

    def judge_report(self, report: OrderReported, may_repeat: bool = False) -> list[OrderUpdate]:
        """Return what a venue's totals prove: acceptance, quantity filled so far, an end.

        Args:
            may_repeat: it may be tried again, and what is sold would be others', or what is bought beyond the limits.
        """
        events = self._accepted_by(report.venue_order_id, report.ts_event)
        step = self._step_to(report)
        if step:
            events.append(self._provisional(step, report.ts_event))
        if self.is_final:
            return events
        filled = self.filled_quantity + (step.quantity if step else ZERO)
        is_full, is_end = filled >= self.asked.most_quantity, report.status in FINAL
        if is_full or (is_end and self._proves_end(report, filled, may_repeat)):
            evidence = f"reported:{report.reason}" if report.reason else "reported"
            status = report.status if is_end else FILLED
            events.append(self.closed(status, evidence, report.ts_event, filled))
        elif is_end and report.status is not self.ended:
            events.append(self._ended(report.status, report.ts_event))
        elif self.ended and any(isinstance(event, OrderAccepted) for event in events):
            events.append(self._ended(self.ended, report.ts_event))
        return events

    def judge_totals(self, report: OrderReported) -> list[OrderUpdate]:
        """Return what a word proves that is about another name than the newest, or amid a change: what has filled."""
        step = self._step_to(report)
        events: list[OrderUpdate] = [self._provisional(step, report.ts_event)] if step else []
        is_full = self.filled_quantity + (step.quantity if step else ZERO) >= self.asked.most_quantity
        if is_full and not self.is_final and self.asked.is_newest(report.venue_order_id):
            events.append(self.closed(FILLED, "reported", report.ts_event, self.asked.most_quantity))
        return events

    def _step_to(self, report: OrderReported) -> Step | None:
        told = report.cumulative_quantity, report.average_price, report.total_fees
        return self.executions.step_to(*told, self.worst_price, report.venue_order_id)

    def _proves_end(self, report: OrderReported, filled: Decimal, may_repeat: bool) -> bool:
        """Tell whether the final word about an order that is not known to be full proves how much of it filled.

        FILLED contradicts the total that comes with it, which is behind. Any other end is believed with its total;
        of one that may be repeated, once a read has said so after an earlier word.
        """
        total, is_second = report.cumulative_quantity, report.is_read and self.ended is not None
        if report.status is FILLED:
            return False
        if may_repeat:
            return is_second and total is not None and total >= filled
        if total is not None:
            return True
        return is_second and self.order.purpose is not Purpose.OPEN  # whatever it closed can't be closed twice

    def judge_end(self, evidence: str, ts_event: int) -> list[OrderUpdate]:
        """Return the end that the venue told without a total, once no better word is to come: FILLED is full."""
        if self.ended is None:
            return []
        events: list[OrderUpdate] = []
        left = self.leaves_quantity if self.ended is FILLED else ZERO
        if left:
            step = Step(left, self.worst_price, ZERO, is_price_guessed=True, venue_order_id=self.asked.newest)
            events.append(self._provisional(step, ts_event))
        return [*events, self.closed(self.ended, evidence, ts_event, self.filled_quantity + left)]

    def set_aside(self, may_have_filled: Decimal, ts_event: int) -> OrderUnconfirmed:
        """Return the event that lets the others go on: so much more counts as filled until its total is proven."""
        return self._ended(self.ended, ts_event, may_have_filled)

    def judge_fill(self, fill: Fill) -> list[OrderUpdate]:
        """Return the booking of an exact fill, once per fill id, whatever the status."""
        if self.executions.knows(fill):
            return []
        # Of one that the venue has named, it says nothing new: its row may be late, and the rest gone since.
        is_known = bool(self.venue_order_id)
        events = [] if is_known else self._accepted_by(fill.venue_order_id, fill.ts_event)
        events.append(
            OrderFilled(
                ts_event=fill.ts_event,
                client_order_id=self.id,
                intent_id=self.order.intent_id,
                purpose=self.order.purpose,
                fill=fill,
            )
        )
        if not self.is_final and fill.kind is FillKind.FILL:
            filled = self.executions.filled_with(fill)
            # What an older name has filled late takes nothing of what rests.
            late = ZERO if self.asked.is_newest(fill.venue_order_id) else filled - self.filled_quantity
            if filled >= self.asked.most_quantity + late:
                events.append(self.closed(FILLED, "filled", fill.ts_event, filled))
        return events

    def closed(self, status: OrderStatus, evidence: str, ts_event: int, filled: Decimal | None = None) -> OrderClosed:
        """Return the event that ends this order."""
        return OrderClosed(
            ts_event=ts_event,
            client_order_id=self.id,
            intent_id=self.order.intent_id,
            status=status,
            filled_quantity=self.filled_quantity if filled is None else filled,
            evidence=evidence,
        )

    def reopened(self, intent: OrderIntent, evidence: str, ts_event: int) -> OrderReopened:
        """Return the event that makes this order live again: the venue has it, though it was proven dead."""
        return OrderReopened(
            ts_event=ts_event,
            order=self.order,
            intent=intent,
            filled_quantity=self.filled_quantity,
            was=self.status,
            evidence=f"{evidence} although {self.evidence}",
        )

    def _is_news(self, venue_order_id: str) -> bool:
        """Tell whether it matters that the venue has it: at the least, its fills can be claimed."""
        return (self.is_unproven and not self.ended) or (not self.venue_order_id and bool(venue_order_id))

    def _ended(self, status: OrderStatus | None, ts_event: int, more: Decimal | None = None) -> OrderUnconfirmed:
        may_have_filled = self.leaves_quantity if self.is_set_aside else more
        return ended_without_total(self.order, status, ts_event, may_have_filled)

    def _accepted_by(self, venue_order_id: str, ts_event: int) -> list[OrderUpdate]:
        return [self.accepted(venue_order_id, ts_event)] if self._is_news(venue_order_id) else []

    def accepted(self, venue_order_id: str, ts_event: int) -> OrderAccepted:
        """Return the event that the venue has this order."""
        return OrderAccepted(
            ts_event=ts_event,
            client_order_id=self.id,
            venue=self.order.venue,
            venue_order_id=venue_order_id,
        )

    def _provisional(self, step: Step, ts_event: int) -> OrderFilledProvisionally:
        return OrderFilledProvisionally(
            ts_event=ts_event,
            client_order_id=self.id,
            intent_id=self.order.intent_id,
            purpose=self.order.purpose,
            venue=self.order.venue,
            instrument=self.order.instrument,
            side=self.order.side,
            quantity=step.quantity,
            price=step.price,
            fee=step.fee,
            is_price_guessed=step.is_price_guessed,
            venue_order_id=step.venue_order_id,
        )
