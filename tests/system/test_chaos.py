"""A day on which everything goes wrong, on real processes: afterwards venue, journal and portfolio are one,
nobody is left behind, and everything was healthy within two seconds of each crash and five of each hang."""

from __future__ import annotations

import subprocess
import sys

import pytest


def play(*arguments: str) -> None:
    """Run the script that does it all; it prints its trace when anything was wrong."""
    # Twice the time, for other tests and people may be at work on the same machine.
    command = [sys.executable, "-m", "scripts.bench.chaos", "--patience", "2", *arguments]
    played = subprocess.run(command, capture_output=True, text=True, timeout=400)

    assert played.returncode == 0, played.stdout + played.stderr
    assert "all is well" in played.stdout


@pytest.mark.system
def test_a_few_kills_cost_nothing() -> None:
    play("--seed", "1", "--duration", "5", "--no-disk")


@pytest.mark.long
@pytest.mark.parametrize("seed", [3, 15, 18])
def test_many_kills_and_a_full_disk_cost_nothing(seed: int) -> None:
    play("--seed", str(seed), "--duration", "60")
