"""Who goes first, whatever the number of workers, and what becomes of calls that hang."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from actors.components.venue_calls import Call, Urgency, VenueCalls
from adapters.executor import ThreadExecutor
from adapters.tickets import SharedBudget
from domain.errors import Ambiguous
from domain.instant import SECOND_NS, Instant
from domain.resilience.budgets import BucketTerms, Budgets

START = Instant(0, 0)


class Never:
    """An executor whose calls never end."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.replaced: list[str] = []

    def submit(self, key: str, call: Callable[[], Any]) -> None:
        self.begun.append(key)

    def replace(self, key: str) -> None:
        self.replaced.append(key)

    def collect(self) -> list[tuple[str, Any]]:
        return []


def calls_of(executor: Any, workers: int) -> VenueCalls:
    budgets = Budgets([BucketTerms(name="requests", per_second=1_000, burst=1_000)], 0)
    return VenueCalls(executor, SharedBudget(budgets, None, None), workers)


def call(urgency: Urgency = Urgency.READING, **how: Any) -> Call:
    return Call(lambda: None, lambda result: None, urgency=urgency, **how)


@pytest.mark.parametrize("workers", range(1, 30))
@pytest.mark.parametrize("hanging", [Urgency.ASKING, Urgency.OPENING, Urgency.READING])
def test_whatever_hangs_a_cancel_finds_a_worker(workers: int, hanging: Urgency) -> None:
    executor = Never()
    calls = calls_of(executor, workers)
    for _ in range(50):
        calls.add(call(hanging))
    calls.send(START)
    assert executor.begun  # it is never refused altogether

    before = len(executor.begun)
    calls.add(call(Urgency.REDUCING))
    calls.send(START)

    assert len(executor.begun) == before + 1
    assert len(executor.begun) <= max(workers, 2)


def test_calls_that_hang_are_given_up_a_second_after_their_deadline() -> None:
    executor = Never()
    calls = calls_of(executor, 8)
    calls.add(call(within_s=5))
    calls.add(call())  # knows no deadline
    due_ns = calls.send(START)
    assert due_ns == 6 * SECOND_NS

    assert calls.give_up_hung(Instant(due_ns - 1, 0)) == []
    ((given_up, error),) = calls.give_up_hung(Instant(due_ns, 0))

    assert (given_up.within_s, type(error), error.code) == (5, Ambiguous, "overdue")
    assert executor.replaced == ["1"]
    assert calls.give_up_hung(Instant(due_ns, 0)) == []


def test_calls_that_hang_never_keep_all_workers_busy() -> None:
    executor = Never()
    calls = calls_of(executor, 8)
    for _ in range(3):
        for _ in range(8):
            calls.add(call(Urgency.REDUCING, within_s=2))
    now = START
    for _ in range(3):
        calls.send(now)
        now = Instant(now.monotonic_ns + 3 * SECOND_NS, 0)
        assert len(calls.give_up_hung(now)) == 8

    assert len(executor.begun) == 24


def test_an_answer_that_comes_after_its_call_was_given_up_is_not_heard() -> None:
    executor = ThreadExecutor(workers=1)
    calls = calls_of(executor, 1)
    calls.add(call(within_s=0))
    calls.send(START)
    key = next(iter(calls._running))
    late = Instant(2 * SECOND_NS, 0)

    assert len(calls.give_up_hung(late)) == 1
    executor._done.append((key, "late"))

    assert list(calls.collect(late)) == []
    executor.close()
