"""What a halt is known by. The word is journaled, so it never changes; the reason beside it is prose for people."""

from __future__ import annotations

from enum import StrEnum


class HaltKind(StrEnum):
    """Why openings stop somewhere: one scope may be halted for several of these, once for each.

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
