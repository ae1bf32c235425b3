"""The benchmarks still measure what they say; how fast, they are not asked here."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.system


def measured(script: str, *arguments: str) -> str:
    command = [sys.executable, "-m", f"scripts.bench.{script}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_system_and_the_venue_of_the_bench_trade_with_each_other() -> None:
    told = json.loads(measured("tick_to_order", "--only", "nzeza", "--seconds", "1.3", "--rounds", "1", "--json"))

    for peer in told["peers"]:
        assert peer["orders"] >= 2 and peer["lost"] == 0, peer
        assert (peer["skipped"], peer["remarks"]) == ("", []), peer


def test_feed_outruns_what_it_is_offered() -> None:
    assert "nzeza feed actor" in measured("feed", "--frames", "2000", "--rounds", "1")


def test_feed_under_overload_proves_what_it_promises() -> None:
    told = measured("feed_overload", "--seconds", "1.5", "--rate", "20000", "--reader-ms", "50")

    assert told.count("\nyes ") == 6, told
