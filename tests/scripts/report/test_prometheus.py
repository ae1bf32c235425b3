"""What `nzeza metrics` prints: every line readable, and equal to what happened (T32, CB-06)."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.effects import Role, Tell, WakeupKey
from domain.instant import Instant
from domain.messages.halts import HaltLine
from domain.messages.system import ActorReported, AlarmRaised, Operation, OperationEnded, WaitLine
from domain.reports.histogram import Histogram
from domain.reports.status_board import StatusBoard
from domain.resilience.circuit_breaker import BreakerWakeup, CircuitBreaker
from domain.settings import BreakerSettings
from scripts.report.prometheus import exposition
from tests.builders import orders_reported

SUBMIT_AGAIN = WakeupKey(BreakerWakeup.HALF_OPEN, "submit")
MS = 1_000_000
UTC = 1_700_000_000_000_000_000
_SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\]|\\.)*",?)*)\})? (-?[0-9.e+-]+)')

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def at(ms: int) -> Instant:
    return Instant(ms * MS, UTC + ms * MS)


def read(text: str) -> Samples:
    """Read the text as Prometheus does: each sample belongs to a declared family, and none is there twice."""
    samples: Samples = {}
    declared = ""
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            _, _, declared, kind = line.split()
            assert kind in ("counter", "gauge")
        elif not line.startswith("# HELP"):
            name, labels, value = _SAMPLE.fullmatch(line).groups()
            assert name == declared
            key = name, frozenset(re.findall(r'([a-z]+)="((?:[^"\\]|\\.)*)"', labels or ""))
            assert key not in samples
            samples[key] = float(value)
    return samples


def sample(samples: Samples, family: str, /, **labels: str) -> float:
    return samples[f"nzeza_{family}", frozenset(labels.items())]


def told(board: StatusBoard, ms: int) -> dict[str, Any]:
    """What the launcher answers `metrics` with, after its way through JSON."""
    return json.loads(msgspec.json.encode({**board.status(at(ms)), "metrics": board.metrics()}))


def new_board() -> StatusBoard:
    return StatusBoard(("coinbase",), "DEMO", at(0))


STEPS = st.lists(st.tuples(st.sampled_from(["success", "failure", "alarm", "reset"]), st.integers(0, 400)), max_size=30)


@given(STEPS)
def test_the_breakers_metrics_equal_an_independent_log(steps: list[tuple[str, int]]) -> None:
    rules = BreakerSettings(failures=2, open_s=0.5, successes=2)
    breaker = CircuitBreaker("coinbase", Operation.SUBMIT, rules, ("monitor",), at(0))
    calls = {"success": 0, "failure": 0}
    log = [(0, "closed")]  # (ms, state) since the last reset
    since = ms = 0

    for step, elapsed_ms in steps:
        ms += elapsed_ms
        effects: list = []
        if step == "reset":
            breaker.reset_metrics(at(ms))
            calls, log, since = {"success": 0, "failure": 0}, [(ms, log[-1][1])], ms
        elif step == "alarm":
            effects = breaker.tick(SUBMIT_AGAIN, at(ms))
        else:
            calls[step] += 1
            event = OperationEnded(
                ts_event=UTC, venue="coinbase", operation=Operation.SUBMIT, succeeded=step == "success"
            )
            effects = breaker.apply(event, at(ms))
        log += [(ms, effect.message.state.value) for effect in effects if isinstance(effect, Tell)]

    board = new_board()
    board.hear(breaker.metrics(at(ms)))
    report = told(board, ms)
    samples = read(exposition(report))
    ours = {"venue": "coinbase", "operation": "submit"}
    spent = dict.fromkeys(["closed", "half_open", "open"], 0.0)
    for (entered, state), (left, _) in zip(log, [*log[1:], (ms, "")]):
        spent[state] += (left - entered) / 1000
    [as_json] = report["metrics"]["breakers"]
    for name, expected in (
        ("successes", calls["success"]),
        ("failures", calls["failure"]),
        ("transitions", len(log) - 1),
    ):
        assert sample(samples, f"breaker_{name}_total", **ours) == as_json[name] == expected
    for state, seconds in spent.items():
        assert sample(samples, "breaker_state_seconds_total", **ours, state=state) == pytest.approx(seconds)
        assert sample(samples, "breaker_state", **ours, state=state) == (state == log[-1][1])
    assert as_json["since"] == at(since).utc_ns


def test_every_counter_of_every_actor_is_told_over_all_its_incarnations() -> None:
    board = new_board()
    feed = Role.PRICE_FEED.at("coinbase")
    empty = Histogram().snapshot()
    for incarnation, counters in ((1, {"quotes": 5, "gaps": 1}), (2, {"quotes": 7, 'odd "name"\n': 1})):
        report = ActorReported(
            ts_event=UTC,
            role=feed,
            incarnation=incarnation,
            counters=counters,
            lag_ns=0,
            hops=empty,
            latency=empty,
        )
        board.on_actor(report)

    samples = read(exposition(told(board, 2500)))

    assert sample(samples, "quotes_total", venue="coinbase") == 12
    assert sample(samples, "gaps_total", venue="coinbase") == 1
    assert sample(samples, "actor_events_total", role=feed, name="quotes") == 12
    assert sample(samples, "actor_events_total", role=feed, name='odd \\"name\\"\\n') == 1
    assert sample(samples, "prices_good", venue="coinbase") == 0  # nobody has vouched for one yet
    assert sample(samples, "prices_refused", venue="coinbase", reason="no_quote") == 1
    assert sample(samples, "uptime_seconds") == 2.5
    assert sample(samples, "order_outcomes_total", outcome="filled") == 0
    assert sample(samples, "dead_letters_total") == 0


def test_halts_alarms_and_incomplete_equity_wake_a_person() -> None:
    board = new_board()
    halt = HaltLine(scope="all", reason="daily_loss", since=UTC)
    other = HaltLine(scope="all", reason="disk_full", since=UTC + 5_000_000_000)
    board.hear(orders_reported(halts=(halt, other)))
    for number in range(3):
        board.on_alarm(AlarmRaised(ts_event=UTC + number, subject="coinbase", text="answered with 401"))

    samples = read(exposition(told(board, 0)))

    assert sample(samples, "halts") == 2
    assert sample(samples, "halted", scope="all", reason="disk_full") == 1
    assert sample(samples, "halted", scope="all", reason="daily_loss") == 1
    assert sample(samples, "halted_since_timestamp_seconds", scope="all") == UTC // 1_000_000_000
    assert sample(samples, "alarms_total") == 3
    assert sample(samples, "last_alarm_timestamp_seconds") == UTC // 1_000_000_000
    assert sample(samples, "equity_complete") == 0
    assert sample(samples, "equity_missing", what="not reported yet") == 1


def test_each_wallet_is_told_apart() -> None:
    wallets = {"hyperliquid:USDC": "7", "hyperliquid:USDC (perpetual)": "-11.5"}

    samples = read(exposition({**told(new_board(), 0), "wallets": wallets}))

    assert sample(samples, "wallet", wallet="hyperliquid:USDC") == 7
    assert sample(samples, "wallet", wallet="hyperliquid:USDC (perpetual)") == -11.5


def test_funding_is_told_by_instrument_with_its_newest_rate() -> None:
    line = {"instrument": "toy:BTC-USD", "amount": "-5.5", "currency": "USDC", "newest_rate": "0.0001"}
    untold = {**line, "instrument": "toy:ETH-USD", "newest_rate": ""}

    samples = read(exposition({**told(new_board(), 0), "funding_paid": [line, untold]}))

    assert sample(samples, "funding_paid", instrument="toy:BTC-USD", currency="USDC") == -5.5
    assert sample(samples, "funding_rate", instrument="toy:BTC-USD", currency="USDC") == 0.0001
    assert ("nzeza_funding_rate", frozenset({("instrument", "toy:ETH-USD"), ("currency", "USDC")})) not in samples


def test_what_openings_wait_for_and_what_venues_refused_is_told() -> None:
    board = new_board()
    wait = WaitLine(scope="coinbase", reason="its private stream is down")
    refused = {"coinbase: INSUFFICIENT_FUND: too little": 24}
    board.hear(orders_reported(waiting=(wait, wait, WaitLine(scope="dydx", reason=wait.reason)), refused=refused))

    samples = read(exposition(told(board, 0)))

    assert sample(samples, "waiting") == 2
    assert sample(samples, "openings_waiting", scope="coinbase", reason=wait.reason) == 1
    assert sample(samples, "openings_waiting", scope="dydx", reason=wait.reason) == 1
    assert sample(samples, "orders_refused_total", reason="coinbase: INSUFFICIENT_FUND: too little") == 24


def test_no_halt_is_a_number_too() -> None:
    samples = read(exposition(told(new_board(), 0)))

    assert sample(samples, "waiting") == 0

    assert (sample(samples, "halts"), sample(samples, "alarms_total")) == (0, 0)
