"""An account as it was some time ago: what reads of a venue show that lag behind what they read.

Kept for a while, change by change. Only what reads show is kept; nothing can be done to the past.
"""

from __future__ import annotations

import copy
from bisect import bisect_right
from collections import deque
from decimal import Decimal
from typing import NamedTuple

from adapters.simulator.engine.ledger import Ledger
from adapters.simulator.engine.venue_order import VenueOrder
from adapters.simulator.faults import LONGEST_LAG_S
from domain.instant import SECOND_NS

_KEPT_NS = int((LONGEST_LAG_S + 1) * SECOND_NS)


class Funds(NamedTuple):
    """Balances after a change."""

    since_ns: int
    totals: dict[str, Decimal]
    held: dict[str, Decimal]


class Past:
    """The last minutes of one account."""

    def __init__(self) -> None:
        self._funds: deque[Funds] = deque()
        self._orders: dict[str, list[tuple[int, VenueOrder]]] = {}  # order id -> (since, state), oldest first

    def note(self, now_ns: int, ledger: Ledger, order: VenueOrder | None = None) -> None:
        """Keep how things are now that something has changed."""
        self._funds.append(Funds(now_ns, dict(ledger.totals), ledger.all_held()))
        while len(self._funds) > 1 and self._funds[1].since_ns <= now_ns - _KEPT_NS:
            self._funds.popleft()
        if order is not None:
            states = self._orders.setdefault(order.order_id, [])
            states.append((now_ns, copy.copy(order)))
            while len(states) > 1 and states[1][0] <= now_ns - _KEPT_NS:
                del states[0]

    def funds(self, then_ns: int) -> Funds:
        """Return the balances as they were; the oldest that are kept, if they were older."""
        at = bisect_right(self._funds, then_ns, key=lambda funds: funds.since_ns)
        return self._funds[max(0, at - 1)]

    def order(self, order: VenueOrder, then_ns: int) -> VenueOrder | None:
        """Return an order as it was; None before it was there."""
        states = self._orders.get(order.order_id, [])
        at = bisect_right(states, then_ns, key=lambda state: state[0])
        if at:
            return states[at - 1][1]
        return order if not states and order.created_ns <= then_ns else None
