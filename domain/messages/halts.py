"""Halts: what each is known by, and what actors tell each other of them. What is journaled is in `journal.py`."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from domain.messages.base import Command, Event, Lane, Message


class HaltKind(StrEnum):
    """Why openings stop somewhere: one scope may be halted for several of these, once for each.

    The words are journaled, so they never change; the reason beside is prose for people.

    Of what happens to several (an actor that gave up, a forced fill), ":" and its name follow: `HaltKind.of`.
    """

    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"
    GAVE_UP = "gave_up"  # of an actor
    DISK_FULL = "disk_full"
    JOURNAL_FAILED = "journal_failed"
    JOURNAL_DAMAGED = "journal_damaged"
    JOURNAL_DOUBTFUL = "journal_doubtful"
    JOURNAL_LOCKED = "journal_locked"
    DIRECTORY_REMOVED = "directory_removed"
    DIRECTORY_MOVED = "directory_moved"
    CLOCK = "clock"
    CREDENTIALS = "credentials"
    ACCOUNT = "account"  # it can't be read
    CORRECTED = "corrected"
    OVERSOLD = "oversold"
    BARE_CLOSES = "bare_closes"
    CLOSES_REFUSED = "closes_refused"
    STOPS_REFUSED = "stops_refused"
    TOTALS_STAND = "totals_stand"
    SECOND_BOT = "second_bot"
    OVERFILLED = "overfilled"
    REOPENED = "reopened"  # an order lives that was proven dead
    LIVES_LONG_AFTER = "lives_long_after"  # an order lives whose end is so old that little is known of it
    FORCED = "forced"  # of a cause of fills

    def of(self, name: str) -> str:
        """Return the kind of what happened to `name`."""
        return f"{self.value}:{name}"


class HaltLine(Message, kw_only=True):
    """One halt that stands."""

    scope: str  # "all", "coinbase" or "coinbase:BTC-USD"
    reason: str
    since: int  # UTC ns
    ends_when: str = ""  # "when it is set": it ends by itself; empty: only a person ends it
    kind: str = ""  # a HaltKind


class ResumeTrading(Command, kw_only=True):
    """A person clears halts; OrderRouter answers with TradingResumed."""

    scope: str = ""  # of the halts to clear; empty: all of them
    still: str = ""  # why everything must be halted again at once: a cause that only the launcher sees
    still_kind: str = ""  # of that halt


class TradingResumed(Event, kw_only=True):
    """OrderRouter answers: what was cleared, and what stands, also because its cause is still there."""

    cleared: tuple[HaltLine, ...]
    standing: tuple[HaltLine, ...]
    is_rebased: bool  # daily loss and drawdown are measured anew


class RaiseHalt(Command, kw_only=True):
    """Portfolio or Supervisor to OrderRouter: journal HaltRaised. Told again until seen; one already raised is a duplicate."""

    usual_lane: ClassVar[Lane] = Lane.URGENT

    scope: str  # "all", "coinbase" or "coinbase:BTC-USD"
    reason: str  # for people
    kind: str = ""  # a HaltKind; empty: as of older journals, from the reason
