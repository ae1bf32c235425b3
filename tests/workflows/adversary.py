"""Misfortunes on the stage, in an order that only a seed knows: crashes, faults, stops and restarts.

The adversary does what a bad day does and nothing else; what must hold afterwards is the tests' to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from random import Random

from actors.stage.toolbox import Killed, MemoryJournal
from adapters.simulator.drawn_faults import draw_fault
from adapters.simulator.hand_trades import InvalidTrade
from domain.effects import Role
from domain.instant import SECOND_NS
from domain.messages.base import Event
from domain.messages.journal import JournalEntry
from domain.messages.orders import Purpose
from domain.numbers import divide, plain
from tests.workflows.guard import Guard
from tests.workflows.trading_scenario import TradingScenario

HELD_S = 15.0  # an order that should end at once: long enough that only a cancel ends it in time
READ_LAG_S = 0.5  # of the venue: its reads may show what was so long ago
HASTY = {  # so that a misfortune is over, and proven to be over, within seconds
    "VENUES__COINBASE__REQUEST_TIMEOUT_S": "1",
    "VENUES__COINBASE__ORDER_TOKEN_TTL_S": "3",
    "ORDERS__ABSENT_TWICE_APART_S": "1",
    "VENUES__COINBASE__READ_LAG_S": str(READ_LAG_S),
    "BREAKER__OPEN_S": "1",
    "BREAKER__OPEN_CAP_S": "1",
    "SUPERVISION__RESTARTS_PER_MINUTE": "1000",
}
MOODS = (  # of the market and of the account
    {},
    {"SIMULATOR__VOLATILITY": "0.002"},
    {  # targets and stops are hit all the time
        "SIMULATOR__VOLATILITY": "0.0008",
        "PROTECTION__STOP_LOSS_RATIO": "0.002",
        "PROTECTION__TAKE_PROFIT_RATIO": "0.002",
    },
    {  # orders that take more than the book has, or that nobody fills at once
        "SIMULATOR__BALANCES__USD": "1000000",
        "RISK__MAX_ORDER_NOTIONAL": "100000",
        "RISK__POSITION_RATIO": "0.06",
        "PROTECTION__TAKE_PROFIT_RATIO": "0.002",
    },
)
ROLES = (
    str(Role.ORDER_ROUTER),
    str(Role.PORTFOLIO),
    Role.EXCHANGE_GATEWAY.at("coinbase"),
    Role.PRICE_FEED.at("coinbase"),
    str(Role.SIGNAL_ENGINE),
    Role.CIRCUIT_BREAKER.at("coinbase"),
    str(Role.RECORDER),
    str(Role.MONITOR),
    str(Role.DEAD_LETTERS),
)
IMPORTANCE = (6, 5, 6, 2, 2, 1, 1, 1, 1)
PRODUCTS = ("BTC-USD", "ETH-USD", "SOL-USD")
LONGEST_S = 2.5  # of a fault: a create's token must expire later than its order can arrive
CALM_S = 8.0
REST_S = 1.0
BACK_WITHIN_S = 2.0  # after the last crash everybody is up again, and has asked the venue


class FragileJournal(MemoryJournal):
    """A journal whose writer dies at one of its next appends, just before or just after it."""

    def __init__(self) -> None:
        super().__init__()
        self.appends_left = 0  # the last one kills; 0 = none does
        self.kills_before = False

    def append(self, events: Sequence[Event], recorded_at: int) -> tuple[JournalEntry, ...]:
        is_last = self.appends_left == 1
        self.appends_left = max(0, self.appends_left - 1)
        if is_last and self.kills_before:
            raise Killed
        entries = super().append(events, recorded_at)
        if is_last:
            raise Killed
        return entries


class Adversary:
    """One trading scenario and all that goes wrong in it.

    Attributes:
        trace: what was done when, for whoever must find out why it was too much.
        failures: handlers that raised, over all runs.
        asked_to_pause: a venue may have said that it wants no requests for a minute.
    """

    kind_of_scenario: type[TradingScenario] = TradingScenario
    haste: Mapping[str, str] = HASTY
    moods: Sequence[Mapping[str, str]] = MOODS
    roles: Mapping[str, int] = dict(zip(ROLES, IMPORTANCE))  # who may be killed, and how much more often
    calm_s: float = CALM_S

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        mood = self.random.choice(self.moods)
        self.scenario = self.kind_of_scenario(seed, **self.haste, **mood, SIMULATOR__SEED=str(seed))
        self.scenario.stage.toolbox.memory_journal = self.journal = FragileJournal()
        self.trace: list[str] = []
        self.failures: list[str] = []
        self.asked_to_pause = False
        self._misfortunes = {
            self.crash: 4,
            self.crash_while_journaling: 3,
            self.fault: 6,
            self.lose_the_supervisor: 1,
            self.stop_and_start: 1,
            self.cut_the_power: 1,
            self.trade_by_hand: 1,
            self.sleep: 1,
            self.set_the_clock: 1,
        }
        self.guard = Guard(self.scenario)

        self.scenario.stage.boot()
        self._pause(0, 4)

    def play(self, misfortunes: int) -> None:
        kinds, weights = zip(*self._misfortunes.items())
        for _ in range(misfortunes):
            self.random.choices(kinds, weights)[0]()
            self.guard.disturbed(BACK_WITHIN_S)
            self._pause(0, 3)

    # ---- misfortunes -------------------------------------------------------------------------------------

    def crash(self) -> None:
        """Kill one or two actors, again and again while they recover."""
        for _ in range(self.random.choice((1, 1, 2, 3))):
            names, weights = zip(*self.roles.items())
            hit = self.random.choices(names, weights, k=self.random.choice((1, 1, 2)))
            for role in dict.fromkeys(hit):  # a set would have another order in each process
                if self.scenario.stage.is_played(role):
                    self._tell(f"crash {role}")
                    self.scenario.stage.crash(role)
            self._pause(0, 0.1)

    def crash_while_journaling(self) -> None:
        self.journal.appends_left = self.random.randint(1, 6)
        self.journal.kills_before = self.random.random() < 0.5
        when = "before" if self.journal.kills_before else "after"
        self._tell(f"crash {when} append {self.journal.appends_left}")

    def fault(self) -> None:
        for _ in range(self.random.choice((1, 1, 2, 4))):
            fault = draw_fault(self.random, LONGEST_S, PRODUCTS, {"lag": READ_LAG_S, "hold": HELD_S})
            self.asked_to_pause |= fault["kind"] == "retry_after"
            self._tell(f"fault {fault}")
            self.scenario.world.inject(fault)

    def trade_by_hand(self) -> None:
        """Let a person buy beside us, or sell some of what a person bought; also while the books open."""
        symbol = self.random.choice(PRODUCTS)
        owned = self.scenario.inventory().get(symbol.split("-")[0], Decimal(0))
        is_sale = owned > 0 and self.random.random() < 0.5
        product = self.scenario.world.exchange.market.products[symbol]
        dollars = Decimal(self.random.randint(20, 200))
        quantity = product.instrument.round_quantity(divide(dollars, product.tape.last_price))
        trade = {
            "instrument": symbol,
            "side": "SELL" if is_sale else "BUY",
            "quantity": plain(min(quantity, owned) if is_sale else quantity),
        }
        try:
            made = self.scenario.world.trade(trade)
        except InvalidTrade as error:  # a venue that has halted, say
            self._tell(f"no trade by hand: {error}")
            return
        self.scenario.by_hand.add(("coinbase", made["order_id"]))
        self._tell(f"by hand: {trade} filled {made['filled_size']}")

    def lose_the_supervisor(self) -> None:
        """Kill the supervisor, and some of its children before anybody looks after them again."""
        stage = self.scenario.stage
        self._tell("crash supervisor")
        stage.crash(Role.SUPERVISOR)
        if self.random.random() < 0.5:
            self.crash()
        self._pause(0, 0.3)
        stage.succeed_supervisor()

    def sleep(self) -> None:
        """Let the machine sleep while the venue goes on."""
        seconds = self.random.uniform(0.2, 20)
        self._tell(f"sleep for {seconds:.1f} s")
        self.scenario.stage.clock.sleep(seconds)

    def set_the_clock(self) -> None:
        """Set the wall clock wrong, or right again."""
        clock = self.scenario.stage.clock
        is_wrong = bool(clock.stepped_ns)
        step_s = -clock.stepped_ns / SECOND_NS if is_wrong else self.random.choice((-3600, -180, -1, 1, 180, 3600))
        self._tell(f"clock set by {step_s:+g} s")
        clock.step(step_s)

    def stop_and_start(self) -> None:
        wound_down = self.scenario.wind_down()
        self._tell(f"stopped reconciled={wound_down.is_reconciled} left={wound_down.unconfirmed}")
        self._start_again()

    def cut_the_power(self) -> None:
        self._tell("power cut")
        self._start_again()

    def _start_again(self) -> None:
        self._collect_failures()
        self.journal.appends_left = 0
        self.scenario.restart()
        self.scenario.stage.boot()

    # ---- afterwards --------------------------------------------------------------------------------------

    def relent(self) -> None:
        """Let nothing go wrong any more, long enough for everything to be proven."""
        self._tell("calm")
        self.journal.appends_left = 0
        self._clear_faults()
        if self.scenario.stage.clock.stepped_ns:
            self.set_the_clock()
        self.guard.disturbed(BACK_WITHIN_S)
        self.guard.advance(self.calm_s)
        self._collect_failures()

    def _clear_faults(self) -> None:
        self.scenario.world.clear_faults()

    def wait_for_rest(self, within_s: int = 60) -> None:
        """Advance to a moment at which nothing is under way and the last comparison was equal.

        A fill of this very moment is known to the venue only: nobody could have heard of it.
        """
        for _ in range(4 * within_s):
            if self._is_at_rest():
                return
            self.guard.advance(0.25)
        raise AssertionError("it never came to rest")

    def _is_at_rest(self) -> bool:
        stage = self.scenario.stage
        manager = stage.actor(Role.ORDER_ROUTER).manager
        last_ns = (one.fills[-1].time_ns for one in self.scenario.world.exchanges.values() if one.fills)
        has_just_filled = max(last_ns, default=0) > stage.clock.true.now().utc_ns - REST_S * SECOND_NS
        is_moving = any(order.is_in_flight for order in manager.ledger.live_orders())
        is_pausing = any(plan.live_attempt is None for plan in manager.ledger.open_plans.values()) or any(
            plan.intent.purpose is Purpose.CLOSE for plan in manager.ledger.open_plans.values()
        )
        is_open = manager.report(stage.clock.now()).is_reconciled and not manager.ledger.unexplained
        return is_open and not (is_moving or is_pausing or has_just_filled)

    def _collect_failures(self) -> None:
        self.failures += self.scenario.stage.failures

    def _pause(self, least_s: float, most_s: float) -> None:
        self.guard.advance(self.random.uniform(least_s, most_s))

    def _tell(self, text: str) -> None:
        self.trace.append(f"{self.scenario.stage.clock.elapsed_ns / SECOND_NS:8.3f} {text}")
