"""The simulated public market: latent prices, makers around them, takers hitting them.

One driftless latent price per product; makers requote around it at exponential times, takers trade in a
random direction. Neither looks back, so no past predicts the next move and nobody earns more than the spread
pays. Each product and kind of event has its own seeded stream and each event draws the same number of random
numbers, so the world is the same however often it is advanced and whatever a client does.

A market that was closed goes on from the price it had: through the time it was closed, but at most through
the warm-up before its start; whatever was longer ago, it stood still.
"""

from __future__ import annotations

import heapq
import math
from decimal import Decimal
from random import Random
from typing import NamedTuple

from adapters.simulator.matching import BookOrder, Execution, OrderBook, Outcome
from adapters.simulator.records import ProductRecord, Records
from adapters.simulator.tape import Tape
from domain.instrument import Instrument, Side
from domain.order_messages import TimeInForce
from domain.settings import SECOND_NS, SimulatorSettings

MAKERS = "makers"
PUBLIC = "public"
HALF_SPREAD = 0.0001  # of the latent price
LEVEL_SPACING = 0.0001  # of the price, between the deepest level and one put behind it
DEPTH = 8  # levels the makers keep on each side
LEVEL_USD = (2_000.0, 20_000.0)
TAKER_USD = (10.0, 1_500.0)


class Listing(NamedTuple):
    instrument: Instrument
    base_name: str
    opening_price: float


