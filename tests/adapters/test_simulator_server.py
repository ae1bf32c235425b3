"""The simulated venues as a process of their own, on real sockets."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
import websocket

from adapters.simulator.coinbase_auth import ApiKey
from adapters.simulator.server import serve
from adapters.simulator.store import ACCOUNT_FILE, SqliteStore
from domain.errors import InvalidSetting
from domain.settings import SimulatorSettings
from tests.adapters.simulator_client import PREFIX, order_body, sign

pytestmark = pytest.mark.system

PROGRAM = """
import json, sys
from pathlib import Path
from adapters.simulator.server import serve
from domain.settings import SimulatorSettings
settings = SimulatorSettings(warm_up_s=1.0, port_base=int(sys.argv[2]))
serve(settings, Path(sys.argv[1]), lambda ready: print(json.dumps(ready), flush=True))
"""
FAR_BELOW = {"limit_limit_gtc": {"base_size": "0.01", "limit_price": "50000"}}


class Simulator:
    """A simulator in a process of its own, and a client that has read its key file."""

    def __init__(self, directory: Path, port_base: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(directory), str(port_base)], stdout=subprocess.PIPE
        )
        self.ready = json.loads(self.process.stdout.readline())
        self.venue = self.ready["venues"]["coinbase"]
        stored = json.loads(Path(self.venue["key_file"]).read_text())
        self.key = ApiKey(stored["name"], stored["privateKey"])

    def submit(self, name: str, configuration: dict) -> dict:
        return self.post("/orders", order_body(name, "BUY", configuration))

    def post(self, path: str, body: dict) -> dict:
        uri = f"POST {urlsplit(self.venue['rest_url']).netloc}{PREFIX}{path}"
        return requests.post(
            f"{self.venue['rest_url']}{PREFIX}{path}",
            json=body,
            headers={"Authorization": f"Bearer {sign(self.key, time.time_ns(), uri)}"},
            timeout=5,
        ).json()

    def truth(self) -> dict:
        return requests.get(f"{self.ready['control']}/truth", timeout=5).json()["coinbase"]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def free_port_base() -> int:
    """Return a port that is free, and so is the one after it."""
    while True:
        with socket.socket() as one, socket.socket() as next_one:
            one.bind(("127.0.0.1", 0))
            base = one.getsockname()[1]
            with suppress(OSError, OverflowError):
                next_one.bind(("127.0.0.1", base + 1))
                return base


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path)
    yield simulator
    simulator.kill()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """A simulator for several tests, which leave no fault behind."""
    simulator = Simulator(tmp_path_factory.mktemp("lasting"))
    yield simulator
    simulator.kill()


def test_a_client_trades_and_listens_and_the_truth_agrees(simulator: Simulator) -> None:
    stream = websocket.create_connection(simulator.venue["private_stream_url"], timeout=5)
    token = sign(simulator.key, time.time_ns())
    stream.send(json.dumps({"type": "subscribe", "channel": "user", "product_ids": [], "jwt": token}))
    frames = [json.loads(stream.recv()) for _ in range(2)]
    reply = simulator.submit("a", {"market_market_ioc": {"quote_size": "500"}})
    update = json.loads(stream.recv())
    truth = simulator.truth()

    assert stat.S_IMODE(os.stat(simulator.venue["key_file"]).st_mode) == 0o600
    assert [frame["channel"] for frame in frames] == ["subscriptions", "user"]
    assert reply["success"] is True
    assert update["events"][0]["orders"][0]["status"] == "FILLED"
    assert [order["client_order_id"] for order in truth["orders"]] == ["a"]
    simulator.process.send_signal(signal.SIGTERM)
    assert simulator.process.wait(timeout=3) == 0


def test_a_killed_venue_comes_back_at_the_same_ports_with_account_and_key(tmp_path: Path) -> None:
    first = Simulator(tmp_path, free_port_base())
    filled = first.submit("filled", {"market_market_ioc": {"quote_size": "500"}})
    accepted = first.submit("open", FAR_BELOW)
    first.kill()

    second = Simulator(tmp_path, urlsplit(first.ready["control"]).port)
    truth = second.truth()
    again = [second.submit(name, FAR_BELOW)["success_response"]["order_id"] for name in ("filled", "open")]
    (cancelled,) = second.post("/orders/batch_cancel", {"order_ids": again[1:]})["results"]
    second.kill()

    assert (second.ready, second.key) == (first.ready, first.key)
    assert [order["status"] for order in truth["orders"]] == ["FILLED", "OPEN"]
    assert again == [one["success_response"]["order_id"] for one in (filled, accepted)]
    assert cancelled["success"] is True


def test_a_clean_stop_keeps_the_market_and_a_fresh_account_is_on_demand(tmp_path: Path) -> None:
    stopped = threading.Event()
    stopped.set()
    lives = []
    for is_fresh in (False, False, True):
        balances = {"USD": Decimal(len(lives))}
        settings = SimulatorSettings(warm_up_s=0.0, balances=balances, fresh_account=is_fresh)
        started_ns = time.time_ns()
        serve(settings, tmp_path, lambda ready: None, stopped)
        with closing(SqliteStore(tmp_path / ACCOUNT_FILE, 60.0)) as store:
            records = store.load()
        lives.append(records.terms.balances["USD"])
        assert records.saved_ns >= started_ns

    assert lives == [0, 0, 2]


def test_faults_are_ordered_at_the_control_address(lasting: Simulator) -> None:
    faults, rest_url = f"{lasting.ready['control']}/faults", lasting.venue["rest_url"]

    wrong = requests.post(faults, json={"kind": "flood"}, timeout=5)
    requests.post(faults, json={"kind": "refuse", "where": "accounts"}, timeout=5).raise_for_status()

    assert (wrong.status_code, wrong.text.count("\n")) == (400, 1)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{rest_url}{PREFIX}/accounts", timeout=5)
    assert requests.get(f"{rest_url}{PREFIX}/accounts", timeout=5).status_code == 401
    assert requests.delete(faults, timeout=5).json() == {"ok": True}


def order_fault(simulator: Simulator, **fault: object) -> None:
    requests.post(f"{simulator.ready['control']}/faults", json=fault, timeout=5).raise_for_status()


def subscribed(simulator: Simulator) -> websocket.WebSocket:
    stream = websocket.create_connection(
        simulator.venue["market_stream_url"], timeout=2, skip_utf8_validation=True
    )
    stream.send(json.dumps({"type": "subscribe", "channel": "ticker"}))
    stream.recv()
    return stream


def test_every_fault_of_a_stream_is_seen_on_the_wire(lasting: Simulator) -> None:
    url = lasting.venue["market_stream_url"]

    order_fault(lasting, kind="refuse_upgrade", where="market_stream", status=429)
    with pytest.raises(websocket.WebSocketBadStatusException) as refusal:
        websocket.create_connection(url, timeout=2)
    assert refusal.value.status_code == 429
    order_fault(lasting, kind="refuse", where="market_stream")
    with pytest.raises((ConnectionError, websocket.WebSocketException)):
        websocket.create_connection(url, timeout=2)
    order_fault(lasting, kind="slow_handshake", where="market_stream", seconds=5)
    with pytest.raises(websocket.WebSocketTimeoutException):
        websocket.create_connection(url, timeout=0.2)

    stream = subscribed(lasting)
    seen = {}
    for kind in ("malformed", "bad_utf8", "binary", "empty", "oversize"):
        order_fault(lasting, kind=kind, where="market_stream")
        while True:
            opcode, frame = stream.recv_data_frame()
            if opcode == websocket.ABNF.OPCODE_BINARY or not _is_json(frame.data) or len(frame.data) > 2**20:
                seen[kind] = opcode, len(frame.data)
                break
    assert seen["binary"][0] == websocket.ABNF.OPCODE_BINARY
    assert {seen[kind][0] for kind in ("malformed", "bad_utf8", "empty", "oversize")} == {
        websocket.ABNF.OPCODE_TEXT
    }
    assert seen["empty"][1] == 0
    assert seen["oversize"][1] > 10 * 1024 * 1024
    order_fault(lasting, kind="bad_frame", where="market_stream")
    with pytest.raises(websocket.WebSocketProtocolException, match="opcode"):
        while True:
            stream.recv()


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def test_pings_are_answered_in_silence_but_not_by_a_half_open_connection(lasting: Simulator) -> None:
    silent, dead = subscribed(lasting), subscribed(lasting)

    order_fault(lasting, kind="silence", where="market_stream", seconds=60, count=1)
    first_quiet = _wait_until_quiet(silent, dead)
    order_fault(lasting, kind="half_open", where="market_stream", seconds=1)
    second_quiet = silent if first_quiet is dead else dead
    _wait_until_quiet(second_quiet)

    assert _ping(first_quiet) == websocket.ABNF.OPCODE_PONG
    with pytest.raises(websocket.WebSocketTimeoutException):
        _ping(second_quiet)
    second_quiet.settimeout(3)
    with pytest.raises((ConnectionError, websocket.WebSocketException)):  # dropped without a close frame
        second_quiet.recv_data_frame()


def _wait_until_quiet(*streams: websocket.WebSocket) -> websocket.WebSocket:
    """Return the first stream that says nothing for 300 ms."""
    while True:
        for stream in streams:
            stream.settimeout(0.3)
            try:
                stream.recv_data_frame()
            except websocket.WebSocketTimeoutException:
                return stream


def _ping(stream: websocket.WebSocket) -> int:
    """Return the opcode of what comes back within 300 ms."""
    stream.settimeout(0.3)
    stream.ping("are you there?")
    return stream.recv_data_frame(control_frame=True)[0]


@pytest.mark.parametrize(("kind", "code"), [("close", 1001), ("drop", None)])
def test_a_stream_ends_with_and_without_a_close_frame(
    lasting: Simulator, kind: str, code: int | None
) -> None:
    stream = subscribed(lasting)

    order_fault(lasting, kind=kind, where="market_stream", code=1001)

    if code is None:
        with pytest.raises((ConnectionError, websocket.WebSocketException)):
            while True:
                stream.recv_data_frame()
    else:
        opcode, frame = websocket.ABNF.OPCODE_TEXT, None
        while opcode != websocket.ABNF.OPCODE_CLOSE:
            opcode, frame = stream.recv_data_frame(control_frame=True)
        assert int.from_bytes(frame.data[:2]) == code


def test_nothing_listens_while_a_venue_is_down(lasting: Simulator) -> None:
    stream = subscribed(lasting)
    address = urlsplit(lasting.venue["rest_url"])

    order_fault(lasting, kind="down", seconds=1.0)
    with pytest.raises((ConnectionError, websocket.WebSocketException)):
        while True:
            stream.recv_data_frame()
    refusals = 0
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            socket.create_connection((address.hostname, address.port), timeout=1).close()
        except ConnectionRefusedError:
            refusals += 1
        else:
            if refusals:
                break
        time.sleep(0.02)

    assert refusals
    assert subscribed(lasting).connected


def test_a_taken_port_is_a_wrong_setting_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = SimulatorSettings(port_base=taken.getsockname()[1])

        with pytest.raises(InvalidSetting, match=r"^simulator\.port_base: .*0 for any free ports$"):
            serve(settings, tmp_path, print)
