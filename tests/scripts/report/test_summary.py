"""The report in words: what needs a person first, and what is of this run told apart from what is the account's."""

from __future__ import annotations

from typing import Any

from domain.messages.halts import HaltLine, TradingResumed
from scripts.report import telling
from scripts.report.summary import summary
from tests.builders import UTC
from tests.scripts.test_main import REPORT

HALT = {"scope": "all", "reason": "recorder gave up", "since": "2026-11-30T18:14:05Z", "kind": "gave_up:recorder"}
ALARM = {
    "subject": "coinbase",
    "text": "answered with 401",
    "first": "2026-11-30T18:14:05Z",
    "last": "2026-11-30T18:20:00Z",
    "count": 2,
}


def told(**changes: Any) -> dict[str, str]:
    """Return the summary of a report by the first word of each line."""
    lines = summary({**REPORT, **changes}).splitlines()
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}


def test_a_halt_is_the_first_line_with_its_time_and_the_way_out() -> None:
    first = summary({**REPORT, "halts": [HALT], "alarms": [ALARM]}).splitlines()[0]

    assert first.startswith("HALTED")
    assert "all: recorder gave up, since 2026-11-30T18:14:05Z" in first
    assert "nzeza resume" in first


def test_a_halt_that_ends_by_itself_is_not_said_to_need_a_person() -> None:
    locked = {**HALT, "reason": "journal_locked: by another", "ends_when": "when that does"}
    lines = summary({**REPORT, "halts": [HALT, locked]}).splitlines()

    assert lines[0].endswith("; `nzeza resume` clears it once its cause is dealt with")
    assert lines[1].endswith("since 2026-11-30T18:14:05Z; it ends by itself when that does")
    assert [("nzeza resume" in line) for line in telling.halted({"halts": [HALT, locked]})] == [True, False]


def test_what_openings_wait_for_and_why_orders_were_refused_stand_in_words() -> None:
    lines = told(
        waiting=[{"scope": "coinbase", "reason": "its private stream is down"}],
        refused={"coinbase: ORDER_ENTRY_DISABLED: orders are off": 24},
        external_orders=2,
    )

    assert lines["WAITING"].strip() == "coinbase: openings wait: its private stream is down"
    assert lines["refused"].strip() == "24 times coinbase: ORDER_ENTRY_DISABLED: orders are off"
    assert lines["external"].strip() == "2 live orders at the venues are not ours"


def test_funding_is_told_by_instrument_with_its_newest_rate() -> None:
    line = {"instrument": "toy:BTC-USD", "amount": "-5.5", "currency": "USDC", "newest": "2026-11-30T18:14:05Z"}
    told_of = told(funding_paid=[{**line, "newest_rate": "0.0001", "newest_quantity": "0.5"}])["funding"]
    untold = told(funding_paid=[{**line, "newest_rate": "", "newest_quantity": ""}])["funding"]

    assert told_of == "toy:BTC-USD -5.50 USDC, last at 0.0100% on 0.5"
    assert untold == "toy:BTC-USD -5.50 USDC"


def test_without_an_account_no_money_is_told_of() -> None:
    lines = told(account="none", equity="0", reconciled=True)

    assert lines["account"].strip() == "none: prices only"
    assert not {"equity", "pnl", "positions"} & lines.keys()
    assert lines["actors"].endswith("nothing to reconcile")


def test_a_halt_is_told_once_and_its_end_is_told() -> None:
    alarm = {**ALARM, "subject": "all", "text": "halted: recorder gave up", "over": ""}
    over = {**alarm, "over": "2026-11-30T18:30:00Z"}

    assert [line.split(":")[0] for line in telling.troubles({"halts": [HALT], "alarms": [alarm]}).values()] == [
        "halted"
    ]
    (line,) = telling.troubles({"halts": [], "alarms": [over]}).values()
    assert line == "over since 2026-11-30T18:30:00Z: all: halted: recorder gave up"
    assert "over since 2026-11-30T18:30:00Z: halted" in told(alarms=[over])["ALARM"]


