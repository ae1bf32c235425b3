"""From an intent to the orders of its plan: every gate, the choice of venue, one attempt after the other.

At most one attempt of a plan is not proven dead. Openings pass every gate or are denied; reducing orders pass
only the grid, the clamp to what is held and a wide collar, and never wait for anything but the proven end of
an order of ours that is in their way.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from domain.effects import Role
from domain.execution.attempts import Attempts
from domain.execution.blocking_orders import BlockingOrders
from domain.execution.closing_prices import ClosingPrices
from domain.execution.intent_gates import IntentGates
from domain.execution.manager_facts import ManagerFacts
from domain.execution.order_rules import OrderRulebook
from domain.execution.pauses import Pauses
from domain.execution.pre_send_checks import PreSendChecks
from domain.execution.price_collar import is_inside_collar
from domain.instant import Instant
from domain.instrument import Instrument, InstrumentId, InstrumentKind
from domain.ledger.definitions import definition, is_as_defined
from domain.ledger.expiries import Expiries
from domain.ledger.order import OrderLifecycle
from domain.ledger.outbox import Outbox
from domain.ledger.plans import Plan
from domain.ledger.position import is_dust
from domain.ledger.refusals import HALT_FOR
from domain.market.latest_quotes import LatestQuotes
from domain.messages.denials import DenialReason
from domain.messages.halts import HaltKind
from domain.messages.journal import (
    HaltCleared,
    IntentAccepted,
    IntentDenied,
    IntentDone,
    LegRouted,
    OrderResubmitted,
    OrderSubmitted,
)
from domain.messages.market import Quote
from domain.messages.orders import OrderIntent, OrderStatus, Purpose, SubmitOrder
from domain.numbers import from_ratio
from domain.reconciliation.status_queries import StatusQueries
from domain.settings import Settings

MAX_REDUCING_ATTEMPTS = 6  # by then the collar of a close has reached its cap; the portfolio decides anew


class OrderExecutor:
    """Turns intents into attempts and brings every plan to its end."""

    def __init__(
        self,
        settings: Settings,
        outbox: Outbox,
        quotes: LatestQuotes,
        pre_send_checks: PreSendChecks,
        status_queries: StatusQueries,
        blocking: BlockingOrders,
        prices: ClosingPrices,
        expiries: Expiries,
        facts: ManagerFacts,
        attempts: Attempts,
        rulebook: OrderRulebook,
    ) -> None:
        self._settings = settings
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._quotes = quotes
        self._pre_send_checks = pre_send_checks
        self._status_queries = status_queries
        self._blocking = blocking
        self._prices = prices
        self._facts = facts
        self._attempts = attempts
        self._expiries = expiries
        self._pauses = Pauses(settings, outbox, pre_send_checks)
        self._intent_gates = IntentGates(outbox.ledger, expiries, pre_send_checks, rulebook)
        self.keeps_stops = False  # near the end of a run no close makes a stop go

    # ---- intents -----------------------------------------------------------------------------------------

    def take(self, intent: OrderIntent, now: Instant) -> None:
        """Journal an intent and begin its plan, or journal why not; a known intent_id changes nothing."""
        if self._ledger.knows_intent(intent.intent_id):
            return
        self._expiries.hear(intent, now)
        instrument = self._instrument(intent)
        if denial := self._intent_gates.refusal(intent, instrument, now):
            self._deny(intent, denial, now)
            return
        intent = msgspec.structs.replace(intent, expires_ns=0)  # another boot could not read it
        self._outbox.record(IntentAccepted(ts_event=now.utc_ns, intent=intent))
        self._halt_where_no_stop_holds(intent, now)
        plan = self._ledger.plans[intent.intent_id]  # the ledger has made it of the event just recorded
        if intent.purpose is Purpose.OPEN and instrument:
            self._open(plan, instrument, now)
        else:
            self.advance(plan, now)

    def _deny(self, intent: OrderIntent, denial: DenialReason, now: Instant) -> None:
        self._expiries.forget(intent)
        self._outbox.record(
            IntentDenied(
                ts_event=now.utc_ns,
                intent_id=intent.intent_id,
                venue=intent.venue,
                instrument=intent.instrument,
                purpose=intent.purpose,
                reason=denial.value,
            )
        )
        self._halt_where_nothing_is_taken(intent, now)

    def _halt_where_no_stop_holds(self, intent: OrderIntent, now: Instant) -> None:
        """Open no more where position after position had to go for want of a stop: each costs its fees."""
        count = self._ledger.books.bare_closes[InstrumentId.of(intent)]
        if count >= self._settings.protection.bare_closes:
            reason = f"{count} positions in a row closed for want of a stop"
            self._outbox.halt(str(InstrumentId.of(intent)), HaltKind.BARE_CLOSES, reason, now.utc_ns)

    def _halt_where_nothing_is_taken(self, intent: OrderIntent, now: Instant) -> None:
        """Open no more where a position can't be reduced, and tell a person why, once for each row of refusals."""
        self._pauses.on_refusals(intent, now)
        row = self._ledger.refusals.of(intent)
        if row.is_long:
            key, reason = str(InstrumentId.of(intent)), row.in_words(intent.purpose)
            self._outbox.halt(key, HALT_FOR[intent.purpose], reason, now.utc_ns)

    def advance(self, plan: Plan, now: Instant) -> None:
        """Do the next thing for a plan: another attempt, a wait, or its end."""
        self._halt_where_nothing_is_taken(plan.intent, now)
        if plan.is_done or plan.live_attempt or self._intent_gates.is_stopped:
            return
        if plan.was_done:
            self._finish(plan, now)
        elif plan.intent.purpose is Purpose.OPEN:
            self._fall_back(plan, now)
        else:
            self._reduce(plan, now)

    def advance_all(self, venue: str, instrument: str, now: Instant) -> None:
        """Look at every plan that an order's end there may have freed."""
        for plan in list(self._ledger.open_plans.values()):
            if (plan.intent.venue, plan.intent.instrument) == (venue, instrument):
                self.advance(plan, now)

    def tick(self, intent_id: str, now: Instant) -> None:
        plan = self._ledger.open_plans.get(intent_id)
        if plan and self._pauses.is_due(intent_id, now):
            self.advance(plan, now)

    # ---- openings ----------------------------------------------------------------------------------------

    def _open(self, plan: Plan, instrument: Instrument, now: Instant) -> None:
        quantity = instrument.round_quantity(plan.intent.quantity)
        price = self._pre_send_checks.price(instrument, plan.intent.side)
        self._outbox.record(
            LegRouted(
                ts_event=now.utc_ns,
                intent_id=plan.intent.intent_id,
                leg=0,
                venue=instrument.venue,
                quantity=quantity,
                worst_price=price,
            )
        )
        self._submit(plan, instrument, quantity, price, now)

    def _fall_back(self, plan: Plan, now: Instant) -> None:
        """Try an opening at the next best venue, after proof that nobody has accepted it; else end its plan.

        Whatever the reason of the refusal: another venue judges the order by its own grid, price and balance.
        """
        intent = plan.intent
        nobody_accepted = all(order.status is OrderStatus.REJECTED for order in plan.attempts)
        tried = {order.order.venue for order in plan.attempts}
        is_exit_wanted = self._ledger.books.exits.any_at(tried, intent.instrument)
        is_wanted = not (plan.filled_quantity or is_exit_wanted or self._expiries.is_over(intent, now))
        if plan.attempts and nobody_accepted and is_wanted:
            substitutes = self._pre_send_checks.substitutes(intent, tried, now)
            if substitutes:
                self._open(plan, substitutes[0], now)
                return
        self._finish(plan, now)

    # ---- reducing ----------------------------------------------------------------------------------------

    def _reduce(self, plan: Plan, now: Instant) -> None:
        intent = plan.intent
        is_close = intent.purpose is Purpose.CLOSE
        if self._has_had_its_chance(plan):
            self._finish(plan, now)
            return
        if is_close and self._expiries.is_over(intent, now):
            self._finish(plan, now, DenialReason.EXPIRED.value)
            return
        if is_close and self.keeps_stops and self._blocking.has_stop(intent):
            self._finish(plan, now, DenialReason.WINDING_DOWN.value)
            return
        instrument = self._instrument(intent)
        if instrument is None or self._blocking.waits_for_trading(intent) or not self._pauses.are_over(plan, now):
            self._pauses.look_again(intent, now)
            return
        cleared = self._size(plan, instrument, self._blocking.cleared_quantity(intent))
        if is_close or intent.limit_price is None:
            price = self._prices.limit(intent, instrument, cleared, plan.unfilled_tries, now)
        else:
            price = instrument.round_price(intent.limit_price, intent.side)
        if is_dust(instrument, cleared, price) and not self._blocking.is_crossed(intent, price):
            self._finish(plan, now)  # before a stop makes way for nothing
            return
        if self._blocking.clear(intent, price, now):
            self._pauses.look_again(intent, now)
            return
        quantity = self._size(plan, instrument, self._blocking.reducible_quantity(intent))
        if is_dust(instrument, quantity, price):
            self._finish(plan, now)
            return
        if is_close:
            self._prices.sent(intent, price, plan.unfilled_tries, now)
        self._submit(plan, instrument, quantity, price, now)

    def _size(self, plan: Plan, instrument: Instrument, reducible: Decimal) -> Decimal:
        left = plan.intent.quantity - plan.filled_quantity
        return instrument.round_quantity(min(left, reducible, instrument.max_quantity))

    def _has_had_its_chance(self, plan: Plan) -> bool:
        if not plan.attempts:
            return False
        if len(plan.attempts) >= MAX_REDUCING_ATTEMPTS or plan.filled_quantity >= plan.intent.quantity:
            return True
        was_refused = plan.attempts[-1].status is OrderStatus.REJECTED
        if plan.intent.purpose is Purpose.PROTECT:
            return not was_refused  # one that worked and then ended is over
        if plan.attempts[-1].cancel_reason:
            return True  # the venue kept it, and may keep the next: the position gets its stop back before that
        # One that was refused lets the stop that it took away be put back; one that found too little goes on, and
        # one that was refused while a stop was still there: that may have been why.
        goes_on = self._pauses.has_looked(plan.intent) or self._blocking.has_stop(plan.intent)
        return was_refused and not goes_on

    # ---- orders ------------------------------------------------------------------------------------------

    def _submit(self, plan: Plan, instrument: Instrument, quantity: Decimal, price: Decimal, now: Instant) -> None:
        order, attempt = self._attempts.make(plan, instrument, quantity, price, now), len(plan.attempts) + 1
        quote = self._quote(instrument)
        self._define(instrument, now)
        self._outbox.record(
            OrderSubmitted(
                ts_event=now.utc_ns,
                order=order,
                attempt=attempt,
                quote_bid=quote.bid_price if quote else None,
                quote_ask=quote.ask_price if quote else None,
                quote_ts_event=quote.ts_event if quote else 0,
                configuration_hash=self._facts.configuration_hash,
                code_version=self._facts.code_version,
                venue_time=self._quotes.venue_now(order.venue, now).utc_ns,
            )
        )
        self._pauses.forget(plan.intent)
        self._outbox.tell(Role.EXCHANGE_GATEWAY.at(order.venue), self._attempts.told(order, now))
        self._status_queries.watch(plan.attempts[-1], now)  # made by the ledger of the OrderSubmitted above

    def define_held(self, listed: Iterable[Instrument], now: Instant) -> None:
        """Journal what those instruments are now in which something of ours is: a journal may not know them yet.

        And every derivative: the fills of others there move cash, too, and no name tells how.
        """
        for instrument in listed:
            key = instrument.id
            is_flat = self._ledger.books.position(key).is_flat
            is_halted = bool(self._ledger.halt_over(*key))
            is_spot = instrument.kind is InstrumentKind.SPOT  # as names without a definition are taken for
            if not is_spot or is_halted or not is_flat or any(True for _ in self._ledger.live_orders(*key)):
                self._define(instrument, now)

    def _define(self, instrument: Instrument, now: Instant) -> None:
        known = self._ledger.books.definitions.get(instrument.id)
        if is_as_defined(instrument, known):
            return
        self._outbox.record(definition(instrument, now.utc_ns))
        for halt in self._ledger.halts:
            if known and halt.scope == instrument.key and halt.kind in HALT_FOR.values():  # by what it is no more
                cleared = HaltCleared(ts_event=now.utc_ns, scope=halt.scope, reason=halt.reason, kind=halt.kind)
                self._outbox.record(cleared)

    def resubmit(self, order: OrderLifecycle, now: Instant) -> None:
        """Send the same id and body again where that cannot make a second order and is still wanted."""
        body, intent = order.order, self._ledger.plans[order.order.intent_id].intent
        if (
            order.status is not OrderStatus.UNCONFIRMED
            or not self._facts.resubmits_safely.get(body.venue)
            or self._intent_gates.is_stopped
            or order.venue_order_id  # it was there: an answer to the same id would prove nothing about now
            or order.ended
            or self._expiries.is_over(intent, now)
            or not self._status_queries.may_resend(order, now)
            or not self._is_still_wanted(order, now)
        ):
            return
        again = self._attempts.again(body, now)
        self._outbox.record(
            OrderResubmitted(ts_event=now.utc_ns, client_order_id=order.id, accept_until=again.accept_until)
        )
        self._outbox.tell(Role.EXCHANGE_GATEWAY.at(body.venue), self._attempts.told(again, now))
        self._status_queries.resent(order, now)

    def _is_still_wanted(self, order: OrderLifecycle, now: Instant) -> bool:
        body, quote = order.order, self._quotes.quote(order.order.venue, order.order.instrument)
        intent = self._ledger.plans[body.intent_id].intent
        if body.purpose is Purpose.OPEN:
            return not order.is_cancel_pending and self._still_opens(body, quote, now)
        if body.purpose is Purpose.PROTECT and self._blocking.has_close_beside(order):
            return False  # it would take the coins from the close
        # Though it shall be canceled: sending it again is the quickest way to the name that a cancel needs,
        # and meanwhile it guards the position that a close can't touch before.
        is_held = self._ledger.held_quantity(body.venue, body.instrument, body.side) >= order.leaves_quantity
        is_protective = body.purpose is Purpose.PROTECT
        return is_held and (is_protective or self._prices.still_closes(body.limit_price, intent, now))

    def _still_opens(self, body: SubmitOrder, quote: Quote | None, now: Instant) -> bool:
        return (
            # A venue needn't be reconciled for this: the very order in doubt keeps it from being compared.
            not self._pre_send_checks.stop(body.venue, body.instrument)
            and not self._quotes.trouble(body.venue, body.instrument, now)
            and quote is not None
            and is_inside_collar(body.limit_price, quote, body.side, from_ratio(self._settings.orders.collar_ratio))
        )

    @property
    def may_open(self) -> bool:
        """Tell whether this run may still open positions."""
        return not self._pre_send_checks.is_winding_down

    def stop(self) -> None:
        """Send nothing any more, whatever comes: the run is over."""
        self._intent_gates.is_stopped = True

    # ---- ends ----------------------------------------------------------------------------------------------

    def give_up_closes(self, now: Instant) -> None:
        """End the closes that have nothing at the venue: the stops that were to make way for them stay."""
        self.keeps_stops = True
        for plan in list(self._ledger.open_plans.values()):
            if plan.intent.purpose is Purpose.CLOSE and not plan.live_attempt:
                self._finish(plan, now, DenialReason.WINDING_DOWN.value)

    def _finish(self, plan: Plan, now: Instant, reason: str = "") -> None:
        filled = plan.filled_quantity
        self._pauses.forget(plan.intent)
        self._expiries.forget(plan.intent)
        if plan.intent.purpose is Purpose.CLOSE:
            self._prices.ended(plan.intent, plan.unfilled_tries, filled > 0, now)
            if reason == DenialReason.WINDING_DOWN:
                self._blocking.keep_stops(plan.intent, now)
            elif not self._ledger.books.position(InstrumentId.of(plan.intent)).is_flat:
                self._blocking.restore_stops(plan.intent, now)
        self._outbox.record(
            IntentDone(ts_event=now.utc_ns, intent_id=plan.intent.intent_id, filled_quantity=filled, reason=reason)
        )
        if not plan.attempts and not reason:
            self._halt_where_nothing_is_taken(plan.intent, now)

    def _instrument(self, intent: OrderIntent) -> Instrument | None:
        return self._quotes.instrument(intent.venue, intent.instrument)

    def _quote(self, instrument: Instrument) -> Quote | None:
        return self._quotes.quote(instrument.venue, instrument.name)
