"""A real system in a directory of its own, as a user would start it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from scripts.control import NoAnswer, NotRunning, ask

PATIENCE_S = 15.0


class RunningSystem:
    """`nzeza run` as a child process, with its control socket and its simulator's truth at hand."""

    def __init__(self, directory: Path, *arguments: str, **environment: str) -> None:
        self.directory = directory
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scripts.main", "run", "--headless", "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "NZEZA__SYSTEM__DATA_DIRECTORY": str(directory / "data"),
                **environment,
            },
        )

    def __enter__(self) -> RunningSystem:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def status(self) -> dict[str, Any]:
        """Return what `nzeza status --json` prints, or {} while nobody answers."""
        try:
            return ask(self.directory / "data", "status", timeout_s=2.0)
        except (NotRunning, NoAnswer):
            time.sleep(0.05)
            return {}

    def wait_for(self, what: str, condition: Any, within_s: float = PATIENCE_S) -> dict[str, Any]:
        """Return the first status for which `condition(status)` holds."""
        give_up_at = time.monotonic() + within_s
        status: dict[str, Any] = {}
        while time.monotonic() < give_up_at:
            assert self.process.poll() is None, self.process.communicate()
            status = self.status()
            if status and condition(status):
                return status
        raise AssertionError(f"not within {within_s} s: {what}; last status: {status}")

    def truth(self, status: dict[str, Any]) -> dict[str, Any]:
        with urllib.request.urlopen(status["simulator"]["control"] + "/truth", timeout=5) as answer:
            return json.load(answer)["coinbase"]

    def inject(self, status: dict[str, Any], **fault: Any) -> None:
        request = urllib.request.Request(
            status["simulator"]["control"] + "/faults",
            data=json.dumps({"venue": "coinbase", **fault}).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=5).close()

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def report(self, within_s: float = PATIENCE_S) -> tuple[int, dict[str, Any], str]:
        """Wait for the end; return exit status, the final object and standard error."""
        out, err = self.process.communicate(timeout=within_s)
        lines = out.strip().splitlines()
        return self.process.returncode, json.loads(lines[-1]) if lines else {}, err


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")
