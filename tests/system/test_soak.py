"""Ten minutes under load: memory, descriptors and processes stay as they are."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.long
def test_ten_minutes_of_load_leave_memory_flat() -> None:
    """F52"""
    command = [sys.executable, "-m", "scripts.bench.soak", "--minutes", "10"]
    soaked = subprocess.run(command, capture_output=True, text=True, timeout=700)

    assert soaked.returncode == 0, soaked.stdout + soaked.stderr
