"""One opening under judgement: what the checks look at, and its worth once it has a size."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from domain.clocks import deadline
from domain.instant import SECOND_NS, Instant
from domain.instrument import Instrument, InstrumentId, Side
from domain.ledger.account import Portfolio
from domain.market.latest_quotes import LatestQuotes
from domain.messages.denials import Denial, DenialReason
from domain.messages.market import Quote
from domain.messages.orders import OrderIntent, Purpose
from domain.messages.signals import Signal
from domain.numbers import ZERO, from_ratio
from domain.portfolio.foreign_orders import ForeignOrders
from domain.portfolio.margin import MarginAccount, MarginTerms, margin_terms
from domain.portfolio.margin_checks import buying_power
from domain.portfolio.margin_reading import margin_account
from domain.portfolio.opening_rate import OpeningRate
from domain.portfolio.shared_checks import Refused
from domain.portfolio.valuation import Valuation
from domain.settings import RiskSettings, Settings


class Opening(Struct, frozen=True, kw_only=True):
    """One purchase under judgement that has no size yet, with all that the checks look at."""

    signal: Signal
    instrument: Instrument | None  # None: the venue has not told us its products
    quote: Quote | None  # None: nor what they cost
    now: Instant
    settings: Settings
    portfolio: Portfolio
    quotes: LatestQuotes
    valuation: Valuation
    pending: tuple[OrderIntent, ...]  # decided, not journaled yet
    openings: OpeningRate
    foreign: ForeignOrders  # live at the venues, not ours
    unready: Denial  # why the venue takes no openings, e.g. "breaker_open"; empty when it does
    breach: Denial  # the loss limit that is broken, empty when none

    @property
    def key(self) -> InstrumentId:
        return InstrumentId.of(self.signal)

    @property
    def risk(self) -> RiskSettings:
        return self.settings.risk

    @property
    def fee_ratio(self) -> Decimal:
        return self.quotes.taker_fee_ratio(self.signal.venue)

    @property
    def available_cash(self) -> Decimal:
        """Return the venue's cash in the quote currency that no other decision may still take.

        Of perpetuals, the notional that its free collateral may carry. There every opening takes of it, on both sides.
        """
        # A limit may lie as far from the mid as the fat-finger check lets it.
        cost_ratio = self.fee_ratio + from_ratio(self.risk.max_deviation_ratio)
        terms = self.portfolio.terms(self.key)
        balance = self.portfolio.balances.get(terms.cash(self.signal.venue), ZERO)
        if terms.is_perpetual:
            balance = buying_power(self.margin, self.margin_terms)
        return balance - self.promised * (1 + cost_ratio)

    @property
    def promised(self) -> Decimal:
        """Return the notional that other decisions, and orders that are not ours, may still take of the same wallet."""
        terms = self.portfolio.terms
        is_perpetual = terms(self.key).is_perpetual
        wallet = terms(self.key).cash(self.signal.venue)
        pending = sum(
            (
                intent.quantity * intent.reference_price * terms(InstrumentId.of(intent)).contract_size
                for intent in self.pending
                if (intent.purpose is Purpose.OPEN if is_perpetual else intent.side is Side.BUY)
                and terms(InstrumentId.of(intent)).cash(intent.venue) == wallet
            ),
            ZERO,
        )
        return self.portfolio.reserved_cash(wallet, ZERO) + pending + self.foreign.cash(wallet)

    @property
    def margin(self) -> MarginAccount | None:
        """Return what stands behind the perpetuals of the venue."""
        return margin_account(self.portfolio, self.quotes, self.signal.venue, self.risk, self.now)

    @property
    def margin_terms(self) -> MarginTerms:
        return margin_terms(self.instrument, self.risk)

    def share_of_equity(self, ratio: float) -> Decimal:
        return self.valuation.equity * from_ratio(ratio)


class SizedOpening(Opening, frozen=True, kw_only=True):
    """The same with a quantity; only what has a grid and a price can have one."""

    instrument: Instrument
    quote: Quote
    quantity: Decimal  # base units

    @property
    def mid_price(self) -> Decimal:
        return self.quote.mid_price

    @property
    def worst_price(self) -> Decimal:
        """Return the worst that the router may trade at: the touch and its collar."""
        side = self.signal.side
        return self.quote.touch(side) * (1 + side.sign * from_ratio(self.settings.orders.collar_ratio))

    @property
    def dearest_price(self) -> Decimal:
        """Return the price that limits go by: a sale may well trade above its worst."""
        return max(self.worst_price, self.quote.ask_price)

    @property
    def notional(self) -> Decimal:
        return self.quantity * self.dearest_price * self.instrument.contract_size

    @property
    def intent(self) -> OrderIntent:
        """Return the decision to open; it is worth as little as its signal once that is old."""
        signal, now = self.signal, self.now
        expiry = deadline(signal.expires_at, signal.expires_ns, now)
        left_ns = int(self.settings.orders.intent_expire_after_s * SECOND_NS)
        left_ns = min(left_ns, expiry.monotonic_ns - now.monotonic_ns)
        return OrderIntent(
            intent_id=opening_id(signal.signal_id),
            signal_id=signal.signal_id,
            venue=signal.venue,
            instrument=signal.instrument,
            side=signal.side,
            quantity=self.quantity,
            purpose=Purpose.OPEN,
            reference_price=self.mid_price,
            expires_at=now.utc_ns + left_ns,
            expires_ns=now.monotonic_ns + left_ns,
            origin_read_ns=signal.origin_read_ns,
            known_seq=self.portfolio.last_seq,
        )


def sized(case: Opening, quantity: Decimal) -> SizedOpening | Refused:
    """Return the opening with a quantity, or why it can have none."""
    if case.instrument is None:
        return Refused(DenialReason.UNKNOWN_INSTRUMENT)
    if case.quote is None:
        return Refused(DenialReason.NO_QUOTE)
    return SizedOpening(
        signal=case.signal,
        instrument=case.instrument,
        quote=case.quote,
        now=case.now,
        settings=case.settings,
        portfolio=case.portfolio,
        quotes=case.quotes,
        valuation=case.valuation,
        pending=case.pending,
        openings=case.openings,
        foreign=case.foreign,
        unready=case.unready,
        breach=case.breach,
        quantity=quantity,
    )


def opening_id(signal_id: str) -> str:
    """Return the intent_id of the opening that a signal causes."""
    return f"{signal_id}:open"
