"""What an actor tells the person: alarms, and that what they told of is over. Never a flood, whatever a venue invents."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

from msgspec.structs import replace

from adapters.clock import Clock
from domain.effects import Effect, Role, Tell, WakeupKey, WakeupKind
from domain.messages.base import Message
from domain.messages.system import AlarmOver, AlarmRaised
from domain.resilience.alarm_queue import AGAIN_NS, AlarmQueue
from domain.text import bounded

log = logging.getLogger(__name__)


class HeraldWakeup(WakeupKind):
    AGAIN = "again"


class Herald:
    """One per actor."""

    def __init__(
        self,
        role: str,
        clock: Clock,
        counters: Counter[str],
        tell: Callable[[str, Message], object],
        wake_at: Callable[[int, WakeupKey], None],
    ) -> None:
        """Args:
        wake_at: calls `look_again` at that time (CLOCK_MONOTONIC ns).
        """
        self._clock = clock
        self._counters = counters
        self._tell = tell
        self._wake_at = wake_at
        self._queue = AlarmQueue(role, clock.now().monotonic_ns)
        self._is_woken = False

    def alarm(self, subject: str, text: str, is_theirs: bool = False) -> None:
        """Tell it, unless the same words were told a moment ago; later, when there are too many others.

        Args:
            is_theirs: a venue's own words or rows have made it.
        """
        now = self._clock.now()
        alarm = AlarmRaised(ts_event=now.utc_ns, subject=bounded(subject), text=bounded(text), is_theirs=is_theirs)
        if self._queue.hear(alarm, now.monotonic_ns):
            self._say(alarm)
        self._counters["alarms_held_back"] = self._queue.held_back
        self._wait()

    def look_again(self) -> None:
        """Tell what had to wait; called at each wake-up of this kind."""
        now = self._clock.now()
        self._is_woken = False
        for alarm in self._queue.due(now.monotonic_ns):
            self._say(alarm if alarm.ts_event else replace(alarm, ts_event=now.utc_ns))
        self._wait()

    def _wait(self) -> None:
        if self._queue.is_waiting and not self._is_woken:
            self._is_woken = True
            self._wake_at(self._clock.now().monotonic_ns + AGAIN_NS, WakeupKey(HeraldWakeup.AGAIN))

    def _say(self, alarm: AlarmRaised) -> None:
        log.warning("alarm subject=%s text=%s", alarm.subject, alarm.text)
        self._tell(Role.MONITOR, alarm)

    def over(self, subject: str, text: str) -> None:
        """Tell that what an alarm told of has ended, if it told of anything; should it begin again, that is news.

        Whether a person was told of it, be it by who had this role before, is the monitor's to know, who logs it.
        """
        if not text:
            return
        subject, text = bounded(subject), bounded(text)
        self._queue.over(subject, text)
        self._tell(Role.MONITOR, AlarmOver(ts_event=self._clock.now().utc_ns, subject=subject, text=text))

    def takes(self, effect: Effect) -> bool:
        """Tell what `effect` tells the person; False when it is something else."""
        match effect:
            case Tell(message=AlarmRaised(subject=subject, text=text, is_theirs=is_theirs)):
                self.alarm(subject, text, is_theirs)
            case Tell(message=AlarmOver(subject=subject, text=text)):
                self.over(subject, text)
            case _:
                return False
        return True
