"""What an actor tells the person: alarms, and that what they told of is over. Never a flood, whatever a venue invents."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

from adapters.ports import Clock
from domain.alarm_gate import AlarmGate
from domain.effects import Effect, Role, Tell
from domain.messages import Message
from domain.system_messages import AlarmOver, AlarmRaised
from domain.text import bounded

log = logging.getLogger(__name__)


class Herald:
    """One per actor."""

    def __init__(self, clock: Clock, counters: Counter[str], tell: Callable[[str, Message], object]) -> None:
        self._clock = clock
        self._counters = counters
        self._tell = tell
        self._gate = AlarmGate(clock.now().monotonic_ns)

    def alarm(self, subject: str, text: str) -> None:
        """Tell it, unless the same words were told a moment ago, or too many others."""
        subject, text = bounded(subject), bounded(text)
        now = self._clock.now()
        if self._gate.passes(subject, text, now.monotonic_ns):
            log.warning("alarm subject=%s text=%s", subject, text)
            self._tell(Role.MONITOR, AlarmRaised(ts_event=now.utc_ns, subject=subject, text=text))
        self._counters["alarms_held_back"] = self._gate.held_back

    def over(self, subject: str, text: str) -> None:
        """Tell that what an alarm told of has ended; should it begin again, that is news."""
        subject, text = bounded(subject), bounded(text)
        self._gate.ended(subject, text)
        log.warning("alarm_over subject=%s text=%s", subject, text)
        self._tell(Role.MONITOR, AlarmOver(ts_event=self._clock.now().utc_ns, subject=subject, text=text))

    def takes(self, effect: Effect) -> bool:
        """Tell what `effect` tells the person; False when it is something else."""
        match effect:
            case Tell(message=AlarmRaised(subject=subject, text=text)):
                self.alarm(subject, text)
            case Tell(message=AlarmOver(subject=subject, text=text)):
                self.over(subject, text)
            case _:
                return False
        return True
