"""The gate before every opening: an ordered list of named checks; the first that refuses is the verdict.

Reducing orders never come here (docs/money.md section 3): they pass only the lot and the clamp, which
`close_quantity` applies. It refuses to correct an order: what breaks a limit is not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct

from domain.clocks import deadline, is_void
from domain.instant import DAY_NS, HOUR_NS, SECOND_NS, Instant
from domain.instrument import Instrument, InstrumentId, InstrumentKind, Side
from domain.ledger.account import Portfolio
from domain.ledger.position import is_dust
from domain.market.latest_quotes import LatestQuotes
from domain.messages.denials import Denial, DenialReason
from domain.messages.market import Quote
from domain.messages.orders import OrderIntent, Purpose
from domain.messages.signals import Signal
from domain.numbers import ZERO, divide, from_ratio, plain
from domain.portfolio import margin_checks, shared_checks
from domain.portfolio.foreign_orders import ForeignOrders
from domain.portfolio.margin import MarginAccount, MarginTerms, margin_terms
from domain.portfolio.margin_checks import buying_power
from domain.portfolio.margin_reading import margin_account
from domain.portfolio.opening_rate import OpeningRate
from domain.portfolio.shared_checks import Refused, above
from domain.portfolio.valuation import Valuation
from domain.settings import RiskSettings, Settings


class Allowed(Struct, frozen=True):
    """Every check passed."""


Verdict = Allowed | Refused


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
        venue, terms = self.signal.venue, self.portfolio.terms
        is_perpetual = terms(self.key).is_perpetual
        wallet = terms(self.key).cash(venue)
        # A limit may lie as far from the mid as the fat-finger check lets it.
        cost_ratio = self.fee_ratio + from_ratio(self.risk.max_deviation_ratio)
        pending = sum(
            (
                intent.quantity * intent.reference_price
                for intent in self.pending
                if (intent.purpose is Purpose.OPEN if is_perpetual else intent.side is Side.BUY)
                and terms(InstrumentId.of(intent)).cash(intent.venue) == wallet
            ),
            ZERO,
        )
        balance = self.portfolio.balances.get(wallet, ZERO)
        if is_perpetual:
            balance = buying_power(self.margin, self.margin_terms)
        reserved = self.portfolio.reserved_cash(wallet, cost_ratio)
        foreign = self.foreign.cash(venue, wallet.currency)
        return balance - reserved - (pending + foreign) * (1 + cost_ratio)

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
        return dearest_price(self.quote, self.settings)

    @property
    def notional(self) -> Decimal:
        return self.quantity * self.worst_price

    @property
    def intent(self) -> OrderIntent:
        """Return the decision to buy; it is worth as little as its signal once that is old."""
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


Case = TypeVar("Case", bound=Opening)
Check = Callable[[Opening], Refused | None]
SizedCheck = Callable[[SizedOpening], Refused | None]


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


def dearest_price(quote: Quote, settings: Settings) -> Decimal:
    """Return the most that the router may pay: the touch plus its collar."""
    return quote.ask_price * (1 + from_ratio(settings.orders.collar_ratio))


def not_halted(case: Opening) -> Refused | None:
    halt = case.portfolio.halts.over(*case.key)
    return Refused(DenialReason.HALTED, f"{halt.scope}: {halt.reason}") if halt else None


def opens_wanted(case: Opening) -> Refused | None:
    return shared_checks.opens_wanted(case.settings, *case.key)


def venue_ready(case: Opening) -> Refused | None:
    return Refused(case.unready) if case.unready else None


def quote_believable(case: Opening) -> Refused | None:
    return shared_checks.quote_believable(case.quotes, *case.key, case.now)


def instrument_tradable(case: Opening) -> Refused | None:
    if case.instrument is None:
        return Refused(DenialReason.UNKNOWN_INSTRUMENT)
    return shared_checks.product_suits(case.quotes, case.instrument)


def signal_current(case: Opening) -> Refused | None:
    expiry = deadline(case.signal.expires_at, case.signal.expires_ns, case.now)
    return Refused(DenialReason.EXPIRED) if is_void(expiry, case.now) else None


def signal_confident(case: Opening) -> Refused | None:
    if case.signal.confidence < case.risk.min_confidence:
        return Refused(DenialReason.LOW_CONFIDENCE, f"{case.signal.confidence:.3f} < {case.risk.min_confidence}")
    return None


def price_not_drifted(case: Opening) -> Refused | None:
    if case.quote is None:
        return Refused(DenialReason.NO_QUOTE)
    return shared_checks.not_drifted(case.settings, case.signal.candle_close, case.quote.mid_price)


def target_pays_costs(case: Opening) -> Refused | None:
    """A signal brings no forecast, so the move we hope for is the distance to the target."""
    quote = case.quote
    if quote is None:
        return Refused(DenialReason.NO_QUOTE)
    spread = divide(quote.ask_price - quote.bid_price, quote.mid_price)
    needed = from_ratio(case.risk.min_edge_cost_ratio) * (2 * case.fee_ratio + spread)
    return above(DenialReason.EDGE_BELOW_COST, needed, from_ratio(case.settings.protection.take_profit_ratio))


def on_grid(case: SizedOpening) -> Refused | None:
    """Refuse, too, what could not be closed again."""
    return (
        shared_checks.closable(case.quotes, case.instrument, case.quantity, case.mid_price)
        or shared_checks.on_lot(case.instrument, case.quantity)
        or shared_checks.below_maximum(case.instrument, case.quantity)
    )


def no_fat_finger(case: SizedOpening) -> Refused | None:
    return above(
        DenialReason.FAT_FINGER, case.notional, case.risk.max_order_notional
    ) or shared_checks.price_not_deviant(case.settings, case.mid_price, case.worst_price)


def rate_in_bounds(case: Opening) -> Refused | None:
    pending = sum(intent.purpose is Purpose.OPEN for intent in case.pending)
    last_hour = case.openings.within(HOUR_NS, case.now) + pending
    last_day = case.openings.within(DAY_NS, case.now) + pending
    if last_hour >= case.risk.orders_per_hour:
        return Refused(DenialReason.ORDERS_PER_HOUR, f"{last_hour}")
    if last_day >= case.risk.orders_per_day:
        return Refused(DenialReason.ORDERS_PER_DAY, f"{last_day}")
    return None


def balances_known(case: Opening) -> Refused | None:
    if case.signal.venue not in case.portfolio.venues:
        return Refused(DenialReason.UNKNOWN_BALANCE, case.signal.venue)
    if case.valuation.is_complete:
        return None
    return Refused(DenialReason.UNKNOWN_EQUITY, f"incomplete: {', '.join(case.valuation.missing)}")


def positions_in_bounds(case: Opening) -> Refused | None:
    held = held_keys(case.portfolio, case.quotes, case.pending)
    if held.count(case.key) >= case.risk.max_positions_per_instrument:
        return Refused(DenialReason.POSITIONS_PER_INSTRUMENT, f"{held.count(case.key)}")
    if case.key not in held and len(set(held)) >= case.risk.max_positions:
        return Refused(DenialReason.MAX_POSITIONS, f"{len(set(held))}")
    return None


def exposure_in_bounds(case: SizedOpening) -> Refused | None:
    base = case.portfolio.terms(case.key).base
    position = abs(case.portfolio.position(case.key).quantity) * case.worst_price
    gross = case.valuation.gross.get(base, ZERO)
    return (
        above(DenialReason.POSITION_LIMIT, position + case.notional, case.share_of_equity(case.risk.max_position_ratio))
        or above(DenialReason.ASSET_LIMIT, gross + case.notional, case.share_of_equity(case.risk.max_asset_ratio))
        or above(
            DenialReason.EXPOSURE_LIMIT,
            case.valuation.exposure + case.notional,
            case.share_of_equity(case.risk.max_exposure_ratio),
        )
    )


def liquidation_beyond_stop(case: SizedOpening) -> Refused | None:
    if case.instrument.kind is not InstrumentKind.PERPETUAL:
        return None
    change = case.signal.side.sign * case.quantity * case.instrument.contract_size
    return margin_checks.liquidation_beyond_stop(
        case.settings, case.margin, case.key, change, case.worst_price, case.margin_terms
    )


def loss_in_bounds(case: Opening) -> Refused | None:
    return Refused(case.breach) if case.breach else None


def cash_suffices(case: SizedOpening) -> Refused | None:
    return above(DenialReason.INSUFFICIENT_BALANCE, case.notional * (1 + case.fee_ratio), case.available_cash)


def reserve_kept(case: SizedOpening) -> Refused | None:
    left = case.available_cash - case.notional * (1 + case.fee_ratio)
    if left < case.share_of_equity(case.risk.reserve_ratio):
        return Refused(DenialReason.RESERVE, plain(left))
    return None


BEFORE_SIZING: tuple[Check, ...] = (
    not_halted,
    opens_wanted,
    venue_ready,
    quote_believable,
    instrument_tradable,
    signal_current,
    signal_confident,
    price_not_drifted,
    target_pays_costs,
    balances_known,
)
AFTER_SIZING: tuple[SizedCheck, ...] = (
    on_grid,
    no_fat_finger,
    rate_in_bounds,
    positions_in_bounds,
    exposure_in_bounds,
    liquidation_beyond_stop,
    loss_in_bounds,
    cash_suffices,
    reserve_kept,
)
BESIDES_SIZE: tuple[Check, ...] = (
    *BEFORE_SIZING,
    rate_in_bounds,
    loss_in_bounds,
)  # whether more of it would be wanted at all


def judge(case: Case, checks: Iterable[Callable[[Case], Refused | None]]) -> Verdict:
    """Return the first refusal, or Allowed."""
    for check in checks:
        if refused := check(case):
            return refused
    return Allowed()


def judge_sized(case: Opening, quantity: Decimal, before: Iterable[Check], after: Iterable[SizedCheck]) -> Verdict:
    """Return the verdict on an opening whose quantity is known beforehand: the first refusal of all, or Allowed."""
    verdict = judge(case, before)
    if isinstance(verdict, Refused):
        return verdict
    whole = sized(case, quantity)
    return whole if isinstance(whole, Refused) else judge(whole, after)


def held_keys(portfolio: Portfolio, quotes: LatestQuotes, pending: tuple[OrderIntent, ...]) -> list[InstrumentId]:
    """Return the instrument once for each position that is not dust and each opening under way."""
    held = [
        key
        for key, position in portfolio.positions.items()
        if not is_small(quotes, key, position.quantity, position.average_price)
    ]
    opening = [plan.key for plan in portfolio.plans.values() if plan.intent.purpose is Purpose.OPEN]
    return held + opening + [InstrumentId.of(intent) for intent in pending if intent.purpose is Purpose.OPEN]


def is_small(quotes: LatestQuotes, key: InstrumentId, quantity: Decimal, fallback: Decimal) -> bool:
    """Tell whether a position is dust at what a close would be sent with; one of an unknown instrument never is."""
    instrument = quotes.instrument(*key)
    return instrument is not None and is_dust(instrument, quantity, quotes.closing_price(*key, fallback))


def opening_id(signal_id: str) -> str:
    """Return the intent_id of the opening that a signal causes."""
    return f"{signal_id}:open"


def close_quantity(portfolio: Portfolio, instrument: Instrument, foreign: ForeignOrders) -> Decimal:
    """Return what closes the position of ours: on the lot, and of a spot long never more than can be sold.

    What others' orders hold, nobody can; nor what an order of ours may have sold, until that is proven. Spot below
    zero is no short: what was sold beyond ours is not bought back. Of a derivative no wallet holds coins.
    """
    position = portfolio.position(instrument.id).quantity
    if instrument.kind is InstrumentKind.SPOT:
        sellable = min(position, foreign.free_coins(instrument))
        position = max(ZERO, sellable - portfolio.in_doubt(instrument.id))
    return instrument.round_quantity(abs(position))
