"""The system outlives what it was started from: its terminal, the readers of its outputs."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from scripts.run.processes import children_of

pytestmark = pytest.mark.system

NZEZA = [sys.executable, "-m", "scripts.main"]
WITHIN_S = 60.0  # others may be at work on the same machine
REMADE = "the directory of the actors' sockets was removed, and has been made anew"
KEYS = {
    "NZEZA__VENUES__COINBASE__API_KEY_ENV": "CB_KEY",
    "NZEZA__VENUES__COINBASE__API_SECRET_ENV": "CB_SECRET",
    "CB_KEY": "a name",
    "CB_SECRET": "a secret",
}


def start_in_a_terminal(directory: Path) -> tuple[int, int]:
    """Return pid, and the descriptor whose closing closes the terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever started the tests may have them ignore it, as nohup does
        os.execv(NZEZA[0], [*NZEZA, "run", "--data-directory", str(directory)])
    return pid, terminal


def start_without_readers(directory: Path) -> subprocess.Popen[bytes]:
    readings, writings = zip(os.pipe(), os.pipe())
    for reading in readings:
        os.close(reading)
    command = [*NZEZA, "run", "--headless", "--data-directory", str(directory)]
    process = subprocess.Popen(command, stdout=writings[0], stderr=writings[1], env={**os.environ, **KEYS})
    for writing in writings:
        os.close(writing)
    return process


def processes(launcher: int) -> list[int]:
    """Return the launcher and all that came from it."""
    found = [launcher]
    for pid in found:
        found += children_of(pid)
    return found


def exit_code(pid: int) -> int:
    """Wait for the end of a child, but not for ever."""
    give_up_at = time.monotonic() + WITHIN_S
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= give_up_at:
            os.kill(pid, signal.SIGKILL)  # what it started ends with it
            os.waitpid(pid, 0)
            raise AssertionError(f"{pid} has not ended within {WITHIN_S:g} s")
        time.sleep(0.05)


def environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except ProcessLookupError:
        return b""  # it has ended


def ask(verb: str, directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*NZEZA, verb, *words, "--data-directory", str(directory)]
    return subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S)


def wait_until_it_trades(directory: Path, terminal: int | None = None) -> None:
    give_up_at = time.monotonic() + WITHIN_S
    while " filled" not in ask("status", directory).stdout:
        assert time.monotonic() < give_up_at
        while terminal is not None and select.select([terminal], [], [], 0)[0]:
            os.read(terminal, 65536)


@pytest.mark.long
def test_directory_that_is_moved_away_is_told_and_the_stop_is_proven(tmp_path: Path) -> None:
    process = start_without_readers(tmp_path / "data")
    wait_until_it_trades(tmp_path / "data")

    (tmp_path / "data").rename(tmp_path / "moved")

    give_up_at = time.monotonic() + WITHIN_S
    while "was moved to" not in ask("status", tmp_path / "moved").stdout:
        assert time.monotonic() < give_up_at
    stop = ask("stop", tmp_path / "moved")
    assert "was moved to" in stop.stderr and "not reconciled" not in stop.stderr
    assert process.wait(timeout=WITHIN_S) == 1  # a halt stands
    assert not (tmp_path / "data").exists()


def test_cleaned_temporary_directory_is_told_and_an_actor_that_then_ends_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = Path(tempfile.mkdtemp(prefix="nzeza-", dir="/tmp"))  # short enough for sockets
    monkeypatch.setenv("TMPDIR", str(temporary))
    process = start_without_readers(tmp_path / "data")
    wait_until_it_trades(tmp_path / "data")
    router = read_status(tmp_path / "data")["actors"]["order_router"]["pid"]
    assert list(temporary.rglob("admin"))

    # In one step: who makes it anew while it is still being emptied would be in the way of that, or lose it again.
    shutil.rmtree(temporary.rename(temporary.with_name(f"{temporary.name}.cleaned")))
    os.kill(router, signal.SIGKILL)

    give_up_at = time.monotonic() + WITHIN_S
    is_back = {"restarts": 1, "reconciled": True}.items()
    # The launcher tells of it when it looks next, and the actor may be back before.
    while not (is_back <= (status := read_status(tmp_path / "data")).items() and of_sockets(status)):
        assert time.monotonic() < give_up_at, status
    assert of_sockets(status) == [REMADE]
    stop = ask("stop", tmp_path / "data")
    assert (stop.returncode, stop.stdout) == (0, "stopped cleanly\n"), stop.stderr
    assert process.wait(timeout=WITHIN_S) == 0
    assert not list(temporary.iterdir())
    temporary.rmdir()


def of_sockets(status: dict[str, Any]) -> list[str]:
    return [each["text"] for each in status["alarms"] if "sockets" in each["text"]]


def read_status(directory: Path) -> dict[str, Any]:
    return json.loads(ask("status", directory, "--json").stdout)


def test_signal_to_every_process_at_once_is_a_clean_stop(tmp_path: Path) -> None:
    process = start_without_readers(tmp_path / "data")
    wait_until_it_trades(tmp_path / "data")

    for pid in processes(process.pid)[::-1]:  # as a service manager does, the launcher last
        os.kill(pid, signal.SIGTERM)

    assert process.wait(timeout=WITHIN_S) == 0


def test_closed_terminal_and_outputs_without_readers_cost_the_outputs(tmp_path: Path) -> None:
    pid, terminal = start_in_a_terminal(tmp_path / "terminal")
    process = start_without_readers(tmp_path / "pipes")
    wait_until_it_trades(tmp_path / "terminal", terminal)

    os.close(terminal)

    assert exit_code(pid) == 0
    assert "told to by SIGHUP" in (tmp_path / "terminal" / "nzeza.log").read_text()
    wait_until_it_trades(tmp_path / "pipes")
    assert [pid for pid in processes(process.pid) if KEYS["CB_SECRET"].encode() in environment(pid)] == []
    restart = ask("restart", tmp_path / "pipes", "supervisor")
    assert (restart.returncode, restart.stdout) == (0, "supervisor is restarting\n")
    stop = ask("stop", tmp_path / "pipes")
    assert (stop.returncode, stop.stdout) == (0, "stopped cleanly\n"), stop.stderr
    assert process.wait(timeout=WITHIN_S) == 0
