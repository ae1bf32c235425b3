"""How the toy venue tells of its orders, fills and positions: the words of our own domain, for it has no wire."""

from __future__ import annotations

from adapters.simulator.engine.records import FundingPayment as PaidFunding
from adapters.simulator.engine.venue_order import Fill as VenueFill
from adapters.simulator.engine.venue_order import NewOrder, VenueOrder, VenueOrderType, VenueStatus
from domain.instrument import Side
from domain.messages.orders import Fill, FillCause, OrderReported, OrderStatus, OrderType, SubmitOrder, TimeInForce
from domain.messages.positions import FundingPayment
from tests.toy.rules import client_order_id

VENUE, COLLATERAL, WALLET = "hyperliquid", "USDC", "perpetual"

_STATUS = {
    VenueStatus.PENDING: OrderStatus.OPEN,
    VenueStatus.FILLED: OrderStatus.FILLED,
    VenueStatus.CANCELLED: OrderStatus.CANCELED,
    VenueStatus.EXPIRED: OrderStatus.EXPIRED,
    VenueStatus.FAILED: OrderStatus.REJECTED,
}


def name_of(symbol: str) -> str:
    """Return our spelling of a product."""
    return f"{symbol}-USD"


def asked_for(command: SubmitOrder) -> NewOrder:
    """Return what the venue is asked for. A trigger waits for the mark to get worse (a stop) or better."""
    is_trigger = command.order_type is not OrderType.LIMIT
    is_worse_above = command.side is Side.BUY
    return NewOrder(
        client_order_id=command.wire_id,
        product_id=command.symbol,
        side=command.side,
        order_type=VenueOrderType.STOP_LIMIT if is_trigger else VenueOrderType.LIMIT,
        time_in_force=command.time_in_force,
        configuration={"order_type": command.order_type.value},
        base_size=command.quantity,
        limit_price=command.limit_price,
        stop_price=command.stop_price if is_trigger else None,
        stops_upwards=is_worse_above == (command.order_type is OrderType.STOP),
        post_only=command.post_only,
        reduce_only=command.reduce_only,
    )


def is_understood(command: SubmitOrder) -> bool:
    """Tell whether the venue has such an order at all."""
    is_trigger = command.order_type is not OrderType.LIMIT
    return (
        bool(command.client_order_id)
        and command.order_type is not OrderType.BRACKET
        and command.time_in_force in (TimeInForce.GTC, TimeInForce.IOC)
        and not (command.post_only and (is_trigger or command.time_in_force is TimeInForce.IOC))
        and is_trigger == (command.stop_price is not None)
    )


def is_asked_for(order: VenueOrder) -> bool:
    """Tell whether somebody sent it: what the venue forces on an account is told by its fills alone."""
    return order.asked.cause is FillCause.TRADE


def fill_row(fill: VenueFill) -> Fill:
    asked = fill.order.asked
    return Fill(
        venue=VENUE,
        fill_id=fill.entry_id,
        venue_order_id=fill.order.order_id,
        instrument=name_of(asked.product_id),
        side=asked.side,
        quantity=fill.quantity,
        price=fill.price,
        fee=fill.fee,
        fee_currency=COLLATERAL,
        ts_event=fill.time_ns,
        is_maker=fill.is_maker,
        cause=asked.cause,
    )


def funding_row(paid: PaidFunding) -> FundingPayment:
    return FundingPayment(
        instrument=name_of(paid.product_id),
        paid_at=paid.time_ns,
        amount=paid.amount,
        currency=COLLATERAL,
        wallet=WALLET,
        rate=paid.rate,
        quantity=paid.quantity,
    )


def order_row(order: VenueOrder, ts_event: int, is_read: bool = False) -> OrderReported:
    asked = order.asked
    status = _STATUS.get(order.status, OrderStatus.OPEN)
    if status is OrderStatus.OPEN and order.filled_size:
        status = OrderStatus.PARTIALLY_FILLED
    return OrderReported(
        ts_event=ts_event,
        client_order_id=client_order_id(asked.client_order_id),
        venue=VENUE,
        venue_order_id=order.order_id,
        instrument=name_of(asked.product_id),
        side=asked.side,
        status=status,
        cumulative_quantity=order.filled_size,
        average_price=order.average_price if order.filled_size else None,
        total_fees=order.total_fees,
        reason=order.cancel_message,
        is_read=is_read,
        created_at=order.created_ns,
        order_type=OrderType(asked.configuration.get("order_type", OrderType.LIMIT)),
        quantity=asked.base_size,
        leaves_quantity=order.leaves,
        limit_price=asked.limit_price,
        stop_price=asked.stop_price,
        reduce_only=asked.reduce_only,
        fee_currency=COLLATERAL,
    )
