"""The simulator as the launcher's child: whose code it runs, and which account it may open."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
import urllib.request
from collections.abc import Callable
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from adapters.simulator.store import ACCOUNT_FILE
from domain.errors import InvalidSetting, NzezaError
from domain.instant import SECOND_NS
from domain.settings import SimulatorSettings
from scripts.run.simulated_venues import SimulatedVenues, check_account


@pytest.mark.system
def test_a_folder_named_as_ours_in_the_working_directory_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scripts").mkdir()
    for module in ("__init__", "simulated_venues"):
        (tmp_path / "scripts" / f"{module}.py").write_text("raise SystemExit('the wrong scripts')")
    monkeypatch.chdir(tmp_path)

    simulator = SimulatedVenues(SimulatorSettings(warm_up_s=0.0), tmp_path, tmp_path / "simulator.log")

    assert simulator.is_alive()
    simulator.stop()


@pytest.mark.parametrize(
    ("files", "is_fresh", "complaint"),
    [
        ((), False, None),
        ((), True, None),
        ((ACCOUNT_FILE,), False, None),
        ((ACCOUNT_FILE,), True, None),
        ((ACCOUNT_FILE, "journal"), False, None),
        (("journal",), False, "system.data_directory: holds a journal without its simulated account"),
        ((ACCOUNT_FILE, "journal"), True, "simulator.fresh_account = true: must be false beside the journal"),
    ],
)
def test_a_new_account_is_refused_beside_a_journal_and_the_line_says_what_to_do(
    files: tuple[str, ...], is_fresh: bool, complaint: str | None, tmp_path: Path
) -> None:
    for file in files:
        (tmp_path / file).touch()
    if ACCOUNT_FILE in files:
        keep_account(tmp_path)
    settings = SimulatorSettings(fresh_account=is_fresh)

    if complaint is None:
        check_account(settings, tmp_path, tmp_path / "journal", print)
        return
    with pytest.raises(InvalidSetting, match=complaint) as caught:
        check_account(settings, tmp_path, tmp_path / "journal", print)
    assert str(caught.value).endswith(f"move or remove {str(tmp_path)!r} to start afresh")


def keep_account(directory: Path) -> None:
    with sqlite3.connect(directory / ACCOUNT_FILE) as database:
        database.execute("CREATE TABLE account (id INTEGER)")
        database.execute("INSERT INTO account VALUES (1)")
    database.close()


def drop(directory: Path, statement: str) -> None:
    with sqlite3.connect(directory / ACCOUNT_FILE) as database:
        database.execute(statement)
    database.close()


@pytest.mark.parametrize(
    "empty",
    [
        lambda directory: os.truncate(directory / ACCOUNT_FILE, 0),
        lambda directory: drop(directory, "DELETE FROM account"),
        lambda directory: drop(directory, "DROP TABLE account"),
    ],
)
def test_an_emptied_account_is_no_account(empty: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "journal").touch()
    keep_account(tmp_path)
    empty(tmp_path)

    with pytest.raises(InvalidSetting, match="holds a journal without its simulated account"):
        check_account(SimulatorSettings(), tmp_path, tmp_path / "journal", print)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "journal").touch()
    os.mkfifo(tmp_path / ACCOUNT_FILE)

    check_account(SimulatorSettings(), tmp_path, tmp_path / "journal", print)  # the simulator says what it is


@pytest.mark.system
def test_one_whose_account_was_emptied_is_not_revived_with_a_new_one(tmp_path: Path) -> None:
    simulator = SimulatedVenues(SimulatorSettings(warm_up_s=0.0), tmp_path, tmp_path / "simulator.log")
    kill(simulator)
    os.truncate(tmp_path / ACCOUNT_FILE, 0)

    with pytest.raises(NzezaError, match="was emptied or removed"):
        simulator.revive()


@pytest.mark.system
def test_one_that_is_killed_while_it_is_revived_is_revived_again(tmp_path: Path) -> None:
    simulator = SimulatedVenues(SimulatorSettings(warm_up_s=0.0), tmp_path, tmp_path / "simulator.log")

    for _ in range(3):
        kill(simulator)
        simulator.revive()
    wait_for(lambda: is_serving(simulator))
    simulator.stop()


@pytest.mark.system
def test_one_that_refuses_to_be_revived_is_an_error_that_says_why(tmp_path: Path) -> None:
    simulator = SimulatedVenues(SimulatorSettings(warm_up_s=0.0), tmp_path, tmp_path / "simulator.log")
    kill(simulator)
    (tmp_path / ACCOUNT_FILE).unlink()
    (tmp_path / ACCOUNT_FILE).mkdir()

    simulator.revive()
    wait_for(lambda: not simulator.is_alive())

    with pytest.raises(NzezaError, match=ACCOUNT_FILE):
        simulator.revive()


@pytest.mark.system
def test_one_that_is_revived_goes_on_by_its_clock_though_ours_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: ours() + 3600 * SECOND_NS)
    simulator = SimulatedVenues(SimulatorSettings(warm_up_s=0.0), tmp_path, tmp_path / "simulator.log")
    monkeypatch.undo()  # which the child never saw

    for _ in range(2):
        ahead_s = date_of(simulator) - ours() / SECOND_NS
        assert 3590 < ahead_s < 3610
        kill(simulator)
        simulator.revive()
        wait_for(lambda: is_serving(simulator))
    simulator.stop()


def date_of(simulator: SimulatedVenues) -> float:
    """Return the time at Coinbase, as its answers are stamped (UTC seconds)."""
    with urllib.request.urlopen(
        simulator.endpoints["venues"]["coinbase"]["rest_url"] + "/api/v3/brokerage/time"
    ) as answer:
        return parsedate_to_datetime(answer.headers["Date"]).timestamp()


def kill(simulator: SimulatedVenues) -> None:
    os.kill(simulator.pid, signal.SIGKILL)
    wait_for(lambda: not simulator.is_alive())


def is_serving(simulator: SimulatedVenues) -> bool:
    try:
        urllib.request.urlopen(simulator.endpoints["control"] + "/health", timeout=1).close()
    except OSError:
        return False
    return True


def wait_for(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_balances_that_an_account_is_too_old_for_are_said_to_change_nothing(tmp_path: Path) -> None:
    told: list[str] = []
    settings = SimulatorSettings(balances={"USD": Decimal(25000)})

    check_account(settings, tmp_path, tmp_path / "journal", told.append)
    assert told == []
    keep_account(tmp_path)
    check_account(SimulatorSettings(), tmp_path, tmp_path / "journal", told.append)
    assert told == []
    check_account(settings, tmp_path, tmp_path / "journal", told.append)

    assert [line.partition(":")[0] for line in told] == ["simulator.balances is for a new account only"]
