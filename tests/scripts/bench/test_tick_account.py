"""The system's own client finds at the benchmark's venue what it would find at a real one."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from adapters.clock import SystemClock
from adapters.key_vault import VAULT
from adapters.network.http import Response
from adapters.venues.coinbase.client import CoinbaseClient
from adapters.venues.coinbase.private_stream import PrivateStream
from adapters.venues.coinbase.sign import load_signer
from domain.errors import Rejected
from domain.instrument import Side
from domain.messages.orders import (
    CancelOrder,
    OrderNotFound,
    OrderReported,
    OrderStatus,
    OrderType,
    Purpose,
    QueryOrder,
    SubmitOrder,
    TimeInForce,
)
from domain.settings import VenueSettings
from scripts.bench.tick_server import Connection, Venue
from scripts.bench.tick_to_order import make_key
from tests.scripts.bench.test_tick_work import FakeTransport
from tests.simulated_coinbase import order

BUY = order(quantity=Decimal("0.01"), limit_price=Decimal("69000"), time_in_force=TimeInForce.IOC)
ALL = Decimal(10_000_000)
ASK = Decimal("68900")  # as long as nothing has changed
BRACKET = replace(
    BUY,
    client_order_id="a-bracket",
    side=Side.SELL,
    purpose=Purpose.PROTECT,
    order_type=OrderType.BRACKET,
    time_in_force=TimeInForce.GTC,
    limit_price=Decimal("70000"),
    stop_price=Decimal("68000"),
)


class Wire:
    """A transport of which each request is read by a new connection of the venue."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> Response:
        asked, transport, connection = urlsplit(url), FakeTransport(), Connection(self._venue)
        connection.connection_made(transport)
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{method} {asked.path}?{asked.query} HTTP/1.1\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
        connection.data_received(head.encode() + body)
        status, _, answer = transport.written.partition(b"\r\n\r\n")
        return Response(int(status.split()[1]), {}, answer, SystemClock().now().monotonic_ns)

    def close(self) -> None:
        """There is nothing to close."""


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture
def client(venue: Venue, tmp_path: Path) -> CoinbaseClient:
    make_key(tmp_path / "key.json")
    settings = VenueSettings(key_file=str(tmp_path / "key.json"), rest_url="http://127.0.0.1:1")
    return CoinbaseClient(settings, load_signer(settings, VAULT), Wire(venue), SystemClock())


def find(client: CoinbaseClient, command: SubmitOrder, venue_order_id: str = "") -> OrderReported | OrderNotFound:
    query = QueryOrder(
        client_order_id=command.client_order_id,
        venue=command.venue,
        instrument=command.instrument,
        sent_at=SystemClock().now().utc_ns,
        venue_order_id=venue_order_id,
    )
    return client.find_order(query, 5)


def balances(client: CoinbaseClient) -> dict[str, tuple[Decimal, Decimal]]:
    return {one.currency: (one.total, one.hold) for one in client.list_balances(5)}


def fill(venue: Venue) -> None:
    """Let the one open order fill."""
    (order,) = venue.account.open_orders
    venue.fill(order)


def test_what_an_order_may_cost_is_on_hold_until_it_has_filled(venue: Venue, client: CoinbaseClient) -> None:
    accepted = client.submit_order(BUY, 5)
    live, before, listed = find(client, BUY, accepted.venue_order_id), balances(client), client.list_open_orders(5)
    fill(venue)
    ended, (row,) = find(client, BUY, accepted.venue_order_id), client.list_fills(0, 5, (accepted.venue_order_id,))

    assert isinstance(live, OrderReported) and isinstance(ended, OrderReported)
    assert (live.status, live.quantity, live.limit_price) == (OrderStatus.OPEN, BUY.quantity, BUY.limit_price)
    assert [one.client_order_id for one in listed] == [BUY.client_order_id]
    assert before == {"USD": (ALL, Decimal("694.14")), "BTC": (0, 0)}
    assert (ended.status, ended.cumulative_quantity) == (OrderStatus.FILLED, BUY.quantity)
    assert (row.venue_order_id, row.quantity, row.price) == (accepted.venue_order_id, BUY.quantity, ASK)
    assert (ended.average_price, ended.total_fees) == (row.price, row.fee)
    assert balances(client) == {"USD": (ALL - row.quantity * row.price - row.fee, 0), "BTC": (BUY.quantity, 0)}
    assert not client.list_open_orders(5)


def test_bracket_holds_the_coins_and_sells_them_at_its_target(venue: Venue, client: CoinbaseClient) -> None:
    client.submit_order(BUY, 5)
    fill(venue)

    client.submit_order(BRACKET, 5)
    before = balances(client)["BTC"]
    fill(venue)
    sale = next(one for one in client.list_fills(0, 5) if one.side is Side.SELL)

    assert before == (BUY.quantity, BUY.quantity)
    assert (sale.quantity, sale.price) == (BRACKET.quantity, BRACKET.limit_price)
    assert balances(client)["BTC"] == (0, 0)
    assert len(venue.arrivals) == 1, "what protects answers no frame"


def test_coins_that_are_held_or_sold_are_not_sold_again(venue: Venue, client: CoinbaseClient) -> None:
    client.submit_order(BUY, 5)
    fill(venue)
    client.submit_order(BRACKET, 5)
    close = replace(BUY, client_order_id="a-close", side=Side.SELL, purpose=Purpose.CLOSE)

    with pytest.raises(Rejected, match="INSUFFICIENT_FUND"):
        client.submit_order(close, 5)
    fill(venue)
    with pytest.raises(Rejected, match="INSUFFICIENT_FUND"):
        client.submit_order(close, 5)

    assert balances(client)["BTC"] == (0, 0)
    assert isinstance(find(client, close), OrderNotFound)


def test_order_is_found_by_our_name_of_it_on_whatever_page_it_is(client: CoinbaseClient) -> None:
    client.submit_order(BUY, 5)
    for number in range(300):
        client.submit_order(replace(BUY, client_order_id=f"another-{number}"), 5)

    assert isinstance(find(client, BUY), OrderReported)
    assert isinstance(find(client, replace(BUY, client_order_id="never-sent")), OrderNotFound)
    assert isinstance(find(client, replace(BUY, client_order_id="never-sent"), "v-never-sent"), OrderNotFound)


def test_cancel_ends_an_open_order_once(client: CoinbaseClient) -> None:
    cancel = CancelOrder(
        client_order_id=BUY.client_order_id,
        venue=BUY.venue,
        venue_order_id=client.submit_order(BUY, 5).venue_order_id,
    )
    client.cancel_order(cancel, 5)

    assert not client.list_open_orders(5)
    with pytest.raises(Rejected):
        client.cancel_order(cancel, 5)


def test_user_channel_tells_the_end(venue: Venue, client: CoinbaseClient) -> None:
    connection, transport = Connection(venue), FakeTransport()
    connection.connection_made(transport)
    stream, now = PrivateStream(VenueSettings(), lambda utc_ns: "token"), SystemClock().now()
    stream.hello(now)

    client.submit_order(BUY, 5)
    connection.subscribe({"channel": "user"})
    fill(venue)

    frames = [data[data.index(b"{") :] for data in transport.writes]
    told = [event for frame in frames for event in stream.decode(frame, now.monotonic_ns, now)]
    reports = [event for event in told if isinstance(event, OrderReported)]
    assert [one.status for one in reports] == [OrderStatus.OPEN, OrderStatus.FILLED]
    assert [one.cumulative_quantity for one in reports] == [0, BUY.quantity]
