"""The core of one simulated venue of perpetuals: the orders of `exchange.py` on a margin account.

Adds what only such a venue does by itself: its mark pulls triggers, a reduce-only order never takes more than there
is to reduce, funding is paid, and an account below its maintenance margin is liquidated.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from adapters.simulator.engine.exchange import Exchange
from adapters.simulator.engine.margin_account import MarginAccount
from adapters.simulator.engine.market import Market, ProductMarket
from adapters.simulator.engine.matching import BookOrder, Execution
from adapters.simulator.engine.records import AccountRecord, FundingPayment, Terms
from adapters.simulator.engine.venue_order import NewOrder, VenueOrder, VenueOrderType, VenueStatus
from domain.instrument import Side
from domain.messages.orders import FillCause, TimeInForce
from domain.settings import SimulatorSettings

LIQUIDATED = "Liquidated"  # why an order ended
NOTHING_TO_REDUCE = "Nothing to reduce"


OnFunding = Callable[[str, Decimal, Decimal], object]  # product id, rate, price of its notional


def unpaid(product_id: str, rate: Decimal, price: Decimal) -> None:
    """Pay nobody: no client holds anything there."""


class PerpetualExchange(Exchange):
    """One margin account."""

    account: MarginAccount

    def __init__(
        self,
        settings: SimulatorSettings,
        market: Market,
        terms: Terms,
        account: MarginAccount,
        mark: Callable[[str], Decimal],
        start_ns: int,
        record: AccountRecord | None = None,
    ) -> None:
        """Args:
        mark: returns the price by which triggers are pulled and positions valued.
        """
        self._mark = mark
        self._is_liquidating = False
        super().__init__(settings, market, terms, account, start_ns, record)

    def _recall(self, record: AccountRecord) -> None:
        for paid in record.funding:
            self._credit(paid)
        super()._recall(record)

    # ---- what the venue does by itself -------------------------------------------------------------------

    def pay_funding(self, product_id: str, rate: Decimal, price: Decimal) -> None:
        """Pay or charge the position there, if there is one: longs pay a positive rate.

        Args:
            price: by which its notional is reckoned.
        """
        quantity = self.account.quantity(product_id)
        if quantity:
            self._credit(FundingPayment(product_id, self.now_ns, -quantity * price * rate, rate, quantity))
            self.past.note(self.now_ns, self.ledger)

    def _credit(self, paid: FundingPayment) -> None:
        self.account.receive(paid.amount)
        self.funding.append(paid)

    def _after_trades(self, product_id: str, executions: tuple[Execution, ...], time_ns: int) -> None:
        super()._after_trades(product_id, executions, time_ns)
        self._trim(product_id)
        self._liquidate()

    def _liquidate(self) -> None:
        """Close positions while the account is below its maintenance margin, the largest first.

        At once against the book; what that doesn't take waits for the next look, unless nothing is left of the
        account: then the public gets it at the mark, as by deleveraging.
        """
        if self._is_liquidating or not self.account.is_below_maintenance:
            return
        self._is_liquidating = True
        self._end_all(LIQUIDATED)
        names = sorted(self.account.positions, key=lambda name: abs(self.account.quantity(name)) * self._mark(name))
        for name in reversed(names):
            if self.account.is_below_maintenance:
                self._force(name, FillCause.LIQUIDATION)
            if self.account.quantity(name) and self.account.value <= 0:
                self._force(name, FillCause.DELEVERAGING)
        self._is_liquidating = False

    def _force(self, product_id: str, cause: FillCause) -> None:
        """Close a position for the account, unasked and unchecked."""
        quantity = self.account.quantity(product_id)
        side = Side.SELL if quantity > 0 else Side.BUY
        asked = NewOrder(
            client_order_id=f"{cause.lower()}:{product_id}:{len(self.orders) + 1}",
            product_id=product_id,
            side=side,
            order_type=VenueOrderType.MARKET,
            time_in_force=TimeInForce.IOC,
            configuration={},
            base_size=abs(quantity),
            cause=cause,
        )
        order = self._accept(asked)
        order.status = VenueStatus.OPEN
        self._revised(order)
        if cause is FillCause.LIQUIDATION:
            self._send_to_book(order, self._book_order(order.order_id, asked))
            return
        product = self.market.products[product_id]
        execution = product.cross(order.order_id, side, abs(quantity), self._mark(product_id), self.now_ns)
        self._book_executions(product_id, (execution,), self.now_ns)

    # ---- orders ------------------------------------------------------------------------------------------

    def _is_due(self, asked: NewOrder, product: ProductMarket) -> bool:
        mark = self._mark(asked.product_id)
        return mark >= asked.stop if asked.stops_upwards else mark <= asked.stop

    def _send_to_book(self, order: VenueOrder, book_order: BookOrder) -> None:
        if order.asked.reduce_only:
            book_order.leaves = min(book_order.leaves, self.account.reducible(order.asked))
            if not book_order.leaves:
                order.cancel_message = NOTHING_TO_REDUCE
                self._finish(order, VenueStatus.CANCELLED)
                return
        super()._send_to_book(order, book_order)
        self._trim(order.asked.product_id)

    def _trim(self, product_id: str) -> None:
        """Let no resting reduce-only order be larger than what is left to reduce."""
        for order in list(self._live.values()):
            asked = order.asked
            if not asked.reduce_only or asked.product_id != product_id or order.status is VenueStatus.PENDING:
                continue
            reducible = self.account.reducible(asked)
            rests = self.market.products[product_id].book.trim(order.order_id, reducible)
            if not reducible or not (rests or order.is_armed):
                order.cancel_message = NOTHING_TO_REDUCE
                self._finish(order, VenueStatus.CANCELLED)
