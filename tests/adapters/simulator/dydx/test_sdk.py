"""The official dYdX client, unmodified, against the simulated venue.

It runs where `dydx-v4-client` is installed (extra `official`); its versions get along with ours.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterator
from decimal import Decimal
from typing import Any

import pytest

from adapters.simulator.server import serve
from domain.settings import SimulatorSettings

rest = pytest.importorskip("dydx_v4_client.indexer.rest.indexer_client", reason="dydx-v4-client is missing")
websocket = pytest.importorskip("dydx_v4_client.indexer.socket.websocket")
resolutions = pytest.importorskip("dydx_v4_client.indexer.candles_resolution")
httpx = pytest.importorskip("httpx")

pytestmark = pytest.mark.system

TICKERS = ["BTC-USD", "ETH-USD", "SOL-USD"]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Return the URLs of a simulated dYdX on a thread of its own."""
    ready, answers, stop = threading.Event(), [], threading.Event()

    def tell(found: dict[str, Any]) -> None:
        answers.append(found["venues"]["dydx"])
        ready.set()

    settings = SimulatorSettings(warm_up_s=10.0)
    thread = threading.Thread(target=serve, args=(settings, tmp_path_factory.mktemp("sdk"), tell, stop))
    thread.start()
    assert ready.wait(20)
    yield answers[0]
    stop.set()
    thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


# ---- REST ------------------------------------------------------------------------------------------------


@pytest.fixture
def client(addresses: dict[str, str]) -> Any:
    return rest.IndexerClient(addresses["rest_url"], api_timeout=5.0)


def answer(call: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(call)


def test_markets(client: Any) -> None:
    everything = answer(client.markets.get_perpetual_markets())["markets"]
    one = answer(client.markets.get_perpetual_markets("BTC-USD"))["markets"]

    assert list(everything) == TICKERS
    assert one["BTC-USD"]["clobPairId"] == "0"


def test_a_book(client: Any) -> None:
    book = answer(client.markets.get_perpetual_market_orderbook("ETH-USD"))

    assert Decimal(book["bids"][0]["price"]) < Decimal(book["asks"][0]["price"])


def test_trades(client: Any) -> None:
    rows = answer(client.markets.get_perpetual_market_trades("BTC-USD", limit=5))["trades"]
    height = int(rows[-1]["createdAtHeight"])
    older = answer(client.markets.get_perpetual_market_trades("BTC-USD", starting_before_or_at_height=height))

    assert len(rows) == 5
    assert older["trades"][0]["id"] <= rows[0]["id"]


def test_candles(client: Any) -> None:
    rows = answer(client.markets.get_perpetual_market_candles("SOL-USD", "1MIN", limit=2))["candles"]

    assert rows[0]["ticker"] == "SOL-USD" and Decimal(rows[0]["low"]) <= Decimal(rows[0]["high"])


def test_funding_and_sparklines(client: Any) -> None:
    assert "historicalFunding" in answer(client.markets.get_perpetual_market_historical_funding("BTC-USD"))
    assert list(answer(client.markets.get_perpetual_market_sparklines())) == TICKERS


def test_time_and_height(client: Any) -> None:
    assert answer(client.utility.get_time())["epoch"] == pytest.approx(time.time(), abs=5)
    assert int(answer(client.utility.get_height())["height"]) > 60_000_000


def test_a_refusal(client: Any) -> None:
    with pytest.raises(httpx.HTTPStatusError) as failure:
        answer(client.markets.get_perpetual_market_orderbook("XYZ-USD"))

    assert failure.value.response.status_code == 404
    assert failure.value.response.json()["errors"][0]["msg"].startswith("XYZ-USD not found")


# ---- the socket ------------------------------------------------------------------------------------------


class Listener:
    """The client's socket on a thread of its own, and what it heard."""

    def __init__(self, url: str) -> None:
        self.heard: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)  # (type, channel) ->
        self._is_leaving = False
        self.socket = websocket.IndexerSocket(url, on_message=self._hear)
        self._thread = threading.Thread(target=lambda: asyncio.run(self.socket.connect()))
        self._thread.start()
        self.wait_for(lambda: self.heard["connected", ""])

    def _hear(self, socket: Any, message: dict[str, Any]) -> None:
        if self._is_leaving:
            socket.close()
        self.heard[message["type"], message.get("channel", "")].append(message)

    def wait_for(self, is_there: Callable[[], Any], within_s: float = 10.0) -> None:
        deadline = time.monotonic() + within_s
        while not is_there():
            assert time.monotonic() < deadline, dict(self.heard)
            time.sleep(0.01)

    def close(self) -> None:
        """Hang up from the client's own thread: it notices no other hand for ten seconds."""
        self._is_leaving = True
        self.socket.send('{"type": "subscribe", "channel": "v4_block_height"}')
        self._thread.join()


@pytest.fixture
def listener(addresses: dict[str, str]) -> Iterator[Listener]:
    opened = Listener(addresses["market_stream_url"])
    yield opened
    opened.close()


def test_every_channel_answers_and_updates_in_batches(listener: Listener) -> None:
    socket = listener.socket
    socket.order_book.subscribe("BTC-USD")
    socket.trades.subscribe("BTC-USD")
    socket.markets.subscribe()
    socket.candles.subscribe("BTC-USD", resolutions.CandlesResolution.ONE_MINUTE)

    for channel in ("v4_orderbook", "v4_trades", "v4_markets", "v4_candles"):
        listener.wait_for(lambda channel=channel: listener.heard["subscribed", channel])
        listener.wait_for(lambda channel=channel: listener.heard["channel_batch_data", channel])

    (book,) = listener.heard["subscribed", "v4_orderbook"]
    assert book["id"] == "BTC-USD" and book["contents"]["bids"][0].keys() == {"price", "size"}
    (updates, *_) = listener.heard["channel_batch_data", "v4_orderbook"]
    assert isinstance(updates["contents"], list)


def test_unbatched_updates_come_one_by_one_until_the_end(listener: Listener) -> None:
    listener.socket.order_book.subscribe("ETH-USD", batched=False)
    listener.wait_for(lambda: len(listener.heard["channel_data", "v4_orderbook"]) > 3)

    listener.socket.order_book.unsubscribe("ETH-USD")
    listener.wait_for(lambda: listener.heard["unsubscribed", "v4_orderbook"])

    numbers = [message["message_id"] for message in listener.heard["channel_data", "v4_orderbook"]]
    assert numbers == list(range(2, 2 + len(numbers)))


def test_a_wrong_market_is_refused_in_the_venues_words(listener: Listener) -> None:
    listener.socket.trades.subscribe("XYZ-USD")
    listener.wait_for(lambda: listener.heard["error", ""])

    (error,) = listener.heard["error", ""]
    assert error["message"] == "Invalid subscription id for channel: (v4_trades-XYZ-USD)"
