"""Wallets, positions, and what holding those has paid or cost, in the words of a report."""

from __future__ import annotations

from domain.instant import Instant
from domain.instrument import InstrumentId
from domain.ledger.account import Portfolio
from domain.market.latest_quotes import LatestQuotes
from domain.messages.positions import VenuePosition
from domain.messages.system import FundingLine, PositionLine
from domain.numbers import plain, shown
from domain.portfolio.margin import distance, margin_mode
from domain.portfolio.margin_reading import margin_account
from domain.portfolio.venue_positions import VenuePositions
from domain.settings import RiskSettings


def wallet_totals(portfolio: Portfolio) -> dict[str, str]:
    """Return by venue, currency and wallet what is there; of perpetuals raw cash: what positions cost is out of it."""
    return {f"{wallet.venue}:{wallet}": plain(total) for wallet, total in sorted(portfolio.balances.items()) if total}


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


def position_lines(
    portfolio: Portfolio, quotes: LatestQuotes, venues: VenuePositions, risk: RiskSettings, now: Instant
) -> tuple[PositionLine, ...]:
    """Return all positions of ours, in the order of their names."""
    return tuple(_line(portfolio, quotes, venues.of(key), key, risk, now) for key in sorted(portfolio.positions))


def _line(
    portfolio: Portfolio,
    quotes: LatestQuotes,
    told: VenuePosition | None,
    key: InstrumentId,
    risk: RiskSettings,
    now: Instant,
) -> PositionLine:
    """Return one position; what has no mark is empty, and what the venue told comes first."""
    position, (mark, _) = portfolio.position(key), quotes.mark(*key, now)
    terms = portfolio.terms(key)
    liquidation, by = told.liquidation_price if told else None, "venue"
    account = margin_account(portfolio, quotes, key.venue, risk, now) if terms.is_perpetual else None
    if liquidation is None and account and key in account.positions and mark is not None:
        liquidation, by = account.liquidation_price(key), "us"
    away = None if mark is None else distance(mark, liquidation)
    return PositionLine(
        key=str(key),
        quantity=plain(position.quantity),
        average_price=shown(position.average_price, 8),
        mark_price=plain(mark) if mark is not None else "",
        unrealized_pnl=shown(position.unrealized_pnl(mark) * terms.contract_size, 8) if mark is not None else "",
        liquidation_price=shown(liquidation, 8) if liquidation is not None else "",
        liquidation_distance=shown(away, 4) if away is not None else "",
        liquidation_by=by if liquidation is not None else "",
        margin=plain(told.margin) if told and told.margin is not None else "",
        leverage=plain(told.leverage) if told and told.leverage is not None else "",
        margin_mode=margin_mode(told.is_isolated) if told and told.is_isolated is not None else "",
    )
