"""Fills whose order nobody here knows: kept, and asked about by the venue's name of the order.

Such a fill may be of an order of ours that the venue has not named yet, or that was proven absent and lives,
or somebody else's. Only the venue's word about the order behind it decides; until then nothing is guessed.
Never journaled: what is covered ends before them, so after a restart the venue lists them again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from domain.effects import Role, WakeupKey
from domain.instant import SECOND_NS, Instant
from domain.instrument import Side
from domain.ledger.order_wakeups import OrderWakeup
from domain.ledger.outbox import Outbox
from domain.messages.orders import Fill, QueryOrder
from domain.settings import Settings


@dataclass
class UnmatchedOrder:
    """The fills of one order that nobody has claimed. Monotonic nanoseconds."""

    since_ns: int
    fills: dict[str, Fill] = field(default_factory=dict)  # fill_id ->
    asked: int = 0
    due_ns: int = 0  # of the next question
    told: str = ""  # what a person was told of them


class UnmatchedFills:
    """The fills in question and when to ask about them."""

    def __init__(self, settings: Settings, outbox: Outbox) -> None:
        self._orders = settings.orders
        self._protection = settings.protection
        self._outbox = outbox
        self._unmatched: dict[tuple[str, str], UnmatchedOrder] = {}  # (venue, venue_order_id) ->

    def keep(self, fill: Fill, now: Instant) -> Fill:
        """Keep one fill until its order is known; most orders are named a moment later.

        Returns:
            The fill as it was first told.
        """
        key = fill.venue, fill.venue_order_id
        if key not in self._unmatched:
            self._unmatched[key] = UnmatchedOrder(now.monotonic_ns)
            self._schedule(key, now)
        return self._unmatched[key].fills.setdefault(fill.fill_id, fill)

    def oldest(self, venue: str) -> int | None:
        """Return when the oldest fill there was traded (UTC ns); None where there is none."""
        return min(
            (
                fill.ts_event
                for (where, _), unmatched_order in self._unmatched.items()
                for fill in unmatched_order.fills.values()
                if where == venue
            ),
            default=None,
        )

    def take(self, venue: str, venue_order_id: str, now: Instant) -> Iterable[Fill]:
        """Give away the fills of an order that is known now."""
        unmatched_order = self._unmatched.pop((venue, venue_order_id), None)
        if unmatched_order is None:
            return ()
        if unmatched_order.told:
            self._outbox.alarm_over(_subject(venue_order_id), unmatched_order.told, now.utc_ns)
        return unmatched_order.fills.values()

    def forget(self, fill: Fill, now: Instant) -> None:
        """Let go of one fill that needs no order."""
        unmatched_order = self._unmatched.get((fill.venue, fill.venue_order_id))
        if unmatched_order and unmatched_order.fills.pop(fill.fill_id, None) and not unmatched_order.fills:
            self.take(fill.venue, fill.venue_order_id, now)

    def has_any(self, venue: str, instrument: str = "", side: Side | None = None) -> bool:
        """Tell whether anything there is unclaimed; an empty instrument matches all, no side both."""
        return any(
            fill.venue == venue and instrument in ("", fill.instrument) and side in (None, fill.side)
            for unmatched_order in self._unmatched.values()
            for fill in unmatched_order.fills.values()
        )

    def tick(self, venue: str, venue_order_id: str, now: Instant) -> None:
        """Ask whose order it is, if that is still unknown and due."""
        key = venue, venue_order_id
        unmatched_order = self._unmatched.get(key)
        if unmatched_order is None or now.monotonic_ns < unmatched_order.due_ns:
            return
        waited_s = (now.monotonic_ns - unmatched_order.since_ns) / SECOND_NS
        if waited_s >= self._orders.alarm_after_s and not unmatched_order.told:
            unmatched_order.told = f"filled, and for {waited_s:.0f} s nobody could tell whose order it is"
            self._outbox.alarm(_subject(venue_order_id), unmatched_order.told, now.utc_ns, is_theirs=True)
        fill = next(iter(unmatched_order.fills.values()))
        self._outbox.tell(
            Role.EXCHANGE_GATEWAY.at(venue),
            QueryOrder(
                client_order_id="",
                venue=venue,
                instrument=fill.instrument,
                sent_at=fill.ts_event,
                venue_order_id=venue_order_id,
            ),
        )
        unmatched_order.asked += 1
        self._schedule(key, now)

    def _schedule(self, key: tuple[str, str], now: Instant) -> None:
        unmatched_order, delays_s = self._unmatched[key], self._orders.query_delays_s
        delay_s = delays_s[min(unmatched_order.asked, len(delays_s) - 1)]
        delay_s = min(delay_s, self._protection.within_s / 2)  # it may be a position of ours, and unprotected
        unmatched_order.due_ns = now.monotonic_ns + round(delay_s * SECOND_NS)
        self._outbox.wake_at(unmatched_order.due_ns, WakeupKey(OrderWakeup.OWNER, key[1], venue=key[0]))


def _subject(venue_order_id: str) -> str:
    return f"venue_order_id={venue_order_id}"
