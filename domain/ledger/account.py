"""The account as the order journal tells it: balances, positions of ours, live orders, halts.

A projection and nothing else: the same entries give the same state, so it is rebuilt by reading. It refuses
to price anything (the portfolio manager has the quotes) and to guess: what the journal doesn't say is not so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from decimal import Decimal
from typing import Any, TypeVar, get_args

from domain.instrument import Instrument, InstrumentId, Side
from domain.ledger.bare_closes import BareCloses
from domain.ledger.cash_flows import as_fill, traded, traded_fee
from domain.ledger.definitions import defined
from domain.ledger.exit_wishes import ExitWishes
from domain.ledger.external_fills import ExternalFills
from domain.ledger.funding_totals import FundingTotals
from domain.ledger.guessed_prices import GuessedPrices
from domain.ledger.halts import Halts
from domain.ledger.live_orders import LiveOrders, StandingOrder, StandingOrders, is_cover
from domain.ledger.order_parts import OrderParts
from domain.ledger.plans import Plan, plan_of
from domain.ledger.position import Execution, Position, PositionLedger
from domain.ledger.terms import Terms, terms_by_name, terms_of
from domain.ledger.wallet import Wallet
from domain.ledger.wallets import Wallets
from domain.messages.base import Event
from domain.messages.journal import (
    BalanceCorrected,
    BalancesOpened,
    EquityMarked,
    ExitEnded,
    ExitWished,
    ExternalFillSeen,
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
    OrderFilled,
    OrderFilledProvisionally,
    OrderReopened,
    OrderSubmitted,
    OrderUpdate,
    PositionCorrected,
    PositionForced,
    TotalsStand,
    TransferValued,
)
from domain.messages.orders import (
    FillKind,
    Purpose,
)
from domain.messages.replacements import OrderReplaced
from domain.numbers import ZERO, proportion

INTENTS_KEPT = 1_000  # far more than can be decided before a signal expires

LOSS_REASONS = ("daily_loss", "drawdown")  # halts for losses: clearing one begins a new measure

_FLAT = Position()


class Portfolio:
    """The projection of the journal up to `last_seq`.

    Args:
        orders: who follows the orders, where somebody does so anyway; else what an account needs of them is folded here.
    """

    def __init__(self, orders: StandingOrders | None = None) -> None:
        self.last_seq = 0
        wallets = self.wallets = Wallets()
        self.venues, self.unknown, self.balances = wallets.venues, wallets.unknown, wallets.balances
        self.fees, self.transfers, self.funding = wallets.fees, wallets.transfers, wallets.funding
        self.derivatives = wallets.derivatives
        self.funding_totals = FundingTotals()
        self.ledgers: dict[InstrumentId, PositionLedger] = {}
        self.external_fills = ExternalFills()
        self.guessed_prices = GuessedPrices()
        self._parts = OrderParts()
        self._live = LiveOrders() if orders is None else orders
        self.plans: dict[str, Plan] = {}  # intent_id -> accepted and not over
        self.intents: dict[str, bool] = {}  # newest intent_ids -> whether the router accepted
        self.halts = Halts()
        self.equity_mark: EquityMarked | None = None  # None: losses are measured from the next reading on
        self.exits = ExitWishes()
        self.definitions: dict[InstrumentId, Instrument] = {}  # newest
        self._terms: dict[InstrumentId, Terms] = {}  # of the same
        self.rebased = 0  # how often a halt for a loss was cleared
        self._bare = BareCloses()
        self.bare_closes = self._bare.counts
        self.decided: Counter[tuple[str, str, Purpose]] = Counter()  # intents accepted or denied so far

    # ---- the journal ------------------------------------------------------------------------------------

    def replay(self, entries: Iterable[JournalEntry]) -> None:
        """Apply entries in order; those already applied are skipped.

        Raises:
            ValueError: an entry is missing.
        """
        for entry in entries:
            if entry.seq <= self.last_seq:
                continue
            if entry.seq != self.last_seq + 1:
                raise ValueError(f"journal entry {entry.seq} follows {self.last_seq}")
            self.apply(entry.event)
            self.last_seq = entry.seq

    def apply(self, event: JournalEvent) -> None:
        """Apply one event of the journal, whatever its sequence number."""
        booking = _BOOKINGS.get(type(event))
        if booking is not None:  # most events of an order change nothing here
            booking(self, event)

    def _on_balances_opened(self, event: BalancesOpened) -> None:
        self.wallets.open(event)

    def _on_balance_corrected(self, event: BalanceCorrected) -> None:
        self.wallets.correct(event)

    def _on_transfer_valued(self, event: TransferValued) -> None:
        self.wallets.value_transfer(event)

    def _on_position_corrected(self, event: PositionCorrected) -> None:
        key = InstrumentId.of(event)
        self.wallets.correct_position(event, self.terms(key))
        self._lose(key, event.quantity, event.price)

    def _on_external_fill_seen(self, event: ExternalFillSeen) -> None:
        self.wallets.move(event.fill, self.terms(InstrumentId.of(event.fill)))
        self.external_fills.hear(event.fill)

    def _on_position_forced(self, event: PositionForced) -> None:
        """Take off our position what the venue has: first of it, and only then of what others hold there."""
        fill, key = event.fill, InstrumentId.of(event.fill)
        terms, change, held = self.terms(key), traded(event.fill), self.position(key).quantity
        ours = min(abs(change), abs(held)) if held * change < 0 else ZERO
        self.wallets.move(fill, terms)
        if ours:
            self._ledger(key).book(Execution("", Side.BUY if change > 0 else Side.SELL, ours, fill.price))
            self.wallets.pay_fee(fill, terms, proportion(fill.fee, ours, fill.quantity))

    def _on_funding_paid(self, event: FundingPaid) -> None:
        self.wallets.pay_funding(event)
        self.funding_totals.hear(event)

    def _on_intent_accepted(self, event: IntentAccepted) -> None:
        intent, key = event.intent, InstrumentId.of(event.intent)
        self.plans[intent.intent_id] = plan_of(intent)
        self._decide(intent.intent_id, intent.venue, intent.instrument, intent.purpose, is_accepted=True)
        self._bare.accepted(intent, key, has_stop=self.covered_quantity(*key) > 0)
        self.exits.accepted(intent, key, event.ts_event)

    def _on_intent_denied(self, event: IntentDenied) -> None:
        self._decide(event.intent_id, event.venue, event.instrument, event.purpose, is_accepted=False)

    def _on_intent_done(self, event: IntentDone) -> None:
        if plan := self.plans.pop(event.intent_id, None):
            self.exits.ended(plan.key, plan.intent.purpose, event.ts_event)

    def _on_order_submitted(self, event: OrderSubmitted) -> None:
        order = event.order
        self._live.begin(event)
        self._route(order.intent_id, order.venue, order.limit_price)

    def _on_leg_routed(self, event: LegRouted) -> None:
        self._route(event.intent_id, event.venue, event.worst_price)

    def _route(self, intent_id: str, venue: str, worst_price: Decimal) -> None:
        """Reserve for a plan where it goes: cash and limits are taken there, also of an opening that moves."""
        plan = self.plans.get(intent_id)
        if plan and (before := plan.route(venue, worst_price)):
            self.exits.moved(before, plan.key)
            self._bare.moved(plan.key)

    def _follow_order(self, event: OrderUpdate) -> None:
        self._live.apply(event)

    def _on_order_replaced(self, event: OrderReplaced) -> None:
        self._parts.hear(event)
        self._live.apply(event)

    def _on_order_reopened(self, event: OrderReopened) -> None:
        order = event.order
        self._live.apply(event)
        if order.intent_id not in self.plans:
            plan = self._live.finished_plan(order.intent_id) or plan_of(event.intent)
            plan.leg.leaves_quantity = max(ZERO, order.quantity - event.filled_quantity)
            plan.leg.worst_price, plan.leg.venue = order.limit_price, order.venue  # where it is, if it had moved
            self.plans[order.intent_id] = plan

    def _on_order_filled_provisionally(self, event: OrderFilledProvisionally) -> None:
        key, guess = InstrumentId.of(event), self.guessed_prices.filled(event)
        terms = self.terms(key)
        part = self._parts.key(event.client_order_id, event.venue, event.venue_order_id)
        execution = Execution(part, event.side, event.quantity, event.price, event.fee, True, guess)
        self._ledger(key).book(execution)
        self.wallets.move_ours(as_fill(execution, *key, terms), terms)
        self._count(event, event.quantity)

    def _on_order_filled(self, event: OrderFilled) -> None:
        fill = event.fill
        if event.purpose is Purpose.PROTECT:
            self._bare.stopped(InstrumentId.of(fill))
        key, is_reversal = InstrumentId.of(fill), fill.kind is FillKind.REVERSAL
        terms, part = self.terms(key), self._parts.key(event.client_order_id, fill.venue, fill.venue_order_id)
        execution = Execution(
            # Adjustments stand for themselves: running totals never announced them.
            client_order_id=part if fill.kind is FillKind.FILL else "",
            side=fill.side.opposite if is_reversal else fill.side,
            quantity=fill.quantity,
            price=fill.price,
            kept_fee=traded_fee(fill, terms),
        )
        replaced = self._ledger(key).book(execution)
        self.wallets.move_ours(fill, terms)
        self.guessed_prices.replaced(replaced)
        for piece in replaced:
            self.wallets.move_ours(as_fill(piece, *key, terms), terms, sign=-1)
        known = sum((piece.quantity for piece in replaced), ZERO)
        self._count(event, -fill.quantity if is_reversal else fill.quantity - known)

    def _on_totals_stand(self, event: TotalsStand) -> None:
        self.guessed_prices.stand(event)

    def _on_halt_raised(self, event: HaltRaised) -> None:
        self.halts.raise_(event)

    def _on_halt_cleared(self, event: HaltCleared) -> None:
        if any(halt.reason in LOSS_REASONS for halt in self.halts.clear(event)):  # a person has seen it: measured anew
            self.equity_mark = None
            self.rebased += 1
        self.guessed_prices.resumed(event)
        self._bare.resumed(event)

    def _on_equity_marked(self, event: EquityMarked) -> None:
        self.equity_mark = event

    def _on_exit(self, event: ExitWished | ExitEnded) -> None:
        self.exits.hear(event)

    def _on_instrument_defined(self, event: InstrumentDefined) -> None:
        key = InstrumentId.of(event)
        instrument = self.definitions[key] = defined(event)
        self._terms[key] = terms_of(instrument)

    def _decide(self, intent_id: str, venue: str, instrument: str, purpose: Purpose, is_accepted: bool) -> None:
        self.decided[venue, instrument, purpose] += 1
        self.intents[intent_id] = is_accepted
        if len(self.intents) > INTENTS_KEPT:
            del self.intents[next(iter(self.intents))]

    def _ledger(self, key: InstrumentId) -> PositionLedger:
        return self.ledgers.setdefault(key, PositionLedger())

    def _lose(self, key: InstrumentId, quantity: Decimal, price: Decimal | None) -> None:
        """Take off a position what is ours no more: at that price, or at cost where none was told."""
        side = Side.BUY if self.position(key).quantity < 0 else Side.SELL
        if price is None:
            self._ledger(key).book(Execution("", side, quantity, ZERO, is_loss=True))
        elif quantity:
            self._ledger(key).book(Execution("", side, quantity, price))

    def _count(self, event: OrderFilled | OrderFilledProvisionally, quantity: Decimal) -> None:
        """Take newly filled quantity off what may still trade; of what is taken back a plan buys no more."""
        self._live.apply(event, quantity)
        if plan := self.plans.get(event.intent_id):
            plan.leg.leaves_quantity = max(ZERO, plan.leg.leaves_quantity - max(ZERO, quantity))

    # ---- what it tells ----------------------------------------------------------------------------------

    @property
    def orders(self) -> Mapping[str, StandingOrder]:
        """Return the attempts that are not proven dead, by client_order_id."""
        return self._live.by_id

    def without(self, intent_id: str) -> Portfolio:
        """Return the same account, as if that plan were over. It shares its parts with this one: for reading only."""
        other = copy(self)
        other.plans = {key: plan for key, plan in self.plans.items() if key != intent_id}
        return other

    def terms(self, key: InstrumentId) -> Terms:
        """Return what an instrument is: by its definition so far, else as its name says."""
        return self._terms.get(key) or terms_by_name(key.name)

    def position(self, key: InstrumentId) -> Position:
        """Return the position of ours, flat when there is none."""
        ledger = self.ledgers.get(key)
        return ledger.position if ledger else _FLAT

    @property
    def positions(self) -> dict[InstrumentId, Position]:
        """Return the positions that are not flat."""
        return {key: ledger.position for key, ledger in self.ledgers.items() if not ledger.position.is_flat}

    def realized_pnl(self, currency: str) -> Decimal:
        """Return what closed quantity has earned in one settlement currency over all venues, before fees and funding."""
        realized = ZERO
        for key, ledger in self.ledgers.items():
            terms = self.terms(key)
            if terms.settlement == currency:
                realized += ledger.position.realized_pnl * terms.contract_size
        return realized

    def plans_of(self, venue: str, instrument: str, purpose: Purpose) -> list[Plan]:
        """Return what is decided, journaled and not proven over."""
        key = venue, instrument
        return [plan for plan in self.plans.values() if plan.intent.purpose is purpose and plan.key == key]

    def orders_of(self, venue: str, instrument: str, purpose: Purpose) -> list[StandingOrder]:
        """Return the attempts that may still trade."""
        return [
            live
            for live in self.orders.values()
            if (live.order.venue, live.order.instrument, live.order.purpose) == (venue, instrument, purpose)
            and not live.is_set_aside
        ]

    def in_doubt(self, key: InstrumentId) -> Decimal:
        """Return how much of a position counts as sold until that is proven, by orders that trade no more."""
        aside = (live for live in self.orders.values() if live.is_set_aside and InstrumentId.of(live.order) == key)
        return sum((live.leaves_quantity for live in aside), ZERO)

    def reserved_cash(self, wallet: Wallet, cost_ratio: Decimal) -> Decimal:
        """Return the most that journaled plans may still take of it, `cost_ratio` (fee, collar) included.

        Of coins, purchases do; of perpetuals' collateral, openings on both sides, by their notional. Only quantity that
        filled or whose plan is proven over is released.
        """
        taking = (it for it in self.plans.values() if it.takes_cash(self.terms(it.key), wallet))
        return sum((it.notional * self.terms(it.key).contract_size for it in taking), ZERO) * (1 + cost_ratio)

    def covered_quantity(self, venue: str, instrument: str) -> Decimal:
        """Return how much of the position stops would close that the venue says it has; a target stops nothing."""
        side = Side.BUY if self.position(InstrumentId(venue, instrument)).quantity < 0 else Side.SELL
        stops = (it for it in self.orders_of(venue, instrument, Purpose.PROTECT) if is_cover(it, side))
        return sum((live.sure_quantity for live in stops), ZERO)


Booked = TypeVar("Booked", bound=JournalEvent)
_Booking = Callable[[Portfolio, Any], None]


def _on(kind: type[Booked], booking: Callable[[Portfolio, Booked], None]) -> tuple[type[Event], _Booking]:
    """Return an entry of `_BOOKINGS`: as `dispatch.on`, but of methods of the class, for accounts are copied."""
    return kind, booking


_BOOKINGS = dict(
    (
        *(_on(kind, Portfolio._follow_order) for kind in get_args(OrderUpdate)),  # but for those below
        _on(BalancesOpened, Portfolio._on_balances_opened),
        _on(BalanceCorrected, Portfolio._on_balance_corrected),
        _on(TransferValued, Portfolio._on_transfer_valued),
        _on(PositionCorrected, Portfolio._on_position_corrected),
        _on(ExternalFillSeen, Portfolio._on_external_fill_seen),
        _on(PositionForced, Portfolio._on_position_forced),
        _on(FundingPaid, Portfolio._on_funding_paid),
        _on(IntentAccepted, Portfolio._on_intent_accepted),
        _on(IntentDenied, Portfolio._on_intent_denied),
        _on(IntentDone, Portfolio._on_intent_done),
        _on(LegRouted, Portfolio._on_leg_routed),
        _on(OrderSubmitted, Portfolio._on_order_submitted),
        _on(OrderReplaced, Portfolio._on_order_replaced),
        _on(OrderReopened, Portfolio._on_order_reopened),
        _on(OrderFilledProvisionally, Portfolio._on_order_filled_provisionally),
        _on(OrderFilled, Portfolio._on_order_filled),
        _on(TotalsStand, Portfolio._on_totals_stand),
        _on(HaltRaised, Portfolio._on_halt_raised),
        _on(HaltCleared, Portfolio._on_halt_cleared),
        _on(EquityMarked, Portfolio._on_equity_marked),
        _on(ExitWished, Portfolio._on_exit),
        _on(ExitEnded, Portfolio._on_exit),
        _on(InstrumentDefined, Portfolio._on_instrument_defined),
    )
)
