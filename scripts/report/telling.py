"""What no surface may hide, in words: halts and how to clear them, alarms with their times, incomplete equity.

The screen, `status`, the report and the lines on standard error take their words from here, so that a person reads
the same of the same thing everywhere. A key that is missing costs nothing: what isn't told isn't claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from domain.account_binding import NO_ACCOUNT
from domain.messages.halts import TradingResumed
from domain.reports.status_board import halt_fields

_PRICES_WITHIN_S = 5.0


def how_it_ends(halt: Mapping[str, Any]) -> str:
    """Return what ends a halt: a person, who has dealt with its cause, or the cause's own end."""
    if when := halt.get("ends_when"):
        return f"it ends by itself {when}"
    return "`nzeza resume` clears it once its cause is dealt with"


def halts(report: Mapping[str, Any]) -> list[str]:
    """Return a line for each halt that stands, such as "all: daily_loss, since 2026-11-30T18:14:05Z"."""
    return [
        f"{halt.get('scope')}: {halt.get('reason')}, since {halt.get('since') or 'unknown'}"
        for halt in report.get("halts") or ()
    ]


def halted(report: Mapping[str, Any]) -> list[str]:
    """Return each halt with what to do about it, or what ends it: no opening passes it."""
    rows = report.get("halts") or ()
    return [f"halted: {line}: no openings there; {how_it_ends(row)}" for row, line in zip(rows, halts(report))]


def waiting(report: Mapping[str, Any]) -> list[str]:
    """Return a line for each thing that openings wait for, though nothing is halted there."""
    return [f"{line.get('scope')}: openings wait: {line.get('reason')}" for line in report.get("waiting") or ()]


def refused(report: Mapping[str, Any]) -> list[str]:
    """Return why venues refused orders in this run, the most frequent first: "24 times coinbase: CODE: why"."""
    counts = sorted((report.get("refused") or {}).items(), key=lambda entry: -entry[1])
    return [f"{count} times {reason}" if count > 1 else reason for reason, count in counts]


def troubles(status: Mapping[str, Any]) -> dict[tuple[str, ...], str]:
    """Return what a person is to be told as it happens, halts and alarms, each under a key of its own."""
    lines: dict[tuple[str, ...], str] = {
        (halt["scope"], halt["kind"], halt["since"]): line for halt, line in zip(status["halts"], halted(status))
    }
    for each in reversed(status["alarms"]):  # the oldest first
        key, over = (each["subject"], each["text"]), each.get("over") or ""
        if over:
            lines[*key, over] = f"over since {over}: {each['subject']}: {each['text']}"
        elif not each["text"].startswith("halted: "):  # that is told as a halt
            lines[*key, ""] = f"alarm: {alarm(each)}"
    return lines


def alarm(line: Mapping[str, Any]) -> str:
    """Return an alarm with its time, and how often it was raised when that was not once."""
    times = f", {line['count']} times since {line.get('first')}" if line.get("count", 1) > 1 else ""
    over = f"over since {line['over']}: " if line.get("over") else ""
    return f"{line.get('last')} {line.get('subject')}: {over}{line.get('text')}{times}"


