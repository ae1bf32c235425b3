"""Asks a venue for its time now and then, so that a stream that has never been on time is found out."""

from __future__ import annotations

from collections.abc import Callable

from actors.runtime.base_actor import BaseActor
from adapters.ports import VenueClock
from domain.effects import WakeupKey, WakeupKind
from domain.errors import VenueError
from domain.instant import SECOND_NS, Instant
from domain.resilience.outage import Outage
from domain.streams.health import LONGEST_ROUND_TRIP_NS, ClockReading, StreamHealth
from domain.streams.venue_time import VenueTime

_CALL = "clock:check"
_LOOK_EVERY_NS = 10 * SECOND_NS  # so a reading that failed is repeated after this
_TIMEOUT_S = LONGEST_ROUND_TRIP_NS / SECOND_NS


class ClockWakeup(WakeupKind):
    CHECK = "check"


_CHECK = WakeupKey(ClockWakeup.CHECK)


class ClockCheck:
    """Reads the clock on a worker of its own; no answer changes nothing, and is counted."""

    def __init__(
        self,
        actor: BaseActor,
        clock: VenueClock,
        *learners: StreamHealth | VenueTime,
        checked: Callable[[], None] = lambda: None,
    ) -> None:
        """Args:
        learners: take the readings, and say when one is due.
        checked: is called when a reading may have changed what the stream is worth.
        """
        self.actor = actor
        self.clock = clock
        self.learners = learners
        self.checked = checked
        self.executor = actor.toolbox.executor(1)
        self.is_asking = False
        self.outage = Outage()

    def start(self) -> None:
        self.actor.watch(self.executor.fileno(), self._collect)
        self.tick(self.actor.clock.now())

    def stop(self) -> None:
        self.clock.close()

    def owns(self, key: WakeupKey) -> bool:
        """Tell whether a wake-up belongs to this check."""
        return key.kind is ClockWakeup.CHECK

    def tick(self, now: Instant) -> None:
        self.look(now)
        self.actor.wake_at(now.monotonic_ns + _LOOK_EVERY_NS, _CHECK)

    def look(self, now: Instant) -> None:
        """Read the clock if that is due."""
        if not self.is_asking and any(learner.is_clock_due(now) for learner in self.learners):
            self.is_asking = True
            self.executor.submit(_CALL, self._read)

    def _read(self) -> ClockReading:
        asked = self.actor.clock.now()
        venue_ns = self.clock.read_time(_TIMEOUT_S)
        return ClockReading(venue_ns, asked, self.actor.clock.now(), self.clock.lags_ns)

    def _collect(self) -> None:
        for _, result in self.executor.collect():
            self.is_asking = False
            subject, words = f"{self.actor.role} clock", self.outage.ended(result)
            self.actor.alarm_over(subject, self.outage.take_over())
            if words:
                self.actor.alarm(subject, words)
            match result:
                case VenueError():
                    self.actor.counters["clock_failures"] += 1
                case BaseException():
                    raise result
                case _ if all([learner.clock_read(result) for learner in self.learners]):
                    self.actor.counters["clock_readings"] += 1
                    self.checked()
                case _:
                    self.actor.counters["clock_readings_unusable"] += 1
