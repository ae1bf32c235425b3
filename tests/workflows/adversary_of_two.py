"""The adversary of a stage with perpetuals beside spot: what befalls Coinbase befalls the toy venue too, and prices jump."""

from __future__ import annotations

from typing import Any

from adapters.simulator.drawn_faults import draw_fault
from adapters.simulator.faults import MARKET_STREAM, InvalidFault
from domain.effects import Role
from tests.toy.rows import VENUE
from tests.workflows.adversary import CALM_S, HASTY, IMPORTANCE, LONGEST_S, MOODS, READ_LAG_S, ROLES, Adversary
from tests.workflows.two_venues import TwoVenues

PROVEN_S = 8.0  # an order that never landed is known as absent only so much later than at Coinbase
JUMPS = (0.985, 0.995, 1.005, 1.015)  # beyond a stop or a target, or not quite
COINS = ("BTC", "ETH", "SOL")


class AdversaryOfTwo(Adversary):
    """Half of what goes wrong at a venue goes wrong at the toy."""

    kind_of_scenario = TwoVenues
    haste = {
        **HASTY,
        "VENUES__HYPERLIQUID__REQUEST_TIMEOUT_S": "1",
        "VENUES__HYPERLIQUID__READ_LAG_S": str(READ_LAG_S),
        "VENUES__HYPERLIQUID__INSTRUMENTS": "BTC-USD,ETH-USD",
        "ORDERS__SEND_WITHIN_S": "1",
    }
    moods = (*MOODS[:-1], {**MOODS[-1], "SIMULATOR__ACCOUNTS__HYPERLIQUID__USDC": "1000000"})
    roles = {
        **dict(zip(ROLES, IMPORTANCE)),
        Role.EXCHANGE_GATEWAY.at(VENUE): 6,
        Role.PRICE_FEED.at(VENUE): 2,
        Role.CIRCUIT_BREAKER.at(VENUE): 1,
    }
    calm_s = CALM_S + PROVEN_S

    scenario: TwoVenues

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._misfortunes |= {self.fault_at_the_toy: 6, self.jump: 2}

    def fault_at_the_toy(self) -> None:
        for _ in range(self.random.choice((1, 1, 2, 4))):
            fault = self._drawn()
            self._tell(f"toy: fault {fault}")

    def _drawn(self) -> dict[str, Any]:
        """Order one that has a place there, and return it."""
        while True:
            fault = draw_fault(self.random, LONGEST_S, COINS, {"lag": READ_LAG_S})
            if fault["where"] == MARKET_STREAM:
                continue  # the public market's are Coinbase's business, and a price feed's own tests
            try:
                self.scenario.toy.inject(**fault)
            except InvalidFault:
                continue
            return fault

    def jump(self) -> None:
        base, ratio = self.random.choice(COINS), self.random.choice(JUMPS)
        self._tell(f"{base} jumps by {ratio}")
        self.scenario.move(base, ratio)

    def _clear_faults(self) -> None:
        super()._clear_faults()
        self.scenario.toy.faults.clear()
