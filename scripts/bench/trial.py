"""A whole system on trial: `nzeza run` in a directory of its own, as a user would start it, and what a user
can know of it. Judges nothing."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

from scripts.run.control import NoAnswer, NotRunning, ask
from scripts.run.processes import children_of

PATIENCE_S = 15.0

_LOOK_AGAIN_S = 0.02
_ANSWER_WITHIN_S = 2.0
_SIMULATOR_WITHIN_S = 20.0
_SIMULATOR = b"scripts.run.simulated_venues"

Status = dict[str, Any]


class Ending(NamedTuple):
    """How a run ended."""

    code: int
    report: Status  # the last line of standard output; empty when there was none
    errors: str  # standard error
    took_s: float  # from the interrupt on, if there was one


class Trial:
    """One run. All that belongs to it lies in `directory`, and its sockets do if that path is short."""

    def __init__(self, directory: Path, *arguments: str, **settings: str) -> None:
        """Args:
        arguments: of `nzeza run`.
        settings: as in the environment, without "NZEZA__".
        """
        self.data_directory = directory / "data"
        self.runtime_directory = directory / "run"
        self.runtime_directory.mkdir(exist_ok=True)
        self._errors = (directory / "stderr").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scripts.main", "run", "--headless", "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={
                **os.environ,
                **{f"NZEZA__{name}": value for name, value in settings.items()},
                "NZEZA__SYSTEM__DATA_DIRECTORY": str(self.data_directory),
                "TMPDIR": str(self.runtime_directory),
            },
        )

    def __enter__(self) -> Trial:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self._errors.close()

    # ---- what it says --------------------------------------------------------------------------------------

    def status(self) -> Status:
        """Return what `nzeza status --json` prints, or {} when nobody answers."""
        try:
            return ask(self.data_directory, "status", _ANSWER_WITHIN_S)
        except (NotRunning, NoAnswer):
            return {}

    def wait_for(self, what: str, condition: Any, within_s: float = PATIENCE_S) -> Status:
        """Return the first status for which `condition(status)` holds.

        Raises:
            TimeoutError: there was none, or the run has ended.
        """
        give_up_at = time.monotonic() + within_s
        status: Status = {}
        while time.monotonic() < give_up_at:
            if self.process.poll() is not None:
                raise TimeoutError(f"the run ended before {what}: {self.errors()}")
            status = self.status()
            if status and condition(status):
                return status
            time.sleep(_LOOK_AGAIN_S)
        raise TimeoutError(f"not within {within_s:g} s: {what}; the last status was {status}")

    def ask(self, verb: str, role: str = "") -> Status:
        """Say something to the running system as `nzeza VERB` does. Raises NotRunning or NoAnswer."""
        return ask(self.data_directory, verb, 5.0, role)

    def errors(self) -> str:
        """Return what it has said on standard error."""
        self._errors.flush()
        return Path(self._errors.name).read_text(encoding="utf-8")

    def end(self, within_s: float = PATIENCE_S) -> Ending:
        """Interrupt it as Ctrl-C does, and wait. Raises subprocess.TimeoutExpired."""
        self.process.send_signal(signal.SIGINT)
        return self.wait_for_end(within_s)

    def wait_for_end(self, within_s: float = PATIENCE_S) -> Ending:
        """Wait until it ends by itself. Raises subprocess.TimeoutExpired."""
        asked_at = time.monotonic()
        out, _ = self.process.communicate(timeout=within_s)
        lines = out.strip().splitlines()
        report = json.loads(lines[-1]) if lines else {}
        return Ending(self.process.returncode, report, self.errors(), time.monotonic() - asked_at)

    # ---- its venues ----------------------------------------------------------------------------------------

    def truth(self, status: Status) -> Status:
        """Return what really happened at the venue."""
        truth: Status = json.loads(_call(status, "/truth"))["coinbase"]
        return truth

    def inject(self, status: Status, **fault: Any) -> None:
        _call(status, "/faults", "POST", json.dumps({"venue": "coinbase", **fault}).encode())

    def clear_faults(self, status: Status) -> None:
        _call(status, "/faults", "DELETE")

    # ---- its processes -------------------------------------------------------------------------------------

    def simulator_pid(self) -> int:
        """Return the pid of the launcher's child that serves the venues; 0 when there is none now."""
        for pid in children_of(self.process.pid):
            with contextlib.suppress(OSError):
                if _SIMULATOR in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        return 0


def _call(status: Status, path: str, method: str = "GET", body: bytes | None = None) -> bytes:
    """Ask the simulator's control address; patiently, for it may just be reviving."""
    request = urllib.request.Request(
        status["simulator"]["control"] + path, body, {"Content-Type": "application/json"}, method=method
    )
    give_up_at = time.monotonic() + _SIMULATOR_WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                said: bytes = answer.read()
                return said
        except (ConnectionError, TimeoutError, urllib.error.URLError) as error:
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"the simulator does not answer: {error}") from None
        time.sleep(_LOOK_AGAIN_S)


def state_of(pid: int) -> str:
    """Return the kernel's letter for a process's state; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
