"""How Hyperliquid calls what we trade: a perpetual goes by its coin, a spot pair by both. Pure."""

from __future__ import annotations

_PERPETUALS = "-USD"  # all of them are priced in dollars and settled in USDC


def coin_of(name: str) -> str:
    """Return the venue's word for an instrument: "BTC-USD" is BTC, "PURR-USDC" is PURR/USDC."""
    if name.endswith(_PERPETUALS):
        return name.removesuffix(_PERPETUALS)
    return name.replace("-", "/")


def name_of(coin: str) -> str:
    """Return our name of what the venue lists as `coin`."""
    return coin.replace("/", "-") if "/" in coin else coin + _PERPETUALS
