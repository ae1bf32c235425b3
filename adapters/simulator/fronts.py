"""Which simulated venues there are: the one list of their fronts."""

from __future__ import annotations

from collections.abc import Callable

from adapters.simulator.coinbase.front import CoinbaseFront
from adapters.simulator.dydx.front import DydxFront
from adapters.simulator.front import Front, Ground
from adapters.simulator.hyperliquid.front import HyperliquidFront

FRONTS: dict[str, Callable[[Ground], Front]] = {  # venue -> how to build it; they open in this order
    "coinbase": CoinbaseFront,
    "dydx": DydxFront,
    "hyperliquid": HyperliquidFront,
}
