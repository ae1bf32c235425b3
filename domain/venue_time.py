"""What a venue's clock shows, from its last reading on by our monotonic clock: no step of ours changes it.

It signs requests and bounds questions about the past, so that a wrong clock of ours costs no order and hides no
fill. Without any reading our wall clock stands in.
"""

from __future__ import annotations

from domain.clocks import have_parted, passed_ns
from domain.effects import Instant
from domain.settings import SECOND_NS
from domain.stream_health import LONGEST_ROUND_TRIP_NS, READ_CLOCK_EVERY_NS, ClockReading

VAGUE_NS = 2 * SECOND_NS  # a stamp to the second, from somewhere in a round trip, tells of no smaller error


class VenueTime:
    """One venue's time. Threads may share it: a reading is replaced as a whole."""

    def __init__(self) -> None:
        self._reading: ClockReading | None = None

    def is_clock_due(self, now: Instant) -> bool:
        """Tell whether it is time to read the venue's clock."""
        reading = self._reading
        if reading is None or have_parted(reading.answered, now):
            return True
        return now.monotonic_ns - reading.answered.monotonic_ns >= READ_CLOCK_EVERY_NS

    def clock_read(self, reading: ClockReading) -> bool:
        """Take a reading; False: it took too long to tell anything."""
        if reading.round_trip_ns > LONGEST_ROUND_TRIP_NS:
            return False
        self._reading = reading
        return True

    def hint(self, venue_ns: int, asked: Instant, answered: Instant) -> None:
        """Take a stamp to the second that came with an answer, where ours is further off than it can be."""
        if abs(venue_ns - self.utc_ns(answered)) > VAGUE_NS + answered.monotonic_ns - asked.monotonic_ns:
            self._reading = ClockReading(venue_ns, answered, answered)

    def utc_ns(self, now: Instant) -> int:
        """Return what the venue's clock shows at `now`."""
        reading = self._reading
        if reading is None:
            return now.utc_ns
        return reading.venue_ns + reading.round_trip_ns // 2 + passed_ns(reading.answered, now)

    def stamps(self, now: Instant) -> dict[str, int]:
        """Return `ts_event` and `told_ns` of what is told at `now`; 0 says that the venue has not told its time."""
        return {"ts_event": self.utc_ns(now), "told_ns": now.monotonic_ns if self._reading else 0}
