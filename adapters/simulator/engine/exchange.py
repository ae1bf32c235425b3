"""The core of one simulated venue: one account on one market.

Owns orders, their statuses, triggers, expiry and fills; what they cost is the account's, and no wire format is
known. Time is an argument: every call first lets the market and the agenda catch up with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from random import Random
from uuid import UUID, uuid5

from adapters.simulator.engine.accounts import Account
from adapters.simulator.engine.ledger import Ledger
from adapters.simulator.engine.market import Market, ProductMarket
from adapters.simulator.engine.matching import BookOrder, Execution
from adapters.simulator.engine.past import Past
from adapters.simulator.engine.records import AccountRecord, FundingPayment, Terms
from adapters.simulator.engine.refusals import Refusal, Refused
from adapters.simulator.engine.stops import is_reached, stop_limit
from adapters.simulator.engine.venue_order import Fill, NewOrder, VenueOrder, VenueOrderType, VenueStatus
from domain.instant import SECOND_NS
from domain.messages.orders import TimeInForce
from domain.numbers import divide
from domain.settings import SimulatorSettings

ACCOUNT = "account"
FILL_NAMESPACE = UUID("5f5c6a1e-6d0f-4b57-9e0c-2f1d3c0f7a11")


class Exchange:
    """One account. `revisions` names an order once for each change of it in this life of the venue.

    Streams and whoever keeps records follow what happened by the lengths of `revisions` and `fills`.
    """

    def __init__(
        self,
        settings: SimulatorSettings,
        market: Market,
        terms: Terms,
        account: Account,
        start_ns: int,
        record: AccountRecord | None = None,
    ) -> None:
        """Open before the market does.

        Args:
            terms: by which the account was opened.
            record: of it, if it is not new.
        """
        self.market = market
        self._agenda = market.agenda
        self.terms = terms
        self.account = account
        self.taker_fee_ratio = terms.taker_fee_ratio
        self.maker_fee_ratio = terms.maker_fee_ratio
        self.orders: dict[str, VenueOrder] = {}  # order id -> order, in order of creation
        self.fills: list[Fill] = []  # in order of time
        self.funding: list[FundingPayment] = []  # in order of time; where nothing is held on margin, none
        self.revisions: list[str] = []  # order ids
        self._by_client_order_id: dict[str, VenueOrder] = {}
        self._live: dict[str, VenueOrder] = {}  # order id -> order that is not final
        self._read_lag_max_ns = int(settings.read_lag_max_s * SECOND_NS)
        known_orders = len(record.orders) if record else 0
        # The start is in it: a journal that outlives one account must not meet its ids in the next. So is the
        # number of orders: no two lives of one account that both accept orders draw the same ids.
        self._ids = Random(f"{settings.seed}:{start_ns}:{known_orders}:order ids")
        self._read_lags = Random(f"{settings.seed}:read lags")
        if record:
            self._recall(record)
        self.past = Past()
        self.past.note(self.now_ns, self.ledger)
        market.on_trades = self._after_trades

    def _recall(self, record: AccountRecord) -> None:
        """Be again the venue that kept this record."""
        for fill in record.fills:
            self.account.book(fill)
        self.fills.extend(record.fills)
        for order in record.orders:
            self.orders[order.order_id] = order
            self._by_client_order_id[order.asked.client_order_id] = order
            if not order.is_final:
                self._resume(order)

    def _resume(self, order: VenueOrder) -> None:
        """Hold again what a live order holds, and put it back where it waited."""
        asked = order.asked
        self._live[order.order_id] = order
        self.account.hold(order)
        if order.status is VenueStatus.PENDING:
            self._agenda.at(self.now_ns, lambda due_ns: None if order.is_final else self._process(order))
            return
        if asked.end_ns is not None:
            self._agenda.at(asked.end_ns, lambda due_ns: self._expire(order))
        price = asked.limit_price
        if asked.order_type is VenueOrderType.STOP_LIMIT and order.is_armed:
            return
        if asked.order_type is VenueOrderType.BRACKET and order.is_triggered:
            price = stop_limit(self.market.products[asked.product_id].instrument, asked)
        # The book is still empty: the makers that return to it at once trade with what they find resting.
        resting = BookOrder(order.order_id, ACCOUNT, asked.side, order.leaves, price)
        self.market.products[asked.product_id].submit(resting, TimeInForce.GTC, self.now_ns)

    # ---- time ------------------------------------------------------------------------------------------

    @property
    def ledger(self) -> Ledger:
        return self.account.ledger

    @property
    def now_ns(self) -> int:
        return self._agenda.now_ns

    def advance(self, now_ns: int) -> None:
        """Let everything happen that happens by itself up to `now_ns`."""
        self._agenda.advance(now_ns)

    def _after_trades(self, product_id: str, executions: tuple[Execution, ...], time_ns: int) -> None:
        self._book_executions(product_id, executions, time_ns)
        self._pull_triggers(product_id)

    # ---- commands --------------------------------------------------------------------------------------

    def submit(self, asked: NewOrder, now_ns: int, held_ns: int = 0) -> VenueOrder:
        """Accept an order, or return the one that was accepted under this client order id before.

        One that should end at once is kept as it came for `held_ns`, or until it is cancelled.

        Raises:
            Refused: nothing was accepted; the id may be used again.
        """
        self.advance(now_ns)
        if asked.client_order_id not in self._by_client_order_id:
            self.check(asked)
            order = self._accept(asked)
            if held_ns and asked.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
                self._keep(order, held_ns)
            else:
                self._process(order)
            self._pull_triggers(asked.product_id)
        return self._by_client_order_id[asked.client_order_id]

    def submit_and_fail(self, asked: NewOrder, now_ns: int) -> VenueOrder:
        """Accept an order and refuse it afterwards: the client hears success first, FAILED later.

        Raises:
            Refused: it would not have been accepted at all.
        """
        self.advance(now_ns)
        if asked.client_order_id not in self._by_client_order_id:
            self.check(asked)
            order = self._accept(asked)
            self._finish(order, VenueStatus.FAILED)
        return self._by_client_order_id[asked.client_order_id]

    def submit_later(self, asked: NewOrder, due_ns: int) -> None:
        """Let an order arrive at `due_ns`, when its sender may long have given up."""

        def arrive(arrived_ns: int) -> None:
            with suppress(Refused):  # nobody is left to tell
                self.submit(asked, arrived_ns)

        self._agenda.at(due_ns, arrive)

    def cancel(self, order_id: str, now_ns: int) -> bool:
        """Cancel an order; False when it isn't there or already final."""
        self.advance(now_ns)
        order = self._live.get(order_id)
        if order is None:
            return False
        order.cancel_message = "User requested cancel"
        self._finish(order, VenueStatus.CANCELLED)
        return True

    # ---- reads -----------------------------------------------------------------------------------------

    def visible_order(self, order_id: str, now_ns: int) -> VenueOrder | None:
        """Return an order as order reads show it: not before its read-after-write lag is over."""
        self.advance(now_ns)
        order = self.orders.get(order_id)
        return order if order is not None and order.visible_ns <= self.now_ns else None

    def visible_orders(self, now_ns: int) -> list[VenueOrder]:
        """Return what listings show, oldest first."""
        self.advance(now_ns)
        return [order for order in self.orders.values() if order.visible_ns <= self.now_ns]

    def live_orders(self) -> Iterable[VenueOrder]:
        return self._live.values()

    # ---- checks ----------------------------------------------------------------------------------------

    def check(self, asked: NewOrder) -> None:
        """Say no to what the venue would not take.

        Raises:
            Refused: always with the first reason found.
        """
        product = self.market.products.get(asked.product_id)
        if product is None:
            raise Refused(Refusal.UNKNOWN_PRODUCT)
        if product.is_halted(self.now_ns):
            raise Refused(Refusal.HALTED)
        self._check_sizes(asked, product)
        if asked.time_in_force is TimeInForce.GTD and (asked.end_ns or 0) <= self.now_ns:
            raise Refused(Refusal.ALREADY_EXPIRED)
        self._check_stops(asked, product)
        order = self._book_order("", asked)
        if asked.post_only and product.book.would_trade(order):
            raise Refused(Refusal.POST_ONLY_WOULD_TRADE)
        if asked.order_type is VenueOrderType.MARKET and not product.book.would_trade(order):
            raise Refused(Refusal.NO_LIQUIDITY)
        self.account.check(asked)

    def _check_sizes(self, asked: NewOrder, product: ProductMarket) -> None:
        instrument = product.instrument
        if asked.quote_size is not None:
            if asked.quote_size % instrument.tick_size:
                raise Refused(Refusal.SIZE_OFF_GRID)
            if asked.quote_size < instrument.min_notional:
                raise Refused(Refusal.TOO_LITTLE_MONEY)
            return
        size = asked.size
        if size % instrument.lot_size:
            raise Refused(Refusal.SIZE_OFF_GRID)
        for price in (asked.limit_price, asked.stop_price):
            if price is not None and (price <= 0 or price % instrument.price_step(price)):
                raise Refused(Refusal.PRICE_OFF_GRID)
        worth = asked.limit_price or product.tape.last_price
        if size < instrument.min_quantity or size * worth < instrument.min_notional:
            raise Refused(Refusal.TOO_SMALL)
        if size > instrument.max_quantity:
            raise Refused(Refusal.TOO_LARGE)

    def _check_stops(self, asked: NewOrder, product: ProductMarket) -> None:
        if asked.stop_price is None:
            return
        if asked.order_type is VenueOrderType.BRACKET:
            beyond = asked.limit - asked.stop
            if beyond * asked.side.sign >= 0:  # a selling bracket has its target above its stop
                raise Refused(Refusal.BRACKET_REVERSED)
        if self._is_due(asked, product):
            rises = asked.stops_upwards
            raise Refused(Refusal.STOP_BELOW_LAST_PRICE if rises else Refusal.STOP_ABOVE_LAST_PRICE)

    # ---- the life of an order --------------------------------------------------------------------------

    def _accept(self, asked: NewOrder) -> VenueOrder:
        order = VenueOrder(
            number=len(self.orders) + 1,
            order_id=str(UUID(int=self._ids.getrandbits(128), version=4)),
            asked=asked,
            created_ns=self.now_ns,
            visible_ns=self.now_ns + int(self._read_lags.random() * self._read_lag_max_ns),
        )
        self.orders[order.order_id] = order
        self._by_client_order_id[asked.client_order_id] = order
        self._live[order.order_id] = order
        return order

    def _keep(self, order: VenueOrder, held_ns: int) -> None:
        self.account.hold(order)
        self._revised(order)
        self._agenda.at(self.now_ns + held_ns, lambda due_ns: None if order.is_final else self._process(order))

    def _process(self, order: VenueOrder) -> None:
        asked = order.asked
        self.account.hold(order)
        order.status = VenueStatus.OPEN
        self._revised(order)
        order.is_armed = asked.stop_price is not None
        if asked.end_ns is not None:
            self._agenda.at(asked.end_ns, lambda due_ns: self._expire(order))
        if asked.order_type is not VenueOrderType.STOP_LIMIT:
            self._send_to_book(order, self._book_order(order.order_id, asked))

    def _send_to_book(self, order: VenueOrder, book_order: BookOrder) -> None:
        asked = order.asked
        product = self.market.products[asked.product_id]
        outcome = product.submit(book_order, asked.time_in_force, self.now_ns, asked.post_only)
        self._book_executions(asked.product_id, outcome.executions, self.now_ns)
        if order.is_final or outcome.rests:
            return
        if asked.quote_size is not None and order.fills:
            self._finish(order, VenueStatus.FILLED)  # what is left of the money buys less than one lot
            return
        order.cancel_message = "Self trade prevented" if outcome.met_own_order else "Not filled at once"
        self._finish(order, VenueStatus.CANCELLED)

    def _book_executions(self, product_id: str, executions: tuple[Execution, ...], time_ns: int) -> None:
        for execution in executions:
            for order_id, is_maker in ((execution.maker_id, True), (execution.taker_id, False)):
                order = self._live.get(order_id)
                if order is not None:
                    self._book_fill(order, execution, is_maker, time_ns)

    def _book_fill(self, order: VenueOrder, execution: Execution, is_maker: bool, time_ns: int) -> None:
        asked = order.asked
        notional = execution.price * execution.quantity
        fee = notional * (self.maker_fee_ratio if is_maker else self.taker_fee_ratio)
        order.add_fill(execution.price, execution.quantity, fee, time_ns)
        trade_id = str(uuid5(FILL_NAMESPACE, f"{asked.product_id}:{execution.trade_id}"))
        entry_id = str(uuid5(FILL_NAMESPACE, f"{order.order_id}:{execution.trade_id}"))
        number, traded = len(self.fills) + 1, (execution.price, execution.quantity)
        self.fills.append(Fill(number, entry_id, trade_id, order, *traded, fee, is_maker, time_ns))
        self.account.book(self.fills[-1])
        if asked.base_size is not None and not order.leaves:
            self._finish(order, VenueStatus.FILLED)
            return
        if asked.limit_price is not None:
            self.account.hold(order)
        self._revised(order)

    def _pull_triggers(self, product_id: str) -> None:
        product = self.market.products[product_id]
        for order in list(self._live.values()):
            is_waiting = order.is_armed and order.asked.product_id == product_id
            if is_waiting and self._is_due(order.asked, product):
                self._trigger(order, product)

    def _is_due(self, asked: NewOrder, product: ProductMarket) -> bool:
        """Tell whether what an order waits for has come: by its trades and its touch."""
        return is_reached(asked, product)

    def _trigger(self, order: VenueOrder, product: ProductMarket) -> None:
        asked = order.asked
        order.is_armed = False
        order.is_triggered = True
        self._revised(order)
        price = asked.limit_price
        if asked.order_type is VenueOrderType.BRACKET:
            product.cancel(order.order_id, self.now_ns)
            price = stop_limit(product.instrument, asked)
        self._send_to_book(order, BookOrder(order.order_id, ACCOUNT, asked.side, order.leaves, price))

    def _end_all(self, why: str) -> None:
        """Cancel every live order: the venue has decided so."""
        for order in list(self._live.values()):
            order.cancel_message = why
            self._finish(order, VenueStatus.CANCELLED)

    def _expire(self, order: VenueOrder) -> None:
        if not order.is_final:
            self._finish(order, VenueStatus.EXPIRED)

    def _finish(self, order: VenueOrder, status: VenueStatus) -> None:
        order.status = status
        order.is_armed = False
        del self._live[order.order_id]
        self.market.products[order.asked.product_id].cancel(order.order_id, self.now_ns)
        self.account.release(order)
        self._revised(order)

    def _revised(self, order: VenueOrder) -> None:
        self.revisions.append(order.order_id)
        self.past.note(self.now_ns, self.ledger, order)

    # ---- arithmetic ------------------------------------------------------------------------------------

    def _book_order(self, order_id: str, asked: NewOrder) -> BookOrder:
        if asked.quote_size is None:
            return BookOrder(order_id, ACCOUNT, asked.side, asked.size, asked.limit_price)
        instrument = self.market.products[asked.product_id].instrument
        # The fee comes out of the money too. Rounded down to the lot's decimals, so it never overspends.
        budget = instrument.round_quantity(divide(asked.quote_size, 1 + self.taker_fee_ratio))
        return BookOrder(order_id, ACCOUNT, asked.side, instrument.max_quantity, budget=budget)
