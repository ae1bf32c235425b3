"""What a venue's clock shows, from its last reading on by our monotonic clock: no step of ours changes it.

It signs requests and bounds questions about the past, so that a wrong clock of ours costs no order and hides no
fill. It also says which stamps of the venue cannot be. Without any reading our wall clock stands in.
"""

from __future__ import annotations

from typing import TypedDict

from domain.clocks import have_parted, passed_ns
from domain.instant import SECOND_NS, Instant
from domain.stamps import is_sane
from domain.streams.health import FUTURE_NS, LONGEST_ROUND_TRIP_NS, READ_CLOCK_EVERY_NS, ClockReading

DOUBTED_EVERY_NS = 2 * SECOND_NS  # stamps that seem wrong have the clock read so often, at most
OUTVOTED_AFTER_NS = 5 * SECOND_NS  # our clock, where the venue's can't be read, by stamps that all say the same
VAGUE_NS = 2 * SECOND_NS  # a stamp to the second, from somewhere in a round trip, tells of no smaller error


class Stamps(TypedDict):
    """When something is told."""

    ts_event: int  # UTC ns, by the venue's clock
    told_ns: int  # CLOCK_MONOTONIC; 0: the venue has not told its time


class VenueTime:
    """One venue's time. Threads may share it: a reading is replaced as a whole."""

    def __init__(self) -> None:
        self._reading: ClockReading | None = None
        self._is_read = False  # that one is of the clock, not of stamps
        self.is_doubted = False
        self._only_refused: tuple[int, int] | None = None  # since when (CLOCK_MONOTONIC), least ahead

    def is_clock_due(self, now: Instant) -> bool:
        """Tell whether it is time to read the venue's clock."""
        reading = self._reading
        if reading is None or not self._is_read or have_parted(reading.answered, now):
            return True
        every_ns = DOUBTED_EVERY_NS if self.is_doubted else READ_CLOCK_EVERY_NS
        return now.monotonic_ns - reading.answered.monotonic_ns >= every_ns

    def clock_read(self, reading: ClockReading) -> bool:
        """Take a reading; False: it took too long to tell anything, or tells no time that can be."""
        if reading.round_trip_ns > LONGEST_ROUND_TRIP_NS or not is_sane(reading.venue_ns):
            return False
        self._reading, self._is_read, self.is_doubted, self._only_refused = reading, True, False, None
        return True

    def differs(self, venue_ns: int, asked: Instant, answered: Instant) -> bool:
        """Tell whether a stamp to the second that came with an answer is further from ours than it can be."""
        return abs(venue_ns - self.utc_ns(answered)) > VAGUE_NS + answered.monotonic_ns - asked.monotonic_ns

    def latest_ns(self, now: Instant) -> int:
        """Return the last stamp (UTC ns) that the venue can have put on what came at `now`.

        What is stamped later is wrong, or the venue's clock was set: whoever refuses it says so (`refused`), and the next
        reading decides. Nothing may be kept of it: newest times and their like would not come down again.
        """
        lags_ns = self._reading.lags_ns if self._reading else 0
        return self.utc_ns(now) + lags_ns + FUTURE_NS

    def refused(self, stamp: int, now: Instant) -> None:
        """Note that a stamp was refused: have the clock read soon.

        Where it can't be read, and for a while no stamp has been believable, ours is the one that is wrong.
        """
        self.is_doubted = True
        if self._is_read:
            return
        ahead_ns = stamp - self.utc_ns(now)
        since_ns, least_ns = self._only_refused or (now.monotonic_ns, ahead_ns)
        self._only_refused = since_ns, min(least_ns, ahead_ns)
        if now.monotonic_ns - since_ns >= OUTVOTED_AFTER_NS:
            self._reading = ClockReading(self.utc_ns(now) + self._only_refused[1], now, now)
            self._only_refused = None

    def believed(self) -> None:
        """Note that another stamp could be believed."""
        self._only_refused = None

    def utc_ns(self, now: Instant) -> int:
        """Return what the venue's clock shows at `now`."""
        reading = self._reading
        if reading is None:
            return now.utc_ns
        return reading.venue_ns + reading.round_trip_ns // 2 + passed_ns(reading.answered, now)

    def stamps(self, now: Instant) -> Stamps:
        """Return the stamps of what is told at `now`."""
        return {"ts_event": self.utc_ns(now), "told_ns": now.monotonic_ns if self._reading else 0}
