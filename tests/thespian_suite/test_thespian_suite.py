"""Thespian's own test suite on our base: all that it runs on multiprocTCPBase but the listed exceptions."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import thespian.test

pytestmark = pytest.mark.long

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
SUITE = Path(thespian.test.__file__).parent
WITHIN_S = 20 * 60
# The suite gives a new process and its answer as little as 0.25 s. On a machine that is busy with something
# else a few come late, on any base, and get a second chance in a run of their own.
MOST_LATE = 3
OURS, THEIRS = "multiprocUnixBase", "multiprocTCPBase"


def run_suite(
    base: str, directory: Path, *arguments: str, tests: Iterable[str] = (str(SUITE),)
) -> subprocess.CompletedProcess[str]:
    # One test of the suite reads its children's output and fails on any base when that is unbuffered.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment |= {
        "NZEZA_THESPIAN_BASE": base,
        "PYTHONPATH": str(PROJECT),
        "THESPLOG_FILE": str(directory / "thespian.log"),
    }
    plugins = ("-p", "tests.thespian_suite.plugin", "-p", "no:cacheprovider")
    # Neither our settings nor our fixtures are the suite's affair.
    place = ("-c", "/dev/null", "--rootdir", str(directory))
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *place, "-q", *arguments, *tests],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )


def failures(totals: ElementTree.Element) -> list[str]:
    """Return the failed tests as pytest takes them."""
    names = []
    for case in totals.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            toolbox = case.get("classname", "").split(".")
            module = next(part for part in toolbox if part.startswith("test_"))
            classes = toolbox[toolbox.index(module) + 1 :]
            names.append("::".join([str(SUITE / f"{module}.py"), *classes, case.get("name", "")]))
    return names


def collect(base: str, directory: Path) -> set[str]:
    """Return the ids of the tests for a base, without its name."""
    listing = run_suite(base, directory, "--collect-only").stdout.splitlines()
    return {line.rpartition("/")[2].replace(base, "BASE") for line in listing if "::" in line}


def test_nothing_that_runs_on_tcp_is_left_out_but_the_listed(tmp_path: Path) -> None:
    excepted = tomllib.loads((HERE / "exceptions.toml").read_text(encoding="utf-8"))
    theirs, ours = collect(THEIRS, tmp_path), collect(OURS, tmp_path)

    left_out = theirs - ours

    assert len(ours) > 500
    assert ours <= theirs
    assert {test for test in left_out if not test.startswith(tuple(excepted))} == set()
    assert [name for name in excepted if not any(test.startswith(name) for test in left_out)] == []


def test_the_suite_passes(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"

    run = run_suite(OURS, tmp_path, f"--junitxml={report}", "-rfE")

    (totals,) = ElementTree.parse(report).getroot().iter("testsuite")
    late = failures(totals)
    if run.returncode == 1 and len(late) <= MOST_LATE:
        warnings.warn(f"run a second time: {late}", stacklevel=1)
        run = run_suite(OURS, tmp_path, "-rfE", tests=late)
    assert run.returncode == 0, run.stdout[-5000:]
    skipped = [skip.get("message", "") for skip in totals.iter("skipped")]
    assert int(totals.get("tests", 0)) - len(skipped) > 500
    assert [reason for reason in skipped if OURS in reason] == [], "none is skipped for being on this base"
