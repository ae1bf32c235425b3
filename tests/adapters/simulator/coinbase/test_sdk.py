"""The official Coinbase client, unmodified, against the simulated venue. Runs where it is installed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

from adapters.simulator.server import serve
from domain.settings import SimulatorSettings

rest = pytest.importorskip("coinbase.rest", reason="coinbase-advanced-py is not installed")
websocket = pytest.importorskip("coinbase.websocket")

pytestmark = pytest.mark.system

PRODUCTS = ["BTC-USD", "ETH-USD", "SOL-USD"]
MARKET_CHANNELS = ["level2", "ticker", "ticker_batch", "market_trades", "candles", "status"]
FRAME_NAMES = {"level2": "l2_data"}  # how a channel's frames are called, where that differs


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Return the addresses of a simulator on a thread of its own."""
    ready, answers, stop = threading.Event(), [], threading.Event()

    def tell(addresses: dict[str, Any]) -> None:
        answers.append(addresses)
        ready.set()

    settings = SimulatorSettings(warm_up_s=5.0)
    directory = tmp_path_factory.mktemp("sdk")
    thread = threading.Thread(target=serve, args=(settings, directory, tell, stop))
    thread.start()
    assert ready.wait(20)
    yield answers[0]
    stop.set()
    thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def key(simulator: dict[str, Any]) -> dict[str, str]:
    stored = json.loads(Path(simulator["venues"]["coinbase"]["key_file"]).read_text())
    return {"api_key": stored["name"], "api_secret": stored["privateKey"]}


class InTheClear(HTTPAdapter):
    """Sends without TLS what the client insists on calling https: our venue listens on loopback only."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **options)


def rest_client(simulator: dict[str, Any], **key: str) -> Any:
    netloc = urlsplit(simulator["venues"]["coinbase"]["rest_url"]).netloc
    client = rest.RESTClient(base_url=netloc, timeout=5, **key)
    client.session.mount(f"https://{netloc}", InTheClear())
    return client


class Listener:
    """An official stream client and all it has heard, each frame read by the client's own types."""

    def __init__(self, simulator: dict[str, Any], kind: str = "WSClient", **key: str) -> None:
        stream = "private_stream_url" if kind == "WSUserClient" else "market_stream_url"
        self.frames: list[dict[str, Any]] = []
        self.responses: list[Any] = []
        self.client = getattr(websocket, kind)(
            base_url=simulator["venues"]["coinbase"][stream], on_message=self._hear, **key
        )
        self.client._retry_base = 0.05

    def _hear(self, text: str) -> None:
        self.frames.append(json.loads(text))
        self.responses.append(websocket.WebsocketResponse(json.loads(text)))

    def events(self, channel: str) -> list[dict[str, Any]]:
        name = FRAME_NAMES.get(channel, channel)
        return [event for frame in self.frames if frame["channel"] == name for event in frame["events"]]

    def wait(self, until: Callable[[], object], within_s: float = 15.0) -> None:
        deadline = time.monotonic() + within_s
        while not until():
            assert time.monotonic() < deadline, {frame["channel"] for frame in self.frames}
            self.client.sleep_with_exception_check(0.05)


# ---- REST --------------------------------------------------------------------------------------------------


def test_public_market_data_needs_no_key(simulator: dict[str, Any]) -> None:
    client = rest_client(simulator)

    now_s = int(client.get_unix_time().epoch_seconds)
    products = client.get_public_products(product_type="SPOT", product_ids=PRODUCTS).products
    product = client.get_public_product("BTC-USD")
    book = client.get_public_product_book("BTC-USD", limit=10).pricebook
    candles = client.get_public_candles("BTC-USD", str(now_s - 3600), str(now_s), "ONE_MINUTE", limit=350)
    trades = client.get_public_market_trades("BTC-USD", limit=5).trades

    assert abs(now_s - time.time()) < 5
    assert [one.product_id for one in products] == PRODUCTS
    assert (product.quote_increment, product.status) == ("0.01", "online")
    bids, asks = ([Decimal(level["price"]) for level in side] for side in (book.bids, book.asks))
    assert bids == sorted(bids, reverse=True) and asks == sorted(asks) and bids[0] < asks[0]
    assert all(Decimal(one.low) <= Decimal(one.open) <= Decimal(one.high) for one in candles.candles)
    assert len(trades) == 5 and {one.side for one in trades} <= {"BUY", "SELL"}


