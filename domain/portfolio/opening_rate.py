"""How many openings the last hour and day have seen, however our wall clock is set meanwhile."""

from __future__ import annotations

from collections import deque

from domain.instant import DAY_NS, Instant
from domain.messages.journal import IntentAccepted, JournalEvent
from domain.messages.orders import Purpose


class OpeningRate:
    """The openings of the last day, by the clock that nobody can set; sleep counts as time where it is known."""

    def __init__(self) -> None:
        self._accepted_ns: deque[int] = deque()  # when; those of before the machine started are negative

    def hear(self, event: JournalEvent, now: Instant) -> None:
        """Take in what was journaled. The wall clock is asked only how old it is now.

        What comes from the future was stamped by a clock that was wrong, and counts as new.
        """
        if not isinstance(event, IntentAccepted) or event.intent.purpose is not Purpose.OPEN:
            return
        age_ns = max(0, now.utc_ns - event.ts_event)
        if age_ns < DAY_NS:
            self._accepted_ns.append(_clock_ns(now) - age_ns)
        while self._accepted_ns and self._accepted_ns[0] <= _clock_ns(now) - DAY_NS:
            self._accepted_ns.popleft()

    def within(self, span_ns: int, now: Instant) -> int:
        """Return how many there were in the last `span_ns`, of a day at most."""
        return sum(accepted_ns > _clock_ns(now) - span_ns for accepted_ns in self._accepted_ns)


def _clock_ns(now: Instant) -> int:
    return now.monotonic_ns + now.asleep_ns
