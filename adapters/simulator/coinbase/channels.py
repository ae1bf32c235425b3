"""The channels of Coinbase's streams: what each says on subscription, and what it says from then on.

A channel remembers what its client was told and compares it with the exchange at each poll, so a slow reader
gets fewer, fuller frames and nothing is queued for it. One item of `poll` is the `events` of one frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from adapters.simulator.coinbase import encode
from adapters.simulator.engine.exchange import Exchange
from adapters.simulator.engine.market import ProductMarket
from adapters.simulator.engine.matching import Level
from adapters.simulator.engine.tape import MINUTE_NS, Print
from adapters.simulator.engine.venue_order import VenueOrder
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.numbers import ZERO, plain

Events = list[dict[str, Any]]

SNAPSHOT_TRADES = 1000
SNAPSHOT_ORDERS = 50  # per frame
BATCH_NS = 5 * SECOND_NS  # of ticker_batch
STATUS_NS = 10 * SECOND_NS
CANDLE_NS = 5 * MINUTE_NS
SIDES = {Side.BUY: "bid", Side.SELL: "offer"}


class Channel:
    """A subscription. `products` are those subscribed to, in order; subscribing again starts over."""

    name = ""  # as subscribed to
    frame_name = ""  # as it arrives
    needs_key = False

    def __init__(self, exchange: Exchange, now_ns: int) -> None:
        self.exchange = exchange
        self.opened_ns = now_ns
        self.products: list[str] = []

    def add(self, product_ids: Iterable[str]) -> None:
        for product_id in product_ids:
            if product_id in self.products:
                self.remove([product_id])
            self.products.append(product_id)

    def remove(self, product_ids: Iterable[str]) -> None:
        self.products = [one for one in self.products if one not in product_ids]

    def poll(self, now_ns: int) -> Iterator[Events]:
        raise NotImplementedError

    def market(self, product_id: str) -> ProductMarket:
        return self.exchange.market.products[product_id]


class Heartbeats(Channel):
    """Once a second; the counter also counts beats nobody asked for in time."""

    name = frame_name = "heartbeats"

    def __init__(self, exchange: Exchange, now_ns: int) -> None:
        super().__init__(exchange, now_ns)
        self._counter = -1

    def add(self, product_ids: Iterable[str]) -> None:
        """Needs no products and ignores them."""

    def poll(self, now_ns: int) -> Iterator[Events]:
        counter = (now_ns - self.opened_ns) // SECOND_NS
        if counter > self._counter:
            self._counter = counter
            moment = encode.rfc3339(now_ns, digits=9).replace("T", " ").replace("Z", "+00:00")
            yield [{"current_time": moment, "heartbeat_counter": counter}]


class PrintFollower(Channel):
    """Base of channels that follow the tape of each product."""

    pause_ns = 0  # from when it has looked at the tapes until it looks again

    def __init__(self, exchange: Exchange, now_ns: int) -> None:
        super().__init__(exchange, now_ns)
        self._due_ns = now_ns
        self._told: dict[str, int] = {}  # product id -> newest trade id told

    def remove(self, product_ids: Iterable[str]) -> None:
        super().remove(product_ids)
        for product_id in product_ids:
            self._told.pop(product_id, None)

    def snapshot(self, product_id: str) -> dict[str, Any]:
        raise NotImplementedError

    def update(self, product_id: str, prints: list[Print]) -> dict[str, Any]:
        raise NotImplementedError

    def poll(self, now_ns: int) -> Iterator[Events]:
        if now_ns < self._due_ns:
            return
        self._due_ns = now_ns + self.pause_ns
        updates = []
        for product_id in self.products:
            tape = self.market(product_id).tape
            told = self._told.get(product_id)
            if told == tape.last_trade_id:
                continue
            self._told[product_id] = tape.last_trade_id
            if told is None:
                yield [self.snapshot(product_id)]
            else:
                updates.append(self.update(product_id, tape.since(told)))
        if updates:
            yield updates


class Ticker(PrintFollower):
    """One ticker per print, with the touch as that print left it."""

    name = frame_name = "ticker"

    def snapshot(self, product_id: str) -> dict[str, Any]:
        market = self.market(product_id)
        book = market.book
        now = ticker(market, market.tape.last_price) | touch(book.best(Side.BUY), book.best(Side.SELL))
        return {"type": "snapshot", "tickers": [now]}

    def update(self, product_id: str, prints: list[Print]) -> dict[str, Any]:
        market = self.market(product_id)
        tickers = [ticker(market, one.price) | touch(one.bid, one.ask) for one in prints]
        return {"type": "update", "tickers": tickers}


class MarketTrades(PrintFollower):
    """The newest trades on subscription, newest first; then each new one, oldest first."""

    name = frame_name = "market_trades"

    def snapshot(self, product_id: str) -> dict[str, Any]:
        prints = list(self.market(product_id).tape.prints)[-SNAPSHOT_TRADES:]
        trades = [encode.stream_trade(product_id, one) for one in reversed(prints)]
        return {"type": "snapshot", "trades": trades}

    def update(self, product_id: str, prints: list[Print]) -> dict[str, Any]:
        return {"type": "update", "trades": [encode.stream_trade(product_id, one) for one in prints]}


class TickerBatch(PrintFollower):
    """Every five seconds, the products that traded; no touch, as in production."""

    name = frame_name = "ticker_batch"
    pause_ns = BATCH_NS

    def snapshot(self, product_id: str) -> dict[str, Any]:
        return {"type": "snapshot", "tickers": [self._newest(product_id)]}

    def update(self, product_id: str, prints: list[Print]) -> dict[str, Any]:
        return {"type": "update", "tickers": [self._newest(product_id)]}

    def _newest(self, product_id: str) -> dict[str, str]:
        market = self.market(product_id)
        return ticker(market, market.tape.last_price)


class Level2(Channel):
    """The whole book once, then the absolute size of each level that differs from what was told."""

    name, frame_name = "level2", "l2_data"

    def __init__(self, exchange: Exchange, now_ns: int) -> None:
        super().__init__(exchange, now_ns)
        self._told: dict[str, dict[tuple[Side, Decimal], Decimal]] = {}  # product id -> level -> size
        self._versions: dict[str, int] = {}  # product id -> version of the book told

    def remove(self, product_ids: Iterable[str]) -> None:
        super().remove(product_ids)
        for product_id in product_ids:
            self._told.pop(product_id, None)
            self._versions.pop(product_id, None)

    def poll(self, now_ns: int) -> Iterator[Events]:
        updates = []
        for product_id in self.products:
            market = self.market(product_id)
            if self._versions.get(product_id) == market.book.version:
                continue
            self._versions[product_id] = market.book.version
            event = self._event(product_id, market)
            if event["type"] == "snapshot":
                yield [event]
            elif event["updates"]:
                updates.append(event)
        if updates:
            yield updates

    def _event(self, product_id: str, market: ProductMarket) -> dict[str, Any]:
        book = {(side, level.price): level.quantity for side in Side for level in market.book.levels(side)}
        told = self._told.get(product_id)
        self._told[product_id] = book
        changed = book
        if told is not None:
            changed = {level: size for level, size in book.items() if told.get(level) != size}
            changed |= {level: ZERO for level in told if level not in book}
        time = encode.rfc3339(market.changed_ns)
        return {
            "type": "snapshot" if told is None else "update",
            "product_id": product_id,
            "updates": [
                {
                    "side": SIDES[side],
                    "event_time": time,
                    "price_level": plain(price),
                    "new_quantity": plain(size),
                }
                for (side, price), size in changed.items()
            ],
        }


class Candles(PrintFollower):
    """Five-minute bars: all on subscription, then the forming one, at most once a second."""

    name = frame_name = "candles"
    pause_ns = SECOND_NS

    def snapshot(self, product_id: str) -> dict[str, Any]:
        return {"type": "snapshot", "candles": self._candles(product_id, slice(None, None, -1))}

    def update(self, product_id: str, prints: list[Print]) -> dict[str, Any]:
        return {"type": "update", "candles": self._candles(product_id, slice(-1, None))}

    def _candles(self, product_id: str, which: slice) -> list[dict[str, Any]]:
        bars = self.market(product_id).tape.bars(CANDLE_NS)[which]
        return [encode.candle(bar) | {"product_id": product_id} for bar in bars]


class Status(Channel):
    """What can be traded, on subscription and every ten seconds."""

    name = frame_name = "status"

    def __init__(self, exchange: Exchange, now_ns: int) -> None:
        super().__init__(exchange, now_ns)
        self._due_ns = now_ns

    def poll(self, now_ns: int) -> Iterator[Events]:
        if now_ns < self._due_ns:
            return
        kind = "snapshot" if self._due_ns == self.opened_ns else "update"
        self._due_ns = now_ns + STATUS_NS
        yield [{"type": kind, "products": [self._row(product_id, now_ns) for product_id in self.products]}]

    def _row(self, product_id: str, now_ns: int) -> dict[str, str]:
        market = self.market(product_id)
        instrument = market.instrument
        return {
            "product_type": "SPOT",
            "id": product_id,
            "base_currency": instrument.base,
            "quote_currency": instrument.quote,
            "base_increment": plain(instrument.lot_size),
            "quote_increment": plain(instrument.tick_size),
            "display_name": f"{instrument.base}/{instrument.quote}",
            "status": encode.status(market, now_ns),
            "status_message": "",
            "min_market_funds": plain(instrument.min_notional),
        }


class User(Channel):
    """Open orders on subscription, then the totals of each order that changed: never single fills."""

    name = frame_name = "user"
    needs_key = True

    def __init__(self, exchange: Exchange, now_ns: int) -> None:
        super().__init__(exchange, now_ns)
        self._read: int | None = None  # how many revisions were told; None = snapshot due

    def add(self, product_ids: Iterable[str]) -> None:
        super().add(product_ids)
        self._read = None

    def poll(self, now_ns: int) -> Iterator[Events]:
        revisions = self.exchange.revisions
        read, self._read = self._read, len(revisions)
        if read is None:
            orders = [order for order in self.exchange.live_orders() if self._follows(order)]
            for start in range(0, max(len(orders), 1), SNAPSHOT_ORDERS):
                yield [self._event("snapshot", orders[start : start + SNAPSHOT_ORDERS])]
            return
        changed = [self.exchange.orders[order_id] for order_id in dict.fromkeys(revisions[read:])]
        orders = [order for order in changed if self._follows(order)]
        if orders:
            yield [self._event("update", orders)]

    def _follows(self, order: VenueOrder) -> bool:
        return order.asked.product_id in self.products

    def _event(self, kind: str, orders: list[VenueOrder]) -> dict[str, Any]:
        positions: dict[str, list[Any]] = {"perpetual_futures_positions": [], "expiring_futures_positions": []}
        rows = [encode.stream_order(self.exchange, order) for order in orders]
        return {"type": kind, "orders": rows, "positions": positions}


CHANNELS = {
    channel.name: channel for channel in (Heartbeats, Ticker, TickerBatch, Level2, MarketTrades, Candles, Status, User)
}


def ticker(market: ProductMarket, price: Decimal) -> dict[str, str]:
    tape = market.tape
    return {
        "type": "ticker",
        "product_id": market.instrument.name,
        "price": plain(price),
        "volume_24_h": plain(tape.volume),
        "low_24_h": plain(tape.low),
        "high_24_h": plain(tape.high),
        "low_52_w": plain(tape.low),
        "high_52_w": plain(tape.high),
        "price_percent_chg_24_h": encode.change_percent(market),
    }


def touch(bid: Level | None, ask: Level | None) -> dict[str, str]:
    return {
        "best_bid": plain(bid.price) if bid else "",
        "best_bid_quantity": plain(bid.quantity) if bid else "",
        "best_ask": plain(ask.price) if ask else "",
        "best_ask_quantity": plain(ask.quantity) if ask else "",
    }
