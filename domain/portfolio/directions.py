"""On which side an instrument is held or being opened, and whether a signal calls for more of that or for its end.

Spot is never short: a sale only ever ends a position. A perpetual may be, where `risk.allow_short` says so; turning
from one side to the other is an exit, and then, by another signal, an opening.
"""

from __future__ import annotations

from collections.abc import Iterable

from domain.instrument import InstrumentId, Side
from domain.ledger.account import Portfolio
from domain.market.latest_quotes import LatestQuotes
from domain.messages.orders import OrderIntent, Purpose
from domain.portfolio.risk_checks import is_small
from domain.settings import RiskSettings


def held_side(portfolio: Portfolio, quotes: LatestQuotes, key: InstrumentId) -> Side | None:
    """Return the side of a position that is worth closing; None where there is none."""
    position = portfolio.position(key)
    if is_small(quotes, key, position.quantity, position.average_price):
        return None
    if position.quantity < 0:
        return Side.SELL if portfolio.terms(key).is_perpetual else None
    return Side.BUY if position.quantity else None


def direction(
    portfolio: Portfolio, quotes: LatestQuotes, pending: Iterable[OrderIntent], key: InstrumentId
) -> Side | None:
    """Return the side of what is held, else of an opening under way; None where there is neither.

    Args:
        pending: intents decided but not journaled yet.
    """
    if side := held_side(portfolio, quotes, key):
        return side
    openings = [plan.intent for plan in portfolio.plans_of(*key, Purpose.OPEN)]
    openings += [it for it in pending if it.purpose is Purpose.OPEN and InstrumentId.of(it) == key]
    return openings[0].side if openings else None


def is_exit(side: Side, heading: Side | None, may_be_short: bool) -> bool:
    """Tell whether a signal on `side` calls for an end, not for an opening.

    Args:
        heading: the direction there.
    """
    if heading is None:
        return side is Side.SELL and not may_be_short
    return side is not heading


def may_be_short(portfolio: Portfolio, key: InstrumentId, risk: RiskSettings) -> bool:
    return risk.allow_short and portfolio.terms(key).is_perpetual
