"""How Hyperliquid calls what we trade: a perpetual goes by its coin, and costs dollars. Pure."""

from __future__ import annotations

_PERPETUAL = "-USD"  # priced in dollars, settled in USDC


def coin_of(name: str) -> str:
    """Return the venue's word for an instrument: "BTC-USD" is BTC, "kPEPE-USD" is kPEPE."""
    return name.removesuffix(_PERPETUAL)


def name_of(coin: str) -> str:
    """Return our name of what the venue lists as `coin`, another one for each.

    Coins of other exchanges ("xyz:TSLA") and of the spot market ("@107", "PURR/USDC") keep the venue's word.
    """
    return coin + _PERPETUAL
