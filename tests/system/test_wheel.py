"""The wheel holds all that it needs: an editable installation hides a file that was not packaged."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.places import PROJECT

pytestmark = pytest.mark.system

# Isolated, and without `site`: the editable installation of this very project is then not found.
IMPORT_ALL = """
import importlib, sys
from pathlib import Path
wheel, dependencies = sys.argv[1:]
sys.path += [wheel, dependencies]
names = [".".join(path.relative_to(wheel).with_suffix("").parts) for path in sorted(Path(wheel).rglob("*.py"))]
for name in names:
    module = importlib.import_module(name.removesuffix(".__init__"))
    assert module.__file__.startswith(wheel), module.__file__
print(len(names))
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built, unpacked = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("unpacked")
    source = tmp_path_factory.mktemp("source") / "nzeza"  # setuptools leaves its build beside what it builds
    subprocess.run(["git", "clone", "--quiet", PROJECT, source], check=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", built, source],
        check=True,
        timeout=100,
    )
    (wheel,) = built.glob("nzeza-*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    return unpacked


def test_every_module_is_imported_from_the_wheel_alone(unpacked: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", IMPORT_ALL, unpacked, sysconfig.get_path("purelib")],
        capture_output=True,
        text=True,
        cwd=unpacked,
        timeout=60,
    )

    assert ended.stderr == ""
    assert int(ended.stdout) > 300


def test_types_and_licence_come_along(unpacked: Path) -> None:
    typed = {path.parent.name for path in unpacked.rglob("py.typed")}
    assert typed == {"actors", "adapters", "domain", "nzeza", "scripts"}
    assert list(unpacked.rglob("LICENSE"))
