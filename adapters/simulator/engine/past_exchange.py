"""An account as reads show it that lag: what it was some time ago, on the market and by the clock of now."""

from __future__ import annotations

from decimal import Decimal

from adapters.simulator.engine.exchange import Exchange
from adapters.simulator.engine.market import Market
from adapters.simulator.engine.past import Funds
from adapters.simulator.engine.records import FundingPayment
from adapters.simulator.engine.venue_order import Fill, VenueOrder


class PastLedger:
    """The balances of then, as reads ask for them."""

    def __init__(self, funds: Funds) -> None:
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

    def __init__(self, exchange: Exchange, then_ns: int) -> None:
        self._exchange = exchange
        self._past = past = exchange.past
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

    @property
    def funding(self) -> list[FundingPayment]:
        return [paid for paid in self._exchange.funding if paid.time_ns <= self._then_ns]

    def visible_order(self, order_id: str, now_ns: int) -> VenueOrder | None:
        order = self._exchange.visible_order(order_id, now_ns)
        return self._past.order(order, self._then_ns) if order is not None else None

    def visible_orders(self, now_ns: int) -> list[VenueOrder]:
        states = (self._past.order(it, self._then_ns) for it in self._exchange.visible_orders(now_ns))
        return [state for state in states if state is not None]
