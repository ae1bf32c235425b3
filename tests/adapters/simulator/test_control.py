"""Whatever is sent to the control address gets an answer: 200, or 400 with one line that says what is wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from adapters.simulator.control import control_application
from adapters.simulator.faults import KINDS, Fault
from adapters.simulator.hand_trades import HandTrade
from adapters.simulator.venue_clock import VenueClock
from adapters.simulator.world import World
from tests.adapters.simulator.client import START_NS, quick_settings


class Control:
    def __init__(self) -> None:
        world = World(quick_settings(), START_NS, None, venues=["coinbase"])
        self._loop = asyncio.new_event_loop()
        server = TestServer(control_application(world, VenueClock(START_NS)), loop=self._loop)
        self._client: Any = TestClient(server, loop=self._loop)
        self._loop.run_until_complete(self._client.start_server())

    def post(self, path: str, body: bytes, **headers: str) -> tuple[int, str]:
        async def ask() -> tuple[int, str]:
            sent = {"Content-Type": "application/json"} | headers
            async with self._client.post(path, data=body, headers=sent) as answer:
                return answer.status, await answer.text()

        return self._loop.run_until_complete(ask())

    def close(self) -> None:
        self._loop.run_until_complete(self._client.close())
        self._loop.close()


@pytest.fixture(scope="module")
def control() -> Iterator[Control]:
    made = Control()
    yield made
    made.close()


DELAY = b'{"kind": "delay", "where": "submit", '


@pytest.mark.parametrize("path", ["/faults", "/trades"])
@pytest.mark.parametrize(
    "body",
    [
        DELAY + b'"seconds": 1e400}',
        DELAY + b'"seconds": 1e300}',
        DELAY + b'"retry_after": Infinity}',
        DELAY + b'"count": -1' + b"0" * 400 + b"}",
        DELAY + b'"count": -1' + b"0" * 5000 + b"}",
        DELAY + b'"' + b"x" * 5000 + b'": 1}',
        DELAY + b'"channel": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe",
        b"[]",
        b"",
    ],
    ids=lambda body: body[:60].decode("latin-1"),
)
def test_what_is_no_order_is_refused_in_one_line(control: Control, path: str, body: bytes) -> None:
    status, text = control.post(path, body)

    assert (status, text.count("\n"), text[-1]) == (400, 1, "\n")
    assert len(text) < 1_100


def test_order_is_utf8_whatever_its_charset_is_called(control: Control) -> None:
    assert (
        control.post("/faults", DELAY + b'"count": 1}', **{"Content-Type": "application/json; charset=nope"})[0] == 200
    )


def test_what_is_not_encoded_as_its_headers_say_is_refused(control: Control) -> None:
    status, text = control.post("/faults", DELAY + b"}", **{"Content-Encoding": "deflate"})

    assert (status, text) == (400, "not encoded as its headers say\n")


_WHOLE = st.integers() | st.sampled_from([10**6, 10**12, 10**17])
_DECIMALS = st.builds(lambda digits, exponent: f"{digits}E{exponent}", _WHOLE, st.integers(-30, 20)) | st.sampled_from(
    ["NaN", "sNaN", "-Infinity", "1E999999999999999999", "-0", "1E-999999", "١"]
)
_NUMBERS = st.integers() | st.floats() | _DECIMALS
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.text() | _NUMBERS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


def _orders(fields: dict[str, st.SearchStrategy[Any]], names: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    others = {name: _NUMBERS | _ANYTHING for name in names if name not in fields}
    anything = st.dictionaries(st.sampled_from(names), _ANYTHING)
    return st.fixed_dictionaries(fields, optional=others) | anything


_FAULTS = _orders({"kind": st.sampled_from(sorted(KINDS))}, Fault.__struct_fields__)
_TRADES = _orders(
    {
        "instrument": st.just("BTC-USD"),
        "side": st.sampled_from(["BUY", "SELL"]),
        "quantity": _NUMBERS,
    },
    HandTrade.__struct_fields__,
)


@given(order=_FAULTS)
def test_no_fault_that_is_ordered_breaks_the_simulator(control: Control, order: dict[str, Any]) -> None:
    _is_answered(control, "/faults", order)


@given(order=_TRADES)
def test_no_trade_that_is_ordered_breaks_the_simulator(control: Control, order: dict[str, Any]) -> None:
    _is_answered(control, "/trades", order)


def _is_answered(control: Control, path: str, order: dict[str, Any]) -> None:
    status, text = control.post(path, json.dumps(order).encode())

    assert status == 200 or (status, text.count("\n"), text[-1:]) == (400, 1, "\n"), text
