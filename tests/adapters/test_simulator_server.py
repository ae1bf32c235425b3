"""The simulated venues as a process of their own, on real sockets."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
import websocket

from adapters.simulator.coinbase_auth import ApiKey
from adapters.simulator.server import serve
from domain.errors import InvalidSetting
from domain.settings import SimulatorSettings
from tests.adapters.simulator_client import PREFIX, order_body, sign

pytestmark = pytest.mark.system

PROGRAM = """
import json, sys
from pathlib import Path
from adapters.simulator.server import serve
from domain.settings import SimulatorSettings
serve(SimulatorSettings(warm_up_s=1.0), Path(sys.argv[1]), lambda ready: print(json.dumps(ready), flush=True))
"""


@pytest.fixture
def simulator(tmp_path: Path):
    """A running simulator: what it said when it was ready, and its process."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE)
    yield json.loads(process.stdout.readline()), process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_client_trades_and_listens_and_the_truth_agrees(simulator) -> None:
    ready, process = simulator
    venue = ready["venues"]["coinbase"]
    key_file = Path(venue["key_file"])
    stored = json.loads(key_file.read_text())
    key = ApiKey(stored["name"], stored["privateKey"])

    stream = websocket.create_connection(venue["private_stream_url"], timeout=5)
    token = sign(key, time.time_ns())
    stream.send(json.dumps({"type": "subscribe", "channel": "user", "product_ids": [], "jwt": token}))
    frames = [json.loads(stream.recv()) for _ in range(2)]
    uri = f"POST {urlsplit(venue['rest_url']).netloc}{PREFIX}/orders"
    reply = requests.post(
        f"{venue['rest_url']}{PREFIX}/orders",
        json=order_body("a", "BUY", {"market_market_ioc": {"quote_size": "500"}}),
        headers={"Authorization": f"Bearer {sign(key, time.time_ns(), uri)}"},
        timeout=5,
    ).json()
    update = json.loads(stream.recv())
    truth = requests.get(f"{ready['control']}/truth", timeout=5).json()["coinbase"]

    assert stat.S_IMODE(os.stat(key_file).st_mode) == 0o600
    assert [frame["channel"] for frame in frames] == ["subscriptions", "user"]
    assert reply["success"] is True
    assert update["events"][0]["orders"][0]["status"] == "FILLED"
    assert [order["client_order_id"] for order in truth["orders"]] == ["a"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=3) == 0


def test_faults_are_ordered_at_the_control_address(simulator) -> None:
    ready, _ = simulator
    faults, rest_url = f"{ready['control']}/faults", ready["venues"]["coinbase"]["rest_url"]

    wrong = requests.post(faults, json={"kind": "flood"}, timeout=5)
    requests.post(faults, json={"kind": "refuse", "where": "accounts"}, timeout=5).raise_for_status()

    assert (wrong.status_code, wrong.text.count("\n")) == (400, 1)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{rest_url}{PREFIX}/accounts", timeout=5)
    assert requests.get(f"{rest_url}{PREFIX}/accounts", timeout=5).status_code == 401
    assert requests.delete(faults, timeout=5).json() == {"ok": True}


def test_a_taken_port_is_a_wrong_setting_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = SimulatorSettings(port_base=taken.getsockname()[1])

        with pytest.raises(InvalidSetting, match=r"^simulator\.port_base: .*0 for any free ports$"):
            serve(settings, tmp_path, print)
