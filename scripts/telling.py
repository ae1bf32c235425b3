"""What no surface may hide, in words: halts and how to clear them, alarms with their times, incomplete equity.

The screen, `status`, the report and the lines on standard error take their words from here, so that a person reads
the same of the same thing everywhere. A key that is missing costs nothing: what isn't told isn't claimed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

HOW_TO_CLEAR = "`nzeza resume` clears it once its cause is dealt with"


def halts(report: Mapping[str, Any]) -> list[str]:
    """Return a line for each halt that stands, such as "all: daily_loss, since 2026-11-30T18:14:05Z"."""
    return [
        f"{halt.get('scope')}: {halt.get('reason')}, since {halt.get('since') or 'unknown'}"
        for halt in report.get("halts") or ()
    ]


def halted(report: Mapping[str, Any]) -> list[str]:
    """Return each halt with what to do about it: no opening passes it, and no restart clears it."""
    return [f"halted: {line}: no openings there; {HOW_TO_CLEAR}" for line in halts(report)]


def alarm(line: Mapping[str, Any]) -> str:
    """Return an alarm with its time, and how often it was raised when that was not once."""
    times = f", {line['count']} times since {line.get('first')}" if line.get("count", 1) > 1 else ""
    return f"{line.get('last')} {line.get('subject')}: {line.get('text')}{times}"


def alarms(report: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return report.get("alarms") or ()


def incomplete(report: Mapping[str, Any]) -> str:
    """Return what the equity lacks, such as "equity incomplete: SOL-USD"; empty when it is whole."""
    if report.get("equity_complete", True):
        return ""
    return f"equity incomplete: {', '.join(report.get('equity_missing') or ['unknown'])}"


def started(report: Mapping[str, Any], data_directory: str) -> str:
    """Return the one line that a run begins with."""
    words = [
        f"{report.get('mode', '-')} on {', '.join(report.get('venues') or {}) or 'no venue'}",
        f"data in {data_directory}",
        f"HALTED: {'; '.join(halts(report))} ({HOW_TO_CLEAR})" if halts(report) else "no halts",
    ]
    return ", ".join(words)


def resumed(answer: Mapping[str, Any]) -> list[str]:
    """Return what a person reads who resumed: what was cleared, what stands, and whence losses are measured now."""
    if not answer["cleared"] and not answer["standing"]:
        return ["nothing is halted, so nothing was done"]
    lines = [f"cleared: {line}" for line in halts({"halts": answer["cleared"]})]
    lines += [f"halted still or again: {line}" for line in halts({"halts": answer["standing"]})]
    if answer["rebased"]:
        lines.append(f"daily loss and drawdown are measured anew, from an equity of {_base(answer)}")
    elif answer["cleared"]:
        lines.append("daily loss and drawdown are measured as before")
    return lines


def _base(answer: Mapping[str, Any]) -> str:
    if not answer["equity_complete"]:
        return "the next complete reading"
    return f"{Decimal(answer['equity']):,.2f} or what the next reading is"
