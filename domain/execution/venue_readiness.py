"""Whether a venue may take openings: instruments known, private stream live, account compared in this run.

And, for all venues alike, the journal written as it should be.
"""

from __future__ import annotations

from collections.abc import Iterable

from domain.clocks import describe_error
from domain.instant import SECOND_NS, Instant
from domain.messages.denials import DenialReason
from domain.messages.halts import HaltKind, HaltLine
from domain.messages.system import BreakerChanged, BreakerState, Operation, VenueAccessChanged


class VenueReadiness:
    """What is known about each venue in this run; nothing of it survives a restart."""

    def __init__(self, venues: Iterable[str], max_clock_error_s: float) -> None:
        self.venues = tuple(venues)
        self._max_clock_error_ns = max_clock_error_s * SECOND_NS
        self._clock_errors: dict[str, HaltLine] = {}  # venue -> that our clock is wrong, and since when
        self.is_loaded = dict.fromkeys(self.venues, False)
        self.is_live = dict.fromkeys(self.venues, False)
        self.is_reconciled = dict.fromkeys(self.venues, False)
        self.journal_holdup = ""  # why the journal cannot be written as it should; empty when it can
        self._held_up_at = 0  # UTC ns
        self._denials: dict[str, HaltLine] = {}  # venue -> that it refuses our credentials, and since when
        self._unread: dict[str, HaltLine] = {}  # venue -> that its account can't be read, and since when
        self.apart: dict[str, str] = {}  # venue -> how long and how far its reads have been apart from our books
        self._submit_breakers: dict[str, BreakerState] = {}  # venue -> the last state heard
        self._announced: dict[str, str] = {}  # venue -> what was missing when last told

    def hold_up(self, why: str, utc_ns: int) -> tuple[str, str]:
        """Take note that the journal can (`why` is empty) or cannot be written.

        A lock of another program is no loss, so unlike a halt this is not journaled and needs no person to end it.

        Returns:
            What to tell a person, and what was told of it and is over; either may be empty.
        """
        before = _locked(self.journal_holdup)
        if not self.journal_holdup:
            self._held_up_at = utc_ns
        self.journal_holdup = why
        return (_locked(why), before) if _locked(why) != before else ("", "")

    @property
    def halts(self) -> tuple[HaltLine, ...]:
        """Return what stands in the way of openings, and ends by itself."""
        venues = (*self._clock_errors.values(), *self._denials.values(), *self._unread.values())
        if not self.journal_holdup:
            return venues
        reason, since = f"{DenialReason.JOURNAL_LOCKED}: {self.journal_holdup}", self._held_up_at
        return (
            HaltLine(scope="all", reason=reason, since=since, ends_when="when that does", kind=HaltKind.JOURNAL_LOCKED),
            *venues,
        )

    def on_clock(self, venue: str, error_ns: int, utc_ns: int) -> None:
        """Take note of how far our clock is from a venue's: with a wrong one too much of what we do is misdated."""
        if abs(error_ns) <= self._max_clock_error_ns:
            self._clock_errors.pop(venue, None)
        elif venue in self.venues and venue not in self._clock_errors:
            reason, ends_when = describe_error(error_ns, venue), "when it is set"
            line = HaltLine(scope=venue, reason=reason, since=utc_ns, ends_when=ends_when, kind=HaltKind.CLOCK)
            self._clock_errors[venue] = line

    def on_access(self, event: VenueAccessChanged, now: Instant) -> None:
        if event.refusal and event.venue in self.venues:
            since = self._denials[event.venue].since if event.venue in self._denials else now.utc_ns
            self._denials[event.venue] = HaltLine(
                scope=event.venue,
                reason=event.refusal,
                since=since,
                ends_when="when it takes them",
                kind=HaltKind.CREDENTIALS,
            )
        else:
            self._denials.pop(event.venue, None)

    def account_unread(self, venue: str, reason: str, utc_ns: int) -> bool:
        """Note that an account can't be read: nothing is proven there until it can. Returns whether that is news."""
        if venue in self._unread:
            return False
        self.is_reconciled[venue] = False
        self._unread[venue] = HaltLine(
            scope=venue, reason=reason, since=utc_ns, ends_when="when it can", kind=HaltKind.ACCOUNT
        )
        return True

    def account_read(self, venue: str) -> str:
        """Note that it can be read; returns why it could not, if it was noted so."""
        known = self._unread.pop(venue, None)
        return known.reason if known else ""

    @property
    def are_reconciled(self) -> bool:
        return all(self.is_reconciled.values()) and not self.apart

    def on_breaker(self, event: BreakerChanged, now: Instant) -> None:
        if event.operation is Operation.SUBMIT:
            self._submit_breakers[event.venue] = event.state

    def is_breaker_open(self, venue: str) -> bool:
        """Tell whether creates are pointless now; half open, the gateway picks the one probe."""
        return self._submit_breakers.get(venue) is BreakerState.OPEN

    def missing(self, venue: str) -> str:
        """Return what keeps the venue from taking openings, empty when it is ready."""
        if self.journal_holdup:
            return "journal"
        if venue in self._clock_errors:
            return "clock"
        if venue in self._denials:
            return "credentials"
        if venue in self._unread:
            return "account"
        for what, known in (
            ("instruments", self.is_loaded),
            ("private_stream", self.is_live),
            ("reconciliation", self.is_reconciled),
        ):
            if not known.get(venue):
                return what
        return "reconciliation" if venue in self.apart else ""

    def changes(self) -> list[tuple[str, str]]:
        """Return (venue, what is missing) of those that changed since the last call."""
        changed = [
            (venue, missing) for venue in self.venues if (missing := self.missing(venue)) != self._announced.get(venue)
        ]
        self._announced.update(changed)
        return changed

    def forget_announcements(self) -> None:
        """Let `changes` return every venue again: somebody new is listening."""
        self._announced.clear()


def _locked(why: str) -> str:
    return f"{DenialReason.JOURNAL_LOCKED}: {why}: no openings until that ends" if why else ""
