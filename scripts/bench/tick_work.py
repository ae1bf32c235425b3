"""What every loop of `tick_to_order` does between a frame and its order, so that only the road differs.

JSON is decoded with msgspec; `FastScalping`, the very strategy that the whole system runs there, sees each candle;
the body is encoded with msgspec, and signed by the system's own `Signer`, a fresh ES256 token for each order. What a
loop leaves out: it keeps no book and checks no sequence, freshness or risk, and it proves no order's fate.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import NamedTuple

import msgspec

from adapters.decoding.tokens import utc_ns
from adapters.key_vault import VAULT
from adapters.venues.coinbase.sign import Signer, load_signer
from domain.instrument import Side
from domain.ledger.order_ids import NO_INSTANCE, TAG, mint_client_order_id
from domain.messages.market import Candle
from domain.numbers import plain
from domain.portfolio.opening import opening_id
from domain.settings import VenueSettings
from domain.signals.strategies import FastScalping

VENUE, INSTRUMENT = "coinbase", "BTC-USD"
CANDLE_NS = 50_000_000
ORDERS_PATH = "/api/v3/brokerage/orders"
STREAM_PATH = "/ws"
SUBSCRIPTIONS = tuple(
    msgspec.json.encode({"type": "subscribe", "channel": channel, "product_ids": [INSTRUMENT]})
    for channel in ("heartbeats", "level2", "market_trades")
)

_QUANTITY = Decimal("0.001")
_TOKEN_TTL_S = VenueSettings().order_token_ttl_s
_INSTANCE = slice(len(TAG) + 1, len(TAG) + 1 + len(NO_INSTANCE))


def order_id_of(open_ts: int) -> str:
    """Return the id of the order that the candle which began at `open_ts` (UTC ns) calls for.

    The whole system's ids follow from what it decided. So the venue knows the id that a frame must lead to, and the
    loops use the same.
    """
    signal_id = f"{FastScalping.name}:{VENUE}:{INSTRUMENT}:{CANDLE_NS / 1e9:g}s:{open_ts}"
    return mint_client_order_id(opening_id(signal_id), 0, 1)


def without_instance(client_order_id: str) -> str:
    """Return the id as if no instance had been drawn: the system draws one per journal, which the venue can't know."""
    start, stop, _ = _INSTANCE.indices(len(client_order_id))
    return client_order_id[:start] + NO_INSTANCE + client_order_id[stop:]


# ---- in ----------------------------------------------------------------------------------------------------


class _Level(msgspec.Struct, gc=False):
    side: str
    price_level: Decimal
    new_quantity: Decimal


class _Print(msgspec.Struct, gc=False):
    price: Decimal
    size: Decimal


class _Told(msgspec.Struct, gc=False):
    type: str = ""
    updates: list[_Level] = []
    trades: list[_Print] = []


class _Frame(msgspec.Struct, gc=False):
    timestamp: str
    channel: str
    events: list[_Told] = []


_decode = msgspec.json.Decoder(_Frame).decode


class Tick(NamedTuple):
    """What one frame says: a touch, or a print."""

    ts_event: int  # UTC ns
    ask: Decimal | None = None
    last: Decimal | None = None


def read_tick(frame: bytes | str) -> Tick | None:
    """Return what a frame says of the market; None where it says nothing of it, or repeats the past."""
    told = _decode(frame)
    if told.channel == "l2_data":
        event = told.events[0]
        if event.type == "update":
            asks = [row.price_level for row in event.updates if row.side == "offer" and row.new_quantity]
            return Tick(utc_ns(told.timestamp), ask=asks[-1])
    elif told.channel == "market_trades" and told.events[0].trades:
        return Tick(utc_ns(told.timestamp), last=told.events[0].trades[-1].price)
    return None


# ---- between -----------------------------------------------------------------------------------------------


class Wish(NamedTuple):
    """An order to send."""

    client_order_id: str
    limit_price: Decimal


class Trader:
    """One strategy on one instrument: each candle that a quote closes may call for an order."""

    def __init__(self) -> None:
        self._strategy = FastScalping()
        self._open_ts = 0
        self._prices: list[Decimal] = []  # of the prints of the candle that is building

    def hear(self, tick: Tick) -> Wish | None:
        """Take a tick; return what to buy if it is the quote that closes a candle on which the strategy buys."""
        if tick.last is not None:
            self._prices.append(tick.last)
            return None
        open_ts = tick.ts_event // CANDLE_NS * CANDLE_NS
        if open_ts == self._open_ts or tick.ask is None:
            return None
        closed_ts, self._open_ts = self._open_ts, open_ts
        prices, self._prices = self._prices, []
        if not (closed_ts and prices):  # a candle that was not heard from its beginning is none
            return None
        vote = self._strategy.update(_candle(closed_ts, prices))
        if vote is None or vote.side is not Side.BUY:
            return None
        return Wish(order_id_of(closed_ts), tick.ask)


def _candle(open_ts: int, prices: list[Decimal]) -> Candle:
    return Candle(
        venue=VENUE,
        instrument=INSTRUMENT,
        interval_ns=CANDLE_NS,
        open_ts=open_ts,
        open=prices[0],
        high=max(prices),
        low=min(prices),
        close=prices[-1],
        volume=_QUANTITY * len(prices),
        count=len(prices),
    )


# ---- out ---------------------------------------------------------------------------------------------------


class Pen:
    """Writes orders and signs them, as the system does."""

    def __init__(self, port: int, key_file: str) -> None:
        self._signer: Signer = load_signer(VenueSettings(key_file=key_file), VAULT)
        self._uri = f"POST 127.0.0.1:{port}{ORDERS_PATH}"

    def write(self, wish: Wish) -> tuple[dict[str, str], bytes]:
        """Return headers and body of the request."""
        token = self._signer.token(time.time_ns(), _TOKEN_TTL_S, uri=self._uri)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        limit = {"base_size": plain(_QUANTITY), "limit_price": plain(wish.limit_price)}
        body = msgspec.json.encode(
            {
                "client_order_id": wish.client_order_id,
                "product_id": INSTRUMENT,
                "side": "BUY",
                "order_configuration": {"sor_limit_ioc": limit},
            }
        )
        return headers, body
