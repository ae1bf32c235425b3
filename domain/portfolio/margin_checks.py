"""What perpetuals add to the gate: collateral in place of cash, and a liquidation farther away than the stop."""

from __future__ import annotations

from decimal import Decimal

from domain.instrument import InstrumentId
from domain.messages.denials import DenialReason
from domain.numbers import ZERO, from_ratio, plain
from domain.portfolio.margin import MarginAccount, MarginTerms
from domain.portfolio.shared_checks import Refused, above
from domain.settings import Settings


def buying_power(account: MarginAccount | None, terms: MarginTerms) -> Decimal:
    """Return the notional that free collateral may carry; none where the account can't be reckoned."""
    return ZERO if account is None else account.free_collateral * terms.leverage


def leverage_in_bounds(
    settings: Settings, account: MarginAccount | None, key: InstrumentId, added: Decimal
) -> Refused | None:
    """Refuse more notional than an account of perpetuals may carry, whatever each position binds.

    Args:
        added: the notional of what may still be opened there, this opening included.
    """
    if account is None:
        return Refused(DenialReason.UNKNOWN_EQUITY, f"no margin known at {key.venue}")
    limit = account.value * from_ratio(settings.risk.max_leverage)
    return above(DenialReason.LEVERAGE_LIMIT, account.notional + added, limit)


def liquidation_beyond_stop(
    settings: Settings,
    account: MarginAccount | None,
    key: InstrumentId,
    change: Decimal,
    price: Decimal,
    terms: MarginTerms,
) -> Refused | None:
    """Refuse what the venue would liquidate before our stop had its turn.

    Args:
        change: base units, signed.
        price: the worst that it may trade at.
    """
    if account is None:
        return Refused(DenialReason.UNKNOWN_EQUITY, f"no margin known at {key.venue}")
    after = account.after(key, change, price, terms)
    position = after.positions.get(key)
    liquidation = after.liquidation_price(key) if position else None
    if position is None or liquidation is None:
        return None
    sign = 1 if position.quantity > 0 else -1
    stop = position.entry_price * (1 - sign * from_ratio(settings.protection.stop_loss_ratio))
    if sign * (stop - liquidation) > 0:
        return None
    return Refused(DenialReason.LIQUIDATION_NEAR, f"{liquidation:.8g} before a stop at {plain(stop):.12}")
