"""Trades that a person makes on the account at the venue itself, beside whoever else trades there.

Their orders carry no tag of ours, as those of a venue's web page don't.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import msgspec
from msgspec import Struct

from adapters.simulator.engine.exchange import Exchange
from adapters.simulator.engine.refusals import Refusal, Refused
from adapters.simulator.engine.venue_order import NewOrder, VenueOrder, VenueOrderType
from domain.errors import NzezaError
from domain.instrument import Side
from domain.messages.orders import TimeInForce
from domain.numbers import plain

_LEAST, _MOST = Decimal("1E-18"), Decimal("1E12")
_NAMESPACE = UUID("b3e0c7c4-5a0e-4a57-9a53-6f0f7a3a1d55")


class InvalidTrade(NzezaError):
    """A trade that cannot be made; one line that names the allowed values, or the venue's reason."""


class HandTrade(Struct, forbid_unknown_fields=True, kw_only=True):
    """At once against the book; with a limit price, an order that rests there until it is filled or cancelled."""

    instrument: str  # in the venue's spelling
    side: Side
    quantity: Decimal  # base units
    venue: str = "coinbase"
    limit_price: Decimal | None = None


def read_trade(order: Mapping[str, Any], products: Mapping[str, Collection[str]]) -> HandTrade:
    """Decode and check one order.

    Args:
        products: venue that has an account -> names of what is traded there.

    Raises:
        InvalidTrade: an unknown name or a number out of bounds.
    """
    try:
        trade = msgspec.convert(order, HandTrade, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidTrade(f"{error}; fields are {', '.join(HandTrade.__struct_fields__)}") from None
    if trade.venue not in products:
        raise InvalidTrade(f"venue {trade.venue!r} has no account; allowed are {', '.join(products)}")
    if trade.instrument not in products[trade.venue]:
        allowed = ", ".join(products[trade.venue])
        raise InvalidTrade(f"instrument {trade.instrument!r} is unknown; allowed are {allowed}")
    for name, number in (("quantity", trade.quantity), ("limit_price", trade.limit_price)):
        if number is not None and not (number.is_finite() and _LEAST <= number <= _MOST):
            raise InvalidTrade(f"{name} {number} is out of bounds; allowed are {_LEAST} to {_MOST:f}")
    return trade


def make_trade(exchange: Exchange, trade: HandTrade, word: Callable[[Refusal], str]) -> dict[str, str]:
    """Place it; return the order and what has filled of it.

    Args:
        word: returns the venue's own for a refusal.

    Raises:
        InvalidTrade: the venue refuses it.
    """
    asked = _order(trade, f"{len(exchange.orders)}")
    try:
        order = exchange.submit(asked, exchange.now_ns)
    except Refused as refusal:
        raise InvalidTrade(f"the venue refuses: {word(refusal.why)}") from None
    return _told(order)


def _order(trade: HandTrade, number: str) -> NewOrder:
    is_market = trade.limit_price is None
    fields = {"base_size": plain(trade.quantity)}
    if trade.limit_price is not None:
        fields["limit_price"] = plain(trade.limit_price)
    return NewOrder(
        client_order_id=str(uuid5(_NAMESPACE, number)),
        product_id=trade.instrument,
        side=trade.side,
        order_type=VenueOrderType.MARKET if is_market else VenueOrderType.LIMIT,
        time_in_force=TimeInForce.IOC if is_market else TimeInForce.GTC,
        configuration={"market_market_ioc" if is_market else "limit_limit_gtc": fields},
        base_size=trade.quantity,
        limit_price=trade.limit_price,
    )


def _told(order: VenueOrder) -> dict[str, str]:
    return {
        "order_id": order.order_id,
        "status": order.status.value,
        "filled_size": plain(order.filled_size),
        "average_price": plain(order.average_price),
    }
