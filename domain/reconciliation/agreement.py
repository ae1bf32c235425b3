"""When a venue's reads were last what our books say, or said not longer ago than reads may lag.

While trading goes on, reads and books seldom stand still together. But what a read shows is what our books said at
some moment, or there is something that they don't know of, be it another each time.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from domain.instant import SECOND_NS, Instant
from domain.instrument import InstrumentId
from domain.ledger.order_ledger import OrderLedger
from domain.ledger.wallet import Holding, Wallet
from domain.messages.account import Balance
from domain.messages.positions import VenuePosition
from domain.numbers import ZERO
from domain.reconciliation.differences import Totals, differences_between
from domain.reconciliation.evidence import Rules
from domain.settings import Settings

READS = 3  # that may fail, or come at a bad moment, beyond what lags explain


def told_totals(venue: str, balances: Iterable[Balance], positions: Iterable[VenuePosition] = ()) -> Totals:
    """Return what a venue's word sums up to."""
    totals: Totals = {}
    for balance in balances:
        wallet = Wallet(venue, balance.wallet, balance.currency)
        totals[wallet] = totals.get(wallet, ZERO) + balance.total
    for position in positions:
        key = InstrumentId(venue, position.instrument)
        totals[key] = totals.get(key, ZERO) + position.quantity
    return totals


def is_of(holding: Holding, names: Collection[str]) -> bool:
    """Tell whether a number is about one of these currencies or derivatives."""
    return (holding.currency if isinstance(holding, Wallet) else holding.name) in names


@dataclass
class Agreement:
    """What is known of one venue. Monotonic nanoseconds."""

    totals: Totals = field(default_factory=dict)  # of our books, when they were last looked at
    former: deque[tuple[int, Totals]] = field(default_factory=deque)  # until when they stood, the oldest first
    agreed_ns: int | None = None  # when the newest read was asked for that they explain; None: none in this run
    apart: Totals = field(
        default_factory=dict
    )  # the venue's totals less ours in the newest read, where no lag explains it


class Agreements:
    """The agreement of each venue."""

    def __init__(self, settings: Settings, ledger: OrderLedger, rules: Rules) -> None:
        self._every_ns = round(settings.orders.reconcile_every_s * SECOND_NS)
        self._ledger = ledger
        self._rules = rules
        self._venues: dict[str, Agreement] = {}
        self._exact: Counter[Wallet] = Counter()  # at how many fills the venue had just what we have, to the last digit

    def moved(self, venue: str, now: Instant) -> None:
        """Remember what our books said until now."""
        known = self._of(venue)
        if known.totals:
            known.former.append((now.monotonic_ns, known.totals))
        known.totals = self.totals(venue)

    def read(self, venue: str, there: Totals, unknown: Collection[str], asked: Instant) -> None:
        """Look whether our books explain a read that was asked for then, each number by itself."""
        known, lag_ns = self._of(venue), self._rules.at(venue).facts.read_lag_ns
        while known.former and known.former[0][0] < asked.monotonic_ns - lag_ns:
            known.former.popleft()
        ours = [self.totals(venue), known.totals, *(totals for _, totals in known.former)]
        holdings = there.keys() | {holding for totals in ours for holding in totals}
        differences = {
            holding: [self.beyond(holding, there.get(holding, ZERO) - totals.get(holding, ZERO)) for totals in ours]
            for holding in sorted(holdings)
            if not is_of(holding, unknown)
        }
        known.apart = {holding: each[0] for holding, each in differences.items() if all(each)}
        if not known.apart:
            self.agree(venue, asked)

    def agree(self, venue: str, asked: Instant) -> None:
        """Note that our books are what a read shows that was asked for then."""
        known = self._of(venue)
        known.agreed_ns, known.apart = asked.monotonic_ns, {}

    def apart(self, venue: str, asked: Instant) -> Totals:
        """Return how far reads and books are apart, where they have been for too long; else empty."""
        known = self._of(venue)
        if known.agreed_ns is None or asked.monotonic_ns - known.agreed_ns <= self.patience_ns(venue):
            return {}
        return known.apart

    def newest_apart(self, venue: str) -> Totals:
        """Return the venue's totals less ours in the newest read, where no lag explains that."""
        return self._of(venue).apart

    def compared(self, venue: str, there: Totals) -> Totals:
        """Return where the venue's numbers are not ours now, and note where they are so to the last digit."""
        ours = self.totals(venue)
        differences = differences_between(ours, there)
        for holding in ours.keys() - differences.keys():
            if isinstance(holding, Wallet):
                self._exact[holding] = self._ledger.books.wallets.fills[holding]
        return {holding: apart for holding, amount in differences.items() if (apart := self.beyond(holding, amount))}

    def beyond(self, holding: Holding, difference: Decimal) -> Decimal:
        """Return a difference, or zero where it is no more than the venue may have rounded since the last equality.

        After a restart that is when the balance was told or corrected: the bound is looser, and still one.
        """
        if not isinstance(holding, Wallet):
            return difference
        wallets = self._ledger.books.wallets
        fills = wallets.fills[holding] - max(wallets.exact_at[holding], self._exact[holding])
        return ZERO if abs(difference) <= fills * self._rules.at(holding.venue).facts.rounds_by else difference

    def patience_ns(self, venue: str) -> int:
        return 2 * self._rules.at(venue).facts.read_lag_ns + READS * self._every_ns

    def totals(self, venue: str) -> Totals:
        """Return what our books say now."""
        holdings = self._ledger.books.wallets.holdings
        return {holding: total for holding, total in holdings.items() if holding.venue == venue}

    def _of(self, venue: str) -> Agreement:
        return self._venues.setdefault(venue, Agreement())
