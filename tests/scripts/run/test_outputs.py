"""Outputs that are taken away cost the output: no writer waits, fails or falls silent elsewhere for them."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.main import main
from scripts.run.live_view import LiveView
from scripts.run.outputs import MOST_WAITING, Outlet, Voice, secure_outputs

MORE_THAN_A_PIPE_HOLDS = "x" * 2_000_000


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            continue  # the test did


def test_text_reaches_the_reader_in_order(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    outlet = Outlet(writing)

    outlet.write("one ")
    outlet.write("two")

    assert outlet.drain(within_s=2)
    assert os.read(reading, 100) == b"one two"


PRINTS = """
import os, sys
from pathlib import Path
from scripts.run.outputs import Outlet, claimed_output
from scripts.run.toolbox import ProcessToolbox

with claimed_output() as output:
    print("printed while it starts", flush=True)
    if os.fork() == 0:
        ProcessToolbox(Path(sys.argv[1]), "normal", os.getppid(), "", "").settle("signal_engine")
        print("printed by a strategy")
        os._exit(0)
    os.wait()
    report = Outlet(output)
    report.write("{}")
    report.drain(2)
"""


def test_only_the_report_reaches_standard_output_whatever_else_prints(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", PRINTS, tmp_path], capture_output=True, text=True, timeout=20)

    assert (ended.stdout, ended.stderr) == ("{}", "printed while it starts\n")
    assert (tmp_path / "nzeza.log").read_text() == "printed by a strategy\n"


def test_output_without_a_reader_is_an_error_to_look_at_and_no_exception(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    outlet = Outlet(writing)
    os.close(reading)

    outlet.write("one")
    outlet.write("two")

    assert outlet.drain(within_s=2)
    assert outlet.error == "Broken pipe"


def test_nobody_waits_for_a_reader_that_does_not_read(pipe: tuple[int, int]) -> None:
    outlet = Outlet(pipe[1])

    outlet.write(MORE_THAN_A_PIPE_HOLDS)
    for _ in range(MOST_WAITING + 2):
        outlet.write("more")

    assert outlet.is_behind and not outlet.drain(within_s=0.01)
    assert outlet.error == "nobody reads it"
    os.close(pipe[0])  # the thread ends its write


def test_full_disk_below_an_output_is_told() -> None:
    outlet = Outlet(os.open("/dev/full", os.O_WRONLY))

    outlet.write("one")

    assert outlet.drain(within_s=2) and outlet.error == "No space left on device"


def test_what_nobody_hears_stands_in_the_log(tmp_path: Path) -> None:
    voice = Voice(tmp_path / "nzeza.log")
    voice.errors = Outlet(os.open("/dev/full", os.O_WRONLY))

    voice.tell("unconfirmed at exit: nz-1")
    voice.close(within_s=2)

    assert (tmp_path / "nzeza.log").read_text().endswith("unconfirmed at exit: nz-1\n")


def test_log_that_is_gone_costs_the_log(tmp_path: Path, pipe: tuple[int, int]) -> None:
    (tmp_path / "victim").write_text("keep me")
    (tmp_path / "nzeza.log").symlink_to("victim")
    voice = Voice(tmp_path / "nzeza.log")
    voice.errors = Outlet(pipe[1])

    voice.tell("told")
    voice.close(within_s=2)

    assert os.read(pipe[0], 100) == b"nzeza: told\n"
    assert (tmp_path / "victim").read_text() == "keep me"


def test_screen_leaves_frames_out_while_its_terminal_takes_none(pipe: tuple[int, int]) -> None:
    outlet = Outlet(pipe[1])
    view = LiveView(outlet)
    outlet.write(MORE_THAN_A_PIPE_HOLDS)

    view.show({})  # would raise, had it been drawn
    view.close()

    os.close(pipe[0])


def closed_at_the_start(check: Callable[[], bool]) -> int:
    """Return 0 if `check` holds in a child whose standard descriptors were closed before it began."""
    child = os.fork()
    if child == 0:
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        sys.stdin = sys.stdout = sys.stderr = None  # type: ignore[assignment]
        try:
            secure_outputs()
            os._exit(0 if check() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_descriptors_that_were_closed_are_never_a_file_of_ours(tmp_path: Path) -> None:
    def check() -> bool:
        descriptor = os.open(tmp_path / "journal", os.O_CREAT | os.O_RDWR)
        print("words for people")
        print("complaints", file=sys.stderr)
        return descriptor > 2

    assert closed_at_the_start(check) == 0
    assert (tmp_path / "journal").read_text() == ""


@pytest.mark.parametrize(
    ("place", "status", "errors"),
    [
        ("pipe", 0, ""),
        ("/dev/full", 1, "nzeza: cannot write to standard output (No space left on device)\n"),
    ],
)
def test_verb_whose_output_is_lost_ends_without_traceback(
    place: str,
    status: int,
    errors: str,
    pipe: tuple[int, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    os.close(pipe[0])
    with open(pipe[1] if place == "pipe" else place, "w") as output:
        monkeypatch.setattr("sys.stdout", output)
        monkeypatch.setattr("scripts.main.ask", lambda *_: {"metrics": {}})

        assert main(["metrics", "--json", "--data-directory", str(tmp_path)]) == status

    assert capsys.readouterr().err == errors


def test_output_that_cannot_spell_a_letter_shows_it_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open(tmp_path / "out", "w", encoding="ascii") as output:
        monkeypatch.setattr("sys.stdout", output)
        monkeypatch.setattr("scripts.main.ask", lambda *_: {"metrics": {}})
        monkeypatch.setattr("scripts.main.json.dumps", lambda _: "6e7a…")

        assert main(["metrics", "--json", "--data-directory", str(tmp_path)]) == 0

    assert (tmp_path / "out").read_text() == "6e7a\\u2026\n"


def test_what_the_launcher_logs_is_for_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "lastResort", logging.lastResort)
    Voice(tmp_path / "nzeza.log")

    logging.lastResort.handle(
        logging.makeLogRecord({"name": "adapters.storage.journal", "msg": "damaged", "levelno": 40})
    )

    assert (tmp_path / "nzeza.log").read_text().endswith("launcher adapters.storage.journal damaged\n")
