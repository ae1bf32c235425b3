"""Coinbase's create-order body into what the exchange core understands. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from adapters.simulator.coinbase.refusals import NotTaken
from adapters.simulator.engine.venue_order import NewOrder, VenueOrderType
from domain.errors import NzezaError
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.messages.orders import TimeInForce

CONFIGURATIONS = {  # key of order_configuration -> what it is
    "market_market_ioc": (VenueOrderType.MARKET, TimeInForce.IOC),
    "sor_limit_ioc": (VenueOrderType.LIMIT, TimeInForce.IOC),
    "limit_limit_gtc": (VenueOrderType.LIMIT, TimeInForce.GTC),
    "limit_limit_gtd": (VenueOrderType.LIMIT, TimeInForce.GTD),
    "limit_limit_fok": (VenueOrderType.LIMIT, TimeInForce.FOK),
    "stop_limit_stop_limit_gtc": (VenueOrderType.STOP_LIMIT, TimeInForce.GTC),
    "stop_limit_stop_limit_gtd": (VenueOrderType.STOP_LIMIT, TimeInForce.GTD),
    "trigger_bracket_gtc": (VenueOrderType.BRACKET, TimeInForce.GTC),
    "trigger_bracket_gtd": (VenueOrderType.BRACKET, TimeInForce.GTD),
}
DIRECTIONS = {"STOP_DIRECTION_STOP_UP": True, "STOP_DIRECTION_STOP_DOWN": False}
_DECIMAL = re.compile(r"\d{1,30}(\.\d{1,30})?")
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


class InvalidArgument(NzezaError):
    """The request cannot be read; the venue answers 400."""


class CreateOrder(Struct):
    product_id: str
    side: str
    order_configuration: dict[str, dict[str, Any]]
    client_order_id: str = ""


_decode_create = msgspec.json.Decoder(CreateOrder).decode


def decode_create(body: bytes) -> CreateOrder:
    """Raises InvalidArgument for anything but a create-order body."""
    try:
        return _decode_create(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidArgument(str(error)) from None


def order_type(body: bytes) -> str:
    """Return the type of the order that a create asks for, "" when that can't be read."""
    try:
        create = decode_create(body)
    except InvalidArgument:
        return ""
    known = (CONFIGURATIONS[name][0] for name in create.order_configuration if name in CONFIGURATIONS)
    return next(known, "").lower()


def decode_order(create: CreateOrder) -> NewOrder:
    """Return the order asked for.

    Raises:
        NotTaken: readable, but of a kind the venue does not trade.
        InvalidArgument: a field is missing or malformed.
    """
    if len(create.order_configuration) != 1:
        raise InvalidArgument("order_configuration must have exactly one key")
    ((name, fields),) = create.order_configuration.items()
    if name not in CONFIGURATIONS:
        raise NotTaken("UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_INVALID_ORDER_CONFIG")
    if create.side not in Side.__members__:
        raise NotTaken("INVALID_SIDE")
    order_type, time_in_force = CONFIGURATIONS[name]
    side = Side(create.side)
    quote_size = _optional(fields, "quote_size")
    if quote_size is not None and (order_type is not VenueOrderType.MARKET or side is Side.SELL):
        raise NotTaken("UNSUPPORTED_ORDER_CONFIGURATION", "PREVIEW_INVALID_ORDER_CONFIG")
    stop_price, stops_upwards = _stop(order_type, side, fields)
    return NewOrder(
        client_order_id=create.client_order_id,
        product_id=create.product_id,
        side=side,
        order_type=order_type,
        time_in_force=time_in_force,
        configuration=create.order_configuration,
        base_size=None if quote_size is not None else _required(fields, "base_size"),
        quote_size=quote_size,
        limit_price=None if order_type is VenueOrderType.MARKET else _required(fields, "limit_price"),
        stop_price=stop_price,
        stops_upwards=stops_upwards,
        end_ns=_end(fields) if time_in_force is TimeInForce.GTD else None,
        post_only=fields.get("post_only") is True,
    )


def decode_time(text: str) -> int:
    """Return UTC nanoseconds of an RFC3339 time; raises InvalidArgument."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise InvalidArgument(f"{text!r} is not an RFC3339 time")
    seconds, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(seconds + ("+00:00" if zone == "Z" else zone))
    except ValueError:
        raise InvalidArgument(f"{text!r} is not an RFC3339 time") from None
    whole = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return whole * SECOND_NS + int((fraction or "0").ljust(9, "0"))


def _stop(order_type: VenueOrderType, side: Side, fields: Mapping[str, Any]) -> tuple[Decimal | None, bool]:
    """Return the stop price and whether it waits for a rise."""
    if order_type is VenueOrderType.BRACKET:
        return _required(fields, "stop_trigger_price"), side is Side.BUY
    if order_type is VenueOrderType.STOP_LIMIT:
        direction = fields.get("stop_direction")
        if direction not in DIRECTIONS:
            raise InvalidArgument(f"stop_direction must be one of {', '.join(DIRECTIONS)}")
        return _required(fields, "stop_price"), DIRECTIONS[direction]
    return None, False


def _end(fields: Mapping[str, Any]) -> int:
    text = fields.get("end_time")
    if not text:
        raise NotTaken("GTD_ORDERS_MUST_HAVE_END_TIME")
    return decode_time(str(text))


def _required(fields: Mapping[str, Any], name: str) -> Decimal:
    number = _optional(fields, name)
    if number is None:
        raise InvalidArgument(f"{name} is required")
    return number


def _optional(fields: Mapping[str, Any], name: str) -> Decimal | None:
    text = fields.get(name)
    if text is None or text == "":
        return None
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text):
        raise InvalidArgument(f"{name} must be a decimal in a string")
    return Decimal(text)
