"""The command runs its own code or none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nzeza import command
from nzeza.command import strangers
from tests.places import PROJECT


def test_our_own_packages_are_no_strangers() -> None:
    assert strangers() == ""


@pytest.mark.system
def test_a_package_of_another_distribution_is_not_run(tmp_path: Path) -> None:
    other = tmp_path / "scripts"
    other.mkdir()
    (other / "__init__.py").touch()
    (other / "main.py").write_text("def main(): print('somebody else')")
    paths = os.pathsep.join((str(tmp_path), str(PROJECT)))

    ended = subprocess.run(
        [sys.executable, "-c", "import sys; from nzeza.command import main; sys.exit(main())", "--help"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        cwd=tmp_path,
        timeout=20,
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        f"nzeza: the package 'scripts' found here is not nzeza's ({other}): "
        "install nzeza in a virtual environment of its own\n"
    )


def test_a_folder_that_two_distributions_share_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "site-packages"
    for name in command.PACKAGES:
        (home / name).mkdir(parents=True)
        (home / name / "__init__.py").touch()
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(home)
    monkeypatch.setattr(command, "packages_distributions", lambda: {"domain": ["nzeza"], "scripts": ["nzeza", "other"]})

    assert strangers(home) == "the package 'scripts' belongs to other, too"
