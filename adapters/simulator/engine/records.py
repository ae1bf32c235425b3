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


class FundingPayment(NamedTuple):
    """What one position was paid (positive) or charged at a funding time."""

    product_id: str
    time_ns: int  # UTC
    amount: Decimal  # collateral
    rate: Decimal
    quantity: Decimal  # signed, base units


class AccountRecord(NamedTuple):
    """One account's whole life."""

    terms: Terms
    orders: tuple[VenueOrder, ...]  # in order of creation
    fills: tuple[Fill, ...]  # in order of time
    funding: tuple[FundingPayment, ...] = ()  # in order of time


class Records(NamedTuple):
    saved_ns: int  # UTC; all of it is as of this moment
    accounts: dict[str, AccountRecord]  # venue ->
    products: dict[str, ProductRecord]  # "coinbase:BTC-USD" -> its market
