"""An account of coins: what an order holds until it ends, and what a trade moves."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from adapters.simulator.engine.ledger import Ledger
from adapters.simulator.engine.market import ProductMarket
from adapters.simulator.engine.records import Terms
from adapters.simulator.engine.refusals import Refusal, Refused
from adapters.simulator.engine.stops import stop_limit
from adapters.simulator.engine.venue_order import Fill, NewOrder, VenueOrder, VenueOrderType
from domain.instrument import Side
from domain.numbers import ZERO


class SpotAccount:
    """The `Account` of a spot venue. Sales hold coins, purchases money with the fee in it."""

    def __init__(self, terms: Terms, products: Mapping[str, ProductMarket]) -> None:
        self.ledger = Ledger(terms.balances)
        self._terms = terms
        self._products = products  # the venue's spelling -> market

    def check(self, asked: NewOrder) -> None:
        """Say no to what the available balance doesn't cover.

        Raises:
            Refused: it does not.
        """
        currency, amount = self._needed(asked)
        if amount > self.ledger.available(currency):
            raise Refused(Refusal.INSUFFICIENT_FUNDS)

    def hold(self, order: VenueOrder) -> None:
        """Hold what the rest of an order may take, in place of what it held before."""
        self.ledger.hold(order.order_id, *self._needed(order.asked, order.filled_size))

    def release(self, order: VenueOrder) -> None:
        self.ledger.release(order.order_id)

    def book(self, fill: Fill) -> None:
        asked = fill.order.asked
        instrument = self._products[asked.product_id].instrument
        notional = fill.price * fill.quantity
        self.ledger.trade(asked.side, instrument.base, instrument.quote, fill.quantity, notional, fill.fee)

    def _needed(self, asked: NewOrder, filled: Decimal = ZERO) -> tuple[str, Decimal]:
        """Return the currency and amount an order holds when `filled` of it has traded."""
        product = self._products[asked.product_id]
        instrument = product.instrument
        if asked.side is Side.SELL:
            return instrument.base, asked.size - filled
        if asked.quote_size is not None:
            return instrument.quote, asked.quote_size
        leaves = asked.size - filled
        if asked.limit_price is None:
            notional = product.book.cost(Side.BUY, leaves)
        elif asked.order_type is VenueOrderType.BRACKET:
            notional = leaves * max(asked.limit, stop_limit(instrument, asked))
        else:
            notional = leaves * asked.limit_price
        return instrument.quote, notional * (1 + self._terms.taker_fee_ratio)
