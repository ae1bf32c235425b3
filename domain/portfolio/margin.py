"""What perpetuals ask of their collateral: margin used, what is free, and where a position would be liquidated.

Pure numbers in the settlement currency. An account of raw cash is worth that and all positions at their marks
(docs/money.md 4). A cross position falls with the whole account, an isolated one with the margin allotted to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from domain.instrument import Instrument, InstrumentId
from domain.numbers import ZERO, divide, from_ratio, settled
from domain.settings import RiskSettings


class MarginTerms(NamedTuple):
    """How much of its notional a position must have behind it."""

    leverage: Decimal  # notional over initial margin
    maintenance_ratio: Decimal  # below that share of the notional it is liquidated
    is_isolated: bool


class MarginPosition(NamedTuple):
    """One open position; quantities in base units."""

    quantity: Decimal  # signed
    entry_price: Decimal
    mark_price: Decimal
    terms: MarginTerms

    @property
    def notional(self) -> Decimal:
        """Return what is at stake at the marks, in quote currency, long and short alike."""
        return abs(self.quantity) * self.mark_price

    @property
    def initial_margin(self) -> Decimal:
        """Return what it binds, in quote currency: the notional over the leverage."""
        return divide(self.notional, self.terms.leverage)

    @property
    def maintenance_margin(self) -> Decimal:
        """Return what must be there, or it is liquidated, in quote currency."""
        return self.notional * self.terms.maintenance_ratio


class MarginAccount(NamedTuple):
    """The perpetuals of one venue."""

    cash: Decimal  # raw: what was paid for the positions is out of it
    positions: Mapping[InstrumentId, MarginPosition]

    @property
    def value(self) -> Decimal:
        """Return what the account is worth at the marks, in quote currency."""
        return self.cash + sum((it.quantity * it.mark_price for it in self.positions.values()), ZERO)

    @property
    def notional(self) -> Decimal:
        """Return what is at stake at the marks, in quote currency, long and short alike."""
        return sum((it.notional for it in self.positions.values()), ZERO)

    @property
    def margin_used(self) -> Decimal:
        """Return what all positions bind, in quote currency."""
        return sum((it.initial_margin for it in self.positions.values()), ZERO)

    @property
    def maintenance_margin(self) -> Decimal:
        """Return what must be there, or it is liquidated, in quote currency."""
        return sum((it.maintenance_margin for it in self.positions.values()), ZERO)

    @property
    def free_collateral(self) -> Decimal:
        """Return what may still be bound, in quote currency; never below 0."""
        return max(ZERO, self.value - self.margin_used)

    @property
    def is_liquidatable(self) -> bool:
        return bool(self.positions) and self.value < self.maintenance_margin

    def liquidation_price(self, key: InstrumentId) -> Decimal | None:
        """Return the mark at which a position would be liquidated, all other marks as they are.

        Returns:
            None where no positive price does that. It may lie beyond the mark: then it is due already.
        """
        it = self.positions[key]
        ratio = it.terms.maintenance_ratio
        if it.terms.is_isolated:
            margin = divide(abs(it.quantity) * it.entry_price, it.terms.leverage)
            behind, needed = margin - it.quantity * it.entry_price, ZERO
        else:
            behind = self.value - it.quantity * it.mark_price
            needed = self.maintenance_margin - it.maintenance_margin
        slope = it.quantity - abs(it.quantity) * ratio  # by how much more a mark is worth than it asks for
        if not slope:
            return None
        # What an average entry leaves over in its last digit is no price, and no exact sum could hold it beside one.
        price = settled(divide(needed - behind, slope))
        return price if price > 0 else None

    def after(self, key: InstrumentId, change: Decimal, price: Decimal, terms: MarginTerms) -> MarginAccount:
        """Return the account once `change` (signed) has traded at `price`, and is marked there."""
        held = self.positions.get(key)
        quantity = change + (held.quantity if held else ZERO)
        entry = price
        if held and held.quantity * change > 0:
            entry = divide(held.quantity * held.entry_price + change * price, quantity)
        elif held and held.quantity * quantity > 0:
            entry = held.entry_price
        positions = {name: it for name, it in self.positions.items() if name != key}
        if quantity:
            positions[key] = MarginPosition(quantity, entry, price, terms)
        return MarginAccount(self.cash - change * price, positions)


def margin_mode(is_isolated: bool) -> str:
    """Return a margin mode as settings spell it."""
    return "isolated" if is_isolated else "cross"


def distance(mark_price: Decimal, liquidation_price: Decimal | None) -> Decimal | None:
    """Return how far a mark may move before a liquidation, as a share of it; None: however far."""
    return None if liquidation_price is None else divide(abs(mark_price - liquidation_price), mark_price)


def margin_terms(instrument: Instrument | None, risk: RiskSettings) -> MarginTerms:
    """Return what a position there needs: by the venue's listing, by our settings where that says nothing."""
    leverage, most = from_ratio(risk.leverage), instrument.max_leverage if instrument else None
    ratio = instrument.maintenance_ratio if instrument else None
    if ratio is None:
        ratio = from_ratio(risk.maintenance_ratio) if most is None else divide(Decimal(1), 2 * most)
    return MarginTerms(leverage if most is None else min(leverage, most), ratio, risk.margin_mode == "isolated")
