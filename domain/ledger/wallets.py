"""What the account has of each currency and of each derivative, whoever traded it; and what it cost to trade.

A fold of the journal's movements. It knows no orders and no prices but those of fills.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from domain.instrument import InstrumentId
from domain.ledger.cash_flows import fee_cost, flows, traded
from domain.ledger.terms import Terms
from domain.ledger.wallet import Holding, Wallet
from domain.messages.journal import (
    BalanceCorrected,
    BalancesOpened,
    FundingPaid,
    PositionCorrected,
    TransferValued,
)
from domain.messages.orders import Fill

Sums = defaultdict[Wallet, Decimal]


def _sums() -> Sums:
    return defaultdict(Decimal)


@dataclass
class Wallets:
    """All venues' wallets."""

    venues: set[str] = field(default_factory=set)  # whose balances are known
    unknown: set[tuple[str, str]] = field(default_factory=set)  # (venue, currency) not readable at the opening
    balances: Sums = field(default_factory=_sums)  # total; of perpetuals raw cash, positions not marked
    derivatives: dict[InstrumentId, Decimal] = field(default_factory=lambda: defaultdict(Decimal))  # signed, all of it
    fees: Sums = field(default_factory=_sums)  # paid by our orders, and by what was forced upon them
    funding: Sums = field(default_factory=_sums)  # received less paid
    fills: Counter[Wallet] = field(default_factory=Counter)  # that moved it, payments of funding too
    exact_at: Counter[Wallet] = field(default_factory=Counter)  # at how many of those it was last told or corrected
    # What came or went without a trade: its worth in USD when it did, and what nobody has told the worth of yet.
    # Coins that have come may be sold since: what they are worth now is no measure of anything.
    transferred: Decimal = Decimal(0)
    transfers: Sums = field(default_factory=_sums)

    def open(self, event: BalancesOpened) -> None:
        venue, is_late = event.venue, event.venue in self.venues
        self.venues.add(venue)
        self.unknown.update((venue, currency) for currency in event.unknown)
        for balance in event.balances:
            wallet, key = Wallet(venue, balance.wallet, balance.currency), (venue, balance.currency)
            if is_late:  # it was there all the time, so it is no profit
                self.transfers[wallet] += balance.total - self.balances[wallet]
            self.balances[wallet] = balance.total
            self.exact_at[wallet] = self.fills[wallet]
            self.unknown -= {key, (venue, "")} if is_late else {key}
        for position in event.positions:
            self.derivatives[InstrumentId(venue, position.instrument)] = position.quantity

    def correct(self, event: BalanceCorrected) -> None:
        wallet = Wallet(event.venue, event.wallet, event.currency)
        self.balances[wallet] += event.difference
        self.exact_at[wallet] = self.fills[wallet]
        if event.worth is None:
            self.transfers[wallet] += event.difference
        else:
            self.transferred += event.worth

    def value_transfer(self, event: TransferValued) -> None:
        self.transfers[Wallet(event.venue, event.wallet, event.currency)] -= event.quantity
        self.transferred += event.worth

    def correct_position(self, event: PositionCorrected, terms: Terms) -> None:
        """Take in what there is of a derivative. It is worth its price, and no profit: cash differs by itself."""
        if event.difference:
            self.derivatives[InstrumentId.of(event)] += event.difference
            worth = event.difference * terms.contract_size * (event.price or Decimal(0))
            self.transfers[terms.cash(event.venue)] += worth

    def pay_funding(self, event: FundingPaid) -> None:
        wallet = Wallet(event.venue, event.wallet, event.currency)
        self.balances[wallet] += event.amount
        self.fills[wallet] += 1
        self.funding[wallet] += event.amount

    @property
    def to_price(self) -> set[Wallet]:
        """Return what a price is needed for."""
        return {wallet for sums in (self.balances, self.transfers) for wallet, amount in sums.items() if amount}

    @property
    def holdings(self) -> dict[Holding, Decimal]:
        """Return all that the account has, as venues tell it."""
        numbers: tuple[tuple[Holding, Decimal], ...] = (*self.balances.items(), *self.derivatives.items())
        return dict(numbers)

    def move(self, fill: Fill, terms: Terms, sign: int = 1) -> None:
        """Take in a fill, whoever's it is; with a `sign` of -1 take it back."""
        changes = flows(fill, terms)
        for wallet, amount in changes:
            self.balances[wallet] += sign * amount
        for wallet in {wallet for wallet, _ in changes}:
            self.fills[wallet] += sign  # what is taken back has rounded nothing
        if terms.is_perpetual:
            self.derivatives[InstrumentId.of(fill)] += sign * traded(fill)

    def move_ours(self, fill: Fill, terms: Terms, sign: int = 1) -> None:
        """The same of a fill of ours, whose fee is a cost of ours."""
        self.move(fill, terms, sign)
        self.pay_fee(fill, terms, sign * fill.fee)

    def pay_fee(self, fill: Fill, terms: Terms, fee: Decimal) -> None:
        """Count as a cost of ours what a fill has taken for a fee already."""
        wallet, cost = fee_cost(fill, terms, fee)
        self.fees[wallet] += cost
