"""What proves what at a venue: an order or a stop absent, how much one had filled as it ended, a close beside a stop harmless.

The order manager and the portfolio gather the facts and ask; the venue's adapter knows the rule (docs/money.md 1 and 2),
because it knows how the venue's reads lag and what its holds mean. A venue adds rules, not a second order manager.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NamedTuple, Protocol

from msgspec import Struct

from domain.instrument import InstrumentKind
from domain.numbers import ZERO
from domain.settings import Settings, VenueSettings


class Verdict(NamedTuple):
    """An answer and why, in words for the journal or a person."""

    is_proven: bool
    reason: str


class VenueFacts(Struct, frozen=True, kw_only=True):
    """What is always so at one venue. Nanoseconds."""

    read_lag_ns: int  # a read may show what was so long ago
    holds_prove_coins: bool  # what a resting sale of ours holds is there, whatever the total says
    # By so much its cash may differ from exact sums with each fill and each funding payment, for it rounds them; in
    # the currency of the cash. Zero: it does not.
    rounds_by: Decimal = ZERO


class Absence(Struct, frozen=True, kw_only=True):
    """What is known of an order that complete looks at the venue don't show. Monotonic nanoseconds."""

    accept_until_ns: int  # no send of it can be accepted later
    named_ns: int | None = None  # when the venue had said that it has it; None: it never did
    apart_ns: int  # least time between the two looks
    first_look_ns: int | None = None  # when the first look began that counts
    last_look_ns: int = 0  # when the newest look began
    holds_read_ns: int | None = None  # when the newest read of the holds began
    may_be_held: bool = False  # so much more is held than known orders explain, that it may be this one's
    has_unclaimed_fill: bool = False  # a fill that nobody claims could be its
    # By the order's own word, on the venue's clock. None: it has none, or nobody has told us that clock.
    accept_end_ns: int | None = None
    live_until_height: int = 0  # it trades in no later block; 0: it doesn't say
    look_height: int = 0  # of the newest block that we had seen when the newest look was asked for


class Ending(Struct, frozen=True, kw_only=True):
    """What is known of an order that ended, the venue says, with less than it was for. Monotonic nanoseconds."""

    ended_ns: int  # when that was heard first
    is_read_alike: bool  # a read has said so after an earlier word
    has_rested: bool  # it rested until we took it back; else it may have traded in the very moment of its end
    may_be_repeated: bool  # what it was for may be tried again
    listed_ns: int | None = None  # when the newest list of fills was asked for that has been taken in
    has_unclaimed_fill: bool = False  # a fill that nobody claims, or that nobody can read, could be its
    is_balance_apart: bool = False  # the venue holds so much as if it had filled more


class Evidence(Protocol):
    """The rules of one venue. Pure: the same facts give the same answer."""

    facts: VenueFacts

    def look_from_ns(self, absence: Absence) -> int | None:
        """Return from when on a look without the order is the next step of the proof; None: none ever is."""
        ...

    def absent(self, absence: Absence) -> Verdict:
        """Tell whether the order never was there and can't arrive any more, or is there no more."""
        ...

    def ended(self, ending: Ending) -> Verdict:
        """Tell whether the order had filled no more than is known of, where more of it would be traded once more."""
        ...

    def close_beside(self, kind: InstrumentKind, is_in_place: bool, spare: Decimal | None) -> Verdict:
        """Tell whether a close may be sent while a protective order for the same position is not proven dead.

        Args:
            is_in_place: the protective order is proven to be at the venue.
            spare: how much can be sold there that is not of this position, in base units; None: unknown.
        """
        ...


def listed(ending: Ending, read_lag_ns: int) -> Verdict:
    """Tell whether a list of fills that no read lags behind shows all that an order had filled, and the coins agree."""
    if ending.listed_ns is None or ending.listed_ns <= ending.ended_ns + read_lag_ns:
        return Verdict(False, "no late enough list of fills")
    if ending.has_unclaimed_fill:
        return Verdict(False, "a fill that nobody claims could be its")
    if ending.is_balance_apart:
        return Verdict(False, "the balance says that it had filled more")
    return Verdict(True, "listed so")


class NoEvidence:
    """The rules of a venue of which we know none: reads prove no absence, and nothing may be sold twice."""

    def __init__(self, settings: VenueSettings) -> None:
        self.facts = VenueFacts(read_lag_ns=settings.read_lag_ns, holds_prove_coins=False)

    def look_from_ns(self, absence: Absence) -> int | None:
        return None

    def absent(self, absence: Absence) -> Verdict:
        return Verdict(False, "no rule of this venue proves absence")

    def ended(self, ending: Ending) -> Verdict:
        return listed(ending, self.facts.read_lag_ns)

    def close_beside(self, kind: InstrumentKind, is_in_place: bool, spare: Decimal | None) -> Verdict:
        return Verdict(False, "the stop may fill beside the close")


EvidenceFactory = Callable[[VenueSettings], Evidence]


class Rules:
    """The evidence of every venue. One that has left the configuration may still have orders of ours."""

    def __init__(self, settings: Settings, factories: Mapping[str, EvidenceFactory]) -> None:
        self._settings = settings
        self._factories = dict(factories)
        self._rules: dict[str, Evidence] = {}  # venue ->

    def at(self, venue: str) -> Evidence:
        if venue not in self._rules:
            factory = self._factories.get(venue, NoEvidence)
            self._rules[venue] = factory(self._settings.venues.get(venue, VenueSettings()))
        return self._rules[venue]
