"""An account as it was some time ago: what reads of a venue show that lag behind what they read.

Kept for a while, change by change. Only what reads show is kept; nothing can be done to the past.
"""

from __future__ import annotations

import copy
from bisect import bisect_right
from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from adapters.simulator.engine.ledger import Ledger
from adapters.simulator.engine.venue_order import Fill, VenueOrder
from adapters.simulator.faults import LONGEST_LAG_S
from domain.instant import SECOND_NS

if TYPE_CHECKING:
    from adapters.simulator.engine.exchange import Exchange
    from adapters.simulator.engine.market import Market

_KEPT_NS = int((LONGEST_LAG_S + 1) * SECOND_NS)


class _Funds(NamedTuple):
    """Balances after a change."""

    since_ns: int
    totals: dict[str, Decimal]
    held: dict[str, Decimal]


class Past:
    """The last minutes of one account."""

    def __init__(self) -> None:
        self._funds: deque[_Funds] = deque()
        self._orders: dict[str, list[tuple[int, VenueOrder]]] = {}  # order id -> (since, state), oldest first

    def note(self, now_ns: int, ledger: Ledger, order: VenueOrder | None = None) -> None:
        """Keep how things are now that something has changed."""
        self._funds.append(_Funds(now_ns, dict(ledger.totals), ledger.all_held()))
        while len(self._funds) > 1 and self._funds[1].since_ns <= now_ns - _KEPT_NS:
            self._funds.popleft()
        if order is not None:
            states = self._orders.setdefault(order.order_id, [])
            states.append((now_ns, copy.copy(order)))
            while len(states) > 1 and states[1][0] <= now_ns - _KEPT_NS:
                del states[0]

    def funds(self, then_ns: int) -> _Funds:
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


class PastLedger:
    """The balances of then, as reads ask for them."""

    def __init__(self, funds: _Funds) -> None:
        self.totals = funds.totals
        self._held = funds.held

    def held(self, currency: str) -> Decimal:
        return self._held.get(currency, Decimal(0))

    def available(self, currency: str) -> Decimal:
        return self.totals.get(currency, Decimal(0)) - self.held(currency)

    def held_by(self, order_id: str) -> Decimal:
        return Decimal(0)  # what single orders held is not kept


class PastExchange:
    """An exchange for reads: the account of then, the market and the clock of now."""

    def __init__(self, exchange: Exchange, past: Past, then_ns: int) -> None:
        self._exchange = exchange
        self._past = past
        self._then_ns = then_ns
        self.ledger = PastLedger(past.funds(then_ns))
        self.taker_fee_ratio = exchange.taker_fee_ratio
        self.maker_fee_ratio = exchange.maker_fee_ratio

    @property
    def market(self) -> Market:
        return self._exchange.market

    @property
    def now_ns(self) -> int:
        return self._exchange.now_ns

    @property
    def fills(self) -> list[Fill]:
        return [fill for fill in self._exchange.fills if fill.time_ns <= self._then_ns]

    def visible_order(self, order_id: str, now_ns: int) -> VenueOrder | None:
        order = self._exchange.visible_order(order_id, now_ns)
        return self._past.order(order, self._then_ns) if order is not None else None

    def visible_orders(self, now_ns: int) -> list[VenueOrder]:
        states = (self._past.order(it, self._then_ns) for it in self._exchange.visible_orders(now_ns))
        return [state for state in states if state is not None]
