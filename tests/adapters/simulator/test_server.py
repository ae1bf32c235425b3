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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from decimal import Decimal
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import pytest
import requests
import websocket

from adapters.network.http import HttpTransport
from adapters.simulator.api_key import ApiKey
from adapters.simulator.fronts import FRONTS
from adapters.simulator.server import serve
from adapters.simulator.store import ACCOUNT_FILE, SqliteStore
from adapters.simulator.world import World
from domain.errors import Ambiguous, InvalidSetting
from domain.instant import SECOND_NS
from domain.settings import SimulatorSettings
from tests.adapters.simulator.client import PREFIX, order_body, sign

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
    """Return a port that is free, and so are those after it: one for each venue."""
    while True:
        with ExitStack() as bound:
            first, *others = (bound.enter_context(socket.socket()) for _ in range(1 + len(FRONTS)))
            first.bind(("127.0.0.1", 0))
            base = first.getsockname()[1]
            with suppress(OSError, OverflowError):
                for distance, other in enumerate(others, start=1):
                    other.bind(("127.0.0.1", base + distance))
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
        lives.append(records.accounts["coinbase"].terms.balances["USD"])
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


def test_a_person_trades_at_the_control_address(lasting: Simulator) -> None:
    trades = f"{lasting.ready['control']}/trades"
    before = len(lasting.truth()["orders"])

    wrong = requests.post(trades, json={"instrument": "BTC-USD"}, timeout=5)
    order = {"venue": "coinbase", "instrument": "BTC-USD", "side": "BUY", "quantity": "0.001"}
    made = requests.post(trades, json=order, timeout=5).json()

    assert (wrong.status_code, wrong.text.count("\n")) == (400, 1)
    assert made["order"]["status"] == "FILLED"
    assert len(lasting.truth()["orders"]) == before + 1


def test_what_only_the_wire_shows_reaches_the_product_s_transport(lasting: Simulator) -> None:
    transport, url = HttpTransport(1, 5), f"{lasting.venue['rest_url']}{PREFIX}/time"

    def ask(timeout_s: float = 5.0, **fault: object) -> str:
        if fault:
            order_fault(lasting, where="market_data", **fault)
        try:
            return str(transport.send("GET", url, {}, b"", timeout_s).status)
        except Ambiguous as error:
            return error.code

    assert ask(kind="informational", interim=102) == "200"
    assert ask(kind="informational", stray="{}") == "unreadable"
    assert ask() == "200"
    assert ask(kind="drip", seconds=0.1) == "200"
    began = time.monotonic()
    assert ask(kind="drip", seconds=30.0, timeout_s=0.3) == "timeout"
    assert time.monotonic() - began < 2
    assert ask() == "200"
    assert ask(kind="retry_after", says="soon") == "429"
    assert ask(kind="echo", status=400) == "400"
    transport.close()


# ---- faults of streams -------------------------------------------------------------------------------------

Connect = Callable[..., websocket.WebSocket]
PATIENCE_S = 20.0
GONE = (ConnectionError, websocket.WebSocketException)


@pytest.fixture
def connect(lasting: Simulator) -> Iterator[Connect]:
    """Open market streams, and leave neither stream nor fault behind: a fault strikes whom it meets first."""
    streams: list[websocket.WebSocket] = []

    def open_one(is_subscribed: bool = True, timeout_s: float = PATIENCE_S) -> websocket.WebSocket:
        url = lasting.venue["market_stream_url"]
        stream = websocket.create_connection(url, timeout=timeout_s, skip_utf8_validation=True)
        streams.append(stream)
        if is_subscribed:
            stream.send(json.dumps({"type": "subscribe", "channel": "ticker"}))
            stream.recv()
        return stream

    yield open_one
    requests.delete(f"{lasting.ready['control']}/faults", timeout=5)
    for stream in streams:
        stream.shutdown()


def order_fault(simulator: Simulator, **fault: object) -> None:
    order = {"where": "market_stream"} | fault
    requests.post(f"{simulator.ready['control']}/faults", json=order, timeout=5).raise_for_status()


