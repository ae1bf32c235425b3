"""`stop`, then `run` again in the same directory: the account, like a real one, is as it was left."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from adapters.storage.journal import SqliteJournal
from domain.instant import SECOND_NS
from domain.messages.journal import HaltRaised
from scripts.bench.trial import Status, Trial
from scripts.run.toolbox import JOURNAL_FILE
from tests.system.test_first_light import journaled_ids

pytestmark = pytest.mark.system

HALTED_AT = 1_780_000_000 * SECOND_NS
NO_SIGNALS = {"SIGNALS__WINNER_ABOVE": "1"}  # what such a run finds, it only keeps
OUT_OF_REACH = {"PROTECTION__STOP_LOSS_RATIO": "0.5", "PROTECTION__TAKE_PROFIT_RATIO": "1"}  # of the market, meanwhile
UNHURRIED = {"SYSTEM__STOP_WITHIN_S": "10"}  # others may be at work on the same machine
PATIENCE_S = 60.0  # for the same reason


def test_a_journal_without_its_account_is_refused_in_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / JOURNAL_FILE).touch()

    with Trial(tmp_path) as system:
        code, report, errors, _ = system.wait_for_end()

    assert (code, report) == (2, {})
    assert errors.startswith("nzeza: system.data_directory: holds a journal without its simulated account")
    assert errors.endswith("to start afresh\n") and errors.count("\n") == 1


def test_a_protected_position_is_carried_over_and_nothing_is_sent_again(tmp_path: Path) -> None:
    before = stop_with_a_position(tmp_path)

    with Trial(tmp_path, **NO_SIGNALS, **OUT_OF_REACH, **UNHURRIED) as system:
        truth = system.truth(system.wait_for("the books agree", lambda now: now["reconciled"], PATIENCE_S))
        code, report, errors, _ = system.end(PATIENCE_S)

    assert code == 0, errors
    assert (report["reconciled"], report["corrections"]) == (True, 0)
    assert report["positions"] == before["positions"]
    assert Decimal(report["equity"]) == pytest.approx(Decimal(before["equity"]), rel=Decimal("0.005"))
    assert report["orders"]["submitted"] == 0
    assert len(truth["open_orders"]) == len(before["positions"])
    assert truth["duplicate_client_order_ids"] == []
    assert {order["client_order_id"] for order in truth["orders"]} <= journaled_ids(tmp_path)


def test_a_halt_of_an_earlier_run_is_told_at_the_start_in_the_report_and_by_the_exit_status(
    tmp_path: Path,
) -> None:
    with Trial(tmp_path, "--duration", "1") as system:
        assert system.wait_for_end().code == 0
    journal = SqliteJournal(tmp_path / "data" / JOURNAL_FILE, code_version="test")
    journal.append([HaltRaised(ts_event=HALTED_AT, scope="all", reason="recorder gave up")], HALTED_AT)
    journal.close()

    with Trial(tmp_path) as system:
        status = system.wait_for("the halt is told", lambda now: now["halts"])
        code, report, errors, _ = system.end()

    halt = {"scope": "all", "reason": "recorder gave up", "since": "2026-05-28T20:26:40Z", "ends_when": ""}
    halt["kind"] = "gave_up:recorder"  # from its words: the journal is older than kinds
    line = "nzeza: halted: all: recorder gave up, since 2026-05-28T20:26:40Z: no openings there; `"
    assert code == 1
    assert status["halts"] == report["halts"] == [halt]
    assert errors.count(line) == 2, errors  # at the start and at the end


def stop_with_a_position(directory: Path) -> Status:
    """Stop a run while it holds something, and return its report."""
    for _ in range(4):  # a signal may close it while we stop; then the next run begins flat
        with Trial(directory, **OUT_OF_REACH, **UNHURRIED) as system:
            system.wait_for("a protected position", lambda now: now["positions"] and now["orders"]["open"], PATIENCE_S)
            ending = system.end(PATIENCE_S)
        assert ending.code == 0, ending.errors
        if ending.report["positions"]:
            return ending.report
    raise AssertionError("no run ended with a position")
