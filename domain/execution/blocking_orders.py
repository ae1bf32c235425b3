"""What stands between a reducing order and the position: cancelled, and waited for as long as it could do harm.

No order may trade with one of ours, and nothing may be sold twice (docs/money.md 1 to 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from domain.execution.cancels import Cancels
from domain.instant import Instant
from domain.instrument import Instrument, InstrumentKind, Side
from domain.ledger.order import OrderLifecycle
from domain.ledger.order_ledger import OrderLedger
from domain.ledger.position import is_dust
from domain.ledger.wallet import Wallet
from domain.market.latest_quotes import LatestQuotes
from domain.messages.orders import OrderIntent, OrderReported, OrderStatus, Purpose
from domain.numbers import ZERO
from domain.portfolio.foreign_orders import ForeignOrders
from domain.reconciliation.evidence import Rules
from domain.reconciliation.holds import Holds

MAKES_WAY = "makes way for "  # a wish to cancel a stop begins so, and ends with the intent_id of the close


class BlockingOrders:
    """Knows which orders of ours are in the way of which."""

    def __init__(
        self,
        ledger: OrderLedger,
        quotes: LatestQuotes,
        cancels: Cancels,
        rules: Rules,
        holds: Holds,
        foreign: ForeignOrders,
    ) -> None:
        self._ledger = ledger
        self._quotes = quotes
        self._cancels = cancels
        self._rules = rules
        self._holds = holds
        self._foreign = foreign

    def clear(self, intent: OrderIntent, price: Decimal, now: Instant) -> bool:
        """Cancel what holds the position or would trade with us; return whether anything must still be waited for.

        The stop goes last: while something else is in the way, it guards the position. One that the venue lets take
        nothing beyond the position stays until that is flat.
        """
        there = self._ledger.live_orders(intent.venue, intent.instrument)
        live = [order for order in there if not order.is_set_aside]
        in_the_way = [order for order in live if order.crosses(intent.side, price)]
        if all(order.order.purpose is Purpose.PROTECT for order in in_the_way):
            in_the_way = [order for order in live if _makes_way(order)]
        for order in in_the_way:
            self._cancels.wish(order, f"{MAKES_WAY}{intent.intent_id}", now)
        return not all(self._may_stand_beside(order, intent) for order in in_the_way)

    def has_stop(self, intent: OrderIntent) -> bool:
        """Tell whether there is a stop that would have to make way for a close."""
        return any(True for _ in self._stops(intent))

    def keep_stops(self, intent: OrderIntent, now: Instant) -> None:
        """Ask no more for the end of the stops there."""
        for order in self._stops(intent):
            self._cancels.drop(order, now)

    def restore_stops(self, intent: OrderIntent, now: Instant) -> None:
        """Let the stops stay that were to make way for a close which is over."""
        for order in self._stops(intent):
            self._restore(order, now)

    def restore_all_stops(self, now: Instant) -> None:
        """At a start, let stay what an earlier run wanted gone for a close that it then gave up."""
        for order in self._ledger.live_orders():
            closing = order.cancel_reason.removeprefix(MAKES_WAY)
            if order.order.purpose is Purpose.PROTECT and closing not in self._ledger.open_plans:
                self._restore(order, now)

    def _restore(self, order: OrderLifecycle, now: Instant) -> None:
        """Withdraw the wish to cancel a stop, if it is a close that wants it gone: another close wishes again."""
        if order.is_cancel_pending and order.cancel_reason.startswith(MAKES_WAY):
            self._cancels.withdraw(order, now)

    def waits_for_trading(self, intent: OrderIntent) -> bool:
        """Tell whether a close would cost a stop that rests where, as the venue says, nothing trades just now."""
        is_halted = self._quotes.is_halted(intent.venue, intent.instrument)
        return is_halted and intent.purpose is Purpose.CLOSE and self.has_stop(intent)

    def _stops(self, intent: OrderIntent) -> Iterator[OrderLifecycle]:
        live = self._ledger.live_orders(intent.venue, intent.instrument)
        return (order for order in live if _makes_way(order) and not order.is_set_aside)

    def is_crossed(self, intent: OrderIntent, price: Decimal) -> bool:
        """Tell whether something else than a stop is in the way: it may still change the position."""
        return any(
            order.crosses(intent.side, price)
            for order in self._ledger.live_orders(intent.venue, intent.instrument)
            if order.order.purpose is not Purpose.PROTECT
        )

    def cleared_quantity(self, intent: OrderIntent) -> Decimal:
        """Return how much an order for `intent` might take off the position once no stop is in the way."""
        return self._quantity(intent, lambda order: order.order.purpose is Purpose.PROTECT)

    def reducible_quantity(self, intent: OrderIntent) -> Decimal:
        """Return how much an order for `intent` may take off the position now."""
        return self._quantity(intent, lambda order: self._may_stand_beside(order, intent))

    def _quantity(self, intent: OrderIntent, is_beside: Callable[[OrderLifecycle], bool]) -> Decimal:
        """Return the position less what our other orders may take off it; of coins no more than can be sold.

        Spot below zero is nothing to reduce.
        """
        key = intent.venue, intent.instrument
        instrument = self._quotes.instrument(*key)
        is_spot = instrument is not None and instrument.kind is InstrumentKind.SPOT
        if is_spot and intent.side is Side.BUY:
            return ZERO
        beside = {order.id for order in self._ledger.live_orders(*key) if is_beside(order)}
        reducible = self._ledger.reducible_quantity(*key, intent.side, beside)
        if instrument is None or not is_spot:
            return reducible
        # Another market may sell the same coins.
        promised = self._ledger.promised_coins(instrument, beside)
        return max(ZERO, min(reducible, self._foreign.free_coins(instrument) - promised))

    def may_oversell(self, order: OrderLifecycle) -> bool:
        """Tell whether closing once more what this order may have closed would find something: somebody else's."""
        if order.order.purpose is Purpose.OPEN or order.order.reduce_only:
            return False
        instrument = self._quotes.instrument(order.order.venue, order.order.instrument)
        if instrument is None or instrument.kind is not InstrumentKind.SPOT:
            return True
        spare = self._spare(instrument, self._ledger.plans[order.order.intent_id].intent)
        return spare is None or spare > 0

    def is_out_of_reach(self, order: OrderLifecycle, report: OrderReported, now: Instant) -> bool:
        """Tell whether a sale that rested can't have traded in the moments before its end, of which a total may lag.

        Nothing of it has filled, the venue tells, and the market is at none of its prices.
        """
        body = order.order
        is_untouched = report.cumulative_quantity == ZERO == order.filled_quantity
        quote = self._quotes.quote(body.venue, body.instrument)
        if not is_untouched or quote is None:
            return False
        if self._quotes.trouble(body.venue, body.instrument, now):
            return False
        is_above_stop = body.stop_price is None or quote.bid_price > body.stop_price
        return is_above_stop and quote.bid_price < body.limit_price

    def has_close_beside(self, order: OrderLifecycle) -> bool:
        """Tell whether a close that needn't wait for this order is on its way, and hasn't been refused.

        One that was refused may have found the coins held: then the order is there, and its name is wanted.
        """
        return any(
            self._may_stand_beside(order, plan.intent)
            and not (plan.attempts and plan.attempts[-1].status is OrderStatus.REJECTED)
            for plan in self._ledger.open_plans.values()
            if (plan.intent.venue, plan.intent.instrument) == (order.order.venue, order.order.instrument)
        )

    def _may_stand_beside(self, order: OrderLifecycle, intent: OrderIntent) -> bool:
        """Tell whether a close needn't wait for the end of this protective order, for nothing can be sold twice."""
        if order.order.purpose is Purpose.PROTECT and order.order.reduce_only:
            return intent.purpose is not Purpose.OPEN  # whichever comes first, the venue lets the other take the rest
        instrument = self._quotes.instrument(intent.venue, intent.instrument)
        if intent.purpose is not Purpose.CLOSE or order.order.purpose is not Purpose.PROTECT or not instrument:
            return False
        rules = self._rules.at(intent.venue)
        spare = self._spare(instrument, intent)
        return rules.close_beside(instrument.kind, not order.is_unproven, spare).is_proven

    def _spare(self, instrument: Instrument, intent: OrderIntent) -> Decimal | None:
        """Return how much can be sold there that is not of this position; None where that is not known.

        What is too little for an order is nothing. The newest reading counts as well: what somebody has just bought
        is not in our books yet. It may be older than what this very close has sold already.
        """
        venue, base, books = instrument.venue, instrument.base, self._ledger.books
        wallet = Wallet(venue, "", base)
        if wallet not in books.balances or (venue, base) in books.unknown:
            return None
        plan = self._ledger.plans.get(intent.intent_id)
        sold = plan.filled_quantity if plan else ZERO
        there = max(books.balances[wallet], self._holds.total(wallet) - sold)
        position = books.position(instrument.id)
        spare = max(ZERO, instrument.round_quantity(there) - position.quantity)
        price = self._quotes.closing_price(venue, instrument.name, position.average_price or intent.reference_price)
        return ZERO if is_dust(instrument, spare, price) else spare


def _makes_way(order: OrderLifecycle) -> bool:
    """Tell whether a protective order must go before its position can be closed, or another take its place."""
    return order.order.purpose is Purpose.PROTECT and not order.order.reduce_only
