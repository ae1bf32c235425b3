"""Positions, and what holding them has paid or cost, in the words of a report."""

from __future__ import annotations

from domain.instant import Instant
from domain.instrument import InstrumentId
from domain.ledger.account import Portfolio
from domain.market.latest_quotes import LatestQuotes
from domain.messages.system import FundingLine, PositionLine
from domain.numbers import plain, shown
from domain.portfolio.margin import distance
from domain.portfolio.margin_reading import margin_account
from domain.settings import RiskSettings


def funding_lines(portfolio: Portfolio) -> tuple[FundingLine, ...]:
    """Return what was paid so far by instrument; what a venue did not tell of the newest payment is empty."""
    return tuple(
        FundingLine(
            key=str(InstrumentId.of(total.newest)),
            currency=total.newest.currency,
            amount=plain(total.amount),
            rate="" if total.newest.rate is None else plain(total.newest.rate),
            quantity="" if total.newest.quantity is None else plain(total.newest.quantity),
            paid_at=total.newest.paid_at,
        )
        for total in portfolio.funding_totals
    )


def position_line(
    portfolio: Portfolio, quotes: LatestQuotes, key: InstrumentId, risk: RiskSettings, now: Instant
) -> PositionLine:
    """Return one position; what has no mark is empty."""
    position, (mark, _) = portfolio.position(key), quotes.mark(*key, now)
    terms, liquidation, away = portfolio.terms(key), None, None
    account = margin_account(portfolio, quotes, key.venue, risk, now) if terms.is_perpetual else None
    if account and key in account.positions and mark is not None:
        liquidation = account.liquidation_price(key)
        away = distance(mark, liquidation)
    return PositionLine(
        key=str(key),
        quantity=plain(position.quantity),
        average_price=shown(position.average_price, 8),
        mark_price=plain(mark) if mark is not None else "",
        unrealized_pnl=shown(position.unrealized_pnl(mark) * terms.contract_size, 8) if mark is not None else "",
        liquidation_price=shown(liquidation, 8) if liquidation is not None else "",
        liquidation_distance=shown(away, 4) if away is not None else "",
    )