def test_each_halt_of_a_scope_is_told_as_it_happens() -> None:
    second = {**HALT, "reason": "daily_loss", "kind": "daily_loss"}

    assert len(telling.troubles({"halts": [HALT, second], "alarms": []})) == 2


def test_who_resumes_what_ends_by_itself_is_told_so() -> None:
    line = HaltLine(scope="coinbase", reason="refused", since=UTC, ends_when="when it takes them")
    resumed = TradingResumed(ts_event=UTC, cleared=(), standing=(line,), is_rebased=False)

    assert "ends by itself when it takes them" in telling.resume_answer(resumed, "coinbase", {})["error"]


def test_who_resumes_a_scope_without_a_halt_is_told_so_and_who_names_none_is_not_refused() -> None:
    nothing = TradingResumed(ts_event=UTC, cleared=(), standing=(), is_rebased=False)

    assert telling.resume_answer(nothing, "nix", {})["error"] == "nothing is halted in 'nix', nor anywhere else"
    assert "error" not in telling.resume_answer(nothing, "", {})


def test_alarms_tell_when_and_how_often_and_how_many_are_not_shown() -> None:
    assert told(alarms=[ALARM])["ALARM"] == (
        "2026-11-30T18:20:00Z coinbase: answered with 401, 2 times since 2026-11-30T18:14:05Z"
    )
    assert "and 4 older alarms" in summary({**REPORT, "alarms": [ALARM] * 9})


def test_equity_names_what_it_lacks() -> None:
    whole = told(equity_complete=True, equity_missing=[])["equity"]
    partly = told(equity_complete=False, equity_missing=["SOL-USD", "ETH-USD"])["equity"]

    assert whole == "9,998.12 , of which 9,000.00 in cash".replace(" ,", ",")
    assert partly == f"{whole}; equity incomplete: SOL-USD, ETH-USD"


def test_orders_are_this_runs_money_is_the_accounts_and_added_up() -> None:
    orders = {"submitted": 12, "filled": 11, "rejected": 0, "unconfirmed": 0, "open": 2}

    assert told(orders=orders)["orders"] == "this run: 12 submitted, 11 filled; now 2 open"
    assert told()["pnl"] == "of the account: -1.50 realized, 0.25 open, 3.00 fees, -4.25 after fees"


def test_latency_of_no_order_is_no_number() -> None:
    none_yet = {"tick_to_order": {"count": 0, "p50": 0, "p99": 0}, "hop": {"p50": 60, "p99": 90}}

    assert told(latency_us=none_yet)["latency"] == "tick to order: no orders yet, hop 60 us"


def test_a_run_begins_with_mode_venues_and_directory() -> None:
    assert telling.started("DEMO", ("coinbase", "dydx"), 7, "my-data") == (
        "DEMO on coinbase, dydx; running as pid 7 in 'my-data'"
    )


def test_a_venue_without_any_price_is_a_problem_in_a_run_that_should_have_seen_one() -> None:
    silent = {**REPORT["venues"]["coinbase"], "quotes": 0, "stream": "connecting"}
    report = {**REPORT, "venues": {"coinbase": silent, "dydx": REPORT["venues"]["coinbase"]}}
    unreachable = {**ALARM, "subject": "price_feed:coinbase"}
    line = "no price ever came from coinbase (its stream is connecting)"

    assert telling.priceless({**report, "duration_s": 5.0}) == [line]
    assert telling.priceless({**report, "duration_s": 1.0}) == []
    assert telling.priceless({**report, "duration_s": 1.0, "alarms": [unreachable]}) == [line]
    assert telling.priceless(REPORT) == []


def test_what_a_recording_has_lost_is_told_at_the_end_and_what_stopped_is_a_problem() -> None:
    report = {**REPORT, "recordings": {"lost": 2, "stopped": 1}}

    assert "files of the recording removed, moved or replaced while they were written: 2" in telling.last_words(report)
    stopped = "recordings that stopped before the end: 1; their alarms say why"
    assert stopped in telling.problems(report, records=True)
    assert stopped not in telling.problems(report, records=False)
