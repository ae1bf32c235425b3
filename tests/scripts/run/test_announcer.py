"""What is told where there is no screen: troubles once, as they come, and a report that may find no reader."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.report import telling
from scripts.run.announcer import Announcer
from scripts.run.data_directory import DataDirectory
from scripts.run.options import RunOptions
from scripts.run.outputs import Outlet

ALARM = {"subject": "coinbase", "text": "answered with 401", "first": "18:14:05", "last": "18:14:05", "count": 1}


@pytest.fixture
def announcer(tmp_path: Path) -> Iterator[Announcer]:
    place = DataDirectory(tmp_path)
    announcer = Announcer(place, RunOptions(headless=True, json=True))
    for name in ("output", "errors"):
        setattr(announcer._voice, name, Outlet(os.open(tmp_path / name, os.O_WRONLY | os.O_CREAT)))
    yield announcer
    place.release()


def test_trouble_is_told_when_it_comes_and_once(announcer: Announcer, tmp_path: Path) -> None:
    announcer.begin("DEMO", ("coinbase",))
    for alarms in ([], [ALARM], [], [ALARM]):  # a monitor that is replaced knows nothing for a moment
        announcer.show({"halts": [], "alarms": alarms})
    announcer.close()

    first, *others = (tmp_path / "errors").read_text().splitlines()
    assert first == f"nzeza: DEMO on coinbase; running as pid {os.getpid()} in {str(tmp_path)!r}"
    assert len(others) == 1 and "answered with 401" in others[0]


def test_an_alarm_that_was_over_and_begins_again_is_told_again(announcer: Announcer, tmp_path: Path) -> None:
    over = [{**ALARM, "over": f"18:2{number}:00"} for number in range(2)]
    for alarms in ([ALARM], [over[0]], [], [over[0]], [ALARM], [ALARM], [over[1]]):
        announcer.show({"halts": [], "alarms": alarms})
    announcer.close()

    lines = (tmp_path / "errors").read_text().splitlines()
    assert [line.split()[1] for line in lines] == ["alarm:", "over", "alarm:", "over"]


def test_report_without_a_reader_is_told_and_problems_are_too(announcer: Announcer, tmp_path: Path) -> None:
    announcer._voice.output = Outlet(os.open("/dev/full", os.O_WRONLY))

    announcer.report({"signals": 3, "view": {}}, ["not reconciled"])
    announcer.close()

    lost = "nzeza: the report could not be written: No space left on device\n"
    assert (tmp_path / "errors").read_text() == f"nzeza: not reconciled\n{lost}"
    assert (tmp_path / "nzeza.log").read_text().count("\n") == 2


def test_what_was_missed_is_told_at_the_end(announcer: Announcer, tmp_path: Path) -> None:
    stop = "coinbase BTC-USD SELL 0.01 target 70000 stop 61000"
    announcer.report(
        {
            "left": {"stops": [stop], "unproven": [], "bare": []},
            "equity_complete": False,
            "equity_missing": ["SOL-USD"],
            "alarms": [ALARM],
            "alarms_raised": 7,
        },
        [],
    )
    announcer.close()

    assert (tmp_path / "errors").read_text().splitlines() == [
        f"nzeza: protective stop left in place: {stop}",
        "nzeza: equity incomplete: SOL-USD",
        "nzeza: alarms of this run: 7, the newest: 18:14:05 coinbase: answered with 401",
    ]


def test_a_halt_at_the_end_is_told_once_as_the_problem_that_it_is(announcer: Announcer, tmp_path: Path) -> None:
    halt = {"scope": "coinbase", "kind": "unreadable", "reason": "no answer", "since": "18:14:06", "ends_when": ""}
    status = {"halts": [halt], "alarms": [{**ALARM, "text": "halted: no answer"}, ALARM], "alarms_raised": 2}

    announcer.end()
    announcer.show(status)
    announcer.report(status, telling.halted(status))
    announcer.close()

    alarm, problem, last = (tmp_path / "errors").read_text().splitlines()
    assert alarm == "nzeza: alarm: 18:14:05 coinbase: answered with 401"
    assert problem.startswith("nzeza: halted: coinbase: no answer, since 18:14:06: no openings there")
    assert last == "nzeza: alarms of this run: 2, the newest: 18:14:05 coinbase: answered with 401"


def test_report_leaves_out_what_is_for_the_screen(announcer: Announcer, tmp_path: Path) -> None:
    announcer.report({"signals": 3, "view": {}}, [])
    announcer.close()

    assert (tmp_path / "output").read_text() == '{"signals": 3}\n'
