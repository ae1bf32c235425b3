"""An order as the simulated venue keeps it: what was asked, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from domain.instrument import Side
from domain.messages.orders import FillCause, TimeInForce
from domain.numbers import ZERO, divide


class VenueStatus(StrEnum):
    PENDING = "PENDING"  # accepted, not processed yet
    OPEN = "OPEN"  # also while partly filled
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"  # also what is left of an IOC or FOK
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"  # refused after it was accepted


FINAL = frozenset({VenueStatus.FILLED, VenueStatus.CANCELLED, VenueStatus.EXPIRED, VenueStatus.FAILED})


class VenueOrderType(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP_LIMIT = "STOP_LIMIT"
    BRACKET = "BRACKET"  # rests at `limit_price`; turns aggressive when the market reaches `stop_price`


class NewOrder(NamedTuple):
    """What a client asked for. Exactly one of `base_size` and `quote_size` is set."""

    client_order_id: str
    product_id: str
    side: Side
    order_type: VenueOrderType
    time_in_force: TimeInForce
    configuration: dict[str, Any]  # as received, for the echo
    base_size: Decimal | None = None
    quote_size: Decimal | None = None  # market orders: all that may be spent, fee included
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    stops_upwards: bool = False  # the stop waits for a rise
    end_ns: int | None = None  # GTD
    post_only: bool = False
    reduce_only: bool = False
    cause: FillCause = FillCause.TRADE  # why it trades: the venue itself may end a position

    # Of an order that has one, as its kind says.
    @property
    def size(self) -> Decimal:
        return _given(self.base_size)

    @property
    def limit(self) -> Decimal:
        return _given(self.limit_price)

    @property
    def stop(self) -> Decimal:
        return _given(self.stop_price)


def _given(value: Decimal | None) -> Decimal:
    if value is None:
        raise ValueError("an order of this kind has none")
    return value


class Fill(NamedTuple):
    number: int  # rises by one per fill of the account
    entry_id: str
    trade_id: str
    order: VenueOrder
    price: Decimal
    quantity: Decimal
    fee: Decimal  # quote currency
    is_maker: bool
    time_ns: int


@dataclass(slots=True, eq=False)
class VenueOrder:
    number: int  # rises by one per order of the account
    order_id: str
    asked: NewOrder
    created_ns: int
    visible_ns: int  # order reads don't show it earlier
    status: VenueStatus = VenueStatus.PENDING
    filled_size: Decimal = ZERO
    filled_value: Decimal = ZERO  # quote currency
    total_fees: Decimal = ZERO
    fills: int = 0
    last_fill_ns: int | None = None
    is_armed: bool = False  # waits for its stop
    is_triggered: bool = False
    cancel_message: str = ""

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def leaves(self) -> Decimal:
        """Return the base units still to trade; zero for orders by quote size."""
        return (self.asked.base_size or self.filled_size) - self.filled_size

    @property
    def average_price(self) -> Decimal:
        return divide(self.filled_value, self.filled_size) if self.filled_size else ZERO

    def add_fill(self, price: Decimal, quantity: Decimal, fee: Decimal, time_ns: int) -> None:
        self.filled_size += quantity
        self.filled_value += price * quantity
        self.total_fees += fee
        self.fills += 1
        self.last_fill_ns = time_ns
