"""The margin account of one venue as books, marks and listings tell it."""

from __future__ import annotations

from domain.instant import Instant
from domain.ledger.account import Portfolio
from domain.ledger.wallet import PERPETUAL_WALLET
from domain.market.latest_quotes import LatestQuotes
from domain.numbers import ZERO
from domain.portfolio.margin import MarginAccount, MarginPosition, margin_terms
from domain.settings import RiskSettings


def margin_account(
    portfolio: Portfolio, quotes: LatestQuotes, venue: str, risk: RiskSettings, now: Instant
) -> MarginAccount | None:
    """Return what stands behind the perpetuals there, others' positions included: they share the collateral.

    Returns:
        None where a mark, an instrument or what a currency is worth is not known.
    """
    cash, positions = ZERO, {}
    for wallet, total in portfolio.balances.items():
        if wallet.venue == venue and wallet.wallet == PERPETUAL_WALLET and total:
            price, _ = quotes.price_of(venue, wallet.currency, now)
            if price is None:
                return None
            cash += total * price
    for key, quantity in portfolio.derivatives.items():
        if key.venue != venue or not quantity:
            continue
        (mark, _), instrument = quotes.mark(*key, now), quotes.instrument(*key)
        if mark is None or instrument is None:
            return None
        size = quantity * portfolio.terms(key).contract_size
        entry = portfolio.position(key).average_price or mark  # others' entries nobody told
        positions[key] = MarginPosition(size, entry, mark, margin_terms(instrument, risk))
    return MarginAccount(cash, positions)
