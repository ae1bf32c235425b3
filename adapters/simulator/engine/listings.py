"""What each simulated venue lists: the same three assets, in its own spelling and on its own grid."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from domain.instrument import Instrument, InstrumentKind, Side

BASE_NAMES = {"BTC": "Bitcoin", "ETH": "Ethereum", "SOL": "Solana"}
OPENING_PRICES = {"BTC": 64_000.0, "ETH": 3_200.0, "SOL": 95.0}


class Listing(NamedTuple):
    instrument: Instrument

    @property
    def base_name(self) -> str:
        return BASE_NAMES[self.instrument.base]

    @property
    def opening_price(self) -> float:
        return OPENING_PRICES[self.instrument.base]

    def on_grid(self, price: float, side: Side) -> Decimal:
        """Return a price that the venue takes, never better than `price` for the side that gets it."""
        # Eight decimals are far below every tick: the float's noise must not decide a rounding.
        return self.instrument.round_price(Decimal(f"{price:.8f}"), side)


def _coinbase(base: str) -> Listing:
    return Listing(
        Instrument(
            venue="coinbase",
            name=f"{base}-USD",
            symbol=f"{base}-USD",
            base=base,
            quote="USD",
            tick_size=Decimal("0.01"),
            lot_size=Decimal("0.00000001"),
            min_quantity=Decimal("0.00000001"),
            max_quantity=Decimal("100000"),
            min_notional=Decimal("1"),
        )
    )


def _dydx(base: str, tick_size: str, step_size: str) -> Listing:
    return Listing(
        Instrument(
            venue="dydx",
            name=f"{base}-USD",
            symbol=f"{base}-USD",
            base=base,
            quote="USDC",
            tick_size=Decimal(tick_size),
            lot_size=Decimal(step_size),
            min_quantity=Decimal(step_size),
            max_quantity=Decimal("1000000"),
            min_notional=Decimal(0),
            kind=InstrumentKind.PERPETUAL,
        )
    )


def _hyperliquid(base: str, size_decimals: int) -> Listing:
    """List a perpetual: at most 6 - `size_decimals` decimals and 5 significant digits in a price."""
    lot_size = Decimal(1).scaleb(-size_decimals)
    instrument = Instrument(
        venue="hyperliquid",
        name=f"{base}-USD",
        symbol=base,
        base=base,
        quote="USDC",
        tick_size=Decimal(1).scaleb(size_decimals - 6),
        lot_size=lot_size,
        min_quantity=lot_size,
        max_quantity=Decimal("1000000"),
        min_notional=Decimal("10"),
        max_significant_digits=5,
        kind=InstrumentKind.PERPETUAL,
    )
    return Listing(instrument)


LISTINGS: dict[str, tuple[Listing, ...]] = {  # venue -> what it lists
    "coinbase": tuple(map(_coinbase, BASE_NAMES)),
    "dydx": (_dydx("BTC", "1", "0.0001"), _dydx("ETH", "0.1", "0.001"), _dydx("SOL", "0.01", "0.1")),
    "hyperliquid": (_hyperliquid("BTC", 5), _hyperliquid("ETH", 4), _hyperliquid("SOL", 2)),
}
VENUES = tuple(LISTINGS)
