"""What an opening must pass before it is sent, and which other venues would take it.

The order is that of docs/money.md 3, of the router's checks; expiry, which comes first, is in `intent_gates.py`.

Refuses to know about reducing orders: they pass none of this.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct

from domain.execution.price_collar import collared_price
from domain.execution.routing import Candidate, is_substitute, rank
from domain.execution.substitution import SHARED, Substitution
from domain.execution.venue_readiness import VenueReadiness
from domain.instant import Instant
from domain.instrument import Instrument, Side
from domain.ledger.order import OrderLifecycle
from domain.ledger.order_ledger import OrderLedger
from domain.market.latest_quotes import LatestQuotes
from domain.messages.denials import Denial, DenialReason
from domain.messages.market import Quote
from domain.messages.orders import OrderIntent, OrderStatus
from domain.numbers import from_ratio
from domain.portfolio import shared_checks
from domain.portfolio.foreign_orders import ForeignOrders
from domain.portfolio.shared_checks import Refused
from domain.reconciliation.margin_settings import MarginSettings
from domain.reconciliation.unmatched_fills import UnmatchedFills
from domain.reconciliation.unread_rows import UnreadRows
from domain.settings import Settings


class Sending(Struct, frozen=True):
    """One opening on its way to one venue."""

    intent: OrderIntent
    instrument: Instrument
    venue: str
    name: str  # of the instrument
    quantity: Decimal  # base units
    now: Instant
    live: tuple[OrderLifecycle, ...]  # our orders there


class Priced(Struct, frozen=True):
    """The same once the price there can be believed."""

    sending: Sending
    mid_price: Decimal
    limit_price: Decimal


Case = TypeVar("Case")
CheckResult = Refused | Denial | None


class PreSendChecks:
    """The checks that belong to the router; limits on size and loss are the portfolio's."""

    def __init__(
        self,
        settings: Settings,
        ledger: OrderLedger,
        quotes: LatestQuotes,
        readiness: VenueReadiness,
        unmatched: UnmatchedFills,
        unread: UnreadRows,
        foreign: ForeignOrders,
        margin: MarginSettings,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._quotes = quotes
        self._readiness = readiness
        self._unmatched = unmatched
        self._substitution = Substitution(settings, ledger, quotes, foreign)
        self._unread = unread
        self._margin = margin
        self.is_winding_down = False
        self._checks = (
            self._risk_wanted,
            self._opens_wanted,
            self._venue_ready,
            self._no_order_in_doubt,
            self._no_fill_unclaimed,
            self._rows_read,
            self._quote_believable,
            self._product_suits,
            self._margin_as_configured,
        )
        self._price_checks = (
            self._on_grid,
            self._closable,
            self._below_maximum,
            self._not_drifted,
            self._price_not_deviant,
            self._crosses_none_of_ours,
        )

    def refusal(self, intent: OrderIntent, instrument: Instrument, quantity: Decimal, now: Instant) -> Denial:
        """Return the first check that an opening at `instrument`'s venue fails, empty when it passes all."""
        venue, name = instrument.venue, instrument.name
        live = tuple(self._ledger.live_orders(venue, name))
        sending = Sending(intent, instrument, venue, name, quantity, now, live)
        quote = self._quotes.quote(venue, name)
        if (denial := _first(self._checks, sending)) or quote is None:
            return denial or DenialReason.NO_QUOTE
        return _first(self._price_checks, Priced(sending, quote.mid_price, self._limit(instrument, quote, intent.side)))

    def overdraft(self, intent: OrderIntent, instrument: Instrument, quantity: Decimal, now: Instant) -> Denial:
        """Return the limit that an opening breaks together with one that its decision did not know of.

        That one may have moved here meanwhile, or come from a portfolio that died.
        """
        if not self._ledger.is_unaware(intent):
            return ""
        return self._substitution.refusal(intent, instrument, quantity, now, SHARED)

    def troubles(self) -> Iterator[tuple[str, str, DenialReason]]:
        """Yield venue, instrument, and why what is known of the account there is not enough for openings."""
        for venue in self._readiness.venues:
            for name in self._settings.venues[venue].instruments:
                if trouble := self._trouble(venue, name):
                    yield venue, name, trouble

    def _trouble(self, venue: str, name: str) -> Denial:
        return (
            self._fill_unclaimed(venue, name) or self._unread.trouble(venue, name) or self._margin.trouble(venue, name)
        )

    def knows_products(self, venue: str) -> bool:
        """Tell whether the venue has told in this run what it trades."""
        return self._readiness.is_loaded.get(venue, True)

    def stop(self, venue: str, instrument: str) -> Denial:
        """Return why no more risk may be taken there, be it decided already; empty when it may."""
        if self.is_winding_down:
            return DenialReason.WINDING_DOWN
        if self._ledger.halt_over(venue, instrument):
            return DenialReason.HALTED
        if self._ledger.books.exits.any_at((venue,), instrument):
            return DenialReason.EXIT_WANTED
        if self._readiness.journal_holdup:
            return DenialReason.JOURNAL_LOCKED
        return DenialReason.BREAKER_OPEN if self._readiness.is_breaker_open(venue) else ""

    def price(self, instrument: Instrument, side: Side) -> Decimal:
        """Return the limit of an opening at the newest touch.

        Raises:
            LookupError: nobody has told a price: the checks were not asked.
        """
        quote = self._quotes.quote(instrument.venue, instrument.name)
        if quote is None:
            raise LookupError(f"no quote of {instrument.key}")
        return self._limit(instrument, quote, side)

    def substitutes(self, intent: OrderIntent, tried: Collection[str], now: Instant) -> list[Instrument]:
        """Return the same product at venues not yet tried that would take it now, the cheapest first."""
        first = self._quotes.instrument(intent.venue, intent.instrument)
        candidates = []
        for venue in self._readiness.venues:
            other = self._quotes.instrument(venue, intent.instrument)
            if venue in tried or not first or not other or not is_substitute(first, other):
                continue
            quantity, quote = other.round_quantity(intent.quantity), self._quotes.quote(venue, other.name)
            if quote and not (
                self.refusal(intent, other, quantity, now) or self._substitution.refusal(intent, other, quantity, now)
            ):
                price = quote.touch(intent.side)
                candidates.append(Candidate(other, price, self._quotes.taker_fee_ratio(venue)))
        return [candidate.instrument for candidate in rank(candidates, intent.side)]

    # ---- the checks, in the order of `_checks` and `_price_checks` --------------------------------------------

    def _risk_wanted(self, case: Sending) -> Denial:
        return self.stop(case.venue, case.name)

    def _opens_wanted(self, case: Sending) -> Refused | None:
        return shared_checks.opens_wanted(self._settings, case.venue, case.name)

    def _venue_ready(self, case: Sending) -> Denial:
        return DenialReason.VENUE_NOT_READY if self._readiness.missing(case.venue) else ""

    def _no_order_in_doubt(self, case: Sending) -> Denial:
        in_doubt = any(order.status is OrderStatus.UNCONFIRMED for order in case.live)
        return DenialReason.UNCONFIRMED_ORDER if in_doubt else ""

    def _no_fill_unclaimed(self, case: Sending) -> Denial:
        return self._fill_unclaimed(case.venue, case.name)

    def _rows_read(self, case: Sending) -> Denial:
        return self._unread.trouble(case.venue, case.name)

    def _quote_believable(self, case: Sending) -> Denial:
        return self._quotes.trouble(case.venue, case.name, case.now)

    def _product_suits(self, case: Sending) -> Refused | None:
        return shared_checks.product_suits(self._quotes, case.instrument)

    def _margin_as_configured(self, case: Sending) -> Denial:
        return self._margin.trouble(case.venue, case.name)

    def _on_grid(self, case: Priced) -> Denial:
        sending = case.sending
        return "" if sending.instrument.is_on_grid(case.limit_price, sending.quantity) else DenialReason.OFF_GRID

    def _closable(self, case: Priced) -> Refused | None:
        sending = case.sending
        return shared_checks.closable(self._quotes, sending.instrument, sending.quantity, case.mid_price)

    def _below_maximum(self, case: Priced) -> Refused | None:
        return shared_checks.below_maximum(case.sending.instrument, case.sending.quantity)

    def _not_drifted(self, case: Priced) -> Refused | None:
        return shared_checks.not_drifted(self._settings, case.sending.intent.reference_price, case.mid_price)

    def _price_not_deviant(self, case: Priced) -> Refused | None:
        return shared_checks.price_not_deviant(self._settings, case.mid_price, case.limit_price)

    def _crosses_none_of_ours(self, case: Priced) -> Denial:
        side = case.sending.intent.side
        crosses = any(order.crosses(side, case.limit_price) for order in case.sending.live)
        return DenialReason.WOULD_CROSS_OWN if crosses else ""

    def _fill_unclaimed(self, venue: str, name: str) -> Denial:
        return DenialReason.UNCLAIMED_FILL if self._unmatched.has_any(venue, name) else ""

    def _limit(self, instrument: Instrument, quote: Quote, side: Side) -> Decimal:
        return collared_price(instrument, quote, side, from_ratio(self._settings.orders.collar_ratio))


def _first(checks: Iterable[Callable[[Case], CheckResult]], case: Case) -> Denial:
    """Return the first verdict: later checks rely on what earlier ones have seen to."""
    for check in checks:
        if verdict := check(case):
            return verdict.reason if isinstance(verdict, Refused) else verdict
    return ""
