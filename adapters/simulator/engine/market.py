"""One simulated public market: makers around the latent price of each asset, takers hitting them.

An asset has one driftless latent price for all venues. The venue that leads moves it, as price discovery
happens somewhere; the makers of the others follow with a basis that comes back to zero and stays inside
anybody's fees. Makers requote at exponential times, takers trade in a random direction. Neither looks back,
so no past predicts the next move and nobody earns more than the spread pays. Each product and kind of event
has its own seeded stream and each event draws the same number of random numbers, so the world is the same
however often it is advanced, whatever a client does, and, on the venue that leads, whichever other venues
there are.

A market that was closed goes on from the price it had: through the time it was closed, but at most through
the warm-up before its start; whatever was longer ago, it stood still.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from random import Random

from adapters.simulator.engine.agenda import Agenda
from adapters.simulator.engine.listings import LISTINGS, Listing
from adapters.simulator.engine.matching import BookOrder, Execution, OrderBook, Outcome
from adapters.simulator.engine.records import ProductRecord, Records
from adapters.simulator.engine.tape import Tape
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.messages.orders import TimeInForce
from domain.settings import SimulatorSettings

MAKERS = "makers"
PUBLIC = "public"
HALF_SPREAD = 0.0001  # of the latent price
LEVEL_SPACING = 0.0001  # of the price, between the deepest level and one put behind it
DEPTH = 8  # levels the makers keep on each side
LEVEL_USD = (2_000.0, 20_000.0)
LOG_TAKER_USD = (math.log(10.0), math.log(1_500.0))
BASIS_DEVIATION = 0.0001  # standard deviation of a venue's basis, of the latent price
BASIS_MOST = 0.0003  # two venues at their worst are less apart than two taker fees on the cheapest ones
BASIS_MEMORY_S = 30.0  # a basis has lost 63 % of itself after this

Latents = dict[str, float]  # base -> latent price, one for all venues
OnTrades = Callable[[str, tuple[Execution, ...], int], object]  # product id, what traded, UTC ns


class ProductMarket:
    """One product of one venue: its book, its tape, its price and the people around it."""

    def __init__(
        self,
        listing: Listing,
        settings: SimulatorSettings,
        opened_ns: int,
        latents: Latents,
        record: ProductRecord | None = None,
    ) -> None:
        """Open with an empty book, at the listing's price or at the recorded one.

        It leads when `latents` doesn't know its asset yet.
        """
        self.listing = listing
        self.instrument = listing.instrument
        self.basis = 0.0  # of the latent price
        self.halted_until_ns = 0
        self._latents = latents
        self._base = listing.instrument.base
        self._leads = self._base not in latents
        opening_price = record.latent if record else listing.opening_price
        if self._leads:
            latents[self._base] = opening_price
        elif record:
            self.basis = _bounded(opening_price / latents[self._base] - 1)
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
        name = listing.instrument.name if self._leads else listing.instrument.key
        self._makers = Random(f"{seed}:{name}:makers")
        self._takers = Random(f"{seed}:{name}:takers")
        self.tape = Tape(listing.on_grid(self.latent, Side.BUY))

    @property
    def latent(self) -> float:
        """Return the price that this venue's makers quote around."""
        return self._latents[self._base] * (1 + self.basis)

    @property
    def index_price(self) -> Decimal:
        """Return the asset's own price, which no venue's basis touches: what an oracle would say."""
        return Decimal(f"{self._latents[self._base]:.6f}")

    def is_halted(self, now_ns: int) -> bool:
        return now_ns < self.halted_until_ns

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

    def cross(self, order_id: str, side: Side, quantity: Decimal, price: Decimal, now_ns: int) -> Execution:
        """Let the public take the other side of a trade beside the book, and print it."""
        execution = self.book.cross(order_id, self._next_id("p"), side, quantity, price)
        self.tape.add(execution, now_ns, self.book.best(Side.BUY), self.book.best(Side.SELL))
        return execution

    def cancel(self, order_id: str, now_ns: int) -> None:
        if self.book.cancel(order_id) is not None:
            self.changed_ns = now_ns

    def requote(self, now_ns: int) -> tuple[Execution, ...]:
        """Move the price and the makers with it; resting orders of others may trade."""
        self._move(now_ns)
        bid = self.listing.on_grid(self.latent * (1 - HALF_SPREAD), Side.BUY)
        ask = self.listing.on_grid(self.latent * (1 + HALF_SPREAD), Side.SELL)
        uniform = self._makers.uniform
        bid_usd, deepest_bid_usd = uniform(*LEVEL_USD), uniform(*LEVEL_USD)
        ask_usd, deepest_ask_usd = uniform(*LEVEL_USD), uniform(*LEVEL_USD)
        self._cancel_makers(Side.BUY, bid)
        self._cancel_makers(Side.SELL, ask)
        hits = self._quote(Side.BUY, bid, bid_usd, now_ns).executions
        self._deepen(Side.BUY, deepest_bid_usd, now_ns)
        lifts = self._quote(Side.SELL, ask, ask_usd, now_ns).executions
        self._deepen(Side.SELL, deepest_ask_usd, now_ns)
        return hits + lifts

    def take(self, now_ns: int) -> tuple[Execution, ...]:
        """Let one member of the public trade at the touch, in a random direction."""
        side = Side.BUY if self._takers.random() < 0.5 else Side.SELL
        usd = math.exp(self._takers.uniform(*LOG_TAKER_USD))
        order = BookOrder(self._next_id("p"), PUBLIC, side, self._quantity(usd))
        return self.submit(order, TimeInForce.IOC, now_ns).executions

    def next_requote_ns(self, after_ns: int, per_s: float) -> int:
        return after_ns + _gap_ns(self._makers, per_s)

    def next_take_ns(self, after_ns: int, per_s: float) -> int:
        return after_ns + _gap_ns(self._takers, per_s)

    def _move(self, now_ns: int) -> None:
        elapsed_s = (now_ns - self._quoted_ns) / SECOND_NS
        self._quoted_ns = now_ns
        surprise = self._makers.gauss(0.0, 1.0)
        if self._leads:
            spread = self._volatility * math.sqrt(elapsed_s)
            self._latents[self._base] *= math.exp(spread * surprise - spread * spread / 2)
        else:
            kept = math.exp(-elapsed_s / BASIS_MEMORY_S)
            moved = BASIS_DEVIATION * math.sqrt(1 - kept * kept) * surprise
            self.basis = _bounded(self.basis * kept + moved)

    def _cancel_makers(self, side: Side, touch: Decimal) -> None:
        """Cancel maker orders at or inside the new touch, and the deepest ones beyond the kept depth."""
        ids = self._maker_ids[side]
        is_bid = side is Side.BUY
        while ids:
            order = self.book.find(ids[-1])  # None: it has traded, as the best one does first
            if order is not None and (order.resting_price < touch if is_bid else order.resting_price > touch):
                break
            self.book.cancel(ids.pop())
        while len(ids) >= DEPTH:
            self.book.cancel(ids.pop(0))

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
        order_there = self.book.find(ids[0])
        if order_there is None:
            return  # it has traded; the next withdrawal forgets it
        deepest = float(order_there.resting_price)
        price = self.listing.on_grid(deepest * (1 - side.sign * LEVEL_SPACING), side)
        order = BookOrder(self._next_id("m"), MAKERS, side, self._quantity(usd), price)
        if self.submit(order, TimeInForce.GTC, now_ns).rests:
            ids.insert(0, order.order_id)

    def _next_id(self, prefix: str) -> str:
        self._orders += 1
        return f"{prefix}{self._orders}"

    def _quantity(self, usd: float) -> Decimal:
        return self.instrument.round_quantity(Decimal(f"{usd / self.latent:.8f}"))


