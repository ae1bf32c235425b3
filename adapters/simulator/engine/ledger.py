"""One account's balances, holds and fees, exact to the last digit."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from domain.errors import NzezaError
from domain.instrument import Side
from domain.numbers import ZERO


class InsufficientFunds(NzezaError):
    """The available balance does not cover a hold."""


class Hold(NamedTuple):
    currency: str
    amount: Decimal


class Ledger:
    """Totals include what is held; available = total - held."""

    def __init__(self, balances: Mapping[str, Decimal]) -> None:
        self.totals: dict[str, Decimal] = dict(balances)
        self.fees_paid: dict[str, Decimal] = {}  # currency -> all fees so far
        self._holds: dict[str, Hold] = {}  # order id -> what it holds
        self._held: dict[str, Decimal] = {}  # currency -> sum of its holds

    def total(self, currency: str) -> Decimal:
        return self.totals.get(currency, ZERO)

    def held(self, currency: str) -> Decimal:
        return self._held.get(currency, ZERO)

    def all_held(self) -> dict[str, Decimal]:
        return dict(self._held)

    def available(self, currency: str) -> Decimal:
        return self.total(currency) - self.held(currency)

    def held_by(self, order_id: str) -> Decimal:
        hold = self._holds.get(order_id)
        return hold.amount if hold else ZERO

    def hold(self, order_id: str, currency: str, amount: Decimal) -> None:
        """Set what an order holds, replacing what it held before.

        Raises:
            InsufficientFunds: more than is available; nothing has changed.
        """
        before = self.held_by(order_id)
        if amount - before > self.available(currency):
            raise InsufficientFunds(f"{currency}: {amount - before} wanted, {self.available(currency)} available")
        self.hold_anyway(order_id, currency, amount)

    def hold_anyway(self, order_id: str, currency: str, amount: Decimal) -> None:
        """Do the same unasked: where what is available is no matter of cash alone."""
        before = self.held_by(order_id)
        self._holds[order_id] = Hold(currency, amount)
        self._held[currency] = self.held(currency) + amount - before

    def release(self, order_id: str) -> None:
        hold = self._holds.pop(order_id, None)
        if hold is not None:
            self._held[hold.currency] -= hold.amount

    def trade(self, side: Side, base: str, quote: str, quantity: Decimal, notional: Decimal, fee: Decimal) -> None:
        """Book one fill: base against quote, and the fee in quote currency."""
        self.totals[base] = self.total(base) + side.sign * quantity
        self.pay(quote, -side.sign * notional, fee)

    def pay(self, currency: str, amount: Decimal, fee: Decimal = ZERO) -> None:
        """Add `amount` (signed) to a currency, and take a fee off it."""
        self.totals[currency] = self.total(currency) + amount - fee
        self.fees_paid[currency] = self.fees_paid.get(currency, ZERO) + fee