def alarms(report: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return report.get("alarms") or ()


def incomplete(report: Mapping[str, Any]) -> str:
    """Return what the equity lacks, such as "equity incomplete: SOL-USD"; empty when it is whole."""
    if report.get("equity_complete", True):
        return ""
    return f"equity incomplete: {', '.join(report.get('equity_missing') or ['unknown'])}"


def has_account(report: Mapping[str, Any]) -> bool:
    """Tell whether there is an account at all; without, no amount means anything and nothing is reconciled."""
    return report.get("account") != NO_ACCOUNT


def started(mode: str, venues: Iterable[str], pid: int, data_directory: str) -> str:
    """Return the one line that a run begins with; halts of earlier runs follow as soon as the journal is read."""
    return f"{mode} on {', '.join(venues)}; running as pid {pid} in {data_directory!r}"


def priceless(report: Mapping[str, Any]) -> list[str]:
    """Return a line for each venue from which no price ever came, in a run that should have seen one."""
    alarmed = " ".join(str(alarm.get("subject")) for alarm in alarms(report))
    return [
        f"no price ever came from {name} (its stream is {venue['stream']})"
        for name, venue in report["venues"].items()
        if not venue["quotes"] and (report["duration_s"] >= _PRICES_WITHIN_S or name in alarmed)
    ]


def resume_answer(resumed: TradingResumed, scope: str, status: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the launcher answers `nzeza resume` with.

    Args:
        scope: that was asked for; empty for all.
        status: the newest, for the equity that losses are measured from.
    """
    standing = [halt_fields(halt) for halt in resumed.standing]
    if scope and not resumed.cleared:
        return {"error": _nothing_cleared(scope, standing)}
    return {
        "resumed": True,
        "cleared": [halt_fields(halt) for halt in resumed.cleared],
        "standing": standing,
        "rebased": resumed.is_rebased,
        "equity": status.get("equity"),
        "equity_complete": status.get("equity_complete", False),
    }


def resumed(answer: Mapping[str, Any]) -> list[str]:
    """Return what a person reads who resumed: what was cleared, what stands, and whence losses are measured now."""
    if not answer["cleared"] and not answer["standing"]:
        return ["nothing is halted, so nothing was done"]
    lines = [f"cleared: {line}" for line in halts({"halts": answer["cleared"]})]
    lines += [f"halted still or again: {line}" for line in halts({"halts": answer["standing"]})]
    if answer["cleared"]:
        lines.append("openings there wait until the account has been compared once more")
    if answer["rebased"]:
        lines.append(f"daily loss and drawdown are measured anew, from an equity of {_base(answer)}")
    elif answer["cleared"]:
        lines.append("daily loss and drawdown are measured as before")
    return lines


def _nothing_cleared(scope: str, standing: Sequence[Mapping[str, Any]]) -> str:
    here = [halt for halt in standing if halt["scope"] == scope]
    if here:
        return "; ".join(f"{line}: {how_it_ends(halt)}" for halt, line in zip(here, halts({"halts": here})))
    elsewhere = f"; halted are: {'; '.join(halts({'halts': standing}))}" if standing else ", nor anywhere else"
    return f"nothing is halted in {scope!r}{elsewhere}"


def _base(answer: Mapping[str, Any]) -> str:
    if not answer["equity_complete"]:
        return "the next complete reading"
    return f"{Decimal(answer['equity']):,.2f} or what the next reading is"


def unproven(wound_down: Any) -> list[str]:
    """Return what the end of a run could not prove, a line each; none when all is well."""
    told = []
    if wound_down.unconfirmed:
        told.append("unconfirmed at exit: " + "; ".join(wound_down.unproven))
    if not wound_down.is_reconciled:
        reasons = "; ".join(wound_down.differences) or "not proven in time"
        told.append(f"not reconciled: {reasons}")
    return told


def left(wound_down: Any) -> dict[str, list[str]]:
    """Return what a run left behind at the venues: stops in place, orders without proof, positions without
    cover, and live orders there that are not ours."""
    return {
        "stops": list(wound_down.protective),
        "unproven": list(wound_down.unproven),
        "bare": list(wound_down.bare),
        "external": list(wound_down.external),
    }


def last_words(status: Mapping[str, Any]) -> list[str]:
    """Return what a run ends with beside its problems: stops that stay, and what a person may have missed."""
    lines = stops(status.get("left"))
    lines += [f"not ours, and left alone: {line}" for line in (status.get("left") or {}).get("external", ())]
    if lacking := incomplete(status):
        lines.append(lacking)
    lines += lost_recordings(status)
    halted_as = {(halt.get("scope"), f"halted: {halt.get('reason')}") for halt in status.get("halts") or ()}
    # A halt that stands is a problem already.
    if told := [each for each in alarms(status) if (each.get("subject"), each.get("text")) not in halted_as]:
        lines.append(f"alarms of this run: {status.get('alarms_raised', len(told))}, the newest: {alarm(told[0])}")
    return lines


def problems(status: Mapping[str, Any], records: bool) -> list[str]:
    """Return what makes a run end with status 1, a line each.

    Args:
        records: it was for its recording.
    """
    return [*halted(status), *priceless(status), *(stopped_recordings(status) if records else ())]


def lost_recordings(status: Mapping[str, Any]) -> list[str]:
    """Return how many files of a recording nobody finds any more, in a line; none when none is missing."""
    lost = (status.get("recordings") or {}).get("lost")
    return [f"files of the recording removed, moved or replaced while they were written: {lost}"] if lost else []


def stopped_recordings(status: Mapping[str, Any]) -> list[str]:
    """Return how many streams are recorded no more, in a line; none when all are."""
    stopped = (status.get("recordings") or {}).get("stopped")
    return [f"recordings that stopped before the end: {stopped}; their alarms say why"] if stopped else []


def stops(behind: Mapping[str, Sequence[str]] | None) -> list[str]:
    """Return a line for each stop that was left; the rest of what was left is a problem, and told as one."""
    return [f"protective stop left in place: {line}" for line in (behind or {}).get("stops", ())]
