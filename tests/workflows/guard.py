"""How long positions have been bare, and what may excuse it: the venue's truth, watched from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from adapters.simulator.engine.venue_order import VenueStatus
from adapters.simulator.faults import Fault
from domain.instant import SECOND_NS
from tests.workflows.trading_scenario import TradingScenario

LOOK_EVERY_S = 0.25
LASTING = frozenset(  # these go on for their `seconds` once they have struck
    "delay late_accept slow_handshake half_open silence stall late lag no_snapshot drip".split()
)
UNANSWERED = frozenset("timeout_before_accept timeout_after_accept refuse 5xx_after_accept".split())


class Guard:
    """Counts, per product, for how long in a row a position had no cover while nothing was wrong.

    Nothing is wrong from when the last fault has struck and its effect, as drawn, is over.

    Attributes:
        longest_s: of all such spells.
        worst: the product and the end of that one.
    """

    def __init__(self, scenario: TradingScenario) -> None:
        self.scenario = scenario
        self.longest_s = 0.0
        self.worst = ""
        self._quiet_from_ns = 0  # by the world's clock
        self._bare_since_ns: dict[str, int] = {}  # product ->
        self._timeout_s = scenario.settings.venues["coinbase"].request_timeout_s
        plan = scenario.world._faults["coinbase"]
        plan.draw = self._noting(plan.draw)  # every fault that strikes is seen as it does

    def disturbed(self, effect_s: float = 0.0) -> None:
        """Excuse whoever is bare until `effect_s` from now."""
        self._quiet_from_ns = max(self._quiet_from_ns, self._now_ns() + round(effect_s * SECOND_NS))

    def advance(self, seconds: float) -> None:
        """Let the stage go on, and look at every step."""
        left_s = seconds
        while left_s > 0:
            step_s = min(left_s, LOOK_EVERY_S)
            self.scenario.stage.advance(seconds=step_s)
            self._look()
            left_s -= step_s

    def _noting(self, draw: Callable[..., Fault | None]) -> Callable[..., Fault | None]:
        def noted(*args: Any, **how: Any) -> Fault | None:
            fault = draw(*args, **how)
            if fault is not None:
                self.disturbed(self._effect_s(fault))
            return fault

        return noted

    def _effect_s(self, fault: Fault) -> float:
        if fault.kind in LASTING:
            return fault.seconds + (fault.late_by if fault.kind == "late" else 0.0)
        if fault.kind in UNANSWERED:
            return self._timeout_s
        return fault.retry_after if fault.kind in ("429", "retry_after") else 0.0

    def _look(self) -> None:
        now_ns = self._now_ns()
        for symbol, is_bare in self._bareness().items():
            if not is_bare:
                self._bare_since_ns.pop(symbol, None)
                continue
            since_ns = max(self._bare_since_ns.setdefault(symbol, now_ns), self._quiet_from_ns)
            spell_s = (now_ns - since_ns) / SECOND_NS
            if spell_s > self.longest_s:
                self.longest_s, self.worst = spell_s, f"{symbol} at {self.scenario.stage.now_s():.2f} s"

    def _bareness(self) -> Mapping[str, bool]:
        """Tell of each product whether more is held than resting or working sales cover."""
        exchange = self.scenario.world.exchange
        sold: dict[str, Decimal] = {}
        for order in exchange.live_orders():
            if order.status is VenueStatus.PENDING:
                continue  # it is kept, and guards nothing
            symbol = order.asked.product_id
            sold[symbol] = sold.get(symbol, Decimal(0)) + order.leaves
        # What a person bought is no position of ours, and needs no stop.
        inventory = self.scenario.inventory() if self.scenario.by_hand else {}
        bare = {}
        for symbol, product in exchange.market.products.items():
            instrument = product.instrument
            held = exchange.ledger.total(instrument.base) - inventory.get(instrument.base, Decimal(0))
            left = held - sold.get(symbol, Decimal(0))
            bare[symbol] = left * product.tape.last_price >= instrument.min_notional
        return bare

    def _now_ns(self) -> int:
        return self.scenario.stage.clock.true.now().utc_ns
