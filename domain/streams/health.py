"""How far a venue's stream can be trusted: clock offset, lag, proof of life, wholeness.

Raw clocks are never compared. The venue's offset is the smallest (receive - event) seen over a window, network
latency included; lag is what a frame took beyond that. A stream that has been late from its first frame on would
pass for one that is on time, so its stamps are held against the venue's own clock too (docs/money.md section 5).
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from domain.clocks import PARTED_NS, ahead_ns
from domain.instant import SECOND_NS, Instant
from domain.messages.market import InstrumentStatus, StreamState, TradingStatus

WINDOW_NS = 60 * SECOND_NS
FUTURE_NS = 2 * SECOND_NS  # a stamp further ahead of the venue's clock, as we know it, is wrong
READ_CLOCK_EVERY_NS = 60 * SECOND_NS
LONGEST_ROUND_TRIP_NS = SECOND_NS  # a reading errs by half of it; of a longer one it would tell too little


def venue_time(state: StreamState, now: Instant) -> int | None:
    """Return what the venue's clock shows now (UTC ns), less network latency; None while the stream hasn't told.

    From when it was told, the monotonic clock carries it on: a step of ours since then changes nothing.
    """
    if state.clock_offset_ns is None:
        return None
    if not state.told_ns:
        return now.utc_ns - state.clock_offset_ns
    return state.ts_event - state.clock_offset_ns + now.monotonic_ns - state.told_ns


class ClockReading(NamedTuple):
    """What the venue's clock showed at some moment between two of ours."""

    venue_ns: int  # UTC
    asked: Instant
    answered: Instant
    lags_ns: int = 0  # what it may be behind the venue's newest stamps

    @property
    def round_trip_ns(self) -> int:
        return self.answered.monotonic_ns - self.asked.monotonic_ns

    @property
    def offset_ns(self) -> int:
        """Return our clock minus the venue's, give or take half the round trip."""
        return self.answered.utc_ns - self.round_trip_ns // 2 - self.venue_ns


class StreamHealth:
    """Everything about one stream that a price must carry besides its numbers."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self.is_connected = False
        self.is_whole = False
        self.alive_ns = 0
        self.gaps = 0
        self.reconnects = 0
        self.halted: tuple[str, ...] = ()  # outlives connections: a new one tells all of it again
        self._difference_ns: int | None = None  # receive - event of the newest price
        self._minima: deque[tuple[int, int]] = deque()  # (seen monotonic, receive - event), rising
        self._reading: ClockReading | None = None  # the newest one of the venue's clock
        self._wall_ahead_ns: int | None = None  # utc - monotonic when last looked at

    @property
    def clock_offset_ns(self) -> int | None:
        return self._minima[0][1] if self._minima else None

    @property
    def lag_ns(self) -> int:
        """Return how much longer the newest price took than one that is on time."""
        return 0 if self._difference_ns is None else max(0, self._difference_ns - self._prompt_ns)

    @property
    def clock_error_ns(self) -> int:
        """Return our clock less the venue's; 0 without a reading: stamps may be late instead.

        What is read may lag, as a block's time does, so a stamp that came sooner tells more.
        """
        if self._reading is None:
            return 0
        return self._prompt_ns if self._minima else self._reading.offset_ns

    @property
    def _prompt_ns(self) -> int:
        """Return (receive - event) of a stamp on time: the least that the stream or the venue's clock has told."""
        learned_ns = self._minima[0][1]
        return learned_ns if self._reading is None else min(learned_ns, self._reading.offset_ns)

    def is_from_future(self, ts_event: int, now: Instant) -> bool:
        """Tell whether a stamp cannot be: by all that the venue has said before, it lies ahead.

        Either it is wrong, or the venue's clock has stepped and everything known about it is void.
        """
        return bool(self._minima) and now.utc_ns - ts_event < self._prompt_ns - FUTURE_NS

    def forget_clock(self) -> None:
        """Stop believing what was learned about the venue's clock: no orders until the next stamp."""
        self._minima.clear()
        self._difference_ns = self._reading = None

    def stamped(self, ts_event: int, now: Instant) -> None:
        """Take the stamp of the newest price, received at `now`."""
        self.learn_clock(ts_event, now)
        self._difference_ns = now.utc_ns - ts_event

    def learn_clock(self, ts_event: int, now: Instant) -> None:
        """Learn from any stamp of the venue."""
        if self._has_stepped(now):
            self.forget_clock()  # every old difference is void
        self._wall_ahead_ns = ahead_ns(now)
        difference = now.utc_ns - ts_event
        while self._minima and self._minima[0][0] < now.monotonic_ns - WINDOW_NS:
            self._minima.popleft()
        while self._minima and self._minima[-1][1] >= difference:
            self._minima.pop()
        self._minima.append((now.monotonic_ns, difference))

    def is_clock_due(self, now: Instant) -> bool:
        """Tell whether it is time to read the venue's clock."""
        if self._reading is None:
            return True
        return now.monotonic_ns - self._reading.answered.monotonic_ns >= READ_CLOCK_EVERY_NS

    def clock_read(self, reading: ClockReading) -> bool:
        """Hold the stream against the venue's clock; False: the reading is of no use, and changes nothing."""
        if reading.round_trip_ns > LONGEST_ROUND_TRIP_NS:
            return False
        if self._wall_ahead_ns is None:
            self._wall_ahead_ns = ahead_ns(reading.asked)
        if self._has_stepped(reading.asked) or self._has_stepped(reading.answered):
            return False
        self._reading = reading
        return True

    def _has_stepped(self, now: Instant) -> bool:
        """Tell whether our wall clock has been set, or the machine slept, since it was last looked at."""
        return self._wall_ahead_ns is not None and abs(ahead_ns(now) - self._wall_ahead_ns) > PARTED_NS

    def proven_alive(self, read_ns: int) -> None:
        self.alive_ns = max(self.alive_ns, read_ns)

    def on_status(self, told: InstrumentStatus) -> None:
        others = [name for name in self.halted if name != told.instrument]
        is_traded = told.status is TradingStatus.TRADING
        self.halted = tuple(others if is_traded else [*others, told.instrument])

    def connected(self) -> None:
        self.is_connected = True

    def gap(self, is_healing: bool) -> None:
        """Messages were lost: no price can be believed until the stream is whole again.

        Args:
            is_healing: only one book is to be had anew, whose own quotes say so.
        """
        self.gaps += 1
        self.is_whole = self.is_whole and is_healing

    def broken(self) -> None:
        """The connection is gone, and with it all that was known."""
        self.is_connected = False
        self.is_whole = False

    def state(self, now: Instant) -> StreamState:
        return StreamState(
            ts_event=now.utc_ns,
            venue=self.venue,
            is_connected=self.is_connected,
            is_whole=self.is_whole,
            alive_ns=self.alive_ns,
            clock_offset_ns=None if self._has_stepped(now) else self.clock_offset_ns,
            lag_ns=self.lag_ns,
            gaps=self.gaps,
            reconnects=self.reconnects,
            halted=self.halted,
            clock_error_ns=0 if self._has_stepped(now) else self.clock_error_ns,
            told_ns=now.monotonic_ns,
        )
