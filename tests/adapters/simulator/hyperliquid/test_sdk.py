"""The official client, unmodified, on the simulated Hyperliquid over loopback.

It runs where `hyperliquid-python-sdk` is installed (extra `official`); its versions get along with ours.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from adapters.simulator.server import serve
from domain.settings import SimulatorSettings

info_module = pytest.importorskip("hyperliquid.info")
error_module = pytest.importorskip("hyperliquid.utils.error")

pytestmark = pytest.mark.system

WITHIN_S = 10.0
COINS = ("BTC", "ETH", "SOL")


class Simulator:
    """The simulated venues on loopback, on a thread of this process."""

    def __init__(self, directory: Path) -> None:
        self._is_ready, self._stop = threading.Event(), threading.Event()
        self._ready: dict[str, Any] = {}
        settings = SimulatorSettings(warm_up_s=130.0, quotes_per_s=5.0, trades_per_s=3.0)
        self._thread = threading.Thread(target=serve, args=(settings, directory, self._hear, self._stop))
        self._thread.start()
        assert self._is_ready.wait(WITHIN_S)

    @property
    def url(self) -> str:
        return self._ready["venues"]["hyperliquid"]["rest_url"]

    def inject(self, **fault: Any) -> None:
        order = {"venue": "hyperliquid", **fault}
        requests.post(f"{self._ready['control']}/faults", json=order, timeout=5).raise_for_status()

    def truth(self) -> dict[str, Any]:
        return requests.get(f"{self._ready['control']}/truth", timeout=5).json()["hyperliquid"]

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(WITHIN_S)

    def _hear(self, ready: dict[str, Any]) -> None:
        self._ready = ready
        self._is_ready.set()


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path_factory.mktemp("simulator"))
    yield simulator
    simulator.stop()


@pytest.fixture
def info(simulator: Simulator) -> Iterator[Any]:
    info = info_module.Info(simulator.url, timeout=5)
    yield info
    info.disconnect_websocket()


@pytest.fixture(scope="module")
def asking(simulator: Simulator) -> Any:
    return info_module.Info(simulator.url, skip_ws=True, timeout=5)


def wait_until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not is_true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def test_it_learns_the_listings_and_their_grid(asking: Any) -> None:
    assert asking.coin_to_asset == {coin: place for place, coin in enumerate(COINS)}
    assert [asking.asset_to_sz_decimals[asset] for asset in range(3)] == [5, 4, 2]
    meta, contexts = asking.meta_and_asset_ctxs()
    assert len(meta["universe"]) == len(contexts) == 3
    assert set(asking.all_mids()) == set(COINS)


def test_it_reads_books_bars_and_funding(asking: Any) -> None:
    now_ms = int(time.time() * 1000)

    book = asking.l2_snapshot("BTC")
    bars = asking.candles_snapshot("BTC", "1m", now_ms - 600_000, now_ms)

    bids, asks = ([Decimal(row["px"]) for row in side] for side in book["levels"])
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert 0 < bids[0] < asks[0]
    assert len(bars) >= 2
    assert all(float(bar["l"]) <= float(bar["o"]) <= float(bar["h"]) for bar in bars)
    assert isinstance(asking.funding_history("BTC", now_ms - 86_400_000), list)


def test_it_hears_every_channel_of_the_market_and_nothing_once_it_has_unsubscribed(info: Any) -> None:
    heard: dict[str, list[Any]] = defaultdict(list)  # channel -> data of its messages
    wanted = [
        {"type": "allMids"},
        {"type": "l2Book", "coin": "BTC"},
        {"type": "bbo", "coin": "ETH"},
        {"type": "trades", "coin": "SOL"},
        {"type": "candle", "coin": "BTC", "interval": "1m"},
        {"type": "activeAssetCtx", "coin": "BTC"},
    ]

    def hear(message: dict[str, Any]) -> None:
        heard[message["channel"]].append(message["data"])

    numbers = [info.subscribe(dict(one), hear) for one in wanted]
    wait_until(lambda: all(heard[one["type"]] for one in wanted))
    wait_until(lambda: len(heard["bbo"]) > 3 and len(heard["trades"]) > 3)

    assert set(heard["allMids"][0]["mids"]) == set(COINS)
    assert all(Decimal(bid["px"]) < Decimal(ask["px"]) for bid, ask in (data["bbo"] for data in heard["bbo"]))
    assert {row["coin"] for rows in heard["trades"] for row in rows} == {"SOL"}
    assert heard["activeAssetCtx"][0]["ctx"]["funding"] == "0.0000125"
    for one, number in zip(wanted, numbers, strict=True):
        assert info.unsubscribe(dict(one), number)
    counts = {channel: len(told) for channel, told in heard.items()}
    contexts: list[Any] = []
    info.subscribe({"type": "activeAssetCtx", "coin": "ETH"}, contexts.append)
    wait_until(lambda: len(contexts) > 2)  # which takes two seconds, in which ten touches would have come
    assert counts == {channel: len(told) for channel, told in heard.items()}


def test_its_trades_are_those_that_the_venue_knows_of(info: Any, simulator: Simulator) -> None:
    told: list[dict[str, Any]] = []
    info.subscribe({"type": "trades", "coin": "BTC"}, lambda message: told.extend(message["data"]))

    wait_until(lambda: len(told) > 33)
    replay, live = told[:30], told[30:]

    assert [row["tid"] for row in replay] == sorted((row["tid"] for row in replay), reverse=True)
    first = max(row["tid"] for row in replay) + 1
    assert [row["tid"] for row in live] == list(range(first, first + len(live)))
    assert simulator.truth()["products"]["BTC"]


def test_what_the_venue_refuses_reaches_it_as_its_own_errors(asking: Any, simulator: Simulator) -> None:
    simulator.inject(kind="429", where="market_data")
    with pytest.raises(error_module.ClientError) as refused:
        asking.meta()
    simulator.inject(kind="5xx", where="market_data")
    with pytest.raises(error_module.ServerError):
        asking.meta()
    with pytest.raises(error_module.ClientError) as misunderstood:
        asking.post("/info", {"type": "tea_leaves"})

    assert (refused.value.status_code, misunderstood.value.status_code) == (429, 422)
    assert len(asking.meta()["universe"]) == 3


def test_a_stream_that_the_venue_drops_is_dropped_for_it_too(info: Any, simulator: Simulator) -> None:
    told: list[Any] = []
    info.subscribe({"type": "bbo", "coin": "BTC"}, told.append)
    wait_until(lambda: bool(told))

    simulator.inject(kind="drop", where="market_stream")

    wait_until(lambda: not info.ws_manager.ws.keep_running or info.ws_manager.ws.sock is None)
