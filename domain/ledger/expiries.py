"""Until when an intent may be sent, by a clock that nobody can set.

Refuses to be journaled: another boot could not read it. After a restart it is worked out anew.
"""

from __future__ import annotations

from domain.clocks import deadline, is_past, is_void
from domain.instant import SECOND_NS, Instant
from domain.messages.orders import OrderIntent, Purpose
from domain.settings import OrderSettings


class Expiries:
    """The ends of the intents whose plans are open."""

    def __init__(self, settings: OrderSettings) -> None:
        self._settings = settings
        self._ends: dict[str, Instant] = {}  # intent_id -> by both clocks

    def hear(self, intent: OrderIntent, now: Instant) -> None:
        self._ends[intent.intent_id] = deadline(intent.expires_at, intent.expires_ns, now)

    def forget(self, intent: OrderIntent) -> None:
        self._ends.pop(intent.intent_id, None)

    def is_over(self, intent: OrderIntent, now: Instant) -> bool:
        """Tell whether an intent has expired; one to take risk has when our clocks part, for a sleep has no length."""
        end = self._end(intent, now)
        return is_void(end, now) if intent.purpose is Purpose.OPEN else is_past(end, now)

    def end_ns(self, intent: OrderIntent, now: Instant) -> int:
        """Return when an intent expires, in monotonic nanoseconds."""
        return self._end(intent, now).monotonic_ns

    def _end(self, intent: OrderIntent, now: Instant) -> Instant:
        end = self._ends.get(intent.intent_id)
        if end is None:
            end = self._ends[intent.intent_id] = self._after_restart(intent, now)
        return end

    def _after_restart(self, intent: OrderIntent, now: Instant) -> Instant:
        """Return when an intent ends of which only the journal tells, by a wall clock that may have been set since.

        An opening has what is left, and never more than it had at first; what reduces risk has all its time anew.
        """
        left_ns = round(self._settings.reducing_expire_after_s * SECOND_NS)
        if intent.purpose is Purpose.OPEN:
            lifetime_ns = round(self._settings.intent_expire_after_s * SECOND_NS)
            left_ns = min(intent.expires_at - now.utc_ns, lifetime_ns)
        return Instant(now.monotonic_ns + left_ns, now.utc_ns + left_ns)
