"""A venue that goes away and comes back: trading stops, nothing is guessed, and it goes on by itself."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from scripts.bench.trial import Trial
from tests.system.test_first_light import has_traded, journaled_ids

pytestmark = pytest.mark.system


def test_a_killed_simulator_is_revived_and_trading_goes_on_with_the_same_account(tmp_path: Path) -> None:
    with Trial(tmp_path) as system:
        status = system.wait_for("first trades", has_traded)
        pid = system.simulator_pid()
        assert pid
        os.kill(pid, signal.SIGKILL)
        filled = status["orders"]["filled"]
        status = system.wait_for("it trades again", lambda now: now["orders"]["filled"] >= filled + 2, within_s=30)
        assert system.simulator_pid() != pid
        status = system.wait_for(
            "nothing is unproven",
            lambda now: now["orders"]["unconfirmed"] == 0 and now["reconciled"],
            within_s=60,
        )
        truth = system.truth(status)
        code, report, errors, _ = system.end()

    assert code == 0, errors
    assert report["corrections"] == 0
    assert report["venues"]["coinbase"]["reconnects"] >= 1
    assert truth["duplicate_client_order_ids"] == []
    assert {order["client_order_id"] for order in truth["orders"]} <= journaled_ids(tmp_path)
