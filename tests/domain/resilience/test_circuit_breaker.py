"""One breaker per guarded operation, and the gate at its caller (CB-01 to CB-07)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.effects import Tell, WakeAt, WakeupKey
from domain.instant import Instant
from domain.messages.system import BreakerChanged, BreakerState, Operation, OperationEnded
from domain.resilience.circuit_breaker import BreakerGate, BreakerWakeup, CircuitBreaker
from domain.settings import BreakerSettings

SUBMIT_AGAIN = WakeupKey(BreakerWakeup.HALF_OPEN, "submit")
MS = 1_000_000
UTC = 1_700_000_000_000_000_000
CLOSED, HALF_OPEN, OPEN = BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN
GATEWAY, MONITOR = "exchange_gateway:coinbase", "monitor"


def at(ms: float) -> Instant:
    return Instant(round(ms * MS), UTC + round(ms * MS))


def ended(succeeded: bool) -> OperationEnded:
    return OperationEnded(ts_event=UTC, venue="coinbase", operation=Operation.SUBMIT, succeeded=succeeded)


def changed(state: BreakerState, ms: float = 0) -> BreakerChanged:
    return BreakerChanged(ts_event=at(ms).utc_ns, venue="coinbase", operation=Operation.SUBMIT, state=state)


def breaker(audience: tuple[str, ...] = (), **settings: float) -> CircuitBreaker:
    return CircuitBreaker("coinbase", Operation.SUBMIT, BreakerSettings(**settings), audience, at(0))


def fail(machine: CircuitBreaker, times: int, ms: float = 0) -> list:
    return [effect for _ in range(times) for effect in machine.apply(ended(False), at(ms))]


def succeed(machine: CircuitBreaker, times: int, ms: float = 0) -> list:
    return [effect for _ in range(times) for effect in machine.apply(ended(True), at(ms))]


def test_fifth_failure_in_a_row_opens_tells_the_audience_and_asks_to_be_woken() -> None:
    """T28, CB-01."""
    machine = breaker(audience=(GATEWAY, MONITOR))

    before = fail(machine, times=4, ms=1)
    effects = fail(machine, times=1, ms=2)

    assert before == []
    assert effects == [
        Tell(GATEWAY, changed(OPEN, ms=2)),
        Tell(MONITOR, changed(OPEN, ms=2)),
        WakeAt(at(30_002).monotonic_ns, SUBMIT_AGAIN),
    ]


@pytest.mark.parametrize("state", [CLOSED, HALF_OPEN])
def test_call_that_this_machine_had_no_room_for_says_nothing_of_the_venue(state: BreakerState) -> None:
    machine = breaker(failures=2)
    if state is HALF_OPEN:
        fail(machine, times=2)
        machine.tick("submit", at(30_000))
    no_room = OperationEnded(
        ts_event=UTC, venue="coinbase", operation=Operation.SUBMIT, succeeded=False, reason="exhausted"
    )

    effects = [effect for _ in range(5) for effect in machine.apply(no_room, at(30_001))]

    assert effects == [] and machine.state is state
    assert machine.metrics(at(30_001)).failures == (2 if state is HALF_OPEN else 0)


def test_success_between_failures_keeps_it_closed() -> None:
    """CB-07: 4 failures, 1 success, 4 failures."""
    machine = breaker()

    fail(machine, times=4)
    succeed(machine, times=1)
    fail(machine, times=4)

    assert machine.state is CLOSED


def test_open_lasts_exactly_its_period_and_ends_by_the_wakeup() -> None:
    """T29, CB-03: 3 failures, 500 ms, to the nanosecond, though nobody calls."""
    machine = breaker(audience=(GATEWAY,), failures=3, open_s=0.5)
    fail(machine, times=3)

    too_early = machine.tick(SUBMIT_AGAIN, Instant(500 * MS - 1, UTC))
    due = machine.tick(SUBMIT_AGAIN, at(500))

    assert too_early == []
    assert due == [Tell(GATEWAY, changed(HALF_OPEN, ms=500))]


def test_calls_in_flight_that_end_while_open_decide_nothing() -> None:
    machine = breaker(failures=2, open_s=1.0)
    fail(machine, times=2)

    late = succeed(machine, times=5, ms=10) + fail(machine, times=5, ms=10)
    machine.tick(SUBMIT_AGAIN, at(1000))

    assert late == []
    assert machine.state is HALF_OPEN


def test_three_successes_close_it_and_the_count_of_failures_starts_over() -> None:
    """T30, CB-04: 2 failures, 200 ms, 3 successes."""
    machine = breaker(failures=2, open_s=0.2, successes=3)
    fail(machine, times=2)
    machine.tick(SUBMIT_AGAIN, at(200))

    succeed(machine, times=2)
    almost = machine.state
    succeed(machine, times=1)
    fail(machine, times=1)

    assert almost is HALF_OPEN
    assert machine.state is CLOSED


def test_one_failed_probe_opens_it_again_and_forgets_earlier_probes() -> None:
    """CB-04."""
    machine = breaker(failures=2, open_s=0.2, successes=2)
    fail(machine, times=2)
    machine.tick(SUBMIT_AGAIN, at(200))
    succeed(machine, times=1)

    fail(machine, times=1, ms=200)
    reopened = machine.state
    machine.tick(SUBMIT_AGAIN, at(10_000))
    succeed(machine, times=1)

    assert reopened is OPEN
    assert machine.state is HALF_OPEN


def open_periods_ms(machine: CircuitBreaker, times: int, ms: float = 0) -> list[float]:
    """Fail it open `times` times, going half-open each time the wakeup rings."""
    periods = []
    for _ in range(times):
        wakeups = [e for e in fail(machine, machine.settings.failures, ms) if isinstance(e, WakeAt)]
        periods.append(wakeups[0].due_ns / MS - ms)
        ms = wakeups[0].due_ns / MS
        machine.tick(SUBMIT_AGAIN, at(ms))
    return periods


def test_each_reopening_waits_longer_up_to_the_cap() -> None:
    """T31, CB-05."""
    machine = breaker(failures=1, open_s=0.1, open_factor=2.0, open_cap_s=5.0)

    periods = open_periods_ms(machine, times=8)

    assert periods == pytest.approx([100, 200, 400, 800, 1600, 3200, 5000, 5000])


def test_period_stays_at_the_cap_however_long_the_outage() -> None:
    machine = breaker(failures=1, open_s=0.1, open_factor=2.0, open_cap_s=5.0)

    assert open_periods_ms(machine, times=2000)[-1] == pytest.approx(5000)


def test_closing_resets_the_period() -> None:
    """CB-05."""
    machine = breaker(failures=1, open_s=0.1, open_cap_s=5.0, successes=1)
    open_periods_ms(machine, times=3)
    succeed(machine, times=1, ms=700)

    assert open_periods_ms(machine, times=1, ms=700) == pytest.approx([100])


def test_failure_after_a_success_in_between_opens_it_for_no_longer_than_before() -> None:
    """CB-05: it worked meanwhile, so this is another outage."""
    machine = breaker(failures=1, open_s=0.1, open_factor=2.0, open_cap_s=5.0, successes=3)
    assert open_periods_ms(machine, times=2) == pytest.approx([100, 200])  # half-open from 300 ms on

    succeed(machine, times=1, ms=310)
    lived = open_periods_ms(machine, times=1, ms=320)
    without = open_periods_ms(machine, times=1, ms=520)

    assert (lived, without) == (pytest.approx([200]), pytest.approx([400]))


def test_announcing_repeats_the_state_and_changes_nothing() -> None:
    machine = breaker(audience=(GATEWAY,), failures=1)
    fail(machine, times=1)

    again = machine.announce(at(7))

    assert again == [Tell(GATEWAY, changed(OPEN, ms=7))]
    assert machine.metrics(at(7)).transitions == 1


STEPS = st.lists(st.tuples(st.sampled_from(["success", "failure", "wakeup"]), st.integers(0, 400)), max_size=60)


@given(STEPS)
def test_metrics_equal_an_independent_log(steps: list[tuple[str, int]]) -> None:
    """T32, CB-06."""
    machine = breaker(audience=(MONITOR,), failures=2, open_s=0.5, successes=2)
    log = [(0, CLOSED)]  # (ms, state entered)
    calls = {"success": 0, "failure": 0, "wakeup": 0}
    ms = 0

    for step, elapsed_ms in steps:
        ms += elapsed_ms
        calls[step] += 1
        if step == "wakeup":
            effects = machine.tick(SUBMIT_AGAIN, at(ms))
        else:
            effects = machine.apply(ended(step == "success"), at(ms))
        log += [(ms, effect.message.state) for effect in effects if isinstance(effect, Tell)]

    spent = dict.fromkeys(["closed", "half_open", "open"], 0)
    for (entered, state), (left, _) in zip(log, [*log[1:], (ms, None)]):
        spent[state.value] += (left - entered) * MS
    metrics = machine.metrics(at(ms))
    assert (metrics.successes, metrics.failures) == (calls["success"], calls["failure"])
    assert metrics.transitions == len(log) - 1
    assert metrics.in_state_ns == spent


def test_reset_zeroes_the_metrics_and_stamps_the_time_but_stays_open() -> None:
    """T32, CB-06."""
    machine = breaker(failures=1)
    fail(machine, times=1)

    machine.reset_metrics(at(50))

    metrics = machine.metrics(at(60))
    assert (metrics.failures, metrics.transitions, metrics.since) == (0, 0, at(50).utc_ns)
    assert metrics.in_state_ns == {"closed": 0, "half_open": 0, "open": 10 * MS}
    assert machine.state is OPEN


# ---- the caller's gate -----------------------------------------------------------------------------------


def gate(state: BreakerState) -> BreakerGate:
    gate = BreakerGate(Operation.SUBMIT)
    gate.heard(changed(state))
    return gate


def test_closed_gate_passes_every_call() -> None:
    assert [gate(CLOSED).enter(call) for call in "abc"] == [True, True, True]


def test_open_gate_refuses_and_counts() -> None:
    """T28, CB-01: without any call."""
    shut = gate(OPEN)

    assert [shut.enter("a"), shut.enter("b")] == [False, False]
    assert shut.refusals == 2


def test_half_open_gate_lets_one_probe_at_a_time() -> None:
    """CB-04: exactly one."""
    ajar = gate(HALF_OPEN)

    first, second = ajar.enter("a"), ajar.enter("b")
    ajar.ended("a")
    third = ajar.enter("c")

    assert [first, second, third] == [True, False, True]


def test_end_of_an_older_call_does_not_free_a_second_probe() -> None:
    ajar = gate(CLOSED)
    ajar.enter("older")
    ajar.heard(changed(HALF_OPEN))
    ajar.enter("probe")

    ajar.ended("older")

    assert not ajar.enter("second probe")


def test_probe_that_outlives_an_open_period_is_still_the_only_one() -> None:
    ajar = gate(HALF_OPEN)
    ajar.enter("slow probe")

    ajar.heard(changed(OPEN))
    ajar.heard(changed(HALF_OPEN))

    assert not ajar.enter("second probe")


def test_gate_ignores_breakers_of_other_operations() -> None:
    ours = gate(CLOSED)

    ours.heard(BreakerChanged(ts_event=0, venue="coinbase", operation=Operation.DATA, state=OPEN))

    assert ours.enter("a")
