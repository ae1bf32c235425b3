"""The halts that stand, as the journal tells them: one for each scope and kind.

Several may halt one scope at once. Each stands until its own cause is over, or a person resumes the scope.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.messages.halts import HaltKind
from domain.messages.journal import HaltCleared, HaltRaised

_NAMES = re.compile(r"\S*\d\S*")  # amounts, and names of orders: no id of ours is without a digit

# What journals say that are older than kinds; of several, the name is the group.
_OLDER = (
    (re.compile(r"its totals stand, for the venue lists no fills of order "), HaltKind.TOTALS_STAND),
    (re.compile(r"balance corrected by something "), HaltKind.CORRECTED),
    (re.compile(r"sold \S+ more than our books had"), HaltKind.OVERSOLD),
    (re.compile(r"\d+ positions in a row closed for want of a stop"), HaltKind.BARE_CLOSES),
    (re.compile(r"\d+ closes in a row refused: the last one "), HaltKind.CLOSES_REFUSED),
    (re.compile(r"\d+ stops in a row refused: the last one "), HaltKind.STOPS_REFUSED),
    (re.compile(r"a second bot: order "), HaltKind.SECOND_BOT),
    (re.compile(r"order \S+ filled above its quantity"), HaltKind.OVERFILLED),
    (re.compile(r"order \S+ lives although "), HaltKind.REOPENED),
    (re.compile(r"order \S+ is \S+ though it ended long ago"), HaltKind.LIVES_LONG_AFTER),
    (re.compile(r"the data directory was removed"), HaltKind.DIRECTORY_REMOVED),
    (re.compile(r"the data directory was moved"), HaltKind.DIRECTORY_MOVED),
    (re.compile(r"(liquidation|deleveraging) by the venue"), HaltKind.FORCED),
    (re.compile(r"(\S+) gave up"), HaltKind.GAVE_UP),
)


class Halt(NamedTuple):
    """No openings within `scope` until a person resumes."""

    scope: str  # "all", "coinbase" or "coinbase:BTC-USD"
    reason: str
    since: int  # UTC ns
    kind: str


def kind_of(event: HaltRaised | HaltCleared) -> str:
    """Return what a halt is known by, however often it is told of another order or another amount.

    Of an event of an older journal, which has only its reason: the kind that such words have today, else the words
    up to the first ": ", with "#" for every word that has a digit.
    """
    if event.kind:
        return event.kind
    for words, kind in _OLDER:
        if found := words.match(event.reason):
            return kind.of(found[1]) if found.groups() else kind
    return _NAMES.sub("#", event.reason.partition(": ")[0])


def scopes_over(venue: str, instrument: str) -> tuple[str, str, str]:
    """Return what must not be halted for openings there."""
    return "all", venue, f"{venue}:{instrument}"


@dataclass
class Halts:
    """Folded from the journal, oldest first. The first telling of a kind stands."""

    _standing: dict[tuple[str, str], Halt] = field(default_factory=dict)  # (scope, kind) ->

    def raise_(self, event: HaltRaised) -> None:
        halt = Halt(event.scope, event.reason, event.ts_event, kind_of(event))
        self._standing.setdefault((halt.scope, halt.kind), halt)

    def clear(self, event: HaltCleared) -> list[Halt]:
        """End what an event names: one kind, or all of its scope; return what that was."""
        is_all, kind = not (event.kind or event.reason), kind_of(event)
        cleared = [key for key in self._standing if key[0] == event.scope and (is_all or key[1] == kind)]
        return [self._standing.pop(key) for key in cleared]

    def has(self, scope: str, kind: str) -> bool:
        """Tell whether a scope is halted for that."""
        return (scope, kind) in self._standing

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
