"""The toy venue as a `TradingVenue`: calls instead of requests, with the fates that requests have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TypeVar

from msgspec.structs import replace

from adapters.clock import Clock
from adapters.simulator.engine.margin_account import Held
from adapters.simulator.engine.past_exchange import PastExchange
from adapters.simulator.engine.perpetual_exchange import PerpetualExchange
from adapters.simulator.engine.refusals import Refused
from adapters.simulator.engine.venue_order import VenueOrder
from adapters.simulator.hyperliquid.venue import LISTED
from adapters.simulator.in_memory import no_time
from domain.errors import Fatal, Rejected, VenueError
from domain.instrument import Instrument, Side
from domain.messages.account import Balance
from domain.messages.listing import Listing, chosen
from domain.messages.orders import (
    CancelAccepted,
    CancelOrder,
    Fill,
    InstrumentsLoaded,
    OrderAccepted,
    OrderNotFound,
    OrderReported,
    QueryOrder,
    SubmitOrder,
    TouchReported,
)
from domain.messages.positions import FundingPayment, VenuePosition
from domain.messages.replacements import ModifyAccepted, ModifyOrder
from domain.numbers import divide
from domain.streams.venue_time import VenueTime
from tests.toy.rows import (
    COLLATERAL,
    VENUE,
    WALLET,
    asked_for,
    fill_row,
    funding_row,
    is_asked_for,
    is_understood,
    name_of,
    order_row,
)
from tests.toy.venue import ToyVenue

T = TypeVar("T")
View = PerpetualExchange | PastExchange


class ToyClient:
    venue = VENUE
    resubmits_safely = False  # a name that was used is refused, whatever it was used for

    def __init__(
        self, toy: ToyVenue, clock: Clock, spend: Callable[[float], None] = no_time, true: Clock | None = None
    ) -> None:
        """Args:
        clock: ours, whose wall time may be wrong.
        true: the world's; ours where that is never wrong.
        """
        self._toy = toy
        self._clock = clock
        self._true = true or clock
        self._spend = spend
        self._time = VenueTime()
        self._sent: dict[str, int] = {}  # client_order_id -> CLOCK_MONOTONIC

    def follow(self, time: VenueTime) -> None:
        self._time = time

    def close(self) -> None:
        """Nothing is open."""

    def sent_ns(self, client_order_id: str) -> int | None:
        return self._sent.get(client_order_id)

    def _ask(self, where: str, act: Callable[[int, View], T], timeout_s: float) -> T:
        return self._toy.ask(where, act, timeout_s, self._true, self._spend)

    # ---- orders ------------------------------------------------------------------------------------------

    def submit_order(self, command: SubmitOrder, timeout_s: float) -> OrderAccepted:
        [fate] = self.submit_many([command], timeout_s)
        if isinstance(fate, VenueError):
            raise fate
        return fate

    def submit_many(self, commands: Sequence[SubmitOrder], timeout_s: float) -> Sequence[OrderAccepted | VenueError]:
        understood = [command for command in commands if is_understood(command)]
        sent_ns = self._clock.now().monotonic_ns

        def place(now_ns: int, exchange: View) -> dict[str, VenueOrder | VenueError]:
            return {it.client_order_id: self._placed(it, now_ns) for it in understood}

        placed = self._ask("submit", place, timeout_s) if understood else {}
        self._sent.update(dict.fromkeys(placed, sent_ns))
        unsupported = Rejected("no such order", venue=VENUE, code="unsupported_order")
        return [_accepted(command, placed.get(command.client_order_id, unsupported)) for command in commands]

    def _placed(self, command: SubmitOrder, now_ns: int) -> VenueOrder | VenueError:
        until_ns = command.accept_until.utc_ns if command.accept_until else 0
        try:
            return self._toy.place(asked_for(command), until_ns, now_ns)
        except Refused as refused:
            return Rejected("refused", venue=VENUE, code=refused.why.name)
        except Rejected as error:
            return error

    def cancel_order(self, command: CancelOrder, timeout_s: float) -> CancelAccepted:
        [fate] = self.cancel_many([command], timeout_s)
        if isinstance(fate, VenueError):
            raise fate
        return fate

    def cancel_many(self, commands: Sequence[CancelOrder], timeout_s: float) -> Sequence[CancelAccepted | VenueError]:
        def cancel(now_ns: int, exchange: View) -> list[CancelAccepted | VenueError]:
            return [self._canceled(command, now_ns) for command in commands]

        return self._ask("cancel", cancel, timeout_s)

    def _canceled(self, command: CancelOrder, now_ns: int) -> CancelAccepted | VenueError:
        toy, named = self._toy, command.venue_order_id
        order = toy.exchange.orders.get(named) if named else toy.order(command.wire_id)
        if order is None:
            return Rejected("no such order", venue=VENUE, code="UNKNOWN_ORDER")
        if not toy.exchange.cancel(order.order_id, now_ns):
            return Rejected("it has ended", venue=VENUE, code=f"IS_{order.status}")
        return CancelAccepted(ts_event=now_ns, client_order_id=command.client_order_id, venue=VENUE)

    def modify_order(self, command: ModifyOrder, timeout_s: float) -> ModifyAccepted:
        raise Rejected("no order can be changed here", venue=VENUE, code="unsupported_order")

    def find_order(self, query: QueryOrder, timeout_s: float) -> OrderReported | OrderNotFound:
        began = self._clock.now()

        def find(now_ns: int, exchange: View) -> OrderReported | None:
            for order in exchange.visible_orders(now_ns):
                by_name = query.client_order_id and order.asked.client_order_id == query.wire_id
                if is_asked_for(order) and (by_name or order.order_id == query.venue_order_id):
                    return order_row(order, now_ns, is_read=True)
            return None

        found = self._ask("query", find, timeout_s)
        if found is not None:
            return found
        return OrderNotFound(
            ts_event=self._time.utc_ns(began),
            client_order_id=query.client_order_id,
            venue=VENUE,
            listing_began_at=self._time.utc_ns(began),
            listing_began_ns=began.monotonic_ns,
        )

    def list_open_orders(self, timeout_s: float) -> Listing[OrderReported]:
        def live(now_ns: int, exchange: View) -> list[OrderReported]:
            orders = exchange.visible_orders(now_ns)
            return [order_row(each, now_ns, True) for each in orders if is_asked_for(each) and not each.is_final]

        return Listing.of(self._ask("list", live, timeout_s))

    # ---- the account -------------------------------------------------------------------------------------

    def list_fills(self, since: int, timeout_s: float, venue_order_ids: Sequence[str] = ()) -> Listing[Fill]:
        def traded(now_ns: int, exchange: View) -> list[Fill]:
            rows = (fill_row(each) for each in exchange.fills)
            wanted = frozenset(venue_order_ids)
            return [it for it in rows if it.ts_event >= since and (not wanted or it.venue_order_id in wanted)]

        return Listing.of(self._ask("fills", traded, timeout_s))

    def list_funding(self, since: int, timeout_s: float) -> Listing[FundingPayment]:
        def paid(now_ns: int, exchange: View) -> list[FundingPayment]:
            return [funding_row(each) for each in exchange.funding if each.time_ns >= since]

        return Listing.of(self._ask("fills", paid, timeout_s))

    def list_balances(self, timeout_s: float) -> Listing[Balance]:
        def held(now_ns: int, exchange: View) -> list[Balance]:
            ledger = exchange.ledger
            total = ledger.totals.get(COLLATERAL, Decimal(0))
            return [Balance(currency=COLLATERAL, wallet=WALLET, total=total, hold=ledger.held(COLLATERAL))]

        return Listing.of(self._ask("accounts", held, timeout_s))

    def list_positions(self, timeout_s: float) -> Listing[VenuePosition]:
        return Listing.of(self._ask("accounts", lambda now_ns, exchange: list(self._positions(exchange)), timeout_s))

    def _positions(self, exchange: View) -> Iterable[VenuePosition]:
        account = self._toy.exchange.account
        positions = self._toy.positions(exchange)
        for name in sorted(positions.keys() | self._toy.margin_set.keys()):
            held, is_now = positions.get(name, Held()), exchange is self._toy.exchange
            leverage, is_isolated = self._toy.margin_set.get(name, (None, None))
            yield VenuePosition(
                instrument=name_of(name),
                quantity=held.quantity,
                entry_price=held.entry_price,
                mark_price=self._toy.exchange._mark(name),
                leverage=leverage,
                is_isolated=is_isolated,
                liquidation_price=account.liquidation_price(name) if is_now else None,
            )

    # ---- the market --------------------------------------------------------------------------------------

    def load_instruments(self, names: Sequence[str], timeout_s: float) -> InstrumentsLoaded:
        def listed(now_ns: int, exchange: View) -> Listing[Instrument]:
            products = exchange.market.products
            return Listing.of(_listed(name, each.instrument, each.is_halted(now_ns)) for name, each in products.items())

        found = chosen(self._ask("market_data", listed, timeout_s), names)
        if not found:
            raise Fatal(f"none of {', '.join(names)} is listed", venue=VENUE, code="not_listed")
        exchange = self._toy.exchange
        return InstrumentsLoaded(
            ts_event=self._time.utc_ns(self._clock.now()),
            venue=VENUE,
            instruments=tuple(found),
            taker_fee_ratio=exchange.taker_fee_ratio,
            maker_fee_ratio=exchange.maker_fee_ratio,
            left_out=found.unread,
        )

    def read_touch(self, instrument: str, timeout_s: float) -> TouchReported:
        def touch(now_ns: int, exchange: View) -> TouchReported:
            product = exchange.market.products[instrument.partition("-")[0]]
            return TouchReported(
                ts_event=now_ns,
                venue=VENUE,
                instrument=instrument,
                bid_price=product.book.best_price(Side.BUY),
                ask_price=product.book.best_price(Side.SELL),
                last_price=product.tape.last_price,
            )

        return self._ask("market_data", touch, timeout_s)


def _accepted(command: SubmitOrder, placed: VenueOrder | VenueError) -> OrderAccepted | VenueError:
    if isinstance(placed, VenueError):
        return placed
    return OrderAccepted(
        ts_event=placed.created_ns,
        client_order_id=command.client_order_id,
        venue=VENUE,
        venue_order_id=placed.order_id,
    )


def _listed(symbol: str, instrument: Instrument, is_halted: bool) -> Instrument:
    most = Decimal(LISTED[symbol].max_leverage)
    return replace(
        instrument, max_leverage=most, maintenance_ratio=divide(Decimal(1), 2 * most), is_tradable=not is_halted
    )
