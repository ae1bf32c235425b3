"""A venue that goes away and comes back: trading stops, nothing is guessed, and it goes on by itself."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.system.running import RunningSystem
from tests.system.test_first_light import has_traded, journaled_ids

pytestmark = pytest.mark.system


def simulator_pid(system: RunningSystem) -> int:
    """Return the pid of the launcher's child that serves the venues."""
    launcher = system.process.pid
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == launcher and b"scripts.simulated_venues" in words:
                return int(entry.name)
    raise AssertionError("no simulator runs")


def test_a_killed_simulator_is_revived_and_trading_goes_on_with_the_same_account(tmp_path: Path) -> None:
    with RunningSystem(tmp_path) as system:
        status = system.wait_for("first trades", has_traded)
        pid = simulator_pid(system)
        os.kill(pid, signal.SIGKILL)
        filled = status["orders"]["filled"]
        status = system.wait_for(
            "it trades again", lambda now: now["orders"]["filled"] >= filled + 2, within_s=30
        )
        assert simulator_pid(system) != pid
        status = system.wait_for(
            "nothing is unproven",
            lambda now: now["orders"]["unconfirmed"] == 0 and now["reconciled"],
            within_s=60,
        )
        truth = system.truth(status)
        system.interrupt()
        code, report, errors = system.report()

    assert code == 0, errors
    assert report["corrections"] == 0
    assert report["venues"]["coinbase"]["reconnects"] >= 1
    assert truth["duplicate_client_order_ids"] == []
    assert {order["client_order_id"] for order in truth["orders"]} <= journaled_ids(tmp_path)
