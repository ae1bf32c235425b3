"""A report for a person: the object that `--json` prints, in a dozen short lines.

What needs a person comes first. Orders are counted for this run, money is the whole account's: the lines say which.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from scripts.report import telling

_NOW = ("unconfirmed", "open")  # the orders that are counted as they stand
_ALARMS_SHOWN = 5


def summary(report: dict[str, Any]) -> str:
    """Return `report` as text. Zero counts of orders are left out, to let what happened stand out."""
    label = f"{report['mode']}: " if report.get("mode") else ""
    halts = zip(report.get("halts") or (), telling.halts(report))
    lines = [("HALTED", f"{line}; {telling.how_it_ends(halt)}") for halt, line in halts]
    lines += [("WAITING", line) for line in telling.waiting(report)]
    lines += _alarms(report)
    if report.get("starting"):
        lines.append(("starting", report["starting"]))
    lines.append(("ran", f"{label}{report['duration_s']:.1f} s, {report['signals']} signals"))
    lines += [(name, _venue(venue)) for name, venue in report["venues"].items()]
    lines.append(("orders", _orders(report["orders"])))
    lines += [("refused", line) for line in telling.refused(report)]
    if report.get("external_orders"):
        lines.append(("external", f"{report['external_orders']} live orders at the venues are not ours"))
    lines += _account(report)
    lines.append(("latency", _latency(report["latency_us"])))
    lines.append(("actors", f"{len(report['actors'])}, {report['restarts']} restarts, {_losses(report)}"))
    width = max(len(label) for label, _ in lines)
    return "\n".join(f"{label:<{width}}  {text}" for label, text in lines)


def _account(report: dict[str, Any]) -> list[tuple[str, str]]:
    if not telling.has_account(report):
        return [("account", "none: prices only")]
    positions = [f"{quantity} {key}" for key, quantity in report["positions"].items()]
    return [
        ("equity", _equity(report)),
        ("pnl", _pnl(report)),
        *(("funding", _funding(line)) for line in report.get("funding_paid", ())),
        ("positions", ", ".join(positions) or "none"),
    ]


def _alarms(report: dict[str, Any]) -> list[tuple[str, str]]:
    alarms = telling.alarms(report)
    lines = [("ALARM", telling.alarm(alarm)) for alarm in alarms[:_ALARMS_SHOWN]]
    if len(alarms) > _ALARMS_SHOWN:
        lines.append(("", f"and {len(alarms) - _ALARMS_SHOWN} older alarms: see --json, or the log"))
    return lines


def _orders(orders: dict[str, int]) -> str:
    """Return the counts of this run, and apart from them what lives now, be it of an earlier run."""
    ended = [f"{count} {outcome}" for outcome, count in orders.items() if count and outcome not in _NOW]
    living = [f"{orders[outcome]} {outcome}" for outcome in _NOW if orders.get(outcome)]
    text = f"this run: {', '.join(ended) or 'none'}"
    return f"{text}; now {', '.join(living)}" if living else text


def _equity(report: dict[str, Any]) -> str:
    text = f"{_amount(report['equity'])}, of which {_amount(report['cash'])} in cash"
    return "; ".join(filter(None, [text, telling.incomplete(report)]))


def _pnl(report: dict[str, Any]) -> str:
    """Return what the account's trades have earned since its journal began, and what is left after fees."""
    realized, unrealized, fees = (Decimal(report[key]) for key in ("realized_pnl", "unrealized_pnl", "fees"))
    after_fees = report.get("pnl_after_fees", realized + unrealized - fees)
    funding = Decimal(report.get("funding", 0))
    paid = f"{funding:,.2f} funding, " if funding else ""  # of perpetuals only
    return (
        f"of the account: {realized:,.2f} realized, {unrealized:,.2f} open, {paid}{fees:,.2f} fees,"
        f" {_amount(after_fees)} after fees"
    )


def _funding(line: dict[str, str]) -> str:
    """Return what one perpetual has paid or cost, and by which rate it did so last."""
    text = f"{line['instrument']} {Decimal(line['amount']):,.2f} {line['currency']}"
    if not line["newest_rate"]:
        return text
    at = f" on {line['newest_quantity']}" if line["newest_quantity"] else ""
    return f"{text}, last at {Decimal(line['newest_rate']):.4%}{at}"


def _amount(text: Any) -> str:
    return f"{Decimal(text):,.2f}"


def _venue(venue: dict[str, Any]) -> str:
    # "2 gaps" only when there were any; the first three counts are the sign of life and always shown.
    troubles = [
        f"{venue[kind]} {kind.replace('_', ' ')}" for kind in ("reconnects", "gaps", "decode_errors") if venue[kind]
    ]
    counts = [f"{venue[kind]} {kind}" for kind in ("quotes", "trades", "orders", "fills")]
    if venue["prices"] != "good":
        troubles.append(f"prices refused: {venue['prices'].replace('_', ' ')} ({venue['stream']})")
    if venue.get("left_out"):
        troubles.append(f"left out: {', '.join(venue['left_out'])}")
    return ", ".join([*counts, *troubles, f"breaker {venue['breaker']}"])


def _latency(latency: dict[str, Any]) -> str:
    tick, hop = latency["tick_to_order"], latency["hop"]
    if not tick["count"]:
        return f"tick to order: no orders yet, hop {hop['p50']:.0f} us"
    counted = f"p99 {tick['p99']:.0f}, {tick['count']} orders"
    return f"tick to order {tick['p50']:.0f} us ({counted}), hop {hop['p50']:.0f} us"


def _losses(report: dict[str, Any]) -> str:
    agreement = "reconciled" if report["reconciled"] else "NOT RECONCILED"
    if not telling.has_account(report):
        agreement = "nothing to reconcile"
    return f"{report['dead_letters']} dead letters, {report['corrections']} corrections, {agreement}"
