"""The main job on real processes and sockets: it trades, survives kills, and ends clean."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from adapters.storage.journal_reader import JournalReader
from domain.messages.journal import OrderSubmitted
from scripts.bench.trial import Trial
from tests.adapters.thespian_unix.running import is_alive

pytestmark = pytest.mark.system


def journaled_ids(directory: Path) -> set[str]:
    """Return the ids of all orders that any run there journaled as sent."""
    reader = JournalReader(directory / "data" / "journal.sqlite")
    entries = reader.read()
    reader.close()
    return {e.event.order.client_order_id for e in entries if isinstance(e.event, OrderSubmitted)}


def has_traded(status: dict) -> bool:
    return status["orders"]["filled"] >= 2


def test_the_demo_trades_within_seconds_and_ends_reconciled(tmp_path: Path) -> None:
    with Trial(tmp_path, "--duration", "12") as system:
        code, report, errors, _ = system.wait_for_end(within_s=40)

    assert code == 0, errors
    assert report["venues"]["coinbase"]["quotes"] > 500
    assert report["signals"] > 0
    assert report["orders"]["filled"] >= 3
    assert report["orders"]["unconfirmed"] == 0
    assert (report["corrections"], report["dead_letters"], report["restarts"]) == (0, 0, 0)
    assert report["reconciled"] is True
    assert report["latency_us"]["tick_to_order"]["count"] > 0
    assert not {"view", "metrics"} & set(report)  # those are for the screen and for `nzeza metrics`


def test_every_killed_actor_is_back_within_two_seconds_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    with Trial(tmp_path) as system:
        status = system.wait_for("first trades", has_traded)
        for role in sorted(status["actors"]):
            pid = system.status()["actors"][role]["pid"]
            os.kill(pid, signal.SIGKILL)
            status = system.wait_for(
                f"{role} is back",
                lambda now, role=role, pid=pid: now["actors"][role]["pid"] not in (0, pid),
                within_s=2.0,
            )
            assert status["actors"][role]["restarts"] == 1
        filled = status["orders"]["filled"]
        system.wait_for("it trades again", lambda now: now["orders"]["filled"] > filled)
        # Exit waits for proof; what was cut off in the middle must have time to be proven.
        status = system.wait_for(
            "nothing is unproven", lambda now: now["orders"]["unconfirmed"] == 0 and now["reconciled"]
        )
        truth = system.truth(status)
        code, report, errors, _ = system.end()

    assert code == 0, errors
    assert report["reconciled"] is True
    assert truth["duplicate_client_order_ids"] == []
    assert {order["client_order_id"] for order in truth["orders"]} <= journaled_ids(tmp_path)


def test_an_interrupt_ends_everything_within_three_seconds(tmp_path: Path) -> None:
    with Trial(tmp_path) as system:
        status = system.wait_for("first trades", has_traded)
        pids = [actor["pid"] for actor in status["actors"].values()]

        code, report, errors, took_s = system.end()

    assert code == 0, errors
    assert took_s < 3.3
    assert report["reconciled"] is True
    assert not any(is_alive(pid) for pid in pids)


@pytest.mark.long  # the workflows show it in virtual time
def test_an_order_that_timed_out_after_acceptance_is_found_and_never_doubled(tmp_path: Path) -> None:
    with Trial(tmp_path, VENUES__COINBASE__REQUEST_TIMEOUT_S="1") as system:
        status = system.wait_for("first trades", has_traded)
        system.inject(status, kind="timeout_after_accept", where="submit", count=2)
        filled = status["orders"]["filled"]
        status = system.wait_for("trading goes on", lambda now: now["orders"]["filled"] >= filled + 4)
        status = system.wait_for(
            "nothing is unproven", lambda now: now["orders"]["unconfirmed"] == 0 and now["reconciled"]
        )
        truth = system.truth(status)
        code, report, errors, _ = system.end()

    assert code == 0, errors
    assert report["corrections"] == 0
    assert truth["duplicate_client_order_ids"] == []
