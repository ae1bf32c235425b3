"""How much to buy: the door from ratios to quantities. Refuses to round up: too small means none."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from domain.instrument import Instrument
from domain.ledger.position import is_dust
from domain.messages.denials import DenialReason
from domain.numbers import ZERO, divide, from_ratio
from domain.portfolio.opening import Opening, SizedOpening, sized
from domain.portfolio.risk_checks import AFTER_SIZING, BEFORE_SIZING, judge
from domain.portfolio.shared_checks import Refused
from domain.settings import RiskSettings


def judged_for_account(case: Opening) -> SizedOpening | Refused:
    """Return the opening in its size, or the first check of all that refuses it."""
    verdict = judge(case, BEFORE_SIZING)
    whole = verdict if isinstance(verdict, Refused) else sized_for_account(case)
    if isinstance(whole, Refused):
        return whole
    verdict = judge(whole, AFTER_SIZING)
    return verdict if isinstance(verdict, Refused) else whole


def sized_for_account(case: Opening) -> SizedOpening | Refused:
    """Return an opening with as much as its account may buy of it."""
    smallest = sized(case, ZERO)
    if isinstance(smallest, Refused):
        return smallest
    size = size_position(
        smallest.instrument,
        smallest.dearest_price,
        case.valuation.equity,
        case.available_cash,
        case.fee_ratio,
        case.risk,
    )
    return replace(smallest, quantity=size) if isinstance(size, Decimal) else Refused(size)


def spendable_cash(available: Decimal, equity: Decimal, fee_ratio: Decimal, risk: RiskSettings) -> Decimal:
    """Return the notional that `available` cash can pay for, taker fee and reserve taken off."""
    return divide(available - equity * from_ratio(risk.reserve_ratio), 1 + fee_ratio)


def size_position(
    instrument: Instrument,
    price: Decimal,
    equity: Decimal,
    available: Decimal,
    fee_ratio: Decimal,
    risk: RiskSettings,
) -> Decimal | DenialReason:
    """Return how much one position should hold, on the lot, or why none.

    Args:
        price: the dearest one that the order may pay, quote currency.
        available: cash of that venue and quote currency that nothing else has reserved.
        fee_ratio: what a taker pays there.
    """
    cash = spendable_cash(available, equity, fee_ratio, risk)
    if cash <= 0:
        return DenialReason.INSUFFICIENT_BALANCE
    wanted = equity * from_ratio(risk.position_ratio)
    notional = min(wanted, risk.max_order_notional, cash)
    quantity = instrument.round_quantity(
        min(divide(notional, price * instrument.contract_size), instrument.max_quantity)
    )
    return DenialReason.BELOW_MINIMUM if is_dust(instrument, quantity, price) else quantity
