"""What the contract of a `TradingVenue` is held against: each venue with a client of it, and its row of the table.

A new venue brings a `Candidate` and its `Row`. What it is able to do its own `OrderRules` say; the row adds its words.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from adapters.ports import TradingVenue
from adapters.venues.coinbase.order_rules import CoinbaseOrders
from domain.execution.order_rules import Capabilities, OrderRules
from domain.instrument import InstrumentKind, Side
from domain.ledger.order_ids import mint_client_order_id
from domain.messages.orders import CancelOrder, OrderType, Purpose, QueryOrder, SubmitOrder, TimeInForce, VenueMoment
from tests.builders import UTC
from tests.simulated_coinbase import VENUE_SETTINGS, SimulatedCoinbase
from tests.simulated_toy import SimulatedToy
from tests.toy.rules import ToyOrders
from tests.toy.venue import UNFIT

NAME = "BTC-USD"


class Row(NamedTuple):
    """One line of the table of capabilities, and what the venue calls things."""

    make: Callable[..., Candidate]
    rules: OrderRules
    resubmits_safely: bool  # the same id and body again is the same order; else it is refused
    has_wire: bool  # its answers are bytes: they can be unreadable, and its tokens refused
    symbol: str
    cash: tuple[str, str]  # wallet, currency
    fee_ratios: tuple[Decimal, Decimal]  # taker, maker
    too_dear: str  # its word for more than the account can bear
    is_done: str  # its word for a cancel of what has filled

    @property
    def able(self) -> Capabilities:
        return self.rules.capabilities

    @property
    def is_margined(self) -> bool:
        return InstrumentKind.PERPETUAL in self.able.kinds


class Candidate(ABC):
    """One venue and one client of it, no latency between them and no lag of reads, unless `settings` say so."""

    row: Row
    seat: SimulatedCoinbase | SimulatedToy  # its `client`, `clock`, `orders`, `touch` and `inject`

    @property
    def client(self) -> TradingVenue:
        return self.seat.client

    @property
    def orders(self) -> list:
        """What the venue really holds, in order of creation."""
        return self.seat.orders

    @property
    @abstractmethod
    def requests(self) -> list[Any]:
        """Everything that was sent, in order."""

    @abstractmethod
    def stop_listening(self) -> None:
        """Let connections be refused from now on."""

    @abstractmethod
    def page(self, size: int, patch: pytest.MonkeyPatch) -> None:
        """Let lists come in pages of this size, where they have pages."""

    def inject(self, kind: str, where: str, **more: Any) -> None:
        self.seat.inject(kind, where, **more)

    def advance(self, seconds: float) -> None:
        self.seat.clock.advance(seconds)

    def touch(self, side: Side) -> Decimal:
        return self.seat.touch(side, self.row.symbol)

    def order(self, name: str = "i-1", **changes: Any) -> SubmitOrder:
        """Return a buy far below the market, which rests; as the router would send it."""
        client_order_id = mint_client_order_id(name, 0, 1)
        wire_id = self.row.rules.venue_client_id(client_order_id, 1)
        fields = {
            "client_order_id": client_order_id,
            "venue_client_id": "" if wire_id == client_order_id else wire_id,
            "intent_id": name,
            "venue": self.client.venue,
            "instrument": NAME,
            "symbol": self.row.symbol,
            "side": Side.BUY,
            "purpose": Purpose.OPEN,
            "order_type": OrderType.LIMIT,
            "time_in_force": TimeInForce.GTC,
            "quantity": Decimal("0.01"),
            "limit_price": Decimal("30000"),
        }
        order = SubmitOrder(**{**fields, **changes})
        lifetime = self.row.rules.lifetime(order, VenueMoment(utc_ns=self.seat.clock.now().utc_ns))
        return replace(order, accept_until=lifetime.accept_until, live_until=lifetime.live_until)

    def taker(self, side: Side = Side.BUY, quantity: str = "0.01", **changes: Any) -> SubmitOrder:
        price = self.touch(side) + side.sign * Decimal(100)
        traded = {"side": side, "quantity": Decimal(quantity), "limit_price": price}
        return self.order(f"taker {side}", time_in_force=TimeInForce.IOC, **{**traded, **changes})

    def query(self, command: SubmitOrder, venue_order_id: str = "") -> QueryOrder:
        return QueryOrder(
            client_order_id=command.client_order_id,
            venue_client_id=command.venue_client_id,
            venue=command.venue,
            instrument=command.instrument,
            symbol=command.symbol,
            sent_at=UTC,
            venue_order_id=venue_order_id,
        )

    def cancel(self, command: SubmitOrder, venue_order_id: str) -> CancelOrder:
        return CancelOrder(
            client_order_id=command.client_order_id,
            venue_client_id=command.venue_client_id,
            venue=command.venue,
            instrument=command.instrument,
            symbol=command.symbol,
            venue_order_id=venue_order_id,
        )


class Coinbase(Candidate):
    def __init__(self, row: Row, **settings: Any) -> None:
        self.row = row
        self.seat = SimulatedCoinbase(**settings)

    @property
    def requests(self) -> list[Any]:
        return self.seat.transport.requests

    def stop_listening(self) -> None:
        self.seat.transport.is_refusing = True

    def page(self, size: int, patch: pytest.MonkeyPatch) -> None:
        patch.setattr("adapters.venues.coinbase.client._PAGE", size)


class Toy(Candidate):
    def __init__(self, row: Row, **settings: Any) -> None:
        self.row = row
        self.seat = SimulatedToy(**settings)

    @property
    def requests(self) -> list[Any]:
        return self.seat.toy.requests

    def stop_listening(self) -> None:
        self.seat.toy.is_refusing = True

    def page(self, size: int, patch: pytest.MonkeyPatch) -> None:
        """It has none."""


ROWS = {
    "coinbase": Row(
        make=Coinbase,
        rules=CoinbaseOrders(VENUE_SETTINGS),
        resubmits_safely=True,
        has_wire=True,
        symbol="BTC-USD",
        cash=("", "USD"),
        fee_ratios=(Decimal("0.006"), Decimal("0.004")),
        too_dear="INSUFFICIENT_FUND",
        is_done="ORDER_IS_FULLY_FILLED",
    ),
    "toy": Row(
        make=Toy,
        rules=ToyOrders(VENUE_SETTINGS),
        resubmits_safely=False,
        has_wire=False,
        symbol="BTC",
        cash=("perpetual", "USDC"),
        fee_ratios=(Decimal("0.00045"), Decimal("0.00015")),
        too_dear="INSUFFICIENT_FUNDS",
        is_done="IS_FILLED",
    ),
}


def of(suits: Callable[[Row], bool] = lambda row: True) -> pytest.MarkDecorator:
    """Run a test for each venue whose row suits; it gets that as `venue`."""
    names = [name for name, row in ROWS.items() if suits(row)]
    return pytest.mark.parametrize("venue", names, indirect=True)


def with_faults(*kinds: str) -> pytest.MarkDecorator:
    """Run a test for each venue and each of these faults that has a place there."""
    cases = [(name, kind) for name, row in ROWS.items() for kind in kinds if row.has_wire or kind not in UNFIT]
    return pytest.mark.parametrize(("venue", "kind"), cases, indirect=["venue"])