def _listing(base: str, base_name: str, opening_price: float) -> Listing:
    instrument = Instrument(
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
    return Listing(instrument, base_name, opening_price)


LISTINGS = (
    _listing("BTC", "Bitcoin", 64_000.0),
    _listing("ETH", "Ethereum", 3_200.0),
    _listing("SOL", "Solana", 95.0),
)


class MarketStep(NamedTuple):
    """One thing that happened by itself."""

    time_ns: int
    product_id: str
    executions: tuple[Execution, ...]


class ProductMarket:
    """One product: its book, its tape, its latent price and the people around it."""

    def __init__(
        self,
        listing: Listing,
        settings: SimulatorSettings,
        opened_ns: int,
        record: ProductRecord | None = None,
    ) -> None:
        """Open with an empty book, at the listing's price or at the recorded one."""
        self.listing = listing
        self.instrument = listing.instrument
        self.latent = record.latent if record else listing.opening_price
        # Milliseconds: ids go on rising from one account to the next, and past prints that were not recorded.
        first_trade_id = max(opened_ns // 1_000_000, record.next_trade_id if record else 0)
        self.book = OrderBook(listing.instrument, next_trade_id=first_trade_id)
        self.changed_ns = opened_ns
        self._volatility = settings.volatility
        self._quoted_ns = opened_ns
        self._maker_ids: dict[Side, list[str]] = {Side.BUY: [], Side.SELL: []}  # best price last
        self._orders = 0
        # A market that goes on must not repeat the moves that it began with.
        seed = f"{settings.seed}:{opened_ns}" if record else settings.seed
        self._makers = Random(f"{seed}:{listing.instrument.name}:makers")
        self._takers = Random(f"{seed}:{listing.instrument.name}:takers")
        self.tape = Tape(self._on_tick(self.latent, Side.BUY))

    def submit(
        self,
        order: BookOrder,
        time_in_force: TimeInForce,
        now_ns: int,
        post_only: bool = False,
    ) -> Outcome:
        """Put an order into the book and print what it trades."""
        outcome = self.book.submit(order, time_in_force, post_only)
        if outcome.executions:
            bid, ask = self.book.best(Side.BUY), self.book.best(Side.SELL)
            for execution in outcome.executions:
                self.tape.add(execution, now_ns, bid, ask)
        self.changed_ns = now_ns
        return outcome

    def cancel(self, order_id: str, now_ns: int) -> None:
        if self.book.cancel(order_id) is not None:
            self.changed_ns = now_ns

    def requote(self, now_ns: int) -> tuple[Execution, ...]:
        """Move the latent price and the makers with it; resting orders of others may trade."""
        elapsed_s = (now_ns - self._quoted_ns) / SECOND_NS
        self._quoted_ns = now_ns
        spread = self._volatility * math.sqrt(elapsed_s)
        self.latent *= math.exp(spread * self._makers.gauss(0.0, 1.0) - spread * spread / 2)
        touch = {
            Side.BUY: self._on_tick(self.latent * (1 - HALF_SPREAD), Side.BUY),
            Side.SELL: self._on_tick(self.latent * (1 + HALF_SPREAD), Side.SELL),
        }
        usd = {side: (self._makers.uniform(*LEVEL_USD), self._makers.uniform(*LEVEL_USD)) for side in Side}
        for side in Side:
            self._withdraw(side, touch[side])
        executions: list[Execution] = []
        for side in Side:
            executions += self._quote(side, touch[side], usd[side][0], now_ns).executions
            self._deepen(side, usd[side][1], now_ns)
        return tuple(executions)

    def take(self, now_ns: int) -> tuple[Execution, ...]:
        """Let one member of the public trade at the touch, in a random direction."""
        side = Side.BUY if self._takers.random() < 0.5 else Side.SELL
        usd = math.exp(self._takers.uniform(*map(math.log, TAKER_USD)))
        order = BookOrder(self._next_id("p"), PUBLIC, side, self._quantity(usd))
        return self.submit(order, TimeInForce.IOC, now_ns).executions

    def next_requote_ns(self, after_ns: int, per_s: float) -> int:
        return after_ns + _gap_ns(self._makers, per_s)

    def next_take_ns(self, after_ns: int, per_s: float) -> int:
        return after_ns + _gap_ns(self._takers, per_s)

    def _withdraw(self, side: Side, touch: Decimal) -> None:
        """Cancel maker orders at or inside the new touch, and the deepest ones beyond the kept depth."""
        kept = []
        for order_id in self._maker_ids[side]:
            order = self.book.find(order_id)
            if order is None:
                continue
            is_outside = order.limit_price < touch if side is Side.BUY else order.limit_price > touch
            if is_outside:
                kept.append(order_id)
            else:
                self.book.cancel(order_id)
        excess = len(kept) - (DEPTH - 1)
        for order_id in kept[: max(excess, 0)]:
            self.book.cancel(order_id)
        self._maker_ids[side] = kept[max(excess, 0) :]

    def _quote(self, side: Side, price: Decimal, usd: float, now_ns: int) -> Outcome:
        order = BookOrder(self._next_id("m"), MAKERS, side, self._quantity(usd), price)
        outcome = self.submit(order, TimeInForce.GTC, now_ns)
        if outcome.rests:
            self._maker_ids[side].append(order.order_id)
        return outcome

    def _deepen(self, side: Side, usd: float, now_ns: int) -> None:
        """Put one level behind the deepest while the side is short of levels."""
        ids = self._maker_ids[side]
        if not ids or len(ids) >= DEPTH:
            return
        deepest = float(self.book.find(ids[0]).limit_price)
        price = self._on_tick(deepest * (1 - side.sign * LEVEL_SPACING), side)
        order = BookOrder(self._next_id("m"), MAKERS, side, self._quantity(usd), price)
        if self.submit(order, TimeInForce.GTC, now_ns).rests:
            ids.insert(0, order.order_id)

    def _next_id(self, prefix: str) -> str:
        self._orders += 1
        return f"{prefix}{self._orders}"

    def _on_tick(self, price: float, side: Side) -> Decimal:
        # Eight decimals are far below the tick: the float's noise must not decide a rounding.
        return self.instrument.round_price(Decimal(f"{price:.8f}"), side)

    def _quantity(self, usd: float) -> Decimal:
        return self.instrument.round_quantity(Decimal(f"{usd / self.latent:.8f}"))


class Market:
    """All products, stepping in the order of time."""

    def __init__(self, settings: SimulatorSettings, start_ns: int, records: Records | None = None) -> None:
        """Open the market `warm_up_s` before `start_ns`, or at the time of `records` if that is later.

        It is the caller who steps it up to `start_ns`: what he rests in the books before, trades on the way.
        """
        warm_ns = start_ns - int(settings.warm_up_s * SECOND_NS)
        # A wall clock may have been set back meanwhile: a venue without prices until then would help nobody.
        self.opened_ns = min(max(warm_ns, records.saved_ns), start_ns) if records else warm_ns
        self._settings = settings
        self.products: dict[str, ProductMarket] = {}
        self._agenda: list[tuple[int, str, str]] = []  # (due_ns, product id, "open", "quote" or "take")
        for listing in LISTINGS:
            product_id = listing.instrument.name
            record = records.products.get(product_id) if records else None
            product = self.products[product_id] = ProductMarket(listing, settings, self.opened_ns, record)
            for one in record.prints if record else ():
                if one.time_ns >= warm_ns:
                    product.tape.append(one)
            heapq.heappush(self._agenda, (self.opened_ns, product_id, "open"))

    @property
    def next_due_ns(self) -> int:
        return self._agenda[0][0]

    def step(self) -> MarketStep:
        """Do the next thing that happens by itself."""
        due_ns, product_id, kind = heapq.heappop(self._agenda)
        product = self.products[product_id]
        if kind == "open":
            executions = tuple(execution for _ in range(DEPTH) for execution in product.requote(due_ns))
            self._schedule(product_id, "quote", due_ns)
            self._schedule(product_id, "take", due_ns)
        else:
            executions = product.requote(due_ns) if kind == "quote" else product.take(due_ns)
            self._schedule(product_id, kind, due_ns)
        return MarketStep(due_ns, product_id, executions)

    def _schedule(self, product_id: str, kind: str, after_ns: int) -> None:
        product = self.products[product_id]
        if kind == "quote":
            due_ns = product.next_requote_ns(after_ns, self._settings.quotes_per_s)
        else:
            due_ns = product.next_take_ns(after_ns, self._settings.trades_per_s)
        heapq.heappush(self._agenda, (due_ns, product_id, kind))


def _gap_ns(random: Random, per_s: float) -> int:
    return max(1, int(random.expovariate(per_s) * SECOND_NS))
