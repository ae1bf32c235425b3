"""What an account has: currencies in wallets, and derivatives."""

from __future__ import annotations

from typing import NamedTuple

from domain.instrument import InstrumentId

PERPETUAL_WALLET = "perpetual"  # collateral of perpetuals, apart from the coins of the same venue


class Wallet(NamedTuple):
    """One currency in one wallet of one venue."""

    venue: str
    wallet: str  # empty: the venue's only one, or the one of spot
    currency: str

    def __str__(self) -> str:
        """Name it for people, within its venue."""
        return f"{self.currency} ({self.wallet})" if self.wallet else self.currency


Holding = Wallet | InstrumentId  # what one number of an account is about: money, or the quantity of a derivative
