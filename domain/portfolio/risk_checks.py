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
from domain.instrument import Instrument, InstrumentKind, Side
from domain.ledger.account import Portfolio
from domain.ledger.cash_flows import currencies
from domain.ledger.position import is_dust
from domain.market.latest_quotes import LatestQuotes, is_in_dollars
from domain.messages.market import Quote
from domain.messages.orders import OrderIntent, Purpose
from domain.messages.signals import Signal
from domain.numbers import ZERO, divide, from_ratio, plain
from domain.portfolio.foreign_orders import ForeignOrders
from domain.portfolio.opening_rate import OpeningRate
from domain.portfolio.valuation import Valuation
from domain.settings import RiskSettings, Settings


class Allowed(Struct, frozen=True):
    """Every check passed."""


class Refused(Struct, frozen=True):
    """One check did not pass."""

    reason: str  # in one word, to be counted
    detail: str = ""  # the numbers, for a person


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
    unready: str  # why the venue takes no openings, e.g. "breaker_open"; empty when it does
    breach: str  # the loss limit that is broken, empty when none

    @property
    def key(self) -> tuple[str, str]:
        return self.signal.venue, self.signal.instrument

    @property
    def risk(self) -> RiskSettings:
        return self.settings.risk

    @property
    def fee_ratio(self) -> Decimal:
        return self.quotes.taker_fee_ratio(self.signal.venue)

    @property
    def available_cash(self) -> Decimal:
        """Return the venue's cash in the quote currency that no other decision may still take."""
        venue, quote = self.signal.venue, currencies(self.signal.instrument)[1]
        # A limit may lie as far from the mid as the fat-finger check lets it.
        cost_ratio = self.fee_ratio + from_ratio(self.risk.max_deviation_ratio)
        pending = sum(
            (
                intent.quantity * intent.reference_price
                for intent in self.pending
                if intent.side is Side.BUY and intent.venue == venue and currencies(intent.instrument)[1] == quote
            ),
            ZERO,
        )
        balance = self.portfolio.balances.get((venue, quote), ZERO)
        reserved = self.portfolio.reserved_cash(venue, quote, cost_ratio)
        foreign = self.foreign.cash(venue, quote)
        return balance - reserved - (pending + foreign) * (1 + cost_ratio)

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
        return Refused("unknown_instrument")
    if case.quote is None:
        return Refused("no_quote")
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
    return Refused("halted", f"{halt.scope}: {halt.reason}") if halt else None


def opens_wanted(case: Opening) -> Refused | None:
    venue, instrument = case.key
    return Refused("closes_only") if instrument in case.settings.venues[venue].closes_only else None


def venue_ready(case: Opening) -> Refused | None:
    return Refused(case.unready) if case.unready else None


def quote_believable(case: Opening) -> Refused | None:
    trouble = case.quotes.trouble(*case.key, case.now)
    return Refused(trouble) if trouble else None


def instrument_tradable(case: Opening) -> Refused | None:
    if case.instrument is None:
        return Refused("unknown_instrument")
    if case.instrument.kind is not InstrumentKind.SPOT:
        return Refused("not_spot", f"{case.instrument.key} is a {case.instrument.kind}")
    if not is_in_dollars(case.instrument):
        return Refused("not_in_dollars", f"{case.instrument.key} is priced in {case.instrument.quote}")
    return None if case.quotes.is_tradable(case.instrument) else Refused("not_tradable")


def signal_current(case: Opening) -> Refused | None:
    expiry = deadline(case.signal.expires_at, case.signal.expires_ns, case.now)
    return Refused("expired") if is_void(expiry, case.now) else None


def signal_confident(case: Opening) -> Refused | None:
    if case.signal.confidence < case.risk.min_confidence:
        return Refused("low_confidence", f"{case.signal.confidence:.3f} < {case.risk.min_confidence}")
    return None


def price_not_drifted(case: Opening) -> Refused | None:
    if case.quote is None:
        return Refused("no_quote")
    drift = divide(abs(case.quote.mid_price - case.signal.candle_close), case.signal.candle_close)
    return _above("price_drift", drift, from_ratio(case.risk.max_price_drift_ratio))


def target_pays_costs(case: Opening) -> Refused | None:
    """A signal brings no forecast, so the move we hope for is the distance to the target."""
    quote = case.quote
    if quote is None:
        return Refused("no_quote")
    spread = divide(quote.ask_price - quote.bid_price, quote.mid_price)
    needed = from_ratio(case.risk.min_edge_cost_ratio) * (2 * case.fee_ratio + spread)
    return _above("edge_below_cost", needed, from_ratio(case.settings.protection.take_profit_ratio))


