"""The halts that stand, as the journal tells them: one for each scope and cause.

Several may halt one scope at once. Each stands until its own cause is over, or a person resumes the scope.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.messages.journal import HaltCleared, HaltRaised

_NAMES = re.compile(r"\S*\d\S*")  # amounts, and names of orders: no id of ours is without a digit


class Halt(NamedTuple):
    """No openings within `scope` until a person resumes."""

    scope: str  # "all", "coinbase" or "coinbase:BTC-USD"
    reason: str
    since: int  # UTC ns


def cause_of(reason: str) -> str:
    """Return what a reason is known by, however often it is told of another order or another amount.

    That is its words up to the first ": ", with "#" for every word that has a digit.
    """
    return _NAMES.sub("#", reason.partition(": ")[0])


def scopes_over(venue: str, instrument: str) -> tuple[str, str, str]:
    """Return what must not be halted for openings there."""
    return "all", venue, f"{venue}:{instrument}"


@dataclass
class Halts:
    """Folded from the journal, oldest first. The first telling of a cause stands."""

    _standing: dict[tuple[str, str], Halt] = field(default_factory=dict)  # (scope, cause) ->

    def raise_(self, event: HaltRaised) -> None:
        halt = Halt(event.scope, event.reason, event.ts_event)
        self._standing.setdefault((event.scope, cause_of(event.reason)), halt)

    def clear(self, event: HaltCleared) -> list[Halt]:
        """End what an event names: one cause, or all of its scope; return what that was."""
        cleared = [
            key
            for key in self._standing
            if key[0] == event.scope and (not event.reason or key[1] == cause_of(event.reason))
        ]
        return [self._standing.pop(key) for key in cleared]

    def has(self, scope: str, reason: str) -> bool:
        """Tell whether a scope is halted for the cause that `reason` tells of."""
        return (scope, cause_of(reason)) in self._standing

    def over(self, venue: str, instrument: str) -> Halt | None:
        """Return a halt that stands in the way of openings there, the widest first."""
        scopes = scopes_over(venue, instrument)
        standing = [halt for halt in self if halt.scope in scopes]
        return min(standing, key=lambda halt: scopes.index(halt.scope), default=None)

    def __iter__(self) -> Iterator[Halt]:
        return iter(list(self._standing.values()))

    def __len__(self) -> int:
        return len(self._standing)


def scopes(halts: Iterable[Halt]) -> list[str]:
    """Return the scopes that are halted, each once."""
    return list(dict.fromkeys(halt.scope for halt in halts))
