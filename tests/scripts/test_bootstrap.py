"""scripts/start on a machine where Python is a stand-in that notes what it is asked to install."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import PROJECT

pytestmark = pytest.mark.system  # starts real processes, a dozen of them for each start

PYTHON = shlex.quote(sys.executable)
SCRIPTS = PROJECT / "scripts"

# Makes virtual environments of itself, "installs" a nzeza that tells how it was called, is Python otherwise.
STAND_IN = f"""#!/bin/bash
case "$*" in
    "-m venv --clear "*) mkdir -p "$4/bin" && cp "$0" "$4/bin/python" ;;
    "-m pip install "*)
        echo "$*" >>"$INSTALLATIONS"
        echo "pip says something"
        [ -z "$PIP_FAILS" ] || exit 1
        printf '#!/bin/bash\\necho "$PWD: $*"\\n' >"$(dirname "$0")/nzeza"
        chmod +x "$(dirname "$0")/nzeza" ;;
    *) exec {PYTHON} "$@" ;;
esac
"""


class Machine:
    """A project, a home to work in, and a PATH that holds one Python."""

    def __init__(self, root: Path) -> None:
        self.project = root / "pro ject"
        self.home = root / "home"
        self.path = root / "bin"
        self.installations = root / "installations"
        for directory in (self.project / "scripts", self.home, self.path):
            directory.mkdir(parents=True)
        for name in ("start", "bootstrap.sh"):
            shutil.copy(SCRIPTS / name, self.project / "scripts")
        for name in ("setup.cfg", "pyproject.toml", "constraints.txt"):
            (self.project / name).write_text(name)
        for name in ("bash", "cat", "chmod", "cp", "dirname", "env", "mkdir", "readlink", "rm"):
            (self.path / name).symlink_to(shutil.which(name) or name)
        self.python = self.path / "python3"
        self.python.write_text(STAND_IN)
        self.python.chmod(0o755)

    def begin(self, *arguments: str, script: Path | None = None, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [script or self.project / "scripts" / "start", *arguments],
            cwd=self.home,
            env={"PATH": str(self.path), "INSTALLATIONS": str(self.installations)} | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start(self, *arguments: str, script: Path | None = None, **environ: str) -> tuple[int, str, list[str]]:
        """Return exit status, standard output, lines of standard error."""
        process = self.begin(*arguments, script=script, **environ)
        output, errors = process.communicate(timeout=20)
        return process.returncode, output, errors.splitlines()

    def installed(self) -> list[str]:
        return self.installations.read_text().splitlines() if self.installations.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_first_start_installs_and_the_second_only_runs(machine: Machine) -> None:
    first = machine.start("--duration", "5")
    second = machine.start("--json")

    assert first[0] == second[0] == 0
    assert first[1] == f"{machine.home}: run --duration 5\n"
    assert second[1:] == (f"{machine.home}: run --json\n", [])
    assert machine.installed() == [
        "-m pip install --disable-pip-version-check --constraint constraints.txt --editable ."
    ]


@pytest.mark.parametrize("file", ["setup.cfg", "constraints.txt"])
def test_change_of_the_dependencies_installs_again(machine: Machine, file: str) -> None:
    machine.start()

    (machine.project / file).write_text("other")
    machine.start()

    assert len(machine.installed()) == 2


def test_project_that_moved_is_installed_again(machine: Machine) -> None:
    machine.start()

    machine.project = machine.project.rename(machine.home / "elsewhere")
    machine.start()

    assert len(machine.installed()) == 2


def test_works_through_a_symbolic_link(machine: Machine) -> None:
    link = machine.home / "go"
    link.symlink_to(machine.project / "scripts" / "start")

    assert machine.start(script=link)[:2] == (0, f"{machine.home}: run\n")


def test_starts_at_the_same_time_install_once(machine: Machine) -> None:
    together = [machine.begin() for _ in range(3)]

    assert [process.wait(timeout=20) for process in together] == [0, 0, 0]
    assert len(machine.installed()) == 1
    for process in together:
        process.communicate()


def test_failing_pip_is_quoted_and_the_last_line_says_what_failed(machine: Machine) -> None:
    status, output, errors = machine.start(PIP_FAILS="yes")

    assert (status, output) == (1, "")
    assert "pip says something" in errors
    assert errors[-1].startswith("nzeza: pip could not install")


def test_failed_installation_is_tried_again(machine: Machine) -> None:
    machine.start(PIP_FAILS="yes")

    assert machine.start()[0] == 0


def test_machine_without_a_recent_python_gets_one_line(machine: Machine) -> None:
    machine.python.write_text("#!/bin/bash\nexit 1\n")

    assert machine.start() == (
        1,
        "",
        ["nzeza: Python 3.11 or later is needed, and no python3 in PATH is one"],
    )


def test_machine_that_cannot_make_virtual_environments_is_told_the_package(machine: Machine) -> None:
    machine.python.write_text(f'#!/bin/bash\n[ "$2" = venv ] && exit 1\nexec {PYTHON} "$@"\n')

    status, _, errors = machine.start()

    assert status == 1
    assert "cannot make a virtual environment" in errors[-1] and "python3-venv" in errors[-1]
