"""What a simulated venue never forgets, as plain values: between two lives of it, this is all there is."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from adapters.simulator.engine.tape import Print
from adapters.simulator.engine.venue_order import Fill, VenueOrder


class Terms(NamedTuple):
    """What an account was opened with. Its balances and holds follow from these, its fills and its orders."""

    balances: dict[str, Decimal]
    taker_fee_ratio: Decimal
    maker_fee_ratio: Decimal


class ProductRecord(NamedTuple):
    latent: float  # price
    next_trade_id: int
    prints: tuple[Print, ...]  # the newest, oldest first


class Records(NamedTuple):
    saved_ns: int  # UTC; all of it is as of this moment
    terms: Terms
    orders: tuple[VenueOrder, ...]  # in order of creation
    fills: tuple[Fill, ...]  # in order of time
    products: dict[str, ProductRecord]  # "coinbase:BTC-USD" -> its market
