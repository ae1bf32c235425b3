"""Positions in the words of a report."""

from __future__ import annotations

from domain.instrument import InstrumentId
from domain.ledger.account import Portfolio
from domain.market.latest_quotes import LatestQuotes
from domain.messages.system import PositionLine
from domain.numbers import plain, shown


def position_line(portfolio: Portfolio, quotes: LatestQuotes, key: InstrumentId) -> PositionLine:
    """Return one position; what has no mark is empty."""
    position, mark = portfolio.position(key), quotes.price(*key)
    return PositionLine(
        key=str(key),
        quantity=plain(position.quantity),
        average_price=shown(position.average_price, 8),
        mark_price=plain(mark) if mark is not None else "",
        unrealized_pnl=shown(position.unrealized_pnl(mark), 8) if mark is not None else "",
    )
