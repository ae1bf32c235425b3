"""Every way in which an order can be in doubt, each a named maker of OrderUnconfirmed.

The event is one, for one status follows from it; what is in doubt differs: whether the venue has the order at all,
or how much of it had filled when it ended.
"""

from __future__ import annotations

from decimal import Decimal

from domain.messages.orders import OrderNotSent, OrderStatus, OrderUnconfirmed, SubmitOrder


def in_doubt(order: SubmitOrder, reason: str, ts_event: int, raw: str = "") -> OrderUnconfirmed:
    """Return that the venue may or may not have it.

    Args:
        raw: what came back instead of an answer, bounded.
    """
    return _unconfirmed(order, reason, ts_event, raw=raw)


def not_sent(order: SubmitOrder, reason: str, ts_event: int) -> OrderNotSent | OrderUnconfirmed:
    """Return what is known when this send of `order` has certainly not left.

    The first send of a resubmission may still have arrived, so that order stays unconfirmed.
    """
    if order.is_resubmission:
        return _unconfirmed(order, reason, ts_event, is_void=True)
    name, venue = order.client_order_id, order.venue
    return OrderNotSent(ts_event=ts_event, client_order_id=name, venue=venue, reason=reason)


def resend_refused(order: SubmitOrder, reason: str, ts_event: int) -> OrderUnconfirmed:
    """Return that the venue refused a second send: it rests nowhere by that one, and the first is as it was."""
    return _unconfirmed(order, reason, ts_event, is_void=True, is_refused=True)


def ended_without_total(
    order: SubmitOrder, status: OrderStatus | None, ts_event: int, may_have_filled: Decimal | None = None
) -> OrderUnconfirmed:
    """Return that it has ended, the venue says, and not for certain how much of it had filled.

    Args:
        may_have_filled: it is set aside: so much of the rest counts as filled until that is proven, and other orders
            wait for it no more. None: they do.
    """
    reason = "ended_without_total"
    return _unconfirmed(order, reason, ts_event, ended=status, may_have_filled=may_have_filled)


def _unconfirmed(
    order: SubmitOrder,
    reason: str,
    ts_event: int,
    raw: str = "",
    is_void: bool = False,
    is_refused: bool = False,
    ended: OrderStatus | None = None,
    may_have_filled: Decimal | None = None,
) -> OrderUnconfirmed:
    return OrderUnconfirmed(
        ts_event=ts_event,
        client_order_id=order.client_order_id,
        venue=order.venue,
        reason=reason,
        raw=raw,
        is_void=is_void,
        is_refused=is_refused,
        ended=ended,
        may_have_filled=may_have_filled,
    )
