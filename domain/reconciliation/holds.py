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
from domain.ledger.terms import Terms, terms_of
from domain.ledger.wallet import Wallet
from domain.market.latest_quotes import LatestQuotes
from domain.messages.account import Balance
from domain.messages.orders import OrderReported, OrderStatus
from domain.numbers import ZERO
from domain.reconciliation.evidence import Rules


@dataclass
class Reading:
    """The holds of one venue as read once. Monotonic nanoseconds."""

    began_ns: int
    held: dict[Wallet, Decimal] = field(default_factory=dict)
    totals: dict[Wallet, Decimal] = field(default_factory=dict)
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
            wallet = Wallet(venue, balance.wallet, balance.currency)
            reading.held[wallet] = reading.held.get(wallet, ZERO) + balance.hold
            reading.totals[wallet] = reading.totals.get(wallet, ZERO) + balance.total

    def read_ns(self, venue: str) -> int | None:
        """Return when the newest reading began."""
        reading = self._readings.get(venue)
        return reading.began_ns if reading else None

    def total(self, wallet: Wallet) -> Decimal:
        """Return how much of it the newest reading showed; zero where none did."""
        reading = self._readings.get(wallet.venue)
        return reading.totals.get(wallet, ZERO) if reading else ZERO

    def unexplained(self, order: OrderLifecycle) -> Decimal:
        """Return what is held, of what `order` would hold, for nothing that is proven live."""
        key = InstrumentId.of(order.order)
        reading = self._readings.get(key.venue)
        if reading is None:
            return ZERO
        wallet = self._wallet(key, order.order.side)
        explained = self._listed(wallet, reading)
        for other in self._ledger.live_orders(key.venue):
            if other is not order and not other.is_unproven:
                body = other.order
                explained += self._share(
                    wallet, InstrumentId.of(body), body.side, other.leaves_quantity, body.limit_price
                )
        return reading.held.get(wallet, ZERO) - explained

    def unlisted_coins(self, venue: str, now: Instant) -> dict[str, Decimal]:
        """Return by base asset of our positions there what is held back for no order that we know of.

        The reading may be older than the end of an order of ours, by as much as reads lag: that one still explains.
        """
        reading = self._readings.get(venue)
        if reading is None:
            return {}
        age_ns = now.monotonic_ns - reading.began_ns + self._rules.at(venue).facts.read_lag_ns
        spot = (key for key in self._ledger.books.positions if key.venue == venue and not self._is_perpetual(key))
        unlisted = {}
        for coins in sorted({self._wallet(key, Side.SELL) for key in spot}):
            held = reading.held.get(coins, ZERO) - self._listed(coins, reading)
            if held > 0:
                held -= self._promised_since(coins, now.utc_ns - age_ns)
            if held > 0:
                unlisted[coins.currency] = held
        return unlisted

    def _promised_since(self, coins: Wallet, utc_ns: int) -> Decimal:
        """Return the most that sales of ours may have held at once since then."""
        promised = ZERO
        for order in self._ledger.orders.values():
            is_done = order.status is OrderStatus.REJECTED or (order.is_final and order.closed_at < utc_ns)
            body = order.order
            if body.venue == coins.venue and body.side is Side.SELL and not is_done:
                promised += self._share(coins, InstrumentId.of(body), body.side, body.quantity, body.limit_price)
        return promised

    def _listed(self, wallet: Wallet, reading: Reading) -> Decimal:
        """Return what orders that are not ours hold of it, as far as the venue tells."""
        return sum(
            (
                self._share(wallet, InstrumentId.of(it), it.side, it.leaves_quantity, it.limit_price or ZERO)
                for it in reading.foreign
                if it.leaves_quantity is not None
            ),
            ZERO,
        )

    def may_show(self, order: OrderLifecycle, before: Decimal) -> bool:
        """Tell whether more is held than `before` the order was sent, so that it may be this order's.

        What a purchase holds includes a fee that we can only guess, so less than its whole worth is noise. What margin
        an order of a perpetual holds is the venue's to say.
        """
        risen = self.unexplained(order) - before
        if order.order.side is Side.SELL or self._is_perpetual(InstrumentId.of(order.order)):
            return risen > 0
        return risen >= order.leaves_quantity * order.order.limit_price > 0

    def _share(self, wallet: Wallet, key: InstrumentId, side: Side, leaves: Decimal, price: Decimal) -> Decimal:
        if self._is_perpetual(key) or self._wallet(key, side) != wallet:
            return ZERO
        return leaves if side is Side.SELL else leaves * price

    def _wallet(self, key: InstrumentId, side: Side) -> Wallet:
        """Return what an order would hold of: coins or their price; of a perpetual, its collateral on both sides."""
        terms = self._terms(key)
        is_sale = side is Side.SELL and not terms.is_perpetual
        return Wallet(key.venue, "", terms.base) if is_sale else terms.cash(key.venue)

    def _is_perpetual(self, key: InstrumentId) -> bool:
        return self._terms(key).is_perpetual

    def _terms(self, key: InstrumentId) -> Terms:
        instrument = self._quotes.instrument(*key)
        return terms_of(instrument) if instrument else self._ledger.books.terms(key)
