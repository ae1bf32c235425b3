"""What a person should look at, each alarm once: since when, until when, how often.

It keeps the newest, so that a flood of alarms costs the oldest ones and no memory; how many there were in all is
counted. What a venue's own words or rows have made is kept apart, and comes after everything else: however much
that is, it hides nothing. Refuses to judge what an alarm means.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from domain.messages.system import AlarmLine, AlarmOver, AlarmRaised

ALARMS_KEPT = 50


# is_theirs, subject, text; of a total no text: the newest takes the place of the others
_LineKey = tuple[bool, str, str]


class AlarmBook:
    """The alarms of this run, the one heard last at the end.

    Args:
        most: lines of each kind.
    """

    def __init__(self, most: int = ALARMS_KEPT) -> None:
        self.raised = 0  # in all, repeated and forgotten ones too
        self._most = most
        self._lines: dict[_LineKey, AlarmLine] = {}
        self._ended: dict[tuple[str, str], int] = {}  # what isn't known here -> when it was over; the newest last

    def hear(self, alarm: AlarmRaised) -> bool:
        """Note an alarm; returns True when the book doesn't hold it yet."""
        line = self._lines.get(_key(alarm))
        if line is not None and alarm.ts_event == line.last:
            return False  # the same mail once more: it was sent again to a new monitor
        self.raised += 1
        line = self._lines.pop(_key(alarm), None)
        if line is None or alarm.is_total:
            first = alarm.ts_event if line is None else line.first
            kind = {"is_theirs": alarm.is_theirs, "is_total": alarm.is_total}
            self._keep(AlarmLine(alarm.subject, alarm.text, first, alarm.ts_event, 1, **kind))
            return True
        last = max(line.last, alarm.ts_event)  # senders' mails may overtake each other
        self._keep(msgspec.structs.replace(line, last=last, count=line.count + 1, over=0))
        return False

    def end(self, event: AlarmOver) -> bool:
        """Mark an alarm as over; returns False when it is not known, or was over already.

        Actors say it of what they may have told, in an earlier life, say; whether they have is known here.
        """
        is_news, subject_and_text = False, (event.subject, event.text)
        for key in ((False, event.subject, event.text), (True, event.subject, event.text)):
            line = self._lines.get(key)
            if line is not None and not line.over:
                self._lines[key] = msgspec.structs.replace(line, over=event.ts_event)
                is_news = True
        if not is_news:  # the earlier book, which is still to come, may know it
            self._ended.pop(subject_and_text, None)
            self._ended[subject_and_text] = event.ts_event
            if len(self._ended) > self._most:
                del self._ended[next(iter(self._ended))]
        return is_news

    def adopt(self, lines: Iterable[AlarmLine], raised: int) -> None:
        """Take over what an earlier book had kept, newest first; what was heard since stays the newer."""
        known, self._lines = self._lines, {}
        for line in sorted(lines, key=lambda line: line.last):
            ended = self._ended.get((line.subject, line.text), 0)
            is_over_since = not line.over and ended >= line.last
            self._keep(msgspec.structs.replace(line, over=ended) if is_over_since else line)
        for key, line in known.items():
            before = self._lines.pop(key, None)
            if before is not None:
                is_told_again = line.first == before.last  # the mail that both books have heard
                self.raised -= is_told_again
                count = 1 if line.is_total else before.count + line.count - is_told_again
                line = msgspec.structs.replace(line, first=min(before.first, line.first), count=count)
            self._keep(line)
        self.raised += raised

    def lines(self) -> list[AlarmLine]:
        """Return the alarms, newest first: what venues' words have made after all others, and last what is over."""
        newest_first = reversed(self._lines.values())
        return sorted(newest_first, key=lambda line: (line.over > 0, line.is_theirs))

    def _keep(self, line: AlarmLine) -> None:
        self._lines[_key(line)] = line
        alike = [key for key in self._lines if key[0] == line.is_theirs]
        if len(alike) > self._most:
            del self._lines[alike[0]]


def _key(told: AlarmRaised | AlarmLine) -> _LineKey:
    return told.is_theirs, told.subject, "" if told.is_total else told.text
