"""What the kernel's signals mean to the launcher.

Whatever would end a process, and isn't a crash of its own, is a wish to stop: Ctrl-C, a closed terminal, a lost
session, the end of the processor time. The process that started us, or its terminal, may be gone by then.
"""

from __future__ import annotations

import signal
from typing import Any

STOPPING = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGVTALRM,
    signal.SIGPROF,
    signal.SIGXCPU,
    signal.SIGPOLL,
    signal.SIGPWR,
)

CRASHES = (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT)


def leave_stopping_to_the_launcher() -> None:
    """Make an actor deaf to what would end it: service managers and shells signal every process at once, and a
    system whose actors are gone cancels and proves nothing.

    Thespian has handlers for crashes, too. A handler of Python's returns to the instruction that failed, which
    fails again, without end; a process that dies is noticed and replaced.
    """
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    for number in CRASHES:
        signal.signal(number, signal.SIG_DFL)


class Signals:
    """From construction on, signals are only noted; the launcher's loop looks at them. Forked children inherit
    that, and in them nobody looks."""

    def __init__(self) -> None:
        self.stop: signal.Signals | None = None  # the first that asked for it
        self.repeats = 0  # how often it was asked for since
        self.suspensions = 0  # how often somebody pressed Ctrl-Z
        for number in STOPPING:
            # Who starts us by nohup wants us to outlive the terminal.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._noted)
        # Trading goes on in other processes: its watcher must not stop, neither by hand nor because it writes to
        # a terminal from the background.
        signal.signal(signal.SIGTSTP, self._noted)
        for number in (signal.SIGTTOU, signal.SIGTTIN):
            signal.signal(number, signal.SIG_IGN)

    def _noted(self, number: int, frame: Any) -> None:
        if number == signal.SIGTSTP:
            self.suspensions += 1
        elif self.stop is None:
            self.stop = signal.Signals(number)
        else:
            self.repeats += 1

    def take_suspensions(self) -> int:
        taken, self.suspensions = self.suspensions, 0
        return taken

    def take_repeats(self) -> int:
        taken, self.repeats = self.repeats, 0
        return taken
