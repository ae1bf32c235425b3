"""One actor's alarms on their way to the person: what can't be told at once is told later, or told as a number.

What a venue's own words or rows have made goes its own way, past gates and through memory of its own: however much
a venue invents, nothing about money waits for it or is forgotten for it.
"""

from __future__ import annotations

from collections import Counter

from domain.instant import SECOND_NS
from domain.messages.system import AlarmRaised
from domain.resilience.alarm_gate import AlarmGate, AlarmVerdict

AGAIN_NS = 10 * SECOND_NS  # when to look at what waits
_TOTAL_NS = 60 * SECOND_NS  # between two tellings of how many were held back
_OURS_PER_S, _THEIRS_PER_S = 1.0, 0.1  # of different words about one subject
_OURS_WAIT, _THEIRS_WAIT = 500, 200
_MOST_OF_A_SUBJECT = 5  # of theirs that wait: one subject crowds out no other


class AlarmQueue:
    """Alarms of both kinds."""

    def __init__(self, who: str, now_ns: int) -> None:
        """Args:
        who: the actor.
        """
        self._ours = _Lane(f"{who} alarms", False, AlarmGate(now_ns, _OURS_PER_S), _OURS_WAIT, _OURS_WAIT)
        self._theirs = _Lane(
            f"{who} alarms of what venues say", True, AlarmGate(now_ns, _THEIRS_PER_S), _THEIRS_WAIT, _MOST_OF_A_SUBJECT
        )

    @property
    def held_back(self) -> int:
        """Return how many were not told at once, repetitions left out."""
        return self._ours.gate.held_back + self._theirs.gate.held_back

    @property
    def is_waiting(self) -> bool:
        """Tell whether `due` will have something to tell."""
        return self._ours.is_waiting or self._theirs.is_waiting

    def hear(self, alarm: AlarmRaised, now_ns: int) -> bool:
        """Take an alarm; returns whether it may be told now. Otherwise it waits, unless the person knows it."""
        return (self._theirs if alarm.is_theirs else self._ours).hear(alarm, now_ns)

    def over(self, subject: str, text: str) -> None:
        """Forget an alarm that is over; should it begin again, that is news."""
        for lane in (self._ours, self._theirs):
            lane.forget(subject, text)
            lane.gate.ended(subject, text)

    def due(self, now_ns: int) -> list[AlarmRaised]:
        """Return what may be told now of what had to wait, and how many had to."""
        return [*self._ours.due(now_ns), *self._theirs.due(now_ns)]


class _Lane:
    def __init__(self, name: str, is_theirs: bool, gate: AlarmGate, most: int, most_of_a_subject: int) -> None:
        self.gate = gate
        self._name = name
        self._is_theirs = is_theirs
        self._most = most
        self._most_of_a_subject = most_of_a_subject
        self._waiting: dict[tuple[str, str], AlarmRaised] = {}  # (subject, text) -> the oldest first
        self._subjects: Counter[str] = Counter()  # of those
        self._total = 0  # held back, as told
        self._total_due_ns = 0

    @property
    def is_waiting(self) -> bool:
        return bool(self._waiting) or self.gate.held_back > self._total

    def hear(self, alarm: AlarmRaised, now_ns: int) -> bool:
        verdict = self.gate.judge(alarm.subject, alarm.text, now_ns)
        if verdict is AlarmVerdict.HELD:
            has_room = len(self._waiting) < self._most and self._subjects[alarm.subject] < self._most_of_a_subject
            if has_room and (alarm.subject, alarm.text) not in self._waiting:
                self._waiting[alarm.subject, alarm.text] = alarm
                self._subjects[alarm.subject] += 1
        elif verdict is AlarmVerdict.TOLD:
            self.forget(alarm.subject, alarm.text)
        return verdict is AlarmVerdict.TOLD

    def forget(self, subject: str, text: str) -> None:
        if self._waiting.pop((subject, text), None) is not None:
            self._subjects -= Counter((subject,))

    def due(self, now_ns: int) -> list[AlarmRaised]:
        told: list[AlarmRaised] = []
        for (subject, text), alarm in list(self._waiting.items()):
            verdict = self.gate.judge(subject, text, now_ns, is_new=False)
            if verdict is not AlarmVerdict.HELD:
                self.forget(subject, text)
            if verdict is AlarmVerdict.TOLD:
                told.append(alarm)
        if self.gate.held_back > self._total and now_ns >= self._total_due_ns:
            self._total, self._total_due_ns = self.gate.held_back, now_ns + _TOTAL_NS
            told.append(self._in_all())
        return told

    def _in_all(self) -> AlarmRaised:
        text = f"{self._total} alarms held back"
        return AlarmRaised(ts_event=0, subject=self._name, text=text, is_theirs=self._is_theirs, is_total=True)
