"""Positions that no order can close where they are: smaller than the venue takes, and worth more than dust is.

A venue may raise its minimum at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from domain.instrument import InstrumentId, InstrumentKind
from domain.ledger.account import Portfolio
from domain.market.latest_quotes import LatestQuotes
from domain.portfolio.risk_checks import is_small


def stuck_positions(books: Portfolio, quotes: LatestQuotes, above: Decimal) -> Iterator[InstrumentId]:
    """Yield those worth more than `above`, in quote currency. Spot below zero is no position that could be closed."""
    for key, position in books.positions.items():
        instrument = quotes.instrument(*key)
        if instrument is None or (instrument.kind is InstrumentKind.SPOT and position.quantity < 0):
            continue
        price = quotes.price(*key) or position.average_price
        worth = abs(position.quantity) * price * instrument.contract_size
        if worth > above and is_small(quotes, key, position.quantity, position.average_price):
            yield key
