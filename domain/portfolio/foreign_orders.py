"""Live orders at the venues that are not ours: what they may add to the account's exposure, and take of its cash.

They are seen, counted and left alone (docs/money.md 2). A resting sale on a spot market adds nothing: its coins are
counted as a balance. But nobody else can sell them meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from domain.instrument import Instrument, InstrumentId, InstrumentKind, Side
from domain.ledger.account import Portfolio
from domain.ledger.position import is_dust
from domain.ledger.wallet import Wallet
from domain.market.latest_quotes import LatestQuotes
from domain.messages.system import ExternalOrder, ExternalOrdersSeen
from domain.numbers import ZERO, plain


class ForeignOrders:
    """The newest word about each venue; after a restart it is told again."""

    def __init__(self, quotes: LatestQuotes, books: Portfolio) -> None:
        self._quotes = quotes
        self._books = books
        self._orders: dict[str, tuple[ExternalOrder, ...]] = {}  # venue ->
        self._held: dict[str, dict[str, Decimal]] = {}  # venue -> base asset -> what no order explains

    def hear(self, event: ExternalOrdersSeen) -> None:
        self._orders[event.venue] = event.orders
        self._held[event.venue] = event.held

    def tagged(self, venue: str) -> Iterator[str]:
        """Yield in words the orders there that bear our tag: with one of them the books are not what is there."""
        for where, order in self._all():
            if where == venue and order.is_tagged:
                yield _in_words(where, order)

    def in_words(self) -> tuple[str, ...]:
        """Return every order for a person."""
        return tuple(_in_words(venue, order) for venue, order in self._all())

    def exposure(self) -> dict[tuple[str, str], Decimal]:
        """Return by venue and base asset the notional that they may add."""
        added: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for venue, order in self._all():
            base, is_spot = self._base(venue, order.instrument)
            if (order.side is Side.BUY or not is_spot) and not order.reduce_only:
                added[venue, base] += self._notional(venue, order)
        return dict(added)

    def cash(self, wallet: Wallet) -> Decimal:
        """Return the notional of what takes of it, fees left out: of cash, purchases; of collateral, both sides.

        What only takes of a perpetual's position frees collateral.
        """
        taking = (
            order
            for where, order in self._all()
            if where == wallet.venue and self._paid_from(where, order) == wallet and not self._reduces(where, order)
        )
        return sum((self._notional(wallet.venue, order) for order in taking), ZERO)

    def coins(self, venue: str, base: str) -> Decimal:
        """Return how much of an asset the venue holds back for others' orders, or for nobody knows what."""
        held = self._held.get(venue, {}).get(base, ZERO)
        return (
            held
            + self.cash(Wallet(venue, "", base))
            + sum(
                (
                    self._leaves(venue, order)
                    for where, order in self._all()
                    if where == venue
                    and order.side is Side.SELL
                    and self._base(venue, order.instrument) == (base, True)
                ),
                ZERO,
            )
        )

    def free_coins(self, instrument: Instrument) -> Decimal:
        """Return how much of a spot instrument's base could be sold there, our own orders left out."""
        total = self._books.balances.get(Wallet(instrument.venue, "", instrument.base), ZERO)
        return max(ZERO, total - self.coins(instrument.venue, instrument.base))

    def held_back(self) -> dict[InstrumentId, Decimal]:
        """Return how much of our spot positions is held so, where a close would miss it."""
        held = {}
        for key, position in self._books.positions.items():
            instrument = self._quotes.instrument(*key)
            if instrument is None or instrument.kind is not InstrumentKind.SPOT:
                continue
            if not self.coins(instrument.venue, instrument.base):
                continue
            quantity = position.quantity - self.free_coins(instrument)
            if not is_dust(instrument, max(ZERO, quantity), self._quotes.closing_price(*key, position.average_price)):
                held[key] = quantity
        return held

    def _leaves(self, venue: str, order: ExternalOrder) -> Decimal:
        """Return what an order may still trade: a list of orders may be older than its fills."""
        leaves = order.leaves_quantity or ZERO
        if order.quantity is None:
            return leaves
        filled = self._books.external_fills.quantity(venue, order.venue_order_id)
        return max(ZERO, min(leaves, order.quantity - filled))

    def _all(self) -> Iterator[tuple[str, ExternalOrder]]:
        for venue, orders in self._orders.items():
            for order in orders:
                yield venue, order

    def _base(self, venue: str, name: str) -> tuple[str, bool]:
        """Return the asset that an instrument is about, and whether it is a spot pair."""
        instrument = self._quotes.instrument(venue, name)
        if instrument is not None:
            return instrument.base, instrument.kind is InstrumentKind.SPOT
        terms = self._books.terms(InstrumentId(venue, name))
        return terms.base, terms.kind is InstrumentKind.SPOT

    def _paid_from(self, venue: str, order: ExternalOrder) -> Wallet | None:
        """Return what an order takes cash from; None of one that takes none, or nobody knows what."""
        terms = self._books.terms(InstrumentId(venue, order.instrument))
        is_purchase = terms.kind is InstrumentKind.SPOT and order.side is Side.BUY
        return terms.cash(venue) if is_purchase or terms.is_perpetual else None

    def _reduces(self, venue: str, order: ExternalOrder) -> bool:
        """Tell whether an order is for no more than closes what the account has of that perpetual, whoever opened it."""
        if order.reduce_only:
            return True
        if order.reduce_only:
            return True
        held = self._books.derivatives.get(InstrumentId(venue, order.instrument), ZERO)
        return order.leaves_quantity is not None and 0 < order.leaves_quantity <= -order.side.sign * held

    def _notional(self, venue: str, order: ExternalOrder) -> Decimal:
        price = order.limit_price or order.stop_price or self._quotes.price(venue, order.instrument) or ZERO
        size = self._books.terms(InstrumentId(venue, order.instrument)).contract_size
        return (order.leaves_quantity or ZERO) * price * size


def _in_words(venue: str, order: ExternalOrder) -> str:
    leaves, limit = (
        "unknown" if amount is None else plain(amount) for amount in (order.leaves_quantity, order.limit_price)
    )
    kind = " reduce-only" if order.reduce_only else ""
    stop = "" if order.stop_price is None else f" stop {plain(order.stop_price)}"
    tag = " with our tag, but not in our journal" if order.is_tagged else ""
    terms = f"{order.side} {leaves} limit {limit}{stop}{kind}"
    return f"{venue} {order.instrument} {terms}{tag} (its id there {order.venue_order_id})"