class Market:
    """One venue's products, moving by the world's agenda.

    Attributes:
        on_trades: is told after each requote and public trade, for venues where clients' orders rest.
    """

    def __init__(
        self,
        venue: str,
        settings: SimulatorSettings,
        agenda: Agenda,
        latents: Latents,
        warm_ns: int,
        records: Records | None = None,
    ) -> None:
        """Open the market at the agenda's time.

        Args:
            latents: of the venues opened before.
            warm_ns: recorded prints older than this are forgotten.
        """
        self.venue = venue
        self.agenda = agenda
        self.opened_ns = agenda.now_ns
        self.on_trades: OnTrades = _unheard
        self._settings = settings
        self.products: dict[str, ProductMarket] = {}  # the venue's spelling -> product
        for listing in LISTINGS[venue]:
            record = records.products.get(listing.instrument.key) if records else None
            product = ProductMarket(listing, settings, self.opened_ns, latents, record)
            self.products[listing.instrument.symbol] = product
            for one in record.prints if record else ():
                if one.time_ns >= warm_ns:
                    product.tape.append(one)
            agenda.at(self.opened_ns, partial(self._open, product))

    def _open(self, product: ProductMarket, due_ns: int) -> None:
        executions = tuple(execution for _ in range(DEPTH) for execution in product.requote(due_ns))
        self._schedule_requote(product, due_ns)
        self._schedule_take(product, due_ns)
        self.on_trades(product.instrument.symbol, executions, due_ns)

    def _requote(self, product: ProductMarket, due_ns: int) -> None:
        executions = () if product.is_halted(due_ns) else product.requote(due_ns)
        self._schedule_requote(product, due_ns)
        self.on_trades(product.instrument.symbol, executions, due_ns)

    def _take(self, product: ProductMarket, due_ns: int) -> None:
        executions = () if product.is_halted(due_ns) else product.take(due_ns)
        self._schedule_take(product, due_ns)
        self.on_trades(product.instrument.symbol, executions, due_ns)

    def _schedule_requote(self, product: ProductMarket, after_ns: int) -> None:
        due_ns = self.agenda.again_ns(after_ns, product.next_requote_ns, self._settings.quotes_per_s)
        self.agenda.at(due_ns, partial(self._requote, product))

    def _schedule_take(self, product: ProductMarket, after_ns: int) -> None:
        due_ns = self.agenda.again_ns(after_ns, product.next_take_ns, self._settings.trades_per_s)
        self.agenda.at(due_ns, partial(self._take, product))


def _unheard(product_id: str, executions: tuple[Execution, ...], time_ns: int) -> None:
    """Tell nobody: no client's order rests in these books."""


def _bounded(basis: float) -> float:
    return max(-BASIS_MOST, min(BASIS_MOST, basis))


def _gap_ns(random: Random, per_s: float) -> int:
    return max(1, int(random.expovariate(per_s) * SECOND_NS))
