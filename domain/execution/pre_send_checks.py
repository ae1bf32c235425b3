"""What an opening must pass, in the order of `docs/money.md` section 3, and which other venues would take it.

Refuses to know about reducing orders: they pass none of this.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from decimal import Decimal

from domain.execution.price_collar import collared_price, drifted, touch
from domain.execution.routing import Candidate, is_substitute, rank
from domain.execution.substitution import SHARED, Substitution
from domain.execution.venue_readiness import JOURNAL_LOCKED, VenueReadiness
from domain.instant import Instant
from domain.instrument import Instrument, InstrumentKind, Side
from domain.ledger.order_ledger import OrderLedger
from domain.ledger.position import is_dust
from domain.market.latest_quotes import LatestQuotes, is_in_dollars
from domain.messages.orders import OrderIntent, OrderStatus
from domain.numbers import from_ratio
from domain.portfolio.foreign_orders import ForeignOrders
from domain.reconciliation.unmatched_fills import UnmatchedFills
from domain.reconciliation.unread_rows import UnreadRows
from domain.settings import Settings


class PreSendChecks:
    """The gates that belong to the router; limits on size and loss are the portfolio's."""

    def __init__(
        self,
        settings: Settings,
        ledger: OrderLedger,
        quotes: LatestQuotes,
        readiness: VenueReadiness,
        unmatched: UnmatchedFills,
        unread: UnreadRows,
        foreign: ForeignOrders,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._quotes = quotes
        self._readiness = readiness
        self._unmatched = unmatched
        self._substitution = Substitution(settings, ledger, quotes, foreign)
        self._unread = unread
        self.is_winding_down = False

    def refusal(self, intent: OrderIntent, instrument: Instrument, quantity: Decimal, now: Instant) -> str:
        """Return the first gate that an opening at `instrument`'s venue fails, empty when it passes all."""
        venue, name = instrument.venue, instrument.name
        live = list(self._ledger.live_orders(venue, name))
        if reason := self.stop(venue, name):
            return reason
        if name in self._settings.venues[venue].closes_only:
            return "closes_only"
        if self._readiness.missing(venue):
            return "venue_not_ready"
        if any(order.status is OrderStatus.UNCONFIRMED for order in live):
            return "unconfirmed_order"
        if self._unmatched.has_any(venue, name):
            return "unclaimed_fill"  # it may be of an order of ours that we gave up
        if trouble := self._unread.trouble(venue, name) or self._quotes.trouble(venue, name, now):
            return trouble
        price, reference = self.price(instrument, intent.side), intent.reference_price
        if reason := self._misfit(instrument, quantity, price):
            return reason
        mid, risk = self._quotes.quote(venue, name).mid_price, self._settings.risk
        if drifted(reference, mid, risk.max_price_drift_ratio):
            return "price_drift"
        if drifted(mid, price, risk.max_deviation_ratio):
            return "price_deviation"
        if any(order.crosses(intent.side, price) for order in live):
            return "would_cross_own"
        return ""

    def overdraft(self, intent: OrderIntent, instrument: Instrument, quantity: Decimal, now: Instant) -> str:
        """Return the limit that an opening breaks together with one that its decision did not know of.

        That one may have moved here meanwhile, or come from a portfolio that died.
        """
        if not self._ledger.is_unaware(intent):
            return ""
        return self._substitution.refusal(intent, instrument, quantity, now, SHARED)

    def troubles(self) -> Iterator[tuple[str, str, str]]:
        """Yield venue, instrument, and why what is known of the account there is not enough for openings."""
        for venue in self._readiness.venues:
            for name in self._settings.venues[venue].instruments:
                is_unclaimed = self._unmatched.has_any(venue, name)
                if trouble := "unclaimed_fill" if is_unclaimed else self._unread.trouble(venue, name):
                    yield venue, name, trouble

    def knows_products(self, venue: str) -> bool:
        """Tell whether the venue has told in this run what it trades."""
        return self._readiness.is_loaded.get(venue, True)

    def stop(self, venue: str, instrument: str) -> str:
        """Return why no more risk may be taken there, be it decided already; empty when it may."""
        if self.is_winding_down:
            return "winding_down"
        if self._ledger.halt_over(venue, instrument):
            return "halted"
        if self._ledger.books.exits.any_at((venue,), instrument):
            return "exit_wanted"
        if self._readiness.journal_holdup:
            return JOURNAL_LOCKED
        return "breaker_open" if self._readiness.is_breaker_open(venue) else ""

    def price(self, instrument: Instrument, side: Side) -> Decimal:
        """Return the limit of an opening at the newest touch."""
        quote = self._quotes.quote(instrument.venue, instrument.name)
        return collared_price(instrument, quote, side, from_ratio(self._settings.orders.collar_ratio))

    def substitutes(self, intent: OrderIntent, tried: Collection[str], now: Instant) -> list[Instrument]:
        """Return the same product at venues not yet tried that would take it now, the cheapest first."""
        first = self._quotes.instrument(intent.venue, intent.instrument)
        candidates = []
        for venue in self._readiness.venues:
            other = self._quotes.instrument(venue, intent.instrument)
            if venue in tried or not first or not other or not is_substitute(first, other):
                continue
            quantity = other.round_quantity(intent.quantity)
            if not (
                self.refusal(intent, other, quantity, now) or self._substitution.refusal(intent, other, quantity, now)
            ):
                price = touch(self._quotes.quote(venue, other.name), intent.side)
                candidates.append(Candidate(other, price, self._quotes.taker_fee_ratio(venue)))
        return [candidate.instrument for candidate in rank(candidates, intent.side)]

    def _misfit(self, instrument: Instrument, quantity: Decimal, price: Decimal) -> str:
        if instrument.kind is not InstrumentKind.SPOT:
            return "not_spot"  # its margin, funding and liquidation are not reckoned with yet
        if not is_in_dollars(instrument):
            return "not_in_dollars"  # limits, cash and fees are
        if not self._quotes.is_tradable(instrument):
            return "not_tradable"
        if not instrument.is_on_grid(price, quantity):
            return "off_grid"
        if is_dust(instrument, quantity, self._quotes.closing_price(instrument.venue, instrument.name, price)):
            return "below_minimum"
        return "above_maximum" if quantity > instrument.max_quantity else ""