def frames_of(stream: websocket.WebSocket) -> Iterator[tuple[int, bytes]]:
    """Yield the opcode and data of each frame until the stream ends, or patience does."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        opcode, frame = stream.recv_data_frame(control_frame=True)
        yield opcode, frame.data
    pytest.fail(f"not within {PATIENCE_S} s")


def test_a_stream_opens_as_badly_as_ordered(lasting: Simulator, connect: Connect) -> None:
    order_fault(lasting, kind="refuse_upgrade", status=429)
    with pytest.raises(websocket.WebSocketBadStatusException) as refusal:
        connect()
    order_fault(lasting, kind="refuse")
    with pytest.raises(GONE):
        connect()
    order_fault(lasting, kind="slow_handshake", seconds=5)
    with pytest.raises(websocket.WebSocketTimeoutException):
        connect(timeout_s=0.2)

    assert refusal.value.status_code == 429
    assert connect().connected


@pytest.mark.parametrize(
    ("kind", "opcode", "shows"),
    [
        ("malformed", websocket.ABNF.OPCODE_TEXT, lambda data: data and not is_json(data)),
        ("bad_utf8", websocket.ABNF.OPCODE_TEXT, lambda data: b"\xff" in data),
        ("empty", websocket.ABNF.OPCODE_TEXT, lambda data: not data),
        ("oversize", websocket.ABNF.OPCODE_TEXT, lambda data: len(data) > 10 * 1024 * 1024 and is_json(data)),
        ("binary", websocket.ABNF.OPCODE_BINARY, lambda data: is_json(data)),
    ],
)
def test_a_frame_is_spoiled_as_ordered(
    lasting: Simulator, connect: Connect, kind: str, opcode: int, shows: Callable[[bytes], object]
) -> None:
    stream = connect()

    order_fault(lasting, kind=kind)

    assert any(opcode == seen and shows(data) for seen, data in frames_of(stream))


def is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def test_a_bad_frame_is_none_that_a_websocket_knows(lasting: Simulator, connect: Connect) -> None:
    stream = connect()

    order_fault(lasting, kind="bad_frame")

    with pytest.raises(websocket.WebSocketProtocolException, match="opcode"):
        list(frames_of(stream))


def test_a_close_has_the_code_ordered_and_a_drop_has_none(lasting: Simulator, connect: Connect) -> None:
    closed = connect()
    order_fault(lasting, kind="close", code=1001)
    code = next(data[:2] for opcode, data in frames_of(closed) if opcode == websocket.ABNF.OPCODE_CLOSE)
    closed.shutdown()

    dropped = connect()
    order_fault(lasting, kind="drop")

    assert int.from_bytes(code) == 1001
    with pytest.raises(GONE):
        for opcode, _ in frames_of(dropped):
            assert opcode == websocket.ABNF.OPCODE_TEXT


def test_pings_are_answered_in_silence_but_not_by_a_half_open_connection(lasting: Simulator, connect: Connect) -> None:
    silent = connect()
    order_fault(lasting, kind="silence", seconds=60)
    silent.settimeout(0.5)
    with pytest.raises(websocket.WebSocketTimeoutException):
        list(frames_of(silent))
    silent.settimeout(PATIENCE_S)
    silent.ping("are you there?")
    answer = next(data for opcode, data in frames_of(silent) if opcode == websocket.ABNF.OPCODE_PONG)
    silent.shutdown()

    dead = connect()
    order_fault(lasting, kind="half_open", seconds=2)
    dead.settimeout(0.5)
    with pytest.raises(websocket.WebSocketTimeoutException):  # open, yet not even a pong comes back
        for _ in frames_of(dead):
            dead.ping("are you there?")
    dead.settimeout(PATIENCE_S)

    assert answer == b"are you there?"
    with pytest.raises(GONE):
        list(frames_of(dead))


def test_nothing_listens_while_a_venue_is_down(lasting: Simulator, connect: Connect) -> None:
    stream = connect()

    order_fault(lasting, kind="down", where="any", seconds=1.0)

    with pytest.raises(GONE):
        list(frames_of(stream))
    assert is_refused_before_it_is_accepted(urlsplit(lasting.venue["rest_url"]))
    assert connect().connected


def is_refused_before_it_is_accepted(address: SplitResult) -> bool:
    """Knock until somebody opens, and tell whether somebody had refused to."""
    deadline, refusals = time.monotonic() + PATIENCE_S, 0
    while time.monotonic() < deadline:
        try:
            socket.create_connection((address.hostname, address.port), timeout=1).close()
        except ConnectionRefusedError:
            refusals += 1
        except (ConnectionResetError, TimeoutError):
            pass  # the door shut while we knocked
        else:
            if refusals:
                return True
        time.sleep(0.02)
    return False


def test_time_passes_there_though_nobody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the first client after an idle hour would wait for all that happened in it."""
    passed, stop = threading.Event(), threading.Event()

    class Watched(World):
        def advance(self, now_ns: int) -> None:
            super().advance(now_ns)
            if ready:
                passed.set()

    ready: list[dict] = []
    monkeypatch.setattr("adapters.simulator.server.World", Watched)
    serving = threading.Thread(target=serve, args=(SimulatorSettings(warm_up_s=0.0), tmp_path, ready.append, stop))
    serving.start()

    has_passed = passed.wait(PATIENCE_S)
    stop.set()
    serving.join()

    assert has_passed


