"""Which channels of a connection are silent, also before their first word and while others still speak.

A connection can be open, and even prove to be alive, while one of its subscriptions has died: a book that
never changes again looks like a calm market. So each channel that a codec subscribes to has its own deadline.
Owns those; refuses to decide what a silence means: the stream's driver makes its prices void and connects
anew.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from domain.instant import SECOND_NS


class Channel(NamedTuple):
    """One thing that a venue promised to tell on this connection."""

    name: str  # for people and counters: "level2:BTC-USD"
    silent_after_s: float = math.inf  # between messages; inf: only the first one can be waited for
    proves_life: bool = False  # each message proves that what it tells is up to date
    of: str = ""  # the one instrument that it tells of; empty: of more than one, or of none


class ChannelWatch:
    """The deadlines of one connection's channels. Times are CLOCK_MONOTONIC nanoseconds."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self.channels = tuple(channels)
        self._silent_after_ns = {channel.name: channel.silent_after_s * SECOND_NS for channel in self.channels}
        self._proofs = tuple(channel.name for channel in self.channels if channel.proves_life)
        self._of = {channel.name: channel.of for channel in self.channels}
        self._left_out: set[str] = set()  # nobody waits for these, on whichever connection
        self._first_due_ns: dict[str, float] = {}  # channel that has yet to speak -> until when it may wait
        self._heard_ns: dict[str, int] = {}  # channel that has spoken -> when it last did

    def restart(self, now_ns: int, first_within_s: float) -> None:
        """Begin with a new connection: nobody has spoken, and everybody must within `first_within_s`."""
        self._heard_ns.clear()
        self._first_due_ns = dict.fromkeys(self._silent_after_ns, now_ns + first_within_s * SECOND_NS)

    def expect(self, name: str, now_ns: int, within_s: float) -> None:
        """Wait anew for the first message of a channel that was just subscribed again."""
        self._heard_ns.pop(name, None)
        self._first_due_ns[name] = now_ns + within_s * SECOND_NS

    def leave_out(self, names: Iterable[str]) -> None:
        """Wait for these no more, and count them as no proof of life, until `take_back`."""
        self._left_out.update(names)

    def take_back(self, names: Iterable[str]) -> None:
        self._left_out.difference_update(names)

    def heard(self, name: str, read_ns: int) -> None:
        """Note that a channel spoke; names that nobody watches are of no interest."""
        self._heard_ns[name] = read_ns

    def silent(self, now_ns: int) -> tuple[str, ...]:
        """Return the channels whose deadline has passed."""
        return tuple(name for name in self._awaited() if self._due_ns(name) <= now_ns)

    def stale(self, now_ns: int) -> tuple[str, ...]:
        """Return the silent channels, where the same channel of another instrument speaks for each of them.

        Then the connection is not to blame, and a new one would help nobody.
        """
        silent = self.silent(now_ns)
        return silent if all(self._has_lively_peer(name, now_ns) for name in silent) else ()

    def look_again_ns(self, now_ns: int) -> int | None:
        """Return until when no channel can become silent, whoever speaks meanwhile; None: none ever will.

        A channel that says its first word now owes the next one sooner than it owed the first.
        """
        dues_ns = [self._due_ns(name) for name in self._awaited()]
        dues_ns += [
            now_ns + silent_after_ns
            for name, silent_after_ns in self._silent_after_ns.items()
            if name not in self._heard_ns and name not in self._left_out
        ]
        due_ns = min(dues_ns, default=math.inf)
        return None if due_ns == math.inf else math.ceil(due_ns)

    def proven_ns(self) -> int:
        """Return up to when all channels that prove life are: when the most silent one spoke; 0 = one never has."""
        proofs = (self._heard_ns.get(name, 0) for name in self._proofs if name not in self._left_out)
        return min(proofs, default=0)

    def _has_lively_peer(self, name: str, now_ns: int) -> bool:
        kind = name.partition(":")[0]
        peers = (
            other
            for other in self._heard_ns.keys() & self._silent_after_ns.keys()
            if self._of[other] not in ("", self._of[name]) and other.partition(":")[0] == kind
        )
        lively_ns = self._silent_after_ns[name] / 2
        return bool(self._of[name]) and any(now_ns - self._heard_ns[other] < lively_ns for other in peers)

    def _awaited(self) -> list[str]:
        return [name for name in self._first_due_ns if name not in self._left_out]

    def _due_ns(self, name: str) -> float:
        heard_ns = self._heard_ns.get(name)
        return self._first_due_ns[name] if heard_ns is None else heard_ns + self._silent_after_ns[name]
