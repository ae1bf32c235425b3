"""What a venue's word proves of a change of one order's terms (SCENARIOS F13 to F15 in docs/scenarios.md).

While a change is pending, the end of the name that we know says nothing of the order: the venue may have ended it to
make another. Only another name of it, other terms, or a read late enough to know of both prove what came of it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from domain.ledger.executions import FIRST
from domain.ledger.order import OrderLifecycle
from domain.ledger.order_status import UNCONFIRMED
from domain.messages.journal import OrderUpdate
from domain.messages.orders import FINAL, OrderReported, OrderUnconfirmed
from domain.messages.replacements import ModifyAccepted, ModifyRejected, ModifyRequested, OrderReplaced
from domain.numbers import ZERO


def is_new_name(order: OrderLifecycle, report: OrderReported, renames: bool) -> bool:
    """Tell whether a venue that has named our order tells of it, by our id, under a name that we don't know.

    Args:
        renames: the venue changes orders. At any other the row is not what it seems.
    """
    names, name = order.venue_order_ids, report.venue_order_id
    may_have_another = renames or order.pending_replace is not None
    return may_have_another and bool(names and name) and name not in names and report.client_order_id == order.id


def is_aside(order: OrderLifecycle, report: OrderReported) -> bool:
    """Tell whether a word says nothing of the order but what has filled: of an older name, or of an end amid a change."""
    if report.venue_order_id in order.venue_order_ids[:-1]:
        return True
    return order.pending_replace is not None and report.status in FINAL


def judge_answer(order: OrderLifecycle, event: ModifyAccepted) -> list[OrderUpdate]:
    """Return what an answer that names the changed order proves; nothing, where the stream has told already."""
    pending = order.pending_replace
    return [event, _replaced(order, pending, event.venue_order_id, event.ts_event)] if pending else []


def judge_change(order: OrderLifecycle, report: OrderReported, renames: bool, is_late: bool) -> list[OrderUpdate]:
    """Return what a report proves of a change.

    Args:
        renames: as of `is_new_name`.
        is_late: what we have asked for has arrived by now or never will, and reads show it.
    """
    pending = order.pending_replace
    if is_new_name(order, report, renames):
        if pending is None and report.status in FINAL:
            return []
        return [_replaced(order, pending or _as_told(order, report), report.venue_order_id, report.ts_event)]
    if pending is None or report.venue_order_id not in ("", order.venue_order_id):
        return []
    if report.status not in FINAL and _has_terms(report, pending):
        return [_replaced(order, pending, order.venue_order_id, report.ts_event)]
    about: dict[str, Any] = {"ts_event": report.ts_event, "client_order_id": order.id, "venue": order.order.venue}
    if report.is_read and is_late:
        return [ModifyRejected(**about, code="not_replaced")]
    if report.status in FINAL and order.status is not UNCONFIRMED:
        return [OrderUnconfirmed(**about, reason="ended_amid_change")]
    return []


def judge_size(order: OrderLifecycle, report: OrderReported) -> list[OrderUpdate]:
    """Return what a row proves that tells another size than ours, though we have asked for no change.

    Somebody has changed it at the venue: its row's size is the most that the order may come to.
    """
    told = report.quantity
    has_own_name = report.venue_order_id == order.venue_order_id and order.asked.newest == FIRST
    if not (report.is_read and has_own_name) or order.is_final or order.pending_replace or not told:
        return []
    quantity = max(told, order.filled_quantity)
    if quantity == order.order.quantity:
        return []
    change = replace(_as_told(order, report), quantity=quantity)
    return [_replaced(order, change, order.venue_order_id, report.ts_event)]


def _has_terms(report: OrderReported, wanted: ModifyRequested) -> bool:
    told = report.quantity, report.limit_price, report.stop_price
    return told == (wanted.quantity, wanted.limit_price, wanted.stop_price)


def _as_told(order: OrderLifecycle, report: OrderReported) -> ModifyRequested:
    """Return the change that must have led to a name which nobody expects: a journal may have lost its end."""
    size = order.leaves_quantity if report.quantity is None else report.quantity
    return ModifyRequested(
        ts_event=report.ts_event,
        client_order_id=order.id,
        quantity=order.filled_quantity + size,
        filled_quantity=order.filled_quantity,
        limit_price=order.order.limit_price if report.limit_price is None else report.limit_price,
        stop_price=order.order.stop_price if report.stop_price is None else report.stop_price,
        reason="told by the venue",
    )


def _replaced(order: OrderLifecycle, change: ModifyRequested, name: str, ts_event: int) -> OrderReplaced:
    is_renamed = name not in order.venue_order_ids
    return OrderReplaced(
        ts_event=ts_event,
        client_order_id=order.id,
        venue=order.order.venue,
        venue_order_id=name,
        quantity=_total(order, change) if is_renamed else change.quantity,
        limit_price=change.limit_price,
        stop_price=change.stop_price,
        is_renamed=is_renamed,
    )


def _total(order: OrderLifecycle, change: ModifyRequested) -> Decimal:
    """Return what has filled, and the size that was asked for: what filled on the way was not known to it."""
    return order.filled_quantity + max(ZERO, change.quantity - change.filled_quantity)
