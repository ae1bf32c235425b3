"""How much of what a wallet holds can be ours: a position is at most that (docs/money.md 2). Pure.

Coins found at the start, or bought by others, are inventory. What others sell comes out of it first; only
what is sold beyond it was ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from msgspec.structs import replace

from domain.instrument import InstrumentId, InstrumentKind, Side
from domain.ledger.order_ledger import OrderLedger
from domain.ledger.wallet import Holding, Wallet
from domain.market.latest_quotes import LatestQuotes
from domain.messages.account import Balance
from domain.numbers import ZERO


class Ownership:
    """Our positions at spot venues against the coins that are there."""

    def __init__(self, ledger: OrderLedger, quotes: LatestQuotes) -> None:
        self._ledger = ledger
        self._quotes = quotes

    def proven(self, venue: str, balances: Iterable[Balance]) -> tuple[Balance, ...]:
        """Return the balances with what a hold of our own resting sales proves to be there.

        A total that is older than the hold beside it is no word against coins that the venue holds for us.
        """
        promised = self._promised(venue)
        return tuple(
            one if one.wallet else replace(one, total=max(one.total, min(one.hold, promised.get(one.currency, ZERO))))
            for one in balances
        )

    def phantoms(self, venue: str, totals: Mapping[Holding, Decimal]) -> dict[str, Decimal]:
        """Return by instrument how much of our positions is not there; positive.

        What a resting sale of ours would sell is there: the venue would not have taken the order otherwise. Of a
        derivative a venue keeps one position whoever traded it: ours is at most that, and on the same side.
        """
        promised = self._promised(venue)
        excess: dict[str, Decimal] = {}
        left: dict[str, Decimal] = {}  # base asset -> not yet counted for a position
        for key, position in sorted(self._ledger.books.positions.items()):
            where, name = key
            if where == venue and self._ledger.books.terms(key).is_perpetual:
                if missing := _beyond(position.quantity, totals.get(key, ZERO)):
                    excess[name] = missing
                continue
            base = self.base_of(venue, name) if where == venue else ""
            if not base or position.quantity <= 0:
                continue
            left.setdefault(base, max(ZERO, totals.get(Wallet(venue, "", base), ZERO), promised.get(base, ZERO)))
            missing = max(ZERO, position.quantity - left[base])
            left[base] -= position.quantity - missing
            if missing:
                excess[name] = missing
        return excess

    def _promised(self, venue: str) -> dict[str, Decimal]:
        """Return by base asset what our sales would sell that the venue says it has."""
        promised: dict[str, Decimal] = {}
        for order in self._ledger.live_orders(venue):
            base = self.base_of(venue, order.order.instrument)
            if base and order.order.side is Side.SELL and not order.is_unproven:
                promised[base] = promised.get(base, ZERO) + order.leaves_quantity
        return promised

    def base_of(self, venue: str, name: str) -> str:
        """Return the base asset of a spot instrument, empty for others."""
        instrument = self._quotes.instrument(venue, name)
        if instrument is not None:
            return instrument.base if instrument.kind is InstrumentKind.SPOT else ""
        terms = self._ledger.books.terms(InstrumentId(venue, name))
        return terms.base if terms.kind is InstrumentKind.SPOT else ""


def _beyond(ours: Decimal, there: Decimal) -> Decimal:
    """Return how much of a signed position is more than the signed quantity that there is."""
    on_our_side = max(ZERO, there * (1 if ours > 0 else -1))
    return max(ZERO, abs(ours) - on_our_side)
