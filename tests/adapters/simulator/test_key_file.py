"""A key that is kept and can't be the simulator's is told in one line, before anything is served."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.simulator.server import KEY_FILE, serve
from domain.errors import InvalidSetting
from domain.settings import SimulatorSettings


@pytest.mark.parametrize("kept", ["", "[]", '{"name": "a"}', json.dumps({"name": "a", "privateKey": "cut off"})])
def test_what_is_no_key_of_the_simulator_is_told_in_one_line(tmp_path: Path, kept: str) -> None:
    key_file = tmp_path / KEY_FILE
    key_file.write_text(kept)
    key_file.chmod(0o600)

    with pytest.raises(InvalidSetting, match=r"must be the simulator's key; remove it for a new one$"):
        serve(SimulatorSettings(warm_up_s=0.0), tmp_path, lambda ready: pytest.fail("it serves"))
