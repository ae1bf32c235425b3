"""A system on the local base as the tests hold it, and what they ask about its processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from thespian.actors import ActorSystem

from adapters.thespian_unix.register import register
from tests.adapters.thespian_unix.cast import Worker

register()
_ports = count()


def new_port() -> str:
    return f"t{os.getpid()}-{next(_ports)}"


def start(port: str, method: str = "fork") -> Any:
    return ActorSystem(
        "multiprocUnixBase", {"Admin Port": port, "Process Startup Method": method}, transientUnique=True
    )


class Running:
    """A system and its processes."""

    def __init__(self, system: Any, directory: Path) -> None:
        self.system, self.directory = system, directory

    def worker(self) -> Any:
        worker = self.system.createActor(Worker)
        self.ask(worker, "pid")
        return worker

    def ask(self, worker: Any, question: Any, timeout_s: float = 5) -> Any:
        with self.system.private() as context:
            return context.ask(worker, question, timeout_s)

    def tell(self, worker: Any, message: Any) -> None:
        self.system.tell(worker, message)

    def wait_for(self, worker: Any, question: str, is_enough: Callable[[Any], bool]) -> Any:
        give_up_s = time.monotonic() + 5
        while not is_enough(answer := self.ask(worker, question)):
            assert time.monotonic() < give_up_s, f"{question}: {answer}"
            time.sleep(0.01)
        return answer


def processes_of(directory: Path) -> set[int]:
    """Return who listens in this directory, by the names of the sockets and the admin's credentials."""
    return {int(path.name.split(".")[0], 16) for path in directory.iterdir() if path.name != "admin"}


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(is_true: Callable[[], bool], within_s: float) -> float:
    """Return how long it took."""
    began_s = time.monotonic()
    while not is_true():
        assert time.monotonic() - began_s < within_s
        time.sleep(0.002)
    return time.monotonic() - began_s
