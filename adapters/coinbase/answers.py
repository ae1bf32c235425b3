"""Coinbase's REST bodies as domain objects. Pure.

Every reader raises `UnreadableAnswer` for a body that is not what was asked for; what that means for an order
is the client's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from adapters import tokens
from adapters.answers import UnreadableAnswer
from adapters.coinbase import fields
from adapters.coinbase.fields import VENUE
from adapters.tokens import BadField, Token
from domain.instrument import Instrument, InstrumentKind
from domain.numbers import ZERO, divide
from domain.order_messages import Balance, Fill, FillKind, OrderReported
from domain.text import bounded, bounded_id

T = TypeVar("T")


# ---- the wire, as msgspec reads it -----------------------------------------------------------------------


class ErrorBody(Struct):
    """Any of the shapes in which Coinbase reports an error."""

    error: str = ""
    message: str = ""
    error_details: str = ""


class CreateError(Struct):
    error: str = ""
    message: str = ""
    preview_failure_reason: str = ""
    new_order_failure_reason: str = ""

    @property
    def reason(self) -> str:
        """Return the first word that says something: some of the three may be blank or a placeholder."""
        reasons = (self.new_order_failure_reason, self.error, self.preview_failure_reason)
        return next((word for word in reasons if word and not word.startswith("UNKNOWN")), "UNKNOWN")


class CreateSuccess(Struct):
    order_id: str
    client_order_id: str = ""


class CreateAnswer(Struct):
    """The answer to a create; only `success` decides: both responses may be there."""

    success: bool
    success_response: CreateSuccess | None = None
    error_response: CreateError | None = None


class CancelVerdict(Struct):
    order_id: str
    success: bool
    failure_reason: str = ""


class CancelAnswer(Struct):
    results: list[CancelVerdict]


class OrderRow(Struct):
    order_id: str
    product_id: str
    side: str
    status: str
    client_order_id: str = ""
    filled_size: Token = ""
    average_filled_price: Token = ""
    total_fees: Token = ""
    reject_reason: str = ""
    reject_message: str = ""
    cancel_message: str = ""


class OrderAnswer(Struct):
    order: OrderRow


class OrdersPage(Struct):
    orders: list[OrderRow]
    has_next: bool = False
    cursor: str = ""


class FillRow(Struct):
    entry_id: str
    order_id: str
    product_id: str
    side: str
    trade_time: str
    price: Token
    size: Token
    trade_type: str = "FILL"
    commission: Token = ""
    liquidity_indicator: str = ""
    size_in_quote: bool = False


class FillsPage(Struct):
    fills: list[FillRow]
    cursor: str = ""


class Money(Struct):
    value: Token


class AccountRow(Struct):
    currency: str
    available_balance: Money
    hold: Money | None = None


class AccountsPage(Struct):
    accounts: list[AccountRow]
    has_next: bool = False
    cursor: str = ""


class ProductRow(Struct):
    product_id: str
    base_currency_id: str
    quote_currency_id: str
    base_increment: Token
    quote_increment: Token
    base_min_size: Token
    base_max_size: Token
    quote_min_size: Token
    price_increment: Token = ""
    product_type: str = ""
    status: str = ""
    is_disabled: bool = False
    trading_disabled: bool = False
    cancel_only: bool = False
    post_only: bool = False
    auction_mode: bool = False
    view_only: bool = False


class ProductsPage(Struct):
    products: list[ProductRow]


class FeeTier(Struct):
    taker_fee_rate: Token
    maker_fee_rate: Token


class TransactionSummary(Struct):
    fee_tier: FeeTier


# ---- bytes into wire structs into domain objects ---------------------------------------------------------

_decoders: dict[type, msgspec.json.Decoder] = {}  # wire struct -> its decoder


def read(body: bytes, shape: type[T]) -> T:
    """Decode a body.

    Raises:
        UnreadableAnswer: it has another shape.
    """
    decoder = _decoders.get(shape)
    if decoder is None:
        decoder = _decoders[shape] = msgspec.json.Decoder(shape, float_hook=Decimal)
    try:
        return decoder.decode(body)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise UnreadableAnswer(f"{shape.__name__}: {error}") from None


def converted(convert: Callable[..., T], *arguments: Any) -> T:
    """Turn a wire struct into a domain object.

    Raises:
        UnreadableAnswer: a field holds what it must not.
    """
    try:
        return convert(*arguments)
    except BadField as error:
        raise UnreadableAnswer(str(error)) from None


def error_code(body: bytes) -> str:
    """Return the venue's own word for an error, as far as the body has one."""
    try:
        return read(body, ErrorBody).error
    except UnreadableAnswer:
        return ""


