"""What the venues say is held back for orders, and how much of that no order that we know of explains.

An order that nobody lists may still be seen by what it holds. Never journaled: a restart reads again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from domain.instant import Instant
from domain.instrument import InstrumentId, Side
from domain.ledger.order import OrderLifecycle
from domain.ledger.order_ledger import OrderLedger
from domain.market.latest_quotes import LatestQuotes
from domain.messages.account import Balance
from domain.messages.orders import OrderReported, OrderStatus
from domain.numbers import ZERO
from domain.reconciliation.evidence import Rules


@dataclass
class Reading:
    """The holds of one venue as read once. Monotonic nanoseconds."""

    began_ns: int
    held: dict[str, Decimal] = field(default_factory=dict)  # currency ->
    totals: dict[str, Decimal] = field(default_factory=dict)  # currency ->
    foreign: tuple[OrderReported, ...] = ()  # live orders there that are not ours


class Holds:
    """The newest reading of each venue."""

    def __init__(self, ledger: OrderLedger, quotes: LatestQuotes, rules: Rules) -> None:
        self._ledger = ledger
        self._rules = rules
        self._quotes = quotes
        self._readings: dict[str, Reading] = {}  # venue ->

    def read(
        self,
        venue: str,
        balances: Iterable[Balance],
        foreign: Iterable[OrderReported],
        began_ns: int,
    ) -> None:
        reading = self._readings[venue] = Reading(began_ns, foreign=tuple(foreign))
        for balance in balances:
            reading.held[balance.currency] = reading.held.get(balance.currency, ZERO) + balance.hold
            reading.totals[balance.currency] = reading.totals.get(balance.currency, ZERO) + balance.total

    def read_ns(self, venue: str) -> int | None:
        """Return when the newest reading began."""
        reading = self._readings.get(venue)
        return reading.began_ns if reading else None

    def total(self, venue: str, currency: str) -> Decimal:
        """Return how much of a currency the newest reading showed; zero where none did."""
        reading = self._readings.get(venue)
        return reading.totals.get(currency, ZERO) if reading else ZERO

    def unexplained(self, order: OrderLifecycle) -> Decimal:
        """Return what is held, in the currency that `order` would hold, for nothing that is proven live."""
        venue, side = order.order.venue, order.order.side
        reading = self._readings.get(venue)
        if reading is None:
            return ZERO
        currency = self._currency(venue, order.order.instrument, side)
        explained = self._listed(venue, currency, reading)
        for other in self._ledger.live_orders(venue):
            if other is not order and not other.is_unproven:
                body = other.order
                explained += self._share(
                    currency, body.instrument, body.side, venue, other.leaves_quantity, body.limit_price
                )
        return reading.held.get(currency, ZERO) - explained

    def unlisted_coins(self, venue: str, now: Instant) -> dict[str, Decimal]:
        """Return by base asset of our positions there what is held back for no order that we know of.

        The reading may be older than the end of an order of ours, by as much as reads lag: that one still explains.
        """
        reading = self._readings.get(venue)
        if reading is None:
            return {}
        age_ns = now.monotonic_ns - reading.began_ns + self._rules.at(venue).facts.read_lag_ns
        names = {name for where, name in self._ledger.books.positions if where == venue}
        unlisted = {}
        for base in sorted({self._currency(venue, name, Side.SELL) for name in names}):
            held = reading.held.get(base, ZERO) - self._listed(venue, base, reading)
            if held > 0:
                held -= self._promised_since(venue, base, now.utc_ns - age_ns)
            if held > 0:
                unlisted[base] = held
        return unlisted

    def _promised_since(self, venue: str, base: str, utc_ns: int) -> Decimal:
        """Return the most that sales of ours may have held at once since then."""
        promised = ZERO
        for order in self._ledger.orders.values():
            is_done = order.status is OrderStatus.REJECTED or (order.is_final and order.closed_at < utc_ns)
            body = order.order
            if body.venue == venue and body.side is Side.SELL and not is_done:
                promised += self._share(base, body.instrument, body.side, venue, body.quantity, body.limit_price)
        return promised

    def _listed(self, venue: str, currency: str, reading: Reading) -> Decimal:
        """Return what orders that are not ours hold of a currency, as far as the venue tells."""
        return sum(
            (
                self._share(currency, it.instrument, it.side, venue, it.leaves_quantity, it.limit_price or ZERO)
                for it in reading.foreign
                if it.leaves_quantity is not None
            ),
            ZERO,
        )

    def may_show(self, order: OrderLifecycle, before: Decimal) -> bool:
        """Tell whether more is held than `before` the order was sent, so that it may be this order's.

        What a purchase holds includes a fee that we can only guess, so less than its whole worth is noise.
        """
        risen = self.unexplained(order) - before
        if order.order.side is Side.SELL:
            return risen > 0
        return risen >= order.leaves_quantity * order.order.limit_price > 0

    def _share(
        self, currency: str, instrument: str, side: Side, venue: str, leaves: Decimal, price: Decimal
    ) -> Decimal:
        if self._currency(venue, instrument, side) != currency:
            return ZERO
        return leaves if side is Side.SELL else leaves * price

    def _currency(self, venue: str, name: str, side: Side) -> str:
        instrument = self._quotes.instrument(venue, name) or self._ledger.books.terms(InstrumentId(venue, name))
        return instrument.base if side is Side.SELL else instrument.quote
