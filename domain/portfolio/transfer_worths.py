"""What came or went without a trade while nobody told its price: its worth is settled at the first price since.

Until then it counts at the newest price, so that its coins are neither profit nor loss.
"""

from __future__ import annotations

from collections.abc import Iterator

from domain.instant import Instant
from domain.ledger.wallets import Wallets
from domain.market.latest_quotes import DOLLARS, LatestQuotes
from domain.messages.account import ValueTransfer


def transfers_to_value(wallets: Wallets, quotes: LatestQuotes, now: Instant) -> Iterator[ValueTransfer]:
    """Yield those that have a price now; of what is not held any more no better price will come than the last one."""
    for wallet, quantity in wallets.transfers.items():
        venue, name, currency = wallet
        if not quantity or currency in DOLLARS:
            continue  # a dollar is always worth one
        price, is_fresh = quotes.price_of(venue, currency, now)
        if price is not None and (is_fresh or not wallets.balances.get(wallet)):
            worth = quantity * price
            yield ValueTransfer(venue=venue, wallet=name, currency=currency, quantity=quantity, worth=worth)