def order_reported(row: OrderRow, now_ns: int) -> OrderReported:
    filled = fields.number_or_zero(row.filled_size)
    reject_reason = "" if row.reject_reason == "REJECT_REASON_UNSPECIFIED" else row.reject_reason
    return OrderReported(
        ts_event=now_ns,
        client_order_id=bounded_id(row.client_order_id),
        venue=VENUE,
        venue_order_id=bounded_id(row.order_id),
        instrument=bounded_id(row.product_id),
        side=fields.side(row.side),
        status=fields.status(row.status, filled),
        cumulative_quantity=filled,
        average_price=fields.number_or_zero(row.average_filled_price),
        total_fees=fields.number_or_zero(row.total_fees),
        reason=bounded(reject_reason or row.reject_message or row.cancel_message),
    )


_FILL_KINDS = {
    "FILL": FillKind.FILL,
    "SYNTHETIC": FillKind.FILL,
    "REVERSAL": FillKind.REVERSAL,
    "CORRECTION": FillKind.CORRECTION,
}


def fill(row: FillRow, instruments: Mapping[str, Instrument]) -> Fill:
    """Args:
    instruments: by symbol, as far as they are known: their lots and quote currencies.
    """
    kind = _FILL_KINDS.get(row.trade_type)
    if kind is None:
        raise BadField("validation", f"unknown trade type {row.trade_type!r}")
    price, quantity = tokens.positive(row.price), tokens.positive(row.size)
    instrument = instruments.get(row.product_id)
    if row.size_in_quote:
        quantity = divide(quantity, price)
        quantity = instrument.round_quantity(quantity) if instrument else quantity
    return Fill(
        venue=VENUE,
        fill_id=bounded_id(row.entry_id),
        venue_order_id=bounded_id(row.order_id),
        instrument=bounded_id(row.product_id),
        side=fields.side(row.side),
        quantity=quantity,
        price=price,
        fee=fields.number_or_zero(row.commission),
        fee_currency=instrument.quote if instrument else bounded_id(row.product_id.partition("-")[2]),
        ts_event=tokens.utc_ns(row.trade_time),
        kind=kind,
        is_maker=row.liquidity_indicator == "MAKER",
    )


def balances(rows: list[AccountRow]) -> tuple[Balance, ...]:
    """Sum the rows of each currency: an account may have several wallets of one."""
    available: dict[str, Decimal] = {}
    hold: dict[str, Decimal] = {}
    for row in rows:
        held = fields.number_or_zero(row.hold.value) if row.hold else ZERO
        available[row.currency] = available.get(row.currency, ZERO) + fields.number_or_zero(
            row.available_balance.value
        )
        hold[row.currency] = hold.get(row.currency, ZERO) + held
    return tuple(
        Balance(currency=bounded_id(currency), total=available[currency] + hold[currency], hold=hold[currency])
        for currency in sorted(available)
    )


def instrument(row: ProductRow) -> Instrument:
    is_barred = (
        row.is_disabled
        or row.trading_disabled
        or row.cancel_only
        or row.post_only
        or row.auction_mode
        or row.view_only
    )
    is_future = row.product_type == "FUTURE"
    return Instrument(
        venue=VENUE,
        name=bounded_id(row.product_id),
        symbol=bounded_id(row.product_id),
        base=bounded_id(row.base_currency_id),
        quote=bounded_id(row.quote_currency_id),
        # The price grid may be coarser than the quote currency's.
        tick_size=tokens.positive(row.price_increment or row.quote_increment),
        lot_size=tokens.positive(row.base_increment),
        min_quantity=tokens.not_negative(row.base_min_size),
        max_quantity=tokens.positive(row.base_max_size),
        min_notional=tokens.not_negative(row.quote_min_size),
        kind=InstrumentKind.PERPETUAL if is_future else InstrumentKind.SPOT,
        is_tradable=not is_barred and row.status == ("" if is_future else "online"),
    )
