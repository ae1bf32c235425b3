"""Which simulated venues there are: the one list of their fronts."""

from __future__ import annotations

from collections.abc import Callable

from adapters.simulator.coinbase_front import CoinbaseFront
from adapters.simulator.front import Front, Ground

FRONTS: dict[str, Callable[[Ground], Front]] = {  # venue -> how to build it; they open in this order
    "coinbase": CoinbaseFront,
}
