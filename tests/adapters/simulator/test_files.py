"""What has the name of the simulator's key or token and is none: one line that names it, and no wait."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.simulator.server import KEY_FILE, TOKEN_FILE, serve
from domain.errors import InvalidSetting
from domain.settings import SimulatorSettings


def full_directory(path: Path) -> None:
    path.mkdir()
    (path / "precious").touch()


@pytest.mark.parametrize("make", [os.mkfifo, full_directory])
@pytest.mark.parametrize("name", [KEY_FILE, TOKEN_FILE, "simulator-coinbase-key.new", "simulator-control-token.new"])
def test_something_strange_in_the_place_of_a_secret_is_named(
    name: str, make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / name)
    settings = SimulatorSettings(warm_up_s=0.0)
    if name.endswith(".new") and make is os.mkfifo:
        serve_and_stop(settings, tmp_path)  # what an earlier start has left there is of no value
        return

    with pytest.raises(InvalidSetting, match=name):
        serve_and_stop(settings, tmp_path)


def serve_and_stop(settings: SimulatorSettings, directory: Path) -> None:
    stop = threading.Event()
    serve(settings, directory, lambda endpoints: stop.set(), stop)