def on_grid(case: SizedOpening) -> Refused | None:
    """Refuse, too, what could not be closed again."""
    if is_dust(case.instrument, case.quantity, case.quotes.closing_price(*case.key, case.mid_price)):
        return Refused("below_minimum", plain(case.quantity))
    if case.instrument.round_quantity(case.quantity) != case.quantity:
        return Refused("off_grid", plain(case.quantity))
    return _above("above_maximum", case.quantity, case.instrument.max_quantity)


def no_fat_finger(case: SizedOpening) -> Refused | None:
    deviation = divide(abs(case.worst_price - case.mid_price), case.mid_price)
    return _above("fat_finger", case.notional, case.risk.max_order_notional) or _above(
        "price_deviation", deviation, from_ratio(case.risk.max_deviation_ratio)
    )


def rate_in_bounds(case: Opening) -> Refused | None:
    pending = sum(intent.purpose is Purpose.OPEN for intent in case.pending)
    last_hour = case.openings.within(HOUR_NS, case.now) + pending
    last_day = case.openings.within(DAY_NS, case.now) + pending
    if last_hour >= case.risk.orders_per_hour:
        return Refused("orders_per_hour", f"{last_hour}")
    if last_day >= case.risk.orders_per_day:
        return Refused("orders_per_day", f"{last_day}")
    return None


def balances_known(case: Opening) -> Refused | None:
    if case.signal.venue not in case.portfolio.venues:
        return Refused("unknown_balance", case.signal.venue)
    if case.valuation.is_complete:
        return None
    return Refused("unknown_equity", f"incomplete: {', '.join(case.valuation.missing)}")


def positions_in_bounds(case: Opening) -> Refused | None:
    held = held_keys(case.portfolio, case.quotes, case.pending)
    if held.count(case.key) >= case.risk.max_positions_per_instrument:
        return Refused("positions_per_instrument", f"{held.count(case.key)}")
    if case.key not in held and len(set(held)) >= case.risk.max_positions:
        return Refused("max_positions", f"{len(set(held))}")
    return None


def exposure_in_bounds(case: SizedOpening) -> Refused | None:
    base = currencies(case.signal.instrument)[0]
    position = abs(case.portfolio.position(*case.key).quantity) * case.worst_price
    gross = case.valuation.gross.get(base, ZERO)
    return (
        _above("position_limit", position + case.notional, case.share_of_equity(case.risk.max_position_ratio))
        or _above("asset_limit", gross + case.notional, case.share_of_equity(case.risk.max_asset_ratio))
        or _above(
            "exposure_limit",
            case.valuation.exposure + case.notional,
            case.share_of_equity(case.risk.max_exposure_ratio),
        )
    )


def loss_in_bounds(case: Opening) -> Refused | None:
    return Refused(case.breach) if case.breach else None


def cash_suffices(case: SizedOpening) -> Refused | None:
    return _above("insufficient_balance", case.notional * (1 + case.fee_ratio), case.available_cash)


def reserve_kept(case: SizedOpening) -> Refused | None:
    left = case.available_cash - case.notional * (1 + case.fee_ratio)
    if left < case.share_of_equity(case.risk.reserve_ratio):
        return Refused("reserve", plain(left))
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


def held_keys(portfolio: Portfolio, quotes: LatestQuotes, pending: tuple[OrderIntent, ...]) -> list[tuple[str, str]]:
    """Return (venue, instrument) once for each position that is not dust and each opening under way."""
    held = [
        key
        for key, position in portfolio.positions.items()
        if not is_small(quotes, key, position.quantity, position.average_price)
    ]
    intents = [plan.intent for plan in portfolio.plans.values()] + list(pending)
    return held + [(intent.venue, intent.instrument) for intent in intents if intent.purpose is Purpose.OPEN]


def is_small(quotes: LatestQuotes, key: tuple[str, str], quantity: Decimal, fallback: Decimal) -> bool:
    """Tell whether a position is dust at what a close would be sent with; one of an unknown instrument never is."""
    instrument = quotes.instrument(*key)
    return instrument is not None and is_dust(instrument, quantity, quotes.closing_price(*key, fallback))


def opening_id(signal_id: str) -> str:
    """Return the intent_id of the opening that a signal causes."""
    return f"{signal_id}:open"


def close_quantity(portfolio: Portfolio, instrument: Instrument, foreign: ForeignOrders) -> Decimal:
    """Return what closes the position of ours: on the lot, and of a spot long never more than can be sold.

    What others' orders hold, nobody can. Spot below zero is no short: what was sold beyond ours is not bought back.
    Of a derivative no wallet holds coins.
    """
    position = portfolio.position(instrument.venue, instrument.name).quantity
    if instrument.kind is InstrumentKind.SPOT:
        position = max(ZERO, min(position, foreign.free_coins(instrument)))
    return instrument.round_quantity(abs(position))


def _above(reason: str, number: Decimal, limit: Decimal) -> Refused | None:
    if number <= limit:
        return None
    return Refused(reason, f"{number:.8g} > {limit:.8g}")
