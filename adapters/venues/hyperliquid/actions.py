"""Our orders in Hyperliquid's words: what is signed and sent to /exchange. Pure; the same command gives the same bytes.

The fields stand in the order that the venue hashes them in, and what is absent is not there at all. What it cannot
express is refused here, before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from adapters.venues.hyperliquid.market_rows import VENUE
from domain.errors import Rejected
from domain.instrument import Instrument, InstrumentKind, Side
from domain.messages.orders import CancelOrder, OrderType, SubmitOrder, TimeInForce, VenueMoment
from domain.numbers import plain

MOST_PER_ACTION = 39  # orders or cancels that weigh no more than one; the venue takes none of more than 200

_CLOID = re.compile(r"0x[0-9a-f]{32}")
_LARGEST_OID = 2**64 - 1
_MILLISECOND_NS = 1_000_000


# ---- the wire --------------------------------------------------------------------------------------------


class Limit(Struct, frozen=True):
    tif: Literal["Gtc", "Ioc", "Alo"]


class LimitTerms(Struct, frozen=True):
    limit: Limit


class Trigger(Struct, frozen=True):
    isMarket: bool  # what doesn't trade at once, up to the limit price, is dropped; else it rests there
    triggerPx: str
    tpsl: Literal["tp", "sl"]


class TriggerTerms(Struct, frozen=True):
    trigger: Trigger


class OrderTerms(Struct, frozen=True):
    """An order. None goes without our id, by which alone its fate can be asked about."""

    a: int  # asset
    b: bool  # buy
    p: str  # limit price
    s: str  # size
    r: bool  # reduce only
    t: LimitTerms | TriggerTerms
    c: str  # cloid


class CancelTerms(Struct, frozen=True):
    a: int  # asset
    o: int  # the venue's id


class CloidCancelTerms(Struct, frozen=True):
    asset: int
    cloid: str


class ModifyTerms(Struct, frozen=True):
    """The order that ends, and the one that takes its place under a new id of the venue's."""

    oid: int | str  # the venue's id, or a cloid
    order: OrderTerms


class Place(Struct, frozen=True, tag_field="type", tag="order"):
    orders: Sequence[OrderTerms]
    grouping: Literal["na", "normalTpsl"]  # the second: an entry, and what protects it once it has filled


class Cancel(Struct, frozen=True, tag_field="type", tag="cancel"):
    cancels: Sequence[CancelTerms]


class CancelByCloid(Struct, frozen=True, tag_field="type", tag="cancelByCloid"):
    cancels: Sequence[CloidCancelTerms]


class Modify(Struct, frozen=True, tag_field="type", tag="modify"):
    oid: int | str
    order: OrderTerms


class BatchModify(Struct, frozen=True, tag_field="type", tag="batchModify"):
    modifies: Sequence[ModifyTerms]


class ScheduleCancel(Struct, frozen=True, tag_field="type", tag="scheduleCancel", omit_defaults=True):
    """All orders of the account, stops too, end then, unless it is said anew. None: never."""

    time: int | None = None  # unix ms, five seconds ahead at least


class UpdateLeverage(Struct, frozen=True, tag_field="type", tag="updateLeverage"):
    asset: int
    isCross: bool
    leverage: int


class Noop(Struct, frozen=True, tag_field="type", tag="noop"):
    """Uses up its nonce, so that nothing else can be sent with it any more."""


# ---- our commands in it ----------------------------------------------------------------------------------

_LIMITS = {
    (TimeInForce.GTC, False): LimitTerms(Limit("Gtc")),
    (TimeInForce.GTC, True): LimitTerms(Limit("Alo")),
    (TimeInForce.IOC, False): LimitTerms(Limit("Ioc")),
}
_TRIGGERS: dict[OrderType, Literal["tp", "sl"]] = {OrderType.STOP: "sl", OrderType.TAKE_PROFIT: "tp"}


