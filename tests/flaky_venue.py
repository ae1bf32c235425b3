"""A venue that keeps the truth and tells it badly: late, twice, in any order or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from domain.instant import SECOND_NS, Instant
from domain.instrument import Side
from domain.messages.account import Balance, RequestSnapshot, SnapshotFailed, VenueSnapshot
from domain.messages.base import Event
from domain.messages.orders import (
    CancelAccepted,
    CancelOrder,
    CancelRejected,
    CancelUnconfirmed,
    Fill,
    FillsReported,
    OrderAccepted,
    OrderNotFound,
    OrderNotSent,
    OrderRejected,
    OrderReported,
    OrderStatus,
    OrderUnconfirmed,
    Purpose,
    QueryFailed,
    QueryOrder,
    SubmitOrder,
    TimeInForce,
)
from domain.numbers import ZERO, divide

FEE_RATIO = Decimal("0.006")
LANDS_WITHIN_NS = 25 * SECOND_NS  # the token of a create lives 30 s

Command = SubmitOrder | CancelOrder | QueryOrder | RequestSnapshot


@dataclass
class TrueOrder:
    """What the venue really has."""

    order: SubmitOrder
    venue_order_id: str
    status: OrderStatus = OrderStatus.OPEN
    fills: list[Fill] = field(default_factory=list)

    @property
    def is_live(self) -> bool:
        return self.status is OrderStatus.OPEN

    @property
    def filled(self) -> Decimal:
        return sum((fill.quantity for fill in self.fills), ZERO)

    @property
    def leaves(self) -> Decimal:
        return self.order.quantity - self.filled


class FlakyVenue:
    """Accepts, fills and cancels truly; `answer` decides by `luck` what the caller gets to know."""

    def __init__(self) -> None:
        self.orders: dict[str, TrueOrder] = {}  # client_order_id ->
        self.coins = ZERO
        self.cash = Decimal(10_000)
        self.landing: list[tuple[int, SubmitOrder]] = []  # (sent monotonic, order): may still arrive
        self.oversold: list[SubmitOrder] = []  # sells of coins that nobody has

    # ---- commands ----------------------------------------------------------------------------------------

    def answer(self, command: Command, luck: int, now: Instant) -> list[Event]:
        """Do what `command` says, more or less; luck 0 is a venue at its best."""
        match command:
            case SubmitOrder():
                return self._submit(command, luck % 9, now)
            case CancelOrder():
                return self._cancel(command, luck % 3, now)
            case QueryOrder():
                return [self._find(command, luck % 3, now)]
            case RequestSnapshot() if luck % 4 == 3:
                return [
                    SnapshotFailed(ts_event=now.utc_ns, request_id=command.request_id, venue="coinbase", reason="503")
                ]
            case RequestSnapshot():
                return [self._snapshot(command, now)]

    def _submit(self, order: SubmitOrder, luck: int, now: Instant) -> list[Event]:
        identity = {"ts_event": now.utc_ns, "client_order_id": order.client_order_id, "venue": "coinbase"}
        timeout = OrderUnconfirmed(**identity, reason="timeout")
        match luck:
            case 1:
                self.accept(order)
                return [timeout]
            case _ if luck in (0, 6, 7, 8) and not self._has_coins_for(order):
                if order.is_resubmission:
                    return [OrderUnconfirmed(**identity, reason="coins held", is_void=True, is_refused=True)]
                return [OrderRejected(**identity, code="INSUFFICIENT_FUND")]
            case 2:
                self.landing.append((now.monotonic_ns, order))
                return [timeout]
            case 3:
                return [timeout]
            case 4:
                return [OrderRejected(**identity, code="INSUFFICIENT_FUND")]
            case 5:
                # As the gateway has it: of a second send nothing is proven about the first.
                return [timeout if order.is_resubmission else OrderNotSent(**identity, reason="refused")]
            case _:
                accepted = self.accept(order)
                return [OrderAccepted(**identity, venue_order_id=accepted.venue_order_id)]

    def accept(self, order: SubmitOrder) -> TrueOrder | None:
        """Take an order into the book; the same id again is the same order. None: other orders hold its coins."""
        known = self.orders.get(order.client_order_id)
        if known is None and self._has_coins_for(order):
            known = TrueOrder(order, f"v-{len(self.orders) + 1}")
            self.orders[order.client_order_id] = known
        return known

    def _has_coins_for(self, order: SubmitOrder) -> bool:
        """Tell whether the coins to sell are there and not held; what asks for more than there can be, is noted.

        A close needn't know what an unproven stop has sold: it finds no coins then, and that does no harm.
        """
        if order.side is Side.BUY or order.client_order_id in self.orders:
            return True
        stops = [it for it in self.orders.values() if it.order.purpose is Purpose.PROTECT]
        unheard = sum((it.filled for it in stops), ZERO) if order.purpose is Purpose.CLOSE else ZERO
        if order.quantity > self.coins + unheard:
            self.oversold.append(order)
        held = sum((it.leaves for it in self._live() if it.order.side is Side.SELL), ZERO)
        return order.quantity <= self.coins - held

    def land(self, now: Instant) -> None:
        """Let what was under way arrive, unless its token has expired."""
        for sent_ns, order in self.landing:
            if now.monotonic_ns - sent_ns < LANDS_WITHIN_NS:
                self.accept(order)
        self.landing.clear()

    def _cancel(self, command: CancelOrder, luck: int, now: Instant) -> list[Event]:
        identity = {"ts_event": now.utc_ns, "client_order_id": command.client_order_id, "venue": "coinbase"}
        order = self.orders[command.client_order_id]
        if luck == 2:
            return [CancelUnconfirmed(**identity, reason="timeout")]
        if not order.is_live:
            return [CancelRejected(**identity, code="UNKNOWN_CANCEL_ORDER")]
        order.status = OrderStatus.CANCELED
        if luck == 1:
            return [CancelUnconfirmed(**identity, reason="timeout"), self.report(order, now)]
        return [CancelAccepted(**identity), self.report(order, now)]

    def _find(self, query: QueryOrder, luck: int, now: Instant) -> Event:
        identity = {"ts_event": now.utc_ns, "client_order_id": query.client_order_id, "venue": "coinbase"}
        if luck == 2:
            return QueryFailed(**identity, reason="503")
        order = self.orders.get(query.client_order_id)
        if not query.client_order_id:  # whose order is it?
            order = next((it for it in self.orders.values() if it.venue_order_id == query.venue_order_id), None)
        if order is None:
            return OrderNotFound(**identity, listing_began_at=now.utc_ns)
        return self.report(order, now)

    # ---- what happens there ------------------------------------------------------------------------------

    def trade(self, luck: int, now: Instant) -> list[Event]:
        """Fill some of a live order; totals and exact rows are told separately."""
        live = self._live()
        if not live:
            return []
        order = live[luck % len(live)]
        quantity = order.leaves if luck % 3 else min(order.leaves, Decimal("0.003"))
        price = Decimal(64_000 + luck % 50)
        fill = Fill(
            venue="coinbase",
            fill_id=f"{order.venue_order_id}-{len(order.fills)}",
            venue_order_id=order.venue_order_id,
            instrument=order.order.instrument,
            side=order.order.side,
            quantity=quantity,
            price=price,
            fee=quantity * price * FEE_RATIO,
            fee_currency="USD",
            ts_event=now.utc_ns,
        )
        order.fills.append(fill)
        self.coins += fill.side.sign * quantity
        self.cash -= fill.side.sign * quantity * price + fill.fee
        if not order.leaves:
            order.status = OrderStatus.FILLED
        return [self.report(order, now), self.fills((fill,), now)]

    def end_ioc(self, now: Instant) -> list[Event]:
        """Cancel the rest of every IOC order, as a venue does at once."""
        ended = [order for order in self._live() if order.order.time_in_force is TimeInForce.IOC]
        for order in ended:
            order.status = OrderStatus.CANCELED
        return [self.report(order, now) for order in ended]

    def _live(self) -> list[TrueOrder]:
        return [order for order in self.orders.values() if order.is_live]

    # ---- what it tells -----------------------------------------------------------------------------------

    def report(self, order: TrueOrder, now: Instant) -> OrderReported:
        value = sum((fill.quantity * fill.price for fill in order.fills), ZERO)
        return OrderReported(
            ts_event=now.utc_ns,
            client_order_id=order.order.client_order_id,
            venue="coinbase",
            venue_order_id=order.venue_order_id,
            instrument=order.order.instrument,
            side=order.order.side,
            status=order.status,
            cumulative_quantity=order.filled,
            average_price=divide(value, order.filled) if order.fills else ZERO,
            total_fees=sum((fill.fee for fill in order.fills), ZERO),
            order_type=order.order.order_type,
            quantity=order.order.quantity,
            leaves_quantity=order.leaves if order.is_live else ZERO,
            limit_price=order.order.limit_price,
            stop_price=order.order.stop_price,
        )

    def fills(self, fills: tuple[Fill, ...], now: Instant) -> FillsReported:
        return FillsReported(ts_event=now.utc_ns, venue="coinbase", fills=fills)

    def _snapshot(self, request: RequestSnapshot, now: Instant) -> VenueSnapshot:
        fills = [fill for order in self.orders.values() for fill in order.fills]
        return VenueSnapshot(
            ts_event=now.utc_ns,
            request_id=request.request_id,
            venue="coinbase",
            balances=(
                Balance(currency="USD", total=self.cash, hold=ZERO),
                Balance(currency="BTC", total=self.coins, hold=ZERO),
            ),
            open_orders=tuple(self.report(order, now) for order in self._live()),
            fills=tuple(fill for fill in fills if fill.ts_event >= request.fills_since),
        )
