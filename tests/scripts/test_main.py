"""The command line: what reaches the verbs, and the one line that mistakes get."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.errors import InvalidSetting, NzezaError
from domain.settings import Settings
from scripts.main import main
from scripts.run.control import ControlServer, Request
from scripts.run.data_directory import DataDirectory
from scripts.run.options import RunOptions
from scripts.run.version import code_version

Launched = list[tuple[Settings, RunOptions]]

REPORT: dict[str, Any] = {
    "duration_s": 20.0,
    "venues": {
        "coinbase": {
            "stream": "reconnecting",
            "prices": "gapped_quote",
            "quotes": 1500,
            "trades": 300,
            "orders": 12,
            "fills": 11,
            "reconnects": 0,
            "gaps": 2,
            "decode_errors": 0,
            "breaker": "closed",
        }
    },
    "signals": 40,
    "orders": {"submitted": 12, "accepted": 12, "filled": 11, "canceled": 0, "open": 0},
    "positions": {"coinbase:BTC-USD": "0.01"},
    "equity": "9998.125",
    "cash": "9000",
    "realized_pnl": "-1.5",
    "unrealized_pnl": "0.25",
    "fees": "3",
    "net": {"BTC": "0.01"},
    "corrections": 0,
    "dead_letters": 0,
    "restarts": 1,
    "actors": {"monitor": {"pid": 7, "restarts": 1}},
    "reconciled": True,
    "pnl_after_fees": "-4.25",
    "halts": [],
    "waiting": [],
    "refused": {},
    "alarms": [],
    "alarms_raised": 0,
    "equity_complete": True,
    "equity_missing": [],
    "latency_us": {"tick_to_order": {"count": 12, "p50": 800, "p99": 2500.0}, "hop": {"p50": 60, "p99": 90}},
}


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty directory, without the settings that this machine's environment may hold."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("NZEZA__")]:
        monkeypatch.delenv(name)


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Launched:
    """Return what the launcher was asked for; it ends with a problem, to tell its status from 0."""
    calls: Launched = []

    def launch(settings: Settings, options: RunOptions) -> int:
        calls.append((settings, options))
        return 1

    monkeypatch.setattr("scripts.run.launch.run", launch)
    return calls


def test_run_hands_settings_and_options_to_the_launcher_and_its_status_on(launched: Launched) -> None:
    Path("nzeza.toml").write_text("breaker.failures = 7")

    status = main("run --config nzeza.toml --duration 2.5 --headless --json --data-directory here".split())

    ((settings, options),) = launched
    assert status == 1
    assert (settings.breaker.failures, settings.system.data_directory) == (7, "here")
    assert options == RunOptions(duration_s=2.5, headless=True, json=True, live=False)


def test_run_needs_no_argument(launched: Launched) -> None:
    main(["run"])

    ((settings, options),) = launched
    assert (settings.system.profile, settings.system.data_directory) == ("demo", "nzeza-data")
    assert options == RunOptions(duration_s=None, headless=False, json=False, live=False)


def test_recording_trades_nothing_and_keeps_to_itself(launched: Launched) -> None:
    main(["record", "--duration", "5", "--headless"])

    [(settings, options)] = launched
    assert settings.venues and settings.traded == {}
    assert settings.recording.enabled
    assert settings.system.data_directory == "nzeza-data/record"
    assert options == RunOptions(duration_s=5.0, headless=True, json=False, records=True)


def test_a_recording_that_brings_nothing_is_no_success(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("scripts.run.launch.run", lambda settings, options: 0)

    assert main(["record"]) == 1

    assert capsys.readouterr().err == "nzeza: nothing was recorded in nzeza-data/record/recordings\n"


def test_real_prices_need_no_leave_as_long_as_no_order_follows_them(launched: Launched) -> None:
    Path("prices.toml").write_text('[venues.dydx]\nmode = "live"')

    main(["run", "--config", "prices.toml"])

    [(settings, _)] = launched
    assert settings.venues["dydx"].mode == "live" and settings.traded == {}


MISTAKES = {
    "": "nzeza: the following arguments are required: VERB",
    "dance": "nzeza: argument VERB: invalid choice: 'dance' (choose from",
    "run --dur 5": "nzeza: unrecognized arguments: --dur 5",
    "run --duration 0": "nzeza: argument --duration: '0' must be a number of seconds above 0",
    "run --duration nan": "nzeza: argument --duration: 'nan' must be a number of seconds above 0",
    "run --duration inf": "nzeza: argument --duration: 'inf' must be a number of seconds above 0",
    "run --duration soon": "nzeza: argument --duration: 'soon' must be a number of seconds above 0",
    "run --config": "nzeza: argument --config: expected one argument",
    "run --config missing.toml": "nzeza: configuration file 'missing.toml': No such file or directory",
    "run --live": "nzeza: system.profile = 'demo': --live must not be given with it",
    "run --live --config standard.toml": "nzeza: --live: must not be given yet: real orders need a check of the account",
    "run --config hodl.toml": "nzeza: signals.weights.hodl: no such strategy; must be one of conservative_sc",
    "run --config token.toml": "nzeza: venues.dydx.stream_token_file = 'gone': must be a file that can be read (No",
    "run --config live.toml": "nzeza: venues.coinbase.mode = 'live': must be \"simulated\" unless",
    "run --config orders.toml": "nzeza: venues.dydx.takes_orders = true: must be false; orders can be sent",
    "run --config bad.toml": "nzeza: risk.position_ratio = 3: must be a number between 0 and 1",
    "status --config bad.toml": "nzeza: risk.position_ratio = 3: must be a number between 0 and 1",
    "simulate --port-base 65536": "nzeza: argument --port-base: '65536' must be a whole number",
    "simulate --port-base -1": "nzeza: argument --port-base: '-1' must be a whole number",
    "simulate --seed x": "nzeza: argument --seed: invalid int value: 'x'",
    "simulate --data-directory /dev/null": "nzeza: system.data_directory = ",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_mistake_is_one_line_and_status_2(line: str, launched: Launched, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.toml").write_text("risk.position_ratio = 3")
    Path("token.toml").write_text('venues.dydx.stream_token_file = "gone"')
    Path("hodl.toml").write_text("signals.weights.hodl = 1")
    Path("standard.toml").write_text('system.profile = "standard"')
    Path("orders.toml").write_text("venues.dydx.takes_orders = true")
    Path("live.toml").write_text('venues.coinbase.mode = "live"')

    try:
        status: Any = main(line.split())
    except SystemExit as exit:  # how argparse ends
        status = exit.code

    output, errors = capsys.readouterr()
    assert (status, output, launched) == (2, "", [])
    assert errors.startswith(MISTAKES[line])
    assert errors.count("\n") == 1


def test_version_is_that_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])

    assert capsys.readouterr().out == f"nzeza {code_version()}\n"


def test_empty_data_directory_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["run", "--data-directory", ""])

    assert capsys.readouterr().err.startswith("nzeza: argument --data-directory: must not be empty")


@pytest.mark.parametrize(
    ("error", "status"),
    [(InvalidSetting("simulator.port_base: taken"), 2), (NzezaError("simulator.port_base: taken"), 1)],
)
def test_error_of_the_launcher_is_one_line(
    error: Exception, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def launch(settings: Settings, options: RunOptions) -> int:
        raise error

    monkeypatch.setattr("scripts.run.launch.run", launch)

    assert main(["run"]) == status
    assert capsys.readouterr().err == "nzeza: simulator.port_base: taken\n"


def test_simulate_serves_with_the_changes_asked_for_and_prints_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    served: list[Any] = []

    def serve(settings: Any, key_directory: Path, on_ready: Callable[[dict[str, Any]], None]) -> None:
        served.append((settings.seed, settings.port_base, key_directory.is_dir()))
        on_ready({"control": "http://127.0.0.1:1"})

    monkeypatch.setattr("adapters.simulator.server.serve", serve)

    assert main("simulate --seed 7 --port-base 9000".split()) == 0
    assert served == [(7, 9000, True)]
    assert capsys.readouterr().out == '{"control": "http://127.0.0.1:1"}\n'


# ---- talking to a running system -------------------------------------------------------------------------

Answer = Callable[[Request], None]


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[dict[str, Answer]]:
    """Yield verb -> what a running system answers to it, over the real socket in ./nzeza-data."""
    answers: dict[str, Answer] = {}
    with DataDirectory(tmp_path / "nzeza-data") as directory:
        server = ControlServer(directory)
        is_over = threading.Event()

        def serve() -> None:
            while not is_over.is_set():
                for request in server.poll(timeout_s=0.01):
                    answers[request.verb](request)

        thread = threading.Thread(target=serve)
        thread.start()
        yield answers
        is_over.set()
        thread.join()
        server.close()


@pytest.mark.parametrize("verb", ["status", "status --json", "metrics", "stop", "resume"])
def test_without_a_running_system_there_is_one_line_and_status_1(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(verb.split()) == 1
    assert capsys.readouterr() == ("", "nzeza: no system is running in 'nzeza-data'\n")


def test_status_as_json_is_the_report_on_one_line(
    answers: dict[str, Answer], capsys: pytest.CaptureFixture[str]
) -> None:
    answers["status"] = lambda request: request.reply(REPORT)

    assert main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == REPORT


METRICS = {
    "counters": {"monitor": {"busy": 3}},
    "breakers": [],
    "budgets": {"coinbase": {"requests": {"left": 7, "burst": 8}}},
    "stream_quality": {"coinbase": 1.0},
}


def test_metrics_are_printed_for_prometheus_or_as_json(
    answers: dict[str, Answer], capsys: pytest.CaptureFixture[str]
) -> None:
    answers["metrics"] = lambda request: request.reply({**REPORT, "metrics": METRICS})

    assert main(["metrics"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert main(["metrics", "--json"]) == 0

    assert 'nzeza_gaps_total{venue="coinbase"} 2' in lines
    assert 'nzeza_actor_events_total{role="monitor",name="busy"} 3' in lines
    assert 'nzeza_request_budget_left{venue="coinbase",budget="requests"} 7' in lines
    assert json.loads(capsys.readouterr().out) == METRICS


def test_the_breakers_counts_can_be_zeroed(answers: dict[str, Answer], capsys: pytest.CaptureFixture[str]) -> None:
    answers["reset_metrics"] = lambda request: request.reply({"reset": True})

    assert main(["metrics", "--reset"]) == 0
    assert capsys.readouterr().out == "the breakers count from zero\n"

    assert main(["metrics", "--reset", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"reset": True}


def test_status_for_a_person_tells_what_matters(answers: dict[str, Answer], capsys: pytest.CaptureFixture[str]) -> None:
    answers["status"] = lambda request: request.reply(REPORT)

    assert main(["status", "--data-directory", "nzeza-data"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ran        20.0 s, 40 signals",
        "coinbase   1500 quotes, 300 trades, 12 orders, 11 fills, 2 gaps, "
        "prices refused: gapped quote (reconnecting), breaker closed",
        "orders     this run: 12 submitted, 12 accepted, 11 filled",
        "equity     9,998.12, of which 9,000.00 in cash",
        "pnl        of the account: -1.50 realized, 0.25 open, 3.00 fees, -4.25 after fees",
        "positions  0.01 coinbase:BTC-USD",
        "latency    tick to order 800 us (p99 2500, 12 orders), hop 60 us",
        "actors     1, 1 restarts, 0 dead letters, 0 corrections, reconciled",
    ]


def test_broken_configuration_keeps_nobody_from_stopping(
    answers: dict[str, Answer], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NZEZA__RISK__POSITION_RATIO", "3")
    monkeypatch.setattr("scripts.main.GONE_WITHIN_S", 0.01)
    answers["stop"] = lambda request: (request.reply({"within_s": 0.5}), request.reply({"problems": []}))

    assert main(["stop"]) == 2
    assert main(["stop", "--data-directory", "nzeza-data"]) == 1  # we, the launcher here, are still alive

    assert f"nzeza: pid {os.getpid()} has stopped trading and doesn't end" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("problems", "status", "output", "errors"),
    [([], 0, "stopped cleanly\n", ""), (["not reconciled"], 1, "", "nzeza: not reconciled\n")],
)
def test_stop_tells_how_the_system_ended(
    problems: list[str],
    status: int,
    output: str,
    errors: str,
    answers: dict[str, Answer],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("scripts.run.control.Conversation.has_ended_within", lambda self, timeout_s: True)
    answers["stop"] = lambda request: (
        request.reply({"within_s": 3.0}),
        request.reply({"problems": problems}),
    )

    assert main(["stop"]) == status
    assert capsys.readouterr() == (output, errors)


HALT = {"scope": "all", "reason": "daily_loss", "since": "2026-11-30T18:14:05Z"}
FULL = {"scope": "all", "reason": "disk_full", "since": "2026-11-30T18:20:00Z"}
WAITS = "openings there wait until the account has been compared once more"
MEASURED_ANEW = "daily loss and drawdown are measured anew, from an equity of"


@pytest.mark.parametrize(
    ("answer", "output"),
    [
        ({"cleared": [], "standing": []}, ["nothing is halted, so nothing was done"]),
        (
            {"cleared": [HALT], "standing": [], "rebased": True},
            [
                "cleared: all: daily_loss, since 2026-11-30T18:14:05Z",
                WAITS,
                f"{MEASURED_ANEW} 9,500.00 or what the next reading is",
            ],
        ),
        (
            {"cleared": [HALT], "standing": [FULL], "rebased": True, "equity_complete": False},
            [
                "cleared: all: daily_loss, since 2026-11-30T18:14:05Z",
                "halted still or again: all: disk_full, since 2026-11-30T18:20:00Z",
                WAITS,
                f"{MEASURED_ANEW} the next complete reading",
            ],
        ),
        (
            {"cleared": [FULL], "standing": []},
            [
                "cleared: all: disk_full, since 2026-11-30T18:20:00Z",
                WAITS,
                "daily loss and drawdown are measured as before",
            ],
        ),
    ],
)
def test_resume_says_what_it_cleared_and_from_where_losses_are_measured_now(
    answer: dict[str, Any],
    output: list[str],
    answers: dict[str, Answer],
    capsys: pytest.CaptureFixture[str],
) -> None:
    base = {"rebased": False, "equity": "9500", "equity_complete": True}
    answers["resume"] = lambda request: request.reply({**base, **answer})

    assert main(["resume"]) == 0
    assert capsys.readouterr().out.splitlines() == output


def test_resume_asks_for_one_scope_if_one_is_given(
    answers: dict[str, Answer], capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    answers["resume"] = lambda request: (
        asked.append(request.role),
        request.reply({"error": "nothing is halted in 'dydx'; halted are: all: daily_loss, since ..."}),
    )

    assert main(["resume", "dydx"]) == 1
    assert asked == ["dydx"]
    assert "nothing is halted in 'dydx'; halted are: all: daily_loss" in capsys.readouterr().err