def order_terms(command: SubmitOrder, instrument: Instrument, asset: int) -> OrderTerms:
    """Return an order as it travels. `asset` is the venue's number of the instrument.

    A trigger that is IOC trades as a market order once it is met, bounded by its limit price; a GTC one rests there.

    Raises:
        Rejected: Hyperliquid has no such order.
    """
    if command.reduce_only and instrument.kind is not InstrumentKind.PERPETUAL:
        raise _unsupported("no order knows of a position on spot")
    if command.quantity <= 0:
        raise _unsupported("a size is positive")
    _check_grid(instrument, command.limit_price, command.quantity)
    return OrderTerms(
        asset,
        command.side is Side.BUY,
        plain(command.limit_price),
        plain(command.quantity),
        command.reduce_only,
        _terms(command, instrument),
        _cloid(command.wire_id),
    )


def cancel_terms(command: CancelOrder, asset: int) -> CancelTerms | CloidCancelTerms:
    """Return a cancel by our id, which an order keeps when it is modified; by the venue's of what is not ours.

    Raises:
        Rejected: it has neither in a form that the venue has.
    """
    if _CLOID.fullmatch(command.wire_id):
        return CloidCancelTerms(asset, command.wire_id)
    return CancelTerms(asset, _oid(command.venue_order_id))


def modify_terms(venue_order_id: str, order: OrderTerms) -> ModifyTerms:
    """Return a change of a live order into `order`, by the venue's newest id of it, or by our own where that is empty.

    Raises:
        Rejected: that is no id of this venue.
    """
    return ModifyTerms(_oid(venue_order_id) if venue_order_id else order.c, order)


def expires_after(accept_until: Sequence[VenueMoment | None]) -> int:
    """Return the last millisecond in which the venue may take an action, by the ends of its orders: the first of them.

    Raises:
        Rejected: one has no end, so that nobody could ever prove it absent.
    """
    if not all(end and end.utc_ns for end in accept_until):
        raise _unsupported("an order without an end could arrive at any time")
    return min(end.utc_ns for end in accept_until if end) // _MILLISECOND_NS


def _terms(command: SubmitOrder, instrument: Instrument) -> LimitTerms | TriggerTerms:
    kind, lasts, trigger = command.order_type, command.time_in_force, command.stop_price
    if kind is OrderType.LIMIT and trigger is None:
        terms = _LIMITS.get((lasts, command.post_only))
        if terms is None:
            raise _unsupported(f"no {lasts} order{' that only adds to the book' * command.post_only}")
        return terms
    if kind not in _TRIGGERS or trigger is None:
        raise _unsupported("a stop or a target of its own waits for a price, and nothing else does")
    if command.post_only or lasts not in (TimeInForce.GTC, TimeInForce.IOC):
        raise _unsupported(f"no {lasts} trigger{' that only adds to the book' * command.post_only}")
    _check_grid(instrument, trigger, command.quantity)
    if (command.limit_price - trigger) * command.side.sign < 0:
        raise _unsupported("a limit price that is better than the trigger's")
    return TriggerTerms(Trigger(lasts is TimeInForce.IOC, plain(trigger), _TRIGGERS[kind]))


def _check_grid(instrument: Instrument, price: Decimal, quantity: Decimal) -> None:
    if price <= 0 or not instrument.is_on_grid(price, quantity):
        raise _unsupported(f"off the grid of {instrument.name}: {plain(quantity)} at {plain(price)}")


def _cloid(text: str) -> str:
    if not _CLOID.fullmatch(text):
        raise _unsupported("our id of an order is 0x and 32 small hex digits here")
    return text


def _oid(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 20 and int(text) <= _LARGEST_OID):
        raise _unsupported("the venue's id of an order is a whole number here")
    return int(text)


def _unsupported(why: str) -> Rejected:
    return Rejected(why, venue=VENUE, code="unsupported_order")
