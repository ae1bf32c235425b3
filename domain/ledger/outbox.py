"""What the order manager has decided so far in this call: effects in order, and the ledger behind them.

`record` is the one way to change the ledger, so that whatever happened live happens again on replay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from domain.effects import Effect, Record, Role, Tell, WakeAt, WakeupKey
from domain.ledger.halts import kind_of
from domain.ledger.order_ledger import OrderLedger
from domain.messages.base import Message
from domain.messages.journal import (
    BalanceCorrected,
    HaltCleared,
    HaltRaised,
    IntentDenied,
    JournalEntry,
    JournalEvent,
    OrderClosed,
    OrderFilled,
    OrderReopened,
    OrderSubmitted,
    PositionCorrected,
)
from domain.messages.orders import OrderAccepted, OrderRejected, OrderStatus
from domain.messages.system import AlarmOver, AlarmRaised

_REFUSALS_KEPT = 20  # different words of venues, who may always find new ones
_OTHERS = "other reasons"


class Outbox:
    """Collects effects; counts what was recorded since the start of the run.

    Args:
        counts_since: UTC ns of that start. A router that is restarted within a run goes on counting.
    """

    def __init__(self, counts_since: int) -> None:
        self._counts_since = counts_since
        self.ledger = OrderLedger()
        self.counts: Counter[str] = Counter()  # "submitted", "accepted", ...
        self.orders_by_venue: Counter[str] = Counter()
        self.fills_by_venue: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()  # "coinbase: INSUFFICIENT_FUND: why" -> orders
        self._effects: list[Effect] = []

    def replay(self, entries: Iterable[JournalEntry]) -> None:
        """Take in what the journal holds; what this run's earlier routers did counts too."""
        for entry in entries:
            self.ledger.replay((entry,))
            if entry.recorded_at >= self._counts_since:
                self._count(entry.event)

    def record(self, event: JournalEvent) -> None:
        """Journal `event`; everything decided after it may rely on it."""
        self._effects.append(Record(event))
        halts = tuple(self.ledger.halts) if isinstance(event, HaltCleared) else ()
        self.ledger.apply(event)
        for halt in set(halts).difference(self.ledger.halts):
            self.alarm_over(halt.scope, _halted(halt.reason), event.ts_event)
        self._count(event)

    def tell(self, to: str, message: Message) -> None:
        self._effects.append(Tell(to, message))

    def wake_at(self, due_ns: int, key: WakeupKey) -> None:
        self._effects.append(WakeAt(due_ns, key))

    def alarm(self, subject: str, text: str, utc_ns: int, is_theirs: bool = False) -> None:
        """Tell the person; trading goes on.

        Args:
            is_theirs: a venue's own words or rows have made it.
        """
        alarm = AlarmRaised(ts_event=utc_ns, subject=subject, text=text, is_theirs=is_theirs)
        self.tell(Role.MONITOR, alarm)

    def alarm_over(self, subject: str, text: str, utc_ns: int) -> None:
        """Tell the person that what an alarm told of has ended."""
        self.tell(Role.MONITOR, AlarmOver(ts_event=utc_ns, subject=subject, text=text))

    def halt(self, scope: str, kind: str, reason: str, utc_ns: int) -> bool:
        """Stop openings in `scope` until a person resumes; return whether that is news.

        The first telling of each kind stands: it may be told of one order after the other, without end.
        """
        raised = HaltRaised(ts_event=utc_ns, scope=scope, reason=reason, kind=kind)
        if self.ledger.halts.has(scope, kind_of(raised)):
            return False
        self.record(raised)
        self.alarm(scope, _halted(reason), utc_ns)
        return True

    def take(self) -> list[Effect]:
        """Return what was decided since the last call."""
        effects, self._effects = self._effects, []
        return effects

    def _count(self, event: JournalEvent) -> None:
        match event:
            case OrderSubmitted():
                self.counts["submitted"] += 1
                self.orders_by_venue[event.order.venue] += 1
            case OrderAccepted():
                self.counts["accepted"] += 1
            case OrderRejected():
                words = f"{event.venue}: {refusal_in_words(event)}"
                self.refused[words if words in self.refused or len(self.refused) < _REFUSALS_KEPT else _OTHERS] += 1
            case OrderClosed():
                self.counts[_COUNTED_AS[event.status]] += 1
            case OrderReopened():
                self.counts[_COUNTED_AS[event.was]] -= 1
            case IntentDenied():
                self.counts["denied"] += 1
            case BalanceCorrected() | PositionCorrected():
                self.counts["corrections"] += 1
            case OrderFilled():
                self.fills_by_venue[event.fill.venue] += 1


_COUNTED_AS = {
    OrderStatus.FILLED: "filled",
    OrderStatus.CANCELED: "canceled",
    OrderStatus.REJECTED: "rejected",
    OrderStatus.EXPIRED: "expired",
}


def refusal_in_words(event: OrderRejected) -> str:
    """Return the venue's reason, in its words."""
    return f"{event.code}: {event.reason}" if event.reason else event.code


def _halted(reason: str) -> str:
    return f"halted: {reason}"
