"""Our orders in Coinbase's words. Pure; the same command always gives the same bytes.

What Coinbase cannot express is refused here, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from adapters.venues.coinbase.fields import VENUE, rfc3339
from domain.errors import Rejected
from domain.messages.orders import OrderType, SubmitOrder, TimeInForce
from domain.numbers import plain


def encode_create(command: SubmitOrder) -> bytes:
    """Return the body of a create.

    Raises:
        Rejected: Coinbase has no such order; nothing was sent.
    """
    if not command.client_order_id:
        raise _unsupported("an order without an id could be placed twice")
    return msgspec.json.encode(
        {
            "client_order_id": command.client_order_id,
            "product_id": command.symbol,
            "side": command.side.value,
            "order_configuration": _configuration(command),
        }
    )


def encode_cancel(venue_order_ids: Sequence[str]) -> bytes:
    return msgspec.json.encode({"order_ids": venue_order_ids})


def _configuration(command: SubmitOrder) -> dict[str, dict[str, Any]]:
    if command.reduce_only:
        raise _unsupported("no order knows of a position here")
    order = {"base_size": plain(command.quantity), "limit_price": plain(command.limit_price)}
    if command.order_type is OrderType.BRACKET:
        if command.stop_price is None or command.time_in_force is not TimeInForce.GTC or command.post_only:
            raise _unsupported("a bracket rests until cancelled and needs a stop price")
        return {"trigger_bracket_gtc": {**order, "stop_trigger_price": plain(command.stop_price)}}
    if command.order_type is not OrderType.LIMIT or command.stop_price is not None:
        raise _unsupported("only brackets wait for a price")
    match command.time_in_force:
        case TimeInForce.GTC:
            return {"limit_limit_gtc": {**order, "post_only": command.post_only}}
        case TimeInForce.GTD if command.expires_at:
            end_time = rfc3339(command.expires_at)
            return {"limit_limit_gtd": {**order, "end_time": end_time, "post_only": command.post_only}}
        case TimeInForce.IOC if not command.post_only:
            return {"sor_limit_ioc": order}
        case TimeInForce.FOK if not command.post_only:
            return {"limit_limit_fok": order}
    raise _unsupported(f"no {command.time_in_force} order like this")


def _unsupported(why: str) -> Rejected:
    return Rejected(why, venue=VENUE, code="unsupported_order")
