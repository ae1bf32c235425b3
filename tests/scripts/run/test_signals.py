"""Signals of the world around us are wishes, whatever they would do to a process that didn't look."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable

import pytest

from scripts.run.signals import CRASHES, STOPPING, Signals, leave_stopping_to_the_launcher


def holds(check: Callable[[], bool]) -> bool:
    """Run `check` in a child: handlers are the whole process's."""
    child = os.fork()
    if child == 0:
        try:
            signal.signal(
                signal.SIGHUP, signal.SIG_DFL
            )  # whoever started the tests may have them ignore it, as nohup does
            os._exit(0 if check() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("number", STOPPING)
def test_signal_that_would_end_us_is_a_wish_to_stop(number: signal.Signals) -> None:
    def check() -> bool:
        signals = Signals()
        os.kill(os.getpid(), number)
        return signals.stop == number and signals.take_repeats() == 0

    assert holds(check)


def test_second_wish_is_counted_and_changes_nothing() -> None:
    def check() -> bool:
        signals = Signals()
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGINT):
            os.kill(os.getpid(), number)
        return (signals.stop, signals.take_repeats(), signals.take_repeats()) == (signal.SIGHUP, 2, 0)

    assert holds(check)


def test_suspension_is_no_wish_to_stop_and_does_not_happen() -> None:
    def check() -> bool:
        signals = Signals()
        for number in (signal.SIGTSTP, signal.SIGTTOU, signal.SIGTTIN):
            os.kill(os.getpid(), number)  # the child would hang here
        return signals.stop is None and signals.take_suspensions() == 1

    assert holds(check)


def test_who_was_started_to_outlive_the_terminal_does() -> None:
    def check() -> bool:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
        signals = Signals()
        os.kill(os.getpid(), signal.SIGHUP)
        return signals.stop is None

    assert holds(check)


def test_actor_leaves_stopping_to_the_launcher() -> None:
    def check() -> bool:
        leave_stopping_to_the_launcher()
        for number in STOPPING:
            os.kill(os.getpid(), number)  # the child would end here
        return True

    assert holds(check)


@pytest.mark.parametrize("number", CRASHES)
def test_crash_of_an_actor_is_its_end_whatever_was_to_be_done_about_it(number: signal.Signals) -> None:
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(number, lambda *_: None)  # as Thespian does
        leave_stopping_to_the_launcher()
        os.kill(os.getpid(), number)
        os._exit(0)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -number
