"""The feed of a benchmark is a guest in the benchmark's process."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.bench.solo import FEED, SoloToolbox


def test_what_the_script_prints_stays_its_own(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    SoloToolbox().settle(FEED)
    print("a figure", flush=True)

    assert capfd.readouterr().out == "a figure\n"
    assert not list(tmp_path.iterdir())
