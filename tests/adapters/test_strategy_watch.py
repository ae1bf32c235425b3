"""What ends a strategy that hangs, and who is blamed when the process ended with it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.strategy_watch import StrategyWatch
from domain.signals.bench import Bench, StrategyOverdue


@pytest.fixture(autouse=True)
def alarm_clock() -> Iterator[None]:
    """Leave the process as it was found."""
    before = signal.getsignal(signal.SIGALRM)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def make_watch(directory: Path, run: int = 1, hung_after_s: float = 3.0) -> StrategyWatch:
    return StrategyWatch(directory / "strategies.state", run, within_s=0.02, hung_after_s=hung_after_s)


def loop() -> None:
    while True:
        pass


def loop_that_swallows() -> None:
    give_up_at = time.monotonic() + 0.06  # else only the supervisor ends it
    while time.monotonic() < give_up_at:
        try:
            while time.monotonic() < give_up_at:
                pass
        except BaseException:
            continue


@pytest.mark.parametrize("hang", [loop, loop_that_swallows, lambda: time.sleep(60)])
def test_a_strategy_that_hangs_is_ended_and_benched(tmp_path: Path, hang) -> None:
    bench = Bench(make_watch(tmp_path))

    assert bench.ask("slow", hang) is None

    assert [fall.reason for fall in bench.take_falls()] == ["it did not come back in time"]
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert bench.ask("quick", lambda: 7) == 7


def test_one_tick_however_late_ends_nobody(tmp_path: Path) -> None:
    watch = make_watch(tmp_path)

    watch.enter("slept")
    signal.raise_signal(signal.SIGALRM)  # a machine that was suspended brings one
    watch.leave()


def test_an_alarm_outside_of_strategies_is_nobodys_end(tmp_path: Path) -> None:
    make_watch(tmp_path)

    for _ in range(10):
        signal.raise_signal(signal.SIGALRM)


def test_who_was_at_work_when_a_hung_process_was_ended_is_benched(tmp_path: Path) -> None:
    make_watch(tmp_path).enter("stuck_in_c")
    signal.setitimer(signal.ITIMER_REAL, 0)
    time.sleep(0.01)

    successor = make_watch(tmp_path, hung_after_s=0.01)

    assert successor.benched() == {"stuck_in_c": "it hung, and the process with it"}


def test_a_sudden_death_benches_only_the_second_time(tmp_path: Path) -> None:
    blamed = []
    for _ in range(3):
        watch = make_watch(tmp_path)
        blamed.append(dict(watch.benched()))
        watch.enter("crashes_in_c")  # and the process is gone
        signal.setitimer(signal.ITIMER_REAL, 0)

    assert blamed == [{}, {}, {"crashes_in_c": "the process ended 2 times while it was at work"}]


def test_nobody_is_blamed_for_what_happened_outside_or_in_another_run(tmp_path: Path) -> None:
    watch = make_watch(tmp_path)
    watch.enter("innocent")
    watch.leave()
    watch.bench("guilty", "it raised ValueError")

    assert dict(make_watch(tmp_path).benched()) == {"guilty": "it raised ValueError"}
    assert dict(make_watch(tmp_path, run=2).benched()) == {}


def test_a_file_that_cannot_be_written_or_read_costs_only_the_memory(tmp_path: Path) -> None:
    watch = StrategyWatch(tmp_path / "nowhere" / "state", 1, within_s=0.02, hung_after_s=3.0)
    watch.enter("slow")
    with pytest.raises(StrategyOverdue):
        loop()
    with pytest.raises(StrategyOverdue):
        watch.leave()

    (tmp_path / "strategies.state").write_bytes(b"\xff" * 5000)
    assert dict(make_watch(tmp_path).benched()) == {}
