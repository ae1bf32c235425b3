"""A stopped process is as good as dead: it is replaced, and what it held is proven anew."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from scripts.bench.trial import Trial
from tests.system.test_first_light import has_traded, journaled_ids


def assert_replaced_when_stopped(system: Trial, role: str) -> None:
    pid = system.status()["actors"][role]["pid"]
    os.kill(pid, signal.SIGSTOP)
    stopped_at = time.monotonic()
    system.wait_for(f"{role} is replaced", lambda now: now["actors"][role]["pid"] not in (0, pid), within_s=6.0)
    assert time.monotonic() - stopped_at < 5.0


def assert_clean_end(system: Trial, directory: Path) -> None:
    status = system.wait_for(
        "nothing is unproven",
        lambda now: now["orders"]["unconfirmed"] == 0 and now["reconciled"],
        within_s=60,  # an order cut off in the middle may need its token to expire before it is proven dead
    )
    truth = system.truth(status)
    ending = system.end()
    assert ending.code == 0, ending.errors
    assert ending.report["corrections"] == 0
    assert truth["duplicate_client_order_ids"] == []
    assert {order["client_order_id"] for order in truth["orders"]} <= journaled_ids(directory)


@pytest.mark.system
def test_a_hung_router_and_a_hung_supervisor_are_replaced_within_five_seconds(tmp_path: Path) -> None:
    with Trial(tmp_path) as system:
        system.wait_for("first trades", has_traded)
        for role in ("order_router", "supervisor"):
            assert_replaced_when_stopped(system, role)
        assert_clean_end(system, tmp_path)


@pytest.mark.system
@pytest.mark.long
def test_every_hung_actor_is_replaced_within_five_seconds(tmp_path: Path) -> None:
    with Trial(tmp_path) as system:
        status = system.wait_for("first trades", has_traded)
        for role in sorted(status["actors"]):
            assert_replaced_when_stopped(system, role)
        assert_clean_end(system, tmp_path)
