"""Orphans of orphans are found and ended."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from scripts.run.processes import children_of, cpu_ns

pytestmark = pytest.mark.system

# A child starts a stubborn grandchild and dies; the launcher must still find and end it.
PROGRAM = """
import subprocess, sys, time
from scripts.run.processes import adopt_orphans, descendants, end_all
adopt_orphans()
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
middle = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {stubborn!r}])"
child = subprocess.Popen([sys.executable, "-c", middle], stdout=subprocess.PIPE)
child.stdout.readline()
child.wait()
assert len(descendants()) == 1
assert len(end_all(0.05)) == 1
while descendants():
    time.sleep(0.01)
print("all ended")
"""


def test_a_process_whose_parent_died_is_found_and_ended() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=20)

    assert ended.stdout.strip() == "all ended", ended.stderr


def test_a_child_is_listed_from_its_fork_until_it_is_reaped() -> None:
    others = set(children_of(os.getpid()))  # of earlier tests: who adopts orphans must not reap them for others

    child = subprocess.Popen([sys.executable, "-c", "pass"])
    assert set(children_of(os.getpid())) - others == {child.pid}

    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert set(children_of(os.getpid())) - others == {child.pid}

    child.wait()
    assert child.pid not in children_of(os.getpid())


def test_processor_time_rises_while_a_process_works_and_is_none_once_it_is_gone() -> None:
    before = cpu_ns(os.getpid())
    while cpu_ns(os.getpid()) == before:
        pass

    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()

    assert cpu_ns(child.pid) == 0
