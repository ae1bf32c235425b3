"""What money an instrument moves: by its definition in the journal, or by its name where there is none. Pure.

Journals of before definitions, and fills of others in what we never traded, have names only.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from domain.instrument import Instrument, InstrumentKind
from domain.ledger.wallet import PERPETUAL_WALLET, Wallet


class Terms(NamedTuple):
    """Currencies and kind of one instrument."""

    base: str
    quote: str
    settlement: str  # currency that profit is paid in; of spot the quote
    kind: InstrumentKind | None  # None: nobody told, and the name doesn't say; it moves nothing that we know of
    contract_size: Decimal = Decimal(1)  # base units per unit of quantity

    @property
    def is_perpetual(self) -> bool:
        return self.kind is InstrumentKind.PERPETUAL

    @property
    def wallet(self) -> str:
        """Return the wallet that its fills move."""
        return PERPETUAL_WALLET if self.is_perpetual else ""

    def cash(self, venue: str) -> Wallet:
        """Return where its buyers pay from, and its sellers are paid to."""
        return Wallet(venue, self.wallet, self.settlement)


def terms_of(instrument: Instrument) -> Terms:
    return Terms(
        base=instrument.base,
        quote=instrument.quote,
        settlement=instrument.settles_in,
        kind=instrument.kind,
        contract_size=instrument.contract_size,
    )


@lru_cache(4096)
def terms_by_name(name: str) -> Terms:
    """Return what a name such as "BTC-USD" says: a spot pair, or of unknown kind; what it doesn't say is empty."""
    base, _, rest = name.partition("-")
    quote = rest.partition("-")[0]
    return Terms(base, quote, quote, InstrumentKind.SPOT if spot_currencies(name) else None)


def spot_currencies(name: str) -> tuple[str, str] | None:
    """Return base and quote of what is a spot pair by its name; None of perpetuals, futures and the unknown."""
    parts = name.split("-")
    return (parts[0], parts[1]) if len(parts) == 2 and all(parts) else None
