"""An order in words for a person."""

from __future__ import annotations

from domain.ledger.order import OrderLifecycle
from domain.numbers import plain
from domain.stamps import iso_utc


def doubt_in_words(order: OrderLifecycle) -> str:
    """Return which order is in doubt since when, and what goes on.

    A time of day, for an age would be another at the next look; nothing that changes while it is in doubt.
    """
    body = order.order
    return (
        f"its order to {body.side} {plain(body.quantity)} ({body.purpose}), sent at {iso_utc(order.sent_at)},"
        f" is not confirmed: the venue is asked until its fate is proven (id {order.id})"
    )
