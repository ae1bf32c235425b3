"""Which strategies are left out, and why: what people write may raise, talk nonsense, or never come back.

One mistake benches a strategy, on every instrument, until the system is started again: who was wrong once is not
asked about money again. The others vote on. Refuses to judge votes: that is `combiner.py`.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, TypeVar

from domain.text import bounded

T = TypeVar("T")


class StrategyOverdue(BaseException):
    """Raised inside a strategy by whoever watches its time. `except Exception` in it does not swallow this."""


class Nonsense(Exception):
    """A strategy answered with what is no vote; the text says what was wrong."""


class Watch(Protocol):
    """Watches over one strategy at a time while its code runs. It may raise StrategyOverdue in `leave` as well."""

    def benched(self) -> Mapping[str, str]:
        """Return who was benched earlier in this run, or ended the process that asked it: name -> reason."""
        ...

    def enter(self, name: str) -> None: ...

    def leave(self) -> None: ...

    def bench(self, name: str, reason: str) -> None:
        """Remember it for the rest of this run, over restarts of the process."""
        ...


class Unwatched:
    """Nobody looks at the clock, and nothing is remembered: for strategies whose code is known."""

    def benched(self) -> Mapping[str, str]:
        return {}

    def enter(self, name: str) -> None:
        """Nothing is watched."""

    def leave(self) -> None:
        """Nothing is watched."""

    def bench(self, name: str, reason: str) -> None:
        """Nothing is remembered."""


class Fall(NamedTuple):
    """One strategy that has just been benched."""

    name: str
    reason: str
    error: BaseException | None  # with its traceback; None when it happened in a process that is gone


class Bench:
    """Asks strategies, one at a time, and keeps those that failed apart."""

    def __init__(self, watch: Watch | None = None) -> None:
        self._watch = watch or Unwatched()
        self._reasons = dict(self._watch.benched())
        self.failures = 0  # of strategies asked by this process
        self._falls = [Fall(name, reason, None) for name, reason in self._reasons.items()]

    def __contains__(self, name: str) -> bool:
        return name in self._reasons

    def ask(self, name: str, question: Callable[[], T]) -> T | None:
        """Return the answer of a strategy, None of one that is benched, be it over this question."""
        if name in self._reasons:
            return None
        try:
            try:
                self._watch.enter(name)
                return question()
            finally:
                self._watch.leave()
        except BaseException as error:  # whatever it raises: sys.exit() in a strategy must not end the engine
            self._fall(name, error)
        return None

    def take_falls(self) -> list[Fall]:
        """Return who was benched since the last call, for a person to hear."""
        falls, self._falls = self._falls, []
        return falls

    def _fall(self, name: str, error: BaseException) -> None:
        if isinstance(error, StrategyOverdue):
            reason = "it did not come back in time"
        elif isinstance(error, Nonsense):
            reason = f"it answered nonsense: {error}"
        else:
            reason = f"it raised {traceback.format_exception_only(error)[-1].strip()}"
        self._reasons[name] = bounded(reason)
        self.failures += 1
        self._falls.append(Fall(name, self._reasons[name], error))
        self._watch.bench(name, self._reasons[name])
