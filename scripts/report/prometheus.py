"""What the running system counts, in Prometheus' text format (version 0.0.4). Pure: a report in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

_VENUE_COUNTS = ("quotes", "trades", "gaps", "reconnects", "decode_errors", "orders", "fills")
_ORDERS_NOW = ("open", "unconfirmed")
_MONEY = ("equity", "cash", "realized_pnl", "unrealized_pnl", "fees", "funding", "pnl_after_fees")
_NS = 1_000_000_000


class Sample(NamedTuple):
    """One number and what it is about."""

    labels: Mapping[str, str]
    value: Any


class Family(NamedTuple):
    """All samples of one name."""

    name: str
    kind: str  # "counter" or "gauge"
    about: str
    samples: list[Sample]


def exposition(report: Mapping[str, Any]) -> str:
    """Return the text for the object that the launcher answers `metrics` with."""
    return "".join(_text(family) for family in _families(report) if family.samples)


def _families(report: Mapping[str, Any]) -> Iterator[Family]:
    yield _single("nzeza_uptime_seconds", "gauge", "Since the start.", report["duration_s"])
    for name in _VENUE_COUNTS:
        samples = [Sample({"venue": venue}, counts[name]) for venue, counts in report["venues"].items()]
        yield Family(f"nzeza_{name}_total", "counter", f"{name} of a venue.".replace("_", " "), samples)
    good = [Sample({"venue": venue}, int(now["prices"] == "good")) for venue, now in report["venues"].items()]
    yield Family("nzeza_prices_good", "gauge", "1: prices of a venue may be traded on.", good)
    refused = [
        Sample({"venue": venue, "reason": now["prices"]}, 1)
        for venue, now in report["venues"].items()
        if now["prices"] != "good"
    ]
    yield Family("nzeza_prices_refused", "gauge", "1: prices of a venue are refused, for this reason.", refused)
    orders = report["orders"]
    outcomes = [Sample({"outcome": name}, orders[name]) for name in orders if name not in _ORDERS_NOW]
    yield Family("nzeza_order_outcomes_total", "counter", "What became of orders.", outcomes)
    now = [Sample({"status": name}, orders[name]) for name in _ORDERS_NOW if name in orders]
    yield Family("nzeza_orders_now", "gauge", "Orders whose end is not known.", now)
    for name in ("signals", "corrections", "dead_letters"):
        yield _single(f"nzeza_{name}_total", "counter", f"{name}.".replace("_", " "), report[name])
    restarts = [Sample({"role": role}, line["restarts"]) for role, line in report["actors"].items()]
    yield Family("nzeza_restarts_total", "counter", "Restarts of an actor.", restarts)
    yield _single("nzeza_reconciled", "gauge", "1: venues and journal agree.", int(report["reconciled"]))
    money = [Sample({"kind": name}, report[name]) for name in _MONEY if name in report]
    yield Family("nzeza_account_usd", "gauge", "The account, in dollars.", money)
    wallets = [Sample({"wallet": wallet}, total) for wallet, total in report.get("wallets", {}).items()]
    yield Family("nzeza_wallet", "gauge", "What is in a wallet of a venue, in its own currency.", wallets)
    yield from _funding(report.get("funding_paid", ()))
    yield from _troubles(report)
    yield from _latencies(report["latency_us"])
    yield from _breakers(report["metrics"]["breakers"])
    budgets = [
        Sample({"venue": venue, "budget": name}, line["left"])
        for venue, lines in report["metrics"]["budgets"].items()
        for name, line in lines.items()
    ]
    yield Family("nzeza_request_budget_left", "gauge", "What is left of a venue's limit, in its units.", budgets)
    quality = [Sample({"venue": venue}, one) for venue, one in report["metrics"]["stream_quality"].items()]
    yield Family("nzeza_stream_quality", "gauge", "1: no connection lost in the last minute.", quality)
    counted = [
        Sample({"role": role, "name": name}, count)
        for role, counters in report["metrics"]["counters"].items()
        for name, count in sorted(counters.items())
    ]
    yield Family("nzeza_actor_events_total", "counter", "Whatever else an actor counts.", counted)


def _troubles(report: Mapping[str, Any]) -> Iterator[Family]:
    """Yield what a person is to be woken for."""
    halts, alarms = report["halts"], report["alarms"]
    yield _single("nzeza_halts", "gauge", "Halts that stand; no opening passes one.", len(halts))
    halted = [Sample({"scope": halt["scope"], "reason": halt["reason"]}, 1) for halt in halts]
    yield Family("nzeza_halted", "gauge", "1: openings in this scope are halted.", halted)
    oldest: dict[str, float] = {}  # scope -> of its halts
    for halt in halts:
        since_s = _epoch_s(halt["since"])
        oldest[halt["scope"]] = min(since_s, oldest.get(halt["scope"], since_s))
    since = [Sample({"scope": scope}, since_s) for scope, since_s in oldest.items()]
    yield Family("nzeza_halted_since_timestamp_seconds", "gauge", "When it was halted, for whatever first.", since)
    waiting = dict.fromkeys((line["scope"], line["reason"]) for line in report["waiting"])
    yield _single("nzeza_waiting", "gauge", "What openings wait for that is no halt, and ends by itself.", len(waiting))
    waits = [Sample({"scope": scope, "reason": reason}, 1) for scope, reason in waiting]
    yield Family("nzeza_openings_waiting", "gauge", "1: openings in this scope wait for this.", waits)
    refused = [Sample({"reason": reason}, count) for reason, count in report["refused"].items()]
    yield Family("nzeza_orders_refused_total", "counter", "Orders that a venue refused, by its words.", refused)
    yield _single("nzeza_alarms_total", "counter", "Alarms, repeated ones too.", report["alarms_raised"])
    last = [Sample({}, max(_epoch_s(alarm["last"]) for alarm in alarms))] if alarms else []
    yield Family("nzeza_last_alarm_timestamp_seconds", "gauge", "When the newest alarm was raised.", last)
    is_complete = int(report["equity_complete"])
    yield _single("nzeza_equity_complete", "gauge", "1: every asset is priced, every balance known.", is_complete)
    missing = [Sample({"what": what}, 1) for what in report["equity_missing"]]
    yield Family("nzeza_equity_missing", "gauge", "1: the equity lacks this.", missing)


def _funding(lines: Iterable[Mapping[str, str]]) -> Iterator[Family]:
    def samples(name: str) -> list[Sample]:
        return [
            Sample({"instrument": line["instrument"], "currency": line["currency"]}, line[name])
            for line in lines
            if line[name]
        ]

    yield Family("nzeza_funding_paid", "gauge", "Funding of a perpetual, received less paid.", samples("amount"))
    about = "Rate of the newest payment: longs pay a positive one."
    yield Family("nzeza_funding_rate", "gauge", about, samples("newest_rate"))


def _epoch_s(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp() if stamp else 0.0


def _latencies(latencies: Mapping[str, Mapping[str, float]]) -> Iterator[Family]:
    samples = [
        Sample({"of": road, "quantile": quantile}, figures[key] / 1_000_000)
        for road, figures in latencies.items()
        for quantile, key in (("0.5", "p50"), ("0.99", "p99"))
    ]
    yield Family("nzeza_latency_seconds", "gauge", "Tick to order, and one hop between actors.", samples)


def _breakers(breakers: list[Mapping[str, Any]]) -> Iterator[Family]:
    def family(name: str, kind: str, about: str, key: str) -> Family:
        samples = [Sample(_whose(breaker), breaker[key]) for breaker in breakers]
        return Family(f"nzeza_breaker_{name}", kind, about, samples)

    yield family("successes_total", "counter", "Calls that ended well.", "successes")
    yield family("failures_total", "counter", "Calls that did not.", "failures")
    yield family("transitions_total", "counter", "Changes of state.", "transitions")
    spent = [
        Sample({**_whose(breaker), "state": state}, spent_ns / _NS)
        for breaker in breakers
        for state, spent_ns in breaker["in_state_ns"].items()
    ]
    yield Family("nzeza_breaker_state_seconds_total", "counter", "Time spent in a state.", spent)
    states = [
        Sample({**_whose(breaker), "state": state}, int(state == breaker["state"]))
        for breaker in breakers
        for state in breaker["in_state_ns"]
    ]
    yield Family("nzeza_breaker_state", "gauge", "1: the breaker is in this state.", states)
    since = [Sample(_whose(breaker), breaker["since"] / _NS) for breaker in breakers]
    yield Family("nzeza_breaker_since_timestamp_seconds", "gauge", "When counting began.", since)


def _whose(breaker: Mapping[str, Any]) -> dict[str, str]:
    return {"venue": breaker["venue"], "operation": breaker["operation"]}


def _single(name: str, kind: str, about: str, value: Any) -> Family:
    return Family(name, kind, about, [Sample({}, value)])


def _text(family: Family) -> str:
    head = f"# HELP {family.name} {family.about}\n# TYPE {family.name} {family.kind}\n"
    return head + "".join(f"{family.name}{_labels(labels)} {value}\n" for labels, value in family.samples)


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
