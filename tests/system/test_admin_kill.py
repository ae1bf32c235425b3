"""Thespian's own process among the actors dies: the system says so and ends, instead of lingering."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from scripts.bench.trial import Trial
from tests.adapters.thespian_unix.running import is_alive


def admin_of(status: dict) -> int:
    """Return the pid of the supervisor's parent."""
    supervisor = status["actors"]["supervisor"]["pid"]
    return int(Path(f"/proc/{supervisor}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.system
@pytest.mark.long
def test_admin_that_somebody_stopped_is_noticed_and_told_to_go_on(tmp_path: Path) -> None:
    with Trial(tmp_path) as system:
        status = system.wait_for("all actors", lambda status: "supervisor" in status["actors"])

        os.kill(admin_of(status), signal.SIGSTOP)

        system.wait_for("an alarm", lambda now: "admin was stopped" in str(now["alarms"]))
        ending = system.end()
        assert ending.code == 0, ending.errors


@pytest.mark.system
def test_system_ends_and_says_why_when_its_admin_is_killed(tmp_path: Path) -> None:
    with Trial(tmp_path) as system:
        status = system.wait_for("all actors", lambda status: "supervisor" in status["actors"])

        os.kill(admin_of(status), signal.SIGKILL)

        ending = system.wait_for_end(within_s=20)
        assert ending.code == 1
        assert "the actor system's admin has ended" in ending.errors
        assert ending.took_s < 12, ending.report
        assert not any(is_alive(actor["pid"]) for actor in status["actors"].values())
