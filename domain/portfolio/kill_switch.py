"""Daily loss and drawdown: when the account has lost enough, no new risk until a person resumes.

Refuses to act on a partial or stale reading: it neither trips nor clears.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from domain.clocks import passed_ns
from domain.instant import DAY_NS, SECOND_NS, Instant
from domain.messages.denials import Denial, DenialReason
from domain.messages.journal import EquityMarked
from domain.numbers import ZERO, from_ratio
from domain.portfolio.valuation import Valuation
from domain.settings import RiskSettings

CONFIRM_NS = 2 * SECOND_NS  # what one reading says, another must say this much later
MARK_EVERY_NS = 60 * SECOND_NS  # how often a rising peak is journaled
MARK_AT_ONCE = from_ratio(0.001)  # above the journaled peak: a crash forgets no higher one for longer than CONFIRM_NS


@dataclass
class Rise:
    """A level to be: the lowest of the readings since one began it, so that no odd one makes a level alone."""

    since_ns: int | None = None  # monotonic; None: none is under way
    lowest: Decimal = ZERO

    def take(self, valuation: Valuation, now_ns: int) -> bool:
        """Take a reading in; tell whether it is far enough from the first."""
        reading = valuation.performance
        if self.since_ns is None:
            self.since_ns, self.lowest = now_ns, reading
            return False
        self.lowest = min(self.lowest, reading)
        return _confirms(valuation, self.since_ns, now_ns)

    def end(self) -> None:
        self.since_ns = None


class KillSwitch:
    """The levels that losses are measured from, and whether they are breached.

    Levels leave transfers out; comparing adds them back, so a withdrawal is no loss and a deposit no profit.
    """

    def __init__(self, settings: RiskSettings) -> None:
        self._keep_of_day = 1 - from_ratio(settings.daily_loss_ratio)
        self._keep_of_peak = 1 - from_ratio(settings.max_drawdown_ratio)
        self.peak = ZERO  # no level, as `day_start`, while `_day` is None
        self.day_start = ZERO
        self._day: int | None = None  # UTC day of `day_start`
        self._since: Instant | None = None  # from where days are counted: a step of our clock begins none
        self._higher = Rise()  # readings above the peak
        self._morning = Rise()  # readings of a day that has no start yet
        self._breached_ns: dict[str, int] = {}  # limit -> since when it is broken
        self._marked_ns: int | None = None  # None: the levels are due to be journaled

    def restore(self, mark: EquityMarked) -> None:
        """Take up the levels that the journal holds."""
        self.peak, self.day_start, self._day = mark.peak, mark.day_start, mark.ts_event // DAY_NS

    def forget(self) -> None:
        """Measure from the next complete readings on: a person has seen the loss and resumed."""
        self._higher.end()
        self._morning.end()
        self._day = None

    def breach(self, valuation: Valuation) -> Denial:
        """Return which limit is broken now, empty when none."""
        return next(self._breaches(valuation), "")

    def _breaches(self, valuation: Valuation) -> Iterator[DenialReason]:
        if self._day is None:
            return
        if valuation.equity < (self.day_start + valuation.transfers) * self._keep_of_day:
            yield DenialReason.DAILY_LOSS
        if valuation.equity < (self.peak + valuation.transfers) * self._keep_of_peak:
            yield DenialReason.DRAWDOWN

    def observe(self, valuation: Valuation, now: Instant) -> tuple[str, ...]:
        """Take a reading; return the broken limits that a second fresh reading confirms."""
        if not valuation.is_complete:
            return ()
        self._raise_levels(valuation, now)
        since = self._breached_ns
        self._breached_ns = {reason: since.get(reason, now.monotonic_ns) for reason in self._breaches(valuation)}
        return tuple(
            reason for reason, since_ns in self._breached_ns.items() if _confirms(valuation, since_ns, now.monotonic_ns)
        )

    def _raise_levels(self, valuation: Valuation, now: Instant) -> None:
        """Raise peak and start of day by two readings only, to the lower of them."""
        today = self._today(now)
        if self._day is not None and today <= self._day:
            self._morning.end()
        elif self._morning.take(valuation, now.monotonic_ns):
            # After more was lost than the account began with, levels are below zero: no peak is no level, not zero.
            self.peak = self._morning.lowest if self._day is None else max(self.peak, self._morning.lowest)
            self._day, self.day_start, self._marked_ns = today, self._morning.lowest, None
            self._morning.end()
        if self._day is None:
            return  # the first level of all is the start of a day
        if valuation.performance <= self.peak:
            self._higher.end()
        elif self._higher.take(valuation, now.monotonic_ns):
            self.peak = self._higher.lowest
            self._higher.end()
            self._higher.take(valuation, now.monotonic_ns)

    def _today(self, now: Instant) -> int:
        """Count days by the time that has passed since the first look, so that none begins, or ends, by a step.

        At the first look the wall clock is taken at its word, except where it shows a day before the journal's.
        """
        self._since = self._since or now
        return (self._since.utc_ns + passed_ns(self._since, now)) // DAY_NS

    def is_mark_due(self, journaled: EquityMarked | None, now: Instant) -> bool:
        """Tell whether the journal should hear of the levels: of a slowly rising peak once a minute.

        Of one that is much above what is journaled at once, but never oftener than it could be confirmed.
        """
        if self._day is None or self._today(now) > self._day:
            return False  # the stamp of what is told now would belie the start of the day
        if journaled and _levels(journaled) == (self.peak, self.day_start):
            return False
        has_leapt = journaled is not None and self.peak - journaled.peak > abs(journaled.peak) * MARK_AT_ONCE
        every_ns = CONFIRM_NS if has_leapt else MARK_EVERY_NS
        return self._marked_ns is None or now.monotonic_ns - self._marked_ns >= every_ns

    def marked(self, now: Instant) -> None:
        """Remember that the levels were sent; they are sent again when the journal does not show them."""
        self._marked_ns = now.monotonic_ns


def _confirms(valuation: Valuation, since_ns: int, now_ns: int) -> bool:
    """Tell whether a reading is a second one since then: long enough after, and no price in it is that of before.

    What is asked for now and then is told anew much more seldom than readings are taken.
    """
    is_anew = valuation.heard_ns is None or valuation.heard_ns > since_ns
    return is_anew and now_ns - since_ns >= CONFIRM_NS


def _levels(mark: EquityMarked) -> tuple[Decimal, Decimal]:
    return mark.peak, mark.day_start