def test_time_passes_there_though_our_clock_is_set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times, stop, ours = [], threading.Event(), time.time_ns

    class Watched(World):
        def advance(self, now_ns: int) -> None:
            super().advance(now_ns)
            times.append(now_ns)

    monkeypatch.setattr("adapters.simulator.server.World", Watched)

    def set_back(_: dict) -> None:
        monkeypatch.setattr(time, "time_ns", lambda: ours() - 600 * SECOND_NS)
        times.clear()

    serving = threading.Thread(target=serve, args=(SimulatorSettings(warm_up_s=0.0), tmp_path, set_back, stop))
    started_ns = ours()
    serving.start()
    give_up_at = time.monotonic() + PATIENCE_S
    while len(times) < 3 and time.monotonic() < give_up_at:
        time.sleep(0.01)
    stop.set()
    serving.join()

    assert started_ns < times[0] < times[1] < times[2]


# ---- what cannot be ----------------------------------------------------------------------------------------


def test_a_taken_port_is_a_wrong_setting_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = SimulatorSettings(port_base=taken.getsockname()[1])

        with pytest.raises(InvalidSetting, match=r"^simulator\.port_base: .*0 for any free ports$"):
            serve(settings, tmp_path, print)


# ---- who may control it ----------------------------------------------------------------------------------

FAULT = json.dumps({"venue": "coinbase", "kind": "refuse", "count": 1})
JSON = {"Content-Type": "application/json"}


def without_token(address: str) -> str:
    return address.rpartition("/")[0]


REFUSED = {
    "a form of another page": (lambda to: to, {"Content-Type": "text/plain"}, 415),
    "a form with fields": (lambda to: to, {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "no type at all": (lambda to: to, {}, 415),
    "a name that points here": (lambda to: to, {**JSON, "Host": "evil.example"}, 421),
    "another port": (lambda to: to, {**JSON, "Host": "127.0.0.1:1"}, 421),
    "a page elsewhere": (lambda to: to, {**JSON, "Origin": "https://evil.example"}, 403),
    "a page without origin": (lambda to: to, {**JSON, "Origin": "null"}, 403),
    "who was not told the address": (without_token, JSON, 404),
    "who guesses": (lambda to: without_token(to) + "/guess", JSON, 404),
}


@pytest.mark.parametrize("who", REFUSED)
def test_control_is_for_who_was_told_its_address(lasting: Simulator, who: str) -> None:
    address, headers, status = REFUSED[who]

    answer = requests.post(f"{address(lasting.ready['control'])}/faults", FAULT, headers=headers, timeout=5)

    assert answer.status_code == status


def test_truth_is_for_who_was_told_the_address(lasting: Simulator) -> None:
    control = lasting.ready["control"]

    assert requests.get(f"{without_token(control)}/truth", timeout=5).status_code == 404
    assert requests.get(f"{control}/truth", headers={"Host": "evil.example"}, timeout=5).status_code == 421
    assert requests.get(f"{control}/truth", timeout=5).status_code == 200
    assert requests.get(f"{control.replace('127.0.0.1', 'localhost')}/truth", timeout=5).status_code == 200
