"""How long a plan that reduces a position waits: before it tries again, and between looks at what is in its way.

Nothing of it is journaled: after a restart each plan pauses once more before it goes on.
"""

from __future__ import annotations

from typing import NamedTuple

from domain.effects import WakeupKey
from domain.execution.pre_send_checks import PreSendChecks
from domain.instant import SECOND_NS, Instant
from domain.ledger.order_wakeups import OrderWakeup
from domain.ledger.outbox import Outbox
from domain.ledger.plans import Plan
from domain.messages.orders import OrderIntent, Purpose
from domain.settings import Settings

LOOK_NS = SECOND_NS // 4  # between looks
LAST_PAUSE_NS = SECOND_NS // 2  # at the end of a run, which has no time for longer ones


class _Refused(NamedTuple):
    length: int  # refusals in a row
    since_ns: int  # when the newest was heard of; monotonic


class Pauses:
    """The waiting plans. Monotonic nanoseconds."""

    def __init__(self, settings: Settings, outbox: Outbox, pre_send_checks: PreSendChecks) -> None:
        self._settings = settings
        self._outbox = outbox
        self._ledger = outbox.ledger
        self._pre_send_checks = pre_send_checks
        self._refused: dict[tuple[str, str, Purpose], _Refused] = {}  # (venue, instrument, purpose) ->
        self._since_ns: dict[str, int] = {}  # intent_id -> when its last attempt had ended
        self._looks_at_ns: dict[str, int] = {}  # intent_id -> when a waiting plan is looked at again

    def on_refusals(self, intent: OrderIntent, now: Instant) -> None:
        """Take note of when the newest refusal came: the pause begins there, not with the wish to try again."""
        key, length = (intent.venue, intent.instrument, intent.purpose), self._ledger.refusals.of(intent).length
        if not length:
            self._refused.pop(key, None)
        elif key not in self._refused or self._refused[key].length != length:
            self._refused[key] = _Refused(length, now.monotonic_ns)

    def are_over(self, plan: Plan, now: Instant) -> bool:
        """Tell whether the market and the venue had a moment since the last try.

        Judged anew at each look: a position may have lost its stop meanwhile, or the run be ending.
        """
        intent, row = plan.intent, self._ledger.refusals.of(plan.intent)
        is_close = intent.purpose is Purpose.CLOSE  # each has one try: the pause is before it
        if plan.attempts:
            since_ns = self._since_ns.setdefault(intent.intent_id, now.monotonic_ns)
        elif row.length if is_close else row.is_long:
            self.on_refusals(intent, now)
            since_ns = self._refused[intent.venue, intent.instrument, intent.purpose].since_ns
        else:
            return True
        return now.monotonic_ns >= since_ns + self._length_ns(plan)

    def look_again(self, intent: OrderIntent, now: Instant) -> None:
        """Have the plan of this intent looked at soon."""
        due_ns = self._looks_at_ns[intent.intent_id] = now.monotonic_ns + LOOK_NS
        self._outbox.wake_at(due_ns, WakeupKey(OrderWakeup.PLAN, intent.intent_id))

    def is_due(self, intent_id: str, now: Instant) -> bool:
        return now.monotonic_ns >= self._looks_at_ns.get(intent_id, 0)

    def has_looked(self, intent: OrderIntent) -> bool:
        """Tell whether the plan of this intent has waited since its last attempt."""
        return intent.intent_id in self._looks_at_ns

    def forget(self, intent: OrderIntent) -> None:
        """Begin anew with the next attempt."""
        self._since_ns.pop(intent.intent_id, None)
        self._looks_at_ns.pop(intent.intent_id, None)

    def _length_ns(self, plan: Plan) -> int:
        """Return a growing pause. Where nothing covers the position it leaves half the time that it may be unprotected: a
        venue that takes orders again has the rest to take one (docs/money.md 3)."""
        delays_s, row = self._settings.orders.query_delays_s, self._ledger.refusals.of(plan.intent)
        length_ns = round(delays_s[min(max(len(plan.attempts), row.length), len(delays_s)) - 1] * SECOND_NS)
        is_bare = not self._ledger.books.covered_quantity(plan.intent.venue, plan.intent.instrument)
        if is_bare or not row.is_long:
            length_ns = min(length_ns, round(self._settings.protection.within_s * SECOND_NS / 2))
        return min(length_ns, LAST_PAUSE_NS) if self._pre_send_checks.is_winding_down else length_ns
