"""A report for a person: the object that `--json` prints, in a dozen short lines."""

from __future__ import annotations

from typing import Any


def summary(report: dict[str, Any]) -> str:
    """Return `report` as text. Zero counts of orders are left out, to let what happened stand out."""
    label = f"{report['mode']}: " if report.get("mode") else ""
    lines = [("ran", f"{label}{report['duration_s']:.1f} s, {report['signals']} signals")]
    lines += [(name, _venue(venue)) for name, venue in report["venues"].items()]
    orders = [f"{count} {outcome}" for outcome, count in report["orders"].items() if count]
    lines.append(("orders", ", ".join(orders) or "none"))
    money = {
        key: f"{float(report[key]):,.2f}"
        for key in ("equity", "cash", "realized_pnl", "unrealized_pnl", "fees")
    }
    lines.append(("equity", "{equity}, of which {cash} in cash".format(**money)))
    lines.append(("pnl", "{realized_pnl} realized, {unrealized_pnl} open, {fees} fees".format(**money)))
    positions = [f"{quantity} {key}" for key, quantity in report["positions"].items()]
    lines.append(("positions", ", ".join(positions) or "none"))
    lines.append(("latency", _latency(report["latency_us"])))
    lines.append(("actors", f"{len(report['actors'])}, {report['restarts']} restarts, {_losses(report)}"))
    width = max(len(label) for label, _ in lines)
    return "\n".join(f"{label:<{width}}  {text}" for label, text in lines)


def _venue(venue: dict[str, Any]) -> str:
    # "2 gaps" only when there were any; the first three counts are the sign of life and always shown.
    troubles = [
        f"{venue[kind]} {kind.replace('_', ' ')}"
        for kind in ("reconnects", "gaps", "decode_errors")
        if venue[kind]
    ]
    counts = [f"{venue[kind]} {kind}" for kind in ("quotes", "trades", "orders", "fills")]
    if venue["prices"] != "good":
        troubles.append(f"prices refused: {venue['prices'].replace('_', ' ')} ({venue['stream']})")
    return ", ".join([*counts, *troubles, f"breaker {venue['breaker']}"])


def _latency(latency: dict[str, Any]) -> str:
    tick, hop = latency["tick_to_order"], latency["hop"]
    counted = f"p99 {tick['p99']:.0f}, {tick['count']} orders"
    return f"tick to order {tick['p50']:.0f} us ({counted}), hop {hop['p50']:.0f} us"


def _losses(report: dict[str, Any]) -> str:
    agreement = "reconciled" if report["reconciled"] else "NOT RECONCILED"
    return f"{report['dead_letters']} dead letters, {report['corrections']} corrections, {agreement}"
