"""Thespian's own test suite on our base: all that it runs on multiprocTCPBase, but for the listed exceptions."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
import thespian.test

pytestmark = pytest.mark.long

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
SUITE = Path(thespian.test.__file__).parent
WITHIN_S = 20 * 60
OURS, THEIRS = "multiprocUnixBase", "multiprocTCPBase"


def run_suite(base: str, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
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
        [sys.executable, "-m", "pytest", *plugins, *place, "-q", *arguments, str(SUITE)],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
    )


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

    assert run.returncode == 0, run.stdout[-5000:]
    (totals,) = ElementTree.parse(report).getroot().iter("testsuite")
    skipped = [skip.get("message", "") for skip in totals.iter("skipped")]
    assert int(totals.get("tests", 0)) - len(skipped) > 500
    assert [reason for reason in skipped if OURS in reason] == [], "none is skipped for being on this base"
