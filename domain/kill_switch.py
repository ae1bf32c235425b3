"""Daily loss and drawdown: when the account has lost enough, no new risk until a person resumes.

Refuses to act on a partial or stale reading: it neither trips nor clears.
"""

from __future__ import annotations

from decimal import Decimal

from domain.clocks import passed_ns
from domain.effects import Instant
from domain.numbers import ZERO, from_ratio
from domain.opening_rate import DAY_NS
from domain.order_messages import EquityMarked
from domain.settings import SECOND_NS, RiskSettings
from domain.valuation import Valuation

CONFIRM_NS = 2 * SECOND_NS  # a breach must still be there this much later
MARK_EVERY_NS = 60 * SECOND_NS  # how often a rising peak is journaled


class KillSwitch:
    """The levels that losses are measured from, and whether they are breached.

    Levels leave transfers out; comparing adds them back, so a withdrawal is no loss and a deposit no profit.
    """

    def __init__(self, settings: RiskSettings) -> None:
        self._keep_of_day = 1 - from_ratio(settings.daily_loss_ratio)
        self._keep_of_peak = 1 - from_ratio(settings.max_drawdown_ratio)
        self.peak = ZERO
        self.day_start = ZERO
        self._day: int | None = None  # UTC day of `day_start`
        self._since: Instant | None = None  # from where days are counted: a step of our clock begins none
        self._breached_ns: int | None = None
        self._marked_ns: int | None = None  # None: the levels are due to be journaled

    def restore(self, mark: EquityMarked) -> None:
        """Take up the levels that the journal holds."""
        self.peak, self.day_start, self._day = mark.peak, mark.day_start, mark.ts_event // DAY_NS

    def forget(self) -> None:
        """Measure from the next complete reading on: a person has seen the loss and resumed."""
        self.peak = self.day_start = ZERO
        self._day = None

    def breach(self, valuation: Valuation) -> str:
        """Return which limit is broken now, empty when none."""
        if self._day is None:
            return ""
        if valuation.equity < (self.day_start + valuation.transfers) * self._keep_of_day:
            return "daily_loss"
        if valuation.equity < (self.peak + valuation.transfers) * self._keep_of_peak:
            return "drawdown"
        return ""

    def observe(self, valuation: Valuation, now: Instant) -> str:
        """Take a reading; return the broken limit once a second fresh reading confirms it."""
        if not valuation.is_complete:
            return ""
        if self._is_new_day(now):
            self.day_start, self._marked_ns = valuation.performance, None
        self.peak = max(self.peak, valuation.performance)
        reason = self.breach(valuation)
        if not reason:
            self._breached_ns = None
        elif self._breached_ns is None:
            self._breached_ns = now.monotonic_ns
        elif now.monotonic_ns - self._breached_ns >= CONFIRM_NS:
            return reason
        return ""

    def _is_new_day(self, now: Instant) -> bool:
        """Count days by the time that has passed since the first look, so that none begins, or ends, by a step.

        At the first look the wall clock is taken at its word, except where it shows a day before the journal's.
        """
        self._since = self._since or now
        today = (self._since.utc_ns + passed_ns(self._since, now)) // DAY_NS
        before, self._day = self._day, today
        return before is None or today > before

    def is_mark_due(self, journaled: EquityMarked | None, now: Instant) -> bool:
        """Tell whether the journal should hear of the levels; a rising peak is told once a minute."""
        if self._day is None or (journaled and _levels(journaled) == (self.peak, self.day_start)):
            return False
        return self._marked_ns is None or now.monotonic_ns - self._marked_ns >= MARK_EVERY_NS

    def marked(self, now: Instant) -> None:
        """Remember that the levels were sent; they are sent again when the journal does not show them."""
        self._marked_ns = now.monotonic_ns


def _levels(mark: EquityMarked) -> tuple[Decimal, Decimal]:
    return mark.peak, mark.day_start
