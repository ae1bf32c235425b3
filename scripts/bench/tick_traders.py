"""How each of those that `tick_to_order` compares is started, and how it ends."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from scripts.bench.tick_work import VENUE
from scripts.run.control import NoAnswer, NotRunning, ask

_READY_WITHIN_S = 15.0
_UP_WITHIN_S = 30.0
_END_WITHIN_S = 15.0
_LOOK_AGAIN_S = 0.1
_CLEAN = {"reconciled": True, "dead_letters": 0, "corrections": 0, "restarts": 0, "alarms_raised": 0}


class Skipped(Exception):
    """It can't be measured; the text says why."""


class Place(NamedTuple):
    """What a trader is told."""

    port: int  # of the venue
    key_file: Path
    directory: Path  # of its own, empty
    synchronous: str  # how a journal is synced: "normal" or "full"


@contextmanager
def loop(place: Place, module: str, *arguments: str, needs: str = "") -> Iterator[list[str]]:
    """Run a loop of the bench while it is measured; yield a list that is filled with remarks in the end.

    Raises:
        Skipped: what it needs is not installed, or it did not get ready.
    """
    if needs and find_spec(needs) is None:
        raise Skipped(f"{needs} is not installed")
    remarks: list[str] = []
    errors = place.directory / "stderr"
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", f"scripts.bench.{module}", *arguments], stdout=subprocess.PIPE, stderr=stderr
        )
    try:
        assert process.stdout is not None
        is_told = select.select([process.stdout], [], [], _READY_WITHIN_S)[0]
        if not is_told or not process.stdout.readline():
            raise Skipped(f"it did not get ready: {_last_line(errors)}")
        yield remarks
        if process.poll() is not None:
            remarks.append(f"it ended by itself: {_last_line(errors)}")
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def system(place: Place, base: str) -> Iterator[list[str]]:
    """Run the whole system; else as `loop`."""
    remarks: list[str] = []
    data, runtime, errors = place.directory / "data", place.directory / "run", place.directory / "stderr"
    runtime.mkdir()
    arguments = [str(place.port), str(place.key_file), str(data), base, place.synchronous]
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.bench.tick_system", *arguments],
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
        )
    try:
        _wait_until_it_trades(process, data, errors)
        yield remarks
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=_END_WITHIN_S)
        remarks += _what_is_wrong(process.returncode, out)
    except subprocess.TimeoutExpired:
        remarks.append(f"it did not end within {_END_WITHIN_S:g} s")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)  # first, for so it ends its actors in good order
            try:
                process.communicate(timeout=_END_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def _wait_until_it_trades(process: subprocess.Popen[bytes], data: Path, errors: Path) -> None:
    give_up_at = time.monotonic() + _UP_WITHIN_S
    while time.monotonic() < give_up_at:
        if process.poll() is not None:
            raise Skipped(f"it ended: {_last_line(errors)}")
        if _trades(data):
            return
        time.sleep(_LOOK_AGAIN_S)
    raise Skipped(f"it was not ready to trade within {_UP_WITHIN_S:g} s")


def _trades(data: Path) -> bool:
    try:
        status = ask(data, "status", 2.0)
    except (NotRunning, NoAnswer):
        return False
    venue = status.get("venues", {}).get(VENUE, {})
    return bool(venue.get("prices") == "good" and status.get("reconciled") and not status.get("waiting"))


def _what_is_wrong(code: int, out: bytes) -> list[str]:
    """Return what a clean run would not have said in its report."""
    lines = out.strip().splitlines()
    if not lines:
        return [f"it ended with status {code} and no report"]
    report: dict[str, Any] = json.loads(lines[-1])
    wrong = [f"{key} is {report.get(key)}" for key, wanted in _CLEAN.items() if report.get(key) != wanted]
    return wrong + ([f"exit status {code}"] if code else [])


def _last_line(errors: Path) -> str:
    lines = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
