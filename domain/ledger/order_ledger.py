"""Everything the order journal says about our orders: the one state that survives a restart.

One projection in two nouns: the books know what an account needs, this what orders need besides, and neither
keeps what the other does. `apply` folds events of the journal and nothing else changes it, so replay equals live. What is
not journaled (alarms, quotes, requests under way) lives in the machines around it and may be lost.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Container, Iterable, Iterator
from decimal import Decimal

from domain.instrument import Instrument, InstrumentId, Side
from domain.ledger.account import Portfolio
from domain.ledger.cash_flows import flows
from domain.ledger.fill_memory import FillMemory, RetiredOrders
from domain.ledger.funding_memory import FundingMemory
from domain.ledger.halts import Halts
from domain.ledger.order import OrderLifecycle
from domain.ledger.order_lives import OrderLives
from domain.ledger.recent_corrections import RecentCorrections
from domain.ledger.refusals import Refusals
from domain.ledger.refused_openings import RefusedOpenings
from domain.messages.journal import (
    BalanceCorrected,
    BalancesOpened,
    EquityMarked,
    ExitEnded,
    ExitWished,
    ExternalFillSeen,
    FillContradicted,
    FillsCovered,
    FundingPaid,
    HaltCleared,
    HaltRaised,
    InstrumentDefined,
    IntentAccepted,
    IntentDenied,
    IntentDone,
    JournalEntry,
    JournalEvent,
    LegRouted,
    OrderAdopted,
    OrderClosed,
    OrderFilled,
    OrderFilledProvisionally,
    OrderReopened,
    OrderSubmitted,
    OrderUpdate,
    PositionCorrected,
    PositionForced,
    TotalsStand,
    TransferValued,
    VenueReconciled,
)
from domain.messages.orders import OrderAccepted, OrderIntent, OrderReported, Purpose
from domain.messages.replacements import OrderReplaced
from domain.numbers import ZERO

# A redelivery or a late fill of something older than this many is no longer recognised: minutes of the fastest
# trading, where redeliveries take seconds. A plan takes 5 KB with all that belongs to it, ids are small.
FINISHED_KEPT = 1_000
IDS_KEPT = 5_000


class OrderLedger:
    """The projection of the journal up to `last_seq`."""

    def __init__(self) -> None:
        lives = self._lives = OrderLives()
        self.books = Portfolio(lives)
        self.plans = lives.plans  # intent_id ->
        self.open_plans = self.books.plans  # those that are not done
        self.denied: dict[str, None] = {}  # intent_ids, oldest first
        self.opening_seqs: dict[InstrumentId, int] = {}  # of its newest OPEN intent
        self.newest_opening_seq = 0  # of them all
        self.orders = lives.orders  # client_order_id ->
        self.live = lives.by_id  # those that are not final
        self.unexplained: dict[str, OrderLifecycle] = {}  # filled quantity known from totals only
        self.claims: dict[tuple[str, str], str] = {}  # (venue, venue_order_id) -> client_order_id
        # client_order_id of those whose fills the venue never listed -> whether a person has resumed since
        self.standing: dict[str, bool] = {}
        self.fills = FillMemory()
        self.funding = FundingMemory()
        self.retired = RetiredOrders()  # what is kept of orders that are kept no more
        self.opened_at: dict[str, int] = {}  # venue -> UTC ns of its opening balances
        self.surely_with: dict[str, int] = {}  # venue -> UTC ns up to which those show every fill
        self.verdicts: dict[str, VenueReconciled] = {}  # venue -> newest
        self.corrections: set[str] = set()  # correction_ids
        self.recent_corrections = RecentCorrections()
        self.equity_marked_at = 0
        self.submitted: Counter[str] = Counter()  # venue -> orders ever journaled for it
        self.movements: Counter[str] = Counter()  # venue -> how often its balances were about to change
        self.balance_moves: Counter[str] = Counter()  # venue -> how often they did
        self.refusals = Refusals()  # of what would reduce positions
        self.refused_openings = RefusedOpenings()
        self._finished: deque[str] = deque()  # intent_ids

    def replay(self, entries: Iterable[JournalEntry]) -> None:
        """Apply what a journal holds after `last_seq`.

        Raises:
            ValueError: an entry is missing: the journal is not what was written.
        """
        for entry in entries:
            if entry.seq != self.last_seq + 1:
                raise ValueError(f"journal entry {entry.seq} follows {self.last_seq}")
            self.apply(entry.event)

    def apply(self, event: JournalEvent) -> None:
        self.books.last_seq += 1
        self.refused_openings.hear(event, self.books)
        fills = self._lives.fills
        self.books.apply(event)
        match event:
            case IntentAccepted():
                intent = event.intent
                self.plans[intent.intent_id] = self.open_plans[intent.intent_id]
                if intent.purpose is Purpose.OPEN:
                    self._note_opening(InstrumentId.of(intent))
            case IntentDenied():
                _remember(self.denied, event.intent_id)
                if not self.books.position(InstrumentId.of(event)).is_flat:
                    self.refusals.denied(event)
            case IntentDone():
                self._finish(event.intent_id, event.reason)
            case LegRouted():
                pass  # the books know it
            case OrderSubmitted():
                order = event.order
                self.submitted[order.venue] += 1
                self.movements[order.venue] += 1
                if order.venue != self.plans[order.intent_id].intent.venue:  # an opening that has moved
                    self._note_opening(InstrumentId.of(order))
            case ExternalFillSeen():
                self.fills.book(event.fill)
                if flows(event.fill, self.books.terms(InstrumentId.of(event.fill))):
                    self._moved(event.fill.venue)
            case PositionForced():
                self.fills.book(event.fill)
                self._moved(event.fill.venue)
                self.refusals.forget(*InstrumentId.of(event.fill))
            case FundingPaid():
                self.funding.book(event)
                self._moved(event.venue)
            case BalancesOpened():
                self.opened_at[event.venue] = event.ts_event
                if event.surely_with is not None:
                    self.surely_with[event.venue] = event.surely_with
                self.fills.covered.setdefault(event.venue, event.ts_event)
            case FillsCovered():
                self.fills.cover(event)
                self.funding.cover(event)
            case FillContradicted():
                self.fills.contradict(event)
            case TotalsStand():
                self.standing[event.client_order_id] = False
            case OrderFilledProvisionally() if self.standing.get(event.client_order_id):
                del self.standing[event.client_order_id]  # a person's word was about the totals of before
            case BalanceCorrected() | PositionCorrected():
                self.corrections.add(event.correction_id)
                self.recent_corrections.hear(event)
            case VenueReconciled():
                self.verdicts[event.venue] = event
                if event.is_equal:  # then no fill was missing
                    self.fills.covered[event.venue] = event.ts_event
            case HaltRaised():
                pass  # the books have it
            case HaltCleared():
                self._settle(event)
                if not event.reason:
                    self.refusals.resumed(event.scope)
                    self.recent_corrections.resumed(event.scope)
            case EquityMarked():
                self.equity_marked_at = event.ts_event
            case InstrumentDefined():  # orders were refused by what it is no more
                self.refusals.forget(event.venue, event.instrument)
            case ExitWished() | ExitEnded() | TransferValued():
                pass  # the books know them
            case _:
                self._follow(event, has_moved=self._lives.fills != fills)

    def _note_opening(self, key: InstrumentId) -> None:
        self.opening_seqs[key] = self.newest_opening_seq = self.last_seq

    def _moved(self, venue: str) -> None:
        self.movements[venue] += 1
        self.balance_moves[venue] += 1

    def _follow(self, event: OrderUpdate, has_moved: bool) -> None:
        """Note what follows from an event of an order's life; `has_moved` where it has changed what has filled."""
        if isinstance(event, OrderFilled):
            self.fills.book(event.fill)
            if event.client_order_id not in self.orders and event.client_order_id in self.retired:
                self._moved(event.fill.venue)  # there is nothing else about it to be kept
                return
        order = self.orders[event.client_order_id]
        if has_moved:
            self._moved(order.order.venue)
            self.refusals.forget(order.order.venue, order.order.instrument)
        if isinstance(event, (OrderAccepted, OrderReplaced)) and event.venue_order_id:
            self.claims[event.venue, event.venue_order_id] = order.id
        if isinstance(event, OrderClosed):
            self.refusals.ended(order)
        elif isinstance(event, OrderReopened):
            self._reopen(order)
        elif isinstance(event, OrderAdopted):
            self.plans[order.order.intent_id].was_done = True
        if order.executions.provisional_quantity:
            self.unexplained[order.id] = order
        else:
            self.unexplained.pop(order.id, None)
            self.standing.pop(order.id, None)

    def _settle(self, event: HaltCleared) -> None:
        """Take a person's word for all totals that stand in a scope; a halt that ended by itself is none."""
        for client_order_id in self.standing:
            if not event.reason and event.scope == self.orders[client_order_id].scope:
                self.standing[client_order_id] = True

    def _reopen(self, order: OrderLifecycle) -> None:
        plan, venue = self.plans[order.order.intent_id], order.order.venue
        self.movements[venue] += 1
        self.claims |= {(venue, name): order.id for name in order.venue_order_ids}
        if plan.is_done:
            plan.is_done, plan.was_done = False, True
            self._finished.remove(plan.intent.intent_id)

    def _finish(self, intent_id: str, reason: str) -> None:
        plan = self.plans[intent_id]
        was_open, plan.is_done = not plan.is_done, True
        is_flat = self.books.position(InstrumentId.of(plan.intent)).is_flat
        if not plan.attempts and not is_flat and not reason:
            self.refusals.unsent(plan.intent)
        if was_open:
            self._finished.append(intent_id)
        if len(self._finished) > FINISHED_KEPT:
            self._retire()

    def _retire(self) -> None:
        """Forget the oldest finished plan, unless its orders still wait for proof of their fills."""
        for _ in range(len(self._finished)):
            intent_id = self._finished.popleft()
            orders = self.plans[intent_id].attempts
            if not any(order.id in self.unexplained or order.id in self.live for order in orders):
                break
            self._finished.append(intent_id)
        else:
            return
        del self.plans[intent_id]
        for order in orders:
            for name in order.venue_order_ids:
                self.claims.pop((order.order.venue, name), None)
            self.retired.add(order.id)
            del self.orders[order.id]

    # ---- what it tells ----------------------------------------------------------------------------------

    @property
    def last_seq(self) -> int:
        return self.books.last_seq

    @property
    def halts(self) -> Halts:
        return self.books.halts

    def knows_intent(self, intent_id: str) -> bool:
        return intent_id in self.plans or intent_id in self.denied

    def is_outdated(self, intent: OrderIntent) -> bool:
        """Tell whether an opening was decided unaware of another one there: by a portfolio that died since."""
        newest_seq = self.opening_seqs.get(InstrumentId.of(intent), 0)
        return intent.known_seq is not None and intent.known_seq < newest_seq

    def is_unaware(self, intent: OrderIntent) -> bool:
        """Tell whether an opening was decided before another one, wherever that is or has moved to, was journaled."""
        return intent.known_seq is not None and intent.known_seq < self.newest_opening_seq

    def order_of(self, venue: str, venue_order_id: str) -> OrderLifecycle | None:
        return self.orders.get(self.claims.get((venue, venue_order_id), ""))

    def order_said(self, venue: str, venue_order_id: str, client_order_id: str) -> OrderLifecycle | None:
        """Return the order of ours that a venue's row is about, by whichever name it says; the venue's own first.

        A name that is empty was not said: it makes no order somebody else's.
        """
        return self.order_of(venue, venue_order_id) or self.orders.get(client_order_id)

    def may_be_ours(self, report: OrderReported) -> bool:
        """Tell whether a row of no order that we know may be of one that the venue has not named yet."""
        if report.client_order_id or self.order_of(report.venue, report.venue_order_id):
            return False
        return any(order.may_be(report) for order in self.live_orders(report.venue, report.instrument))

    def live_orders(self, venue: str = "", instrument: str = "") -> Iterator[OrderLifecycle]:
        """Yield the orders not proven dead, oldest first; empty names match all."""
        for order in list(self.live.values()):
            if venue in ("", order.order.venue) and instrument in ("", order.order.instrument):
                yield order

    def halt_over(self, venue: str, instrument: str) -> str:
        """Return why openings there are halted, or an empty string."""
        halt = self.halts.over(venue, instrument)
        return (halt.reason or "halted") if halt else ""

    def held_quantity(self, venue: str, instrument: str, side: Side) -> Decimal:
        """Return how much of the position of ours orders of `side` reduce; negative where they add to it."""
        return -side.sign * self.books.position(InstrumentId(venue, instrument)).quantity

    def reducible_quantity(self, venue: str, instrument: str, side: Side, beside: Container[str] = ()) -> Decimal:
        """Return how much an order of `side` may take off the position of ours, live orders counted.

        Args:
            beside: client_order_ids of those that can't take the same once more, whatever becomes of them.
        """
        held = self.held_quantity(venue, instrument, side)
        rivals = [
            order
            for order in self.live_orders(venue, instrument)
            if order.order.side is side and order.id not in beside
        ]
        promised = sum((order.leaves_quantity for order in rivals), ZERO)
        return max(ZERO, held - promised)

    def promised_coins(self, instrument: Instrument, beside: Container[str] = ()) -> Decimal:
        """Return how much of an instrument's base our live sales there may take, whatever the pair."""
        orders = self.live_orders(instrument.venue)
        sales = (it for it in orders if it.order.side is Side.SELL and it.id not in beside)
        terms = self.books.terms
        return sum(
            (it.leaves_quantity for it in sales if terms(InstrumentId.of(it.order)).base == instrument.base), ZERO
        )


def _remember(known: dict[str, None], key: str) -> None:
    """Add to an ordered set of bounded size."""
    known[key] = None
    if len(known) > IDS_KEPT:
        del known[next(iter(known))]