def test_a_key_reads_the_account_and_the_market(simulator: dict[str, Any], key: dict[str, str]) -> None:
    client = rest_client(simulator, **key)

    accounts = client.get_accounts(limit=1)
    books = client.get_best_bid_ask(product_ids=PRODUCTS[:2]).pricebooks
    permissions = client.get_api_key_permissions()

    assert accounts.has_next and client.get_accounts(cursor=accounts.cursor).accounts
    assert [one.product_id for one in books] == PRODUCTS[:2]
    assert (permissions.can_view, permissions.can_trade) == (True, True)
    assert client.get_product("ETH-USD").product_id == "ETH-USD"
    with pytest.raises(requests.HTTPError, match="404"):
        client.get_product("NOPE")


def test_an_order_is_made_once_listed_and_cancelled(simulator: dict[str, Any], key: dict[str, str]) -> None:
    client = rest_client(simulator, **key)
    order = ("sdk-1", "BTC-USD", "0.001", "50000")

    order_id = client.limit_order_gtc_buy(*order).success_response["order_id"]
    again = client.limit_order_gtc_buy(*order).success_response["order_id"]
    time.sleep(0.4)  # order reads lag behind writes here, as at the real venue
    status = client.get_order(order_id).order.status
    results = client.cancel_orders([order_id, "nope"]).results

    assert (again, status) == (order_id, "OPEN")
    assert [one.success for one in results] == [True, False]


# ---- streams -----------------------------------------------------------------------------------------------


def test_every_channel_of_the_market_speaks_to_the_official_client(simulator: dict[str, Any]) -> None:
    listener = Listener(simulator)
    listener.client.open()
    listener.client.heartbeats()
    listener.client.subscribe(PRODUCTS, MARKET_CHANNELS)

    listener.wait(lambda: all(listener.events(name) for name in (*MARKET_CHANNELS, "heartbeats")))
    listener.wait(lambda: {"snapshot", "update"} <= {event["type"] for event in listener.events("level2")})
    listener.wait(lambda: len(listener.events("heartbeats")) > 1)
    listener.client.unsubscribe_all()
    listener.client.unsubscribe([], ["heartbeats"])
    listener.wait(lambda: listener.events("subscriptions")[-1] == {"subscriptions": {}})
    listener.client.close()

    sequence = [frame["sequence_num"] for frame in listener.frames]
    assert sequence == list(range(len(sequence)))
    assert {event["product_id"] for event in listener.events("level2")} == set(PRODUCTS)
    assert all(response.channel and response.events for response in listener.responses)
    (last,) = listener.frames[-1]["events"]
    assert last == {"subscriptions": {}}  # and nothing after it


def test_a_book_kept_from_the_stream_is_never_empty_nor_crossed(simulator: dict[str, Any]) -> None:
    listener = Listener(simulator)
    listener.client.open()
    listener.client.level2(["BTC-USD"])
    listener.wait(lambda: len(listener.events("level2")) > 20)
    listener.client.close()

    book: dict[tuple[str, Decimal], Decimal] = {}
    for event in listener.events("level2"):
        for row in event["updates"]:
            book[row["side"], Decimal(row["price_level"])] = Decimal(row["new_quantity"])
        bid = max(price for (side, price), size in book.items() if size and side == "bid")
        ask = min(price for (side, price), size in book.items() if size and side == "offer")
        assert bid < ask


@pytest.mark.parametrize("fault", [{"kind": "drop"}, {"kind": "close", "code": 1011}])
def test_after_an_abnormal_end_the_client_connects_again(simulator: dict[str, Any], fault: dict[str, Any]) -> None:
    listener = Listener(simulator)
    listener.client.open()
    listener.client.ticker(PRODUCTS)
    listener.wait(lambda: listener.events("ticker"))

    order = {"where": "market_stream", **fault}
    requests.post(f"{simulator['control']}/faults", json=order, timeout=5).raise_for_status()

    listener.wait(lambda: [frame["sequence_num"] for frame in listener.frames].count(0) == 2)
    heard = len(listener.events("ticker"))
    listener.wait(lambda: len(listener.events("ticker")) > heard)
    listener.client.close()


def test_the_user_channel_tells_of_an_order(simulator: dict[str, Any], key: dict[str, str]) -> None:
    listener = Listener(simulator, "WSUserClient", **key)
    listener.client.open()
    listener.client.user([])
    listener.wait(lambda: listener.events("user"))

    rest_client(simulator, **key).market_order_buy("sdk-2", "BTC-USD", quote_size="10")

    def is_filled() -> bool:
        orders = [order for event in listener.events("user") for order in event["orders"]]
        return any(order["client_order_id"] == "sdk-2" and order["status"] == "FILLED" for order in orders)

    listener.wait(is_filled)
    listener.client.close()
