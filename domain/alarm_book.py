"""What a person should look at, each alarm once: since when, until when, how often.

It keeps the newest, so that a flood of alarms costs the oldest ones and no memory; how many there were in all is
counted. Refuses to judge what an alarm means.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from domain.system_messages import AlarmLine, AlarmOver, AlarmRaised

ALARMS_KEPT = 50


class AlarmBook:
    """The alarms of this run by subject and text, the one heard last at the end."""

    def __init__(self, most: int = ALARMS_KEPT) -> None:
        self.raised = 0  # in all, repeated and forgotten ones too
        self._most = most
        self._lines: dict[tuple[str, str], AlarmLine] = {}  # (subject, text) ->

    def hear(self, alarm: AlarmRaised) -> bool:
        """Note an alarm; returns True when the book doesn't hold it yet."""
        line = self._lines.get((alarm.subject, alarm.text))
        if line is not None and alarm.ts_event == line.last:
            return False  # the same mail once more: it was sent again to a new monitor
        self.raised += 1
        line = self._lines.pop((alarm.subject, alarm.text), None)
        if line is None:
            self._keep(AlarmLine(alarm.subject, alarm.text, alarm.ts_event, alarm.ts_event, 1))
            return True
        last = max(line.last, alarm.ts_event)  # senders' mails may overtake each other
        self._keep(msgspec.structs.replace(line, last=last, count=line.count + 1, over=0))
        return False

    def end(self, event: AlarmOver) -> bool:
        """Mark an alarm as over; returns False when it is not known, or was over already."""
        line = self._lines.get((event.subject, event.text))
        if line is None or line.over:
            return False
        self._lines[event.subject, event.text] = msgspec.structs.replace(line, over=event.ts_event)
        return True

    def adopt(self, lines: Iterable[AlarmLine], raised: int) -> None:
        """Take over what an earlier book had kept, newest first; what was heard since stays the newer."""
        known, self._lines = self._lines, {}
        for line in sorted(lines, key=lambda line: line.last):
            self._keep(line)
        for key, line in known.items():
            before = self._lines.pop(key, None)
            if before is not None:
                is_told_again = line.first == before.last  # the mail that both books have heard
                self.raised -= is_told_again
                count = before.count + line.count - is_told_again
                line = msgspec.structs.replace(line, first=min(before.first, line.first), count=count)
            self._keep(line)
        self.raised += raised

    def lines(self) -> list[AlarmLine]:
        """Return the alarms, newest first; those that are over after all others."""
        return sorted(reversed(self._lines.values()), key=lambda line: line.over > 0)

    def _keep(self, line: AlarmLine) -> None:
        self._lines[line.subject, line.text] = line
        if len(self._lines) > self._most:
            del self._lines[next(iter(self._lines))]
