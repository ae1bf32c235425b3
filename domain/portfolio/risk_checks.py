"""The gate before every opening: named checks in the order of docs/money.md 3; the first that refuses is the verdict.

Reducing orders never come here (docs/money.md section 3): they pass only the lot and the clamp, which
`close_quantity` applies. It refuses to correct an order: what breaks a limit is not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct

from domain.clocks import deadline, is_void
from domain.instant import DAY_NS, HOUR_NS
from domain.instrument import Instrument, InstrumentId, InstrumentKind
from domain.ledger.account import Portfolio
from domain.ledger.position import is_dust
from domain.market.latest_quotes import LatestQuotes
from domain.messages.denials import DenialReason
from domain.messages.orders import OrderIntent, Purpose
from domain.numbers import ZERO, divide, from_ratio, plain
from domain.portfolio import margin_checks, shared_checks
from domain.portfolio.foreign_orders import ForeignOrders
from domain.portfolio.opening import Opening, SizedOpening, sized
from domain.portfolio.shared_checks import Refused, above


class Allowed(Struct, frozen=True):
    """Every check passed."""


RiskVerdict = Allowed | Refused


Case = TypeVar("Case", bound=Opening)
Check = Callable[[Opening], Refused | None]
SizedCheck = Callable[[SizedOpening], Refused | None]


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
    position = abs(case.portfolio.position(case.key).quantity) * case.dearest_price * case.instrument.contract_size
    gross = case.valuation.gross.get(base, ZERO)
    return (
        above(DenialReason.POSITION_LIMIT, position + case.notional, case.share_of_equity(case.risk.max_position_ratio))
        or above(DenialReason.ASSET_LIMIT, gross + case.notional, case.share_of_equity(case.risk.max_asset_ratio))
        or above(
            DenialReason.EXPOSURE_LIMIT,
            case.valuation.exposure + case.notional,
            case.share_of_equity(case.risk.max_exposure_ratio),
        )
        or above(
            DenialReason.VENUE_LIMIT,
            case.valuation.by_venue.get(case.signal.venue, ZERO) + case.notional,
            case.share_of_equity(case.risk.max_venue_ratio),
        )
    )


def net_in_bounds(case: SizedOpening) -> Refused | None:
    """Refuse what leads further from zero than an asset may be, over all venues, spot and perpetuals summed."""
    before = case.valuation.net_notional.get(case.portfolio.terms(case.key).base, ZERO)
    after = abs(before + case.signal.side.sign * case.notional)
    if after <= abs(before):
        return None
    return above(DenialReason.NET_LIMIT, after, case.share_of_equity(case.risk.max_net_ratio))


def leverage_in_bounds(case: SizedOpening) -> Refused | None:
    """Refuse what makes the perpetuals of a venue too much for what their account is worth."""
    if case.instrument.kind is not InstrumentKind.PERPETUAL:
        return None
    return margin_checks.leverage_in_bounds(case.settings, case.margin, case.key, case.promised + case.notional)


def liquidation_beyond_stop(case: SizedOpening) -> Refused | None:
    if case.instrument.kind is not InstrumentKind.PERPETUAL:
        return None
    change = case.signal.side.sign * case.quantity * case.instrument.contract_size
    return margin_checks.liquidation_beyond_stop(
        case.settings, case.margin, case.key, change, case.worst_price, case.margin_terms
    )


def with_the_net(case: Opening) -> Refused | None:
    """Refuse what would stand against the asset's other positions: two costs, and no risk taken (docs/money.md 3)."""
    base = case.portfolio.terms(case.key).base
    net = case.valuation.net.get(base, ZERO) * case.signal.side.sign
    return Refused(DenialReason.AGAINST_NET, f"{base} {plain(net)}") if net < 0 else None


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
    with_the_net,
    exposure_in_bounds,
    net_in_bounds,
    leverage_in_bounds,
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


def judge(case: Case, checks: Iterable[Callable[[Case], Refused | None]]) -> RiskVerdict:
    """Return the first refusal, or Allowed."""
    for check in checks:
        if refused := check(case):
            return refused
    return Allowed()


def judge_sized(case: Opening, quantity: Decimal, before: Iterable[Check], after: Iterable[SizedCheck]) -> RiskVerdict:
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
