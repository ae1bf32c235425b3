"""Coinbase's own ways with unset numbers, times, sides and statuses. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TypedDict

from adapters.decoding.tokens import BadField, Token, not_negative, number, utc_ns_if_set
from domain.instant import SECOND_NS
from domain.instrument import Side
from domain.messages.orders import OrderStatus, OrderType
from domain.stamps import LAST_NS
from domain.text import bounded_id

VENUE = "coinbase"

_STATUSES = {
    "PENDING": OrderStatus.OPEN,
    "QUEUED": OrderStatus.OPEN,
    "OPEN": OrderStatus.OPEN,
    "EDIT_QUEUED": OrderStatus.OPEN,
    "CANCEL_QUEUED": OrderStatus.OPEN,  # can still fill
    "FILLED": OrderStatus.FILLED,
    "CANCELLED": OrderStatus.CANCELED,
    "EXPIRED": OrderStatus.EXPIRED,
    "FAILED": OrderStatus.REJECTED,
}


def share_a_book(told: str, asked: str) -> bool:
    """Tell whether two products are traded in one book: those in USD and in USDC are."""
    return told == asked or {told, asked} == {f"{told.partition('-')[0]}-{each}" for each in ("USD", "USDC")}


class Names(TypedDict):
    client_order_id: str
    venue_order_id: str


def names(client_order_id: str | None, order_id: str | None) -> Names:
    """Return both names of an order. One that is null or empty was not said; without any it may be any order.

    Raises:
        BadField: neither is there.
    """
    if not client_order_id and not order_id:
        raise BadField("validation", "an order without a name")
    return {
        "client_order_id": bounded_id(client_order_id or ""),
        "venue_order_id": bounded_id(order_id or ""),
    }


def quantity_if_told(token: Token) -> Decimal | None:
    """Return a quantity. Coinbase leaves unset ones empty, or null: that was not said, and is never zero."""
    return None if token in ("", None) else not_negative(token)


def price_if_told(token: Token) -> Decimal | None:
    """Return a price; zero is none."""
    return quantity_if_told(token) or None


def number_if_told(token: Token) -> Decimal | None:
    """Return what may be negative, such as a fee."""
    return None if token in ("", None) else number(token)


def number_or_none(token: Token) -> Decimal | None:
    """Return a quantity or price; None of anything else: for what is told besides, and decides nothing."""
    try:
        return None if token in ("", None) else not_negative(token)
    except BadField:
        return None


def time_or_none(token: Token) -> int | None:
    """Return a time in UTC ns; None of what is none: for what is told besides, and decides nothing."""
    try:
        return utc_ns_if_set(token) if isinstance(token, str) else None
    except (BadField, ValueError):
        return None


def order_type(token: Token) -> OrderType | None:
    """Return one of the types that we send; None of any other, "Bracket" and "BRACKET" alike."""
    word = token.upper() if isinstance(token, str) else ""
    return OrderType(word) if word in OrderType.__members__ else None


def rfc3339(time_ns: int) -> str:
    """Return UTC text with microseconds, cut and not rounded; of what can be no time, the first or last that can."""
    seconds, fraction_ns = divmod(min(max(time_ns, 0), LAST_NS), SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction_ns // 1000:06d}Z"


def side(text: str) -> Side:
    try:
        return Side(text)
    except ValueError:
        raise BadField("validation", "neither BUY nor SELL") from None


def status(text: str, cumulative: Decimal | None) -> OrderStatus:
    """Translate strictly: an unknown status is refused, never guessed.

    Args:
        cumulative: filled so far; Coinbase has no word of its own for partly filled.
    """
    known = _STATUSES.get(text)
    if known is None:
        raise BadField("validation", f"unknown order status {text!r}")
    if known is OrderStatus.OPEN and cumulative:
        return OrderStatus.PARTIALLY_FILLED
    return known
