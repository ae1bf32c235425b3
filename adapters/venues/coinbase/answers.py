"""Coinbase's REST bodies as domain objects. Pure.

Every reader raises `UnreadableAnswer` for a body that is not what was asked for; what that means for an order
is the client's to say. Lists are read row by row. Where text or a number is optional, null means that there is
none, and what decides nothing may be anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from adapters.decoding import tokens
from adapters.decoding.answers import (
    RowKind,
    UnreadableAnswer,
    check_rows,
    check_size,
    read_apart,
    rows,
    text,
)
from adapters.decoding.tokens import BadField, Token
from adapters.venues.coinbase import fields
from adapters.venues.coinbase.asked import asked
from adapters.venues.coinbase.fields import VENUE
from adapters.venues.coinbase.wallets import AccountRow, wallet
from domain.instrument import Instrument, InstrumentKind
from domain.ledger.terms import spot_currencies
from domain.messages.account import Balance
from domain.messages.listing import Listing, Unspendable
from domain.messages.orders import Fill, FillKind, OrderReported
from domain.numbers import ZERO, divide
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
    client_order_id: str | None = None
    product_id: str | None = None
    side: str | None = None


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
    product_id: str
    side: str
    status: str
    order_id: str | None = None
    client_order_id: str | None = None  # null is not said; orders made by hand may have none
    filled_size: Token = None
    average_filled_price: Token = None
    total_fees: Token = None
    reject_reason: Any = None
    reject_message: Any = None
    cancel_message: Any = None
    order_type: Any = None
    order_configuration: Any = None
    created_time: Any = None


class OrderAnswer(Struct):
    order: OrderRow


class OrdersPage(Struct):
    orders: list[Raw]  # of OrderRow
    has_next: bool | None = None
    cursor: str | None = None


class FillRow(Struct):
    entry_id: str
    order_id: str
    product_id: str
    side: str
    price: Token
    size: Token
    trade_time: str | None = None
    sequence_timestamp: str | None = None
    trade_type: str | None = None
    commission: Token = None
    liquidity_indicator: Any = None
    size_in_quote: bool | None = None


class FillsPage(Struct):
    fills: list[Raw]  # of FillRow
    cursor: str | None = None


class AccountsPage(Struct):
    accounts: list[Raw]  # of AccountRow
    has_next: bool | None = None
    cursor: str | None = None


class ProductRow(Struct):
    product_id: str
    base_currency_id: str
    quote_currency_id: str
    base_increment: Token
    quote_increment: Token
    base_min_size: Token
    base_max_size: Token
    quote_min_size: Token
    price_increment: Token = None
    product_type: str | None = None
    status: str | None = None
    is_disabled: bool | None = None
    trading_disabled: bool | None = None
    cancel_only: bool | None = None
    post_only: bool | None = None
    auction_mode: bool | None = None
    view_only: bool | None = None


class ProductsPage(Struct):
    products: list[Raw]  # of ProductRow


class FeeTier(Struct):
    taker_fee_rate: Token
    maker_fee_rate: Token


class TransactionSummary(Struct):
    fee_tier: FeeTier


# ---- bytes into wire structs into domain objects ---------------------------------------------------------

# Wire struct -> its decoder. All are made here, before threads share them.
_DECODERS: dict[type, msgspec.json.Decoder[Any]] = {
    shape: msgspec.json.Decoder(shape, float_hook=Decimal)
    for shape in (
        ErrorBody,
        CreateAnswer,
        CancelAnswer,
        OrderAnswer,
        OrderRow,
        OrdersPage,
        FillRow,
        FillsPage,
        AccountRow,
        AccountsPage,
        ProductRow,
        ProductsPage,
        TransactionSummary,
    )
}

# What rows that can't be read are about.
ORDER = RowKind(
    "order",
    {"client_order_id": "client_order_id", "venue_order_id": "order_id", "instrument": "product_id"},
)
FILL = RowKind("fill", {"row_id": "entry_id", "venue_order_id": "order_id", "instrument": "product_id"})
BALANCE = RowKind("balance", {"currency": "currency"})
INSTRUMENT = RowKind("instrument", {"instrument": "product_id"})


def read(body: bytes | Raw, shape: type[T]) -> T:
    """Decode a body.

    Raises:
        UnreadableAnswer: it has another shape.
    """
    if isinstance(body, bytes):
        check_size(body)
    try:
        answer: T = _DECODERS[shape].decode(body)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise UnreadableAnswer(f"{shape.__name__}: {error}") from None
    return answer


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
    filled = fields.quantity_if_told(row.filled_size)
    reject_reason = text(row.reject_reason)
    if reject_reason == "REJECT_REASON_UNSPECIFIED":
        reject_reason = ""
    return OrderReported(
        ts_event=now_ns,
        **fields.names(row.client_order_id, row.order_id),
        venue=VENUE,
        instrument=bounded_id(row.product_id),
        side=fields.side(row.side),
        status=fields.status(row.status, filled),
        cumulative_quantity=filled,
        average_price=fields.price_if_told(row.average_filled_price) if filled else None,
        total_fees=fields.number_if_told(row.total_fees) if filled else None,
        is_read=True,
        reason=bounded(reject_reason or text(row.reject_message) or text(row.cancel_message)),
        **asked(row.order_configuration, filled),
        order_type=fields.order_type(row.order_type),
        created_at=fields.time_or_none(row.created_time),
    )


_KINDS = {"SPOT": InstrumentKind.SPOT, "FUTURE": InstrumentKind.PERPETUAL}
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
    kind = _FILL_KINDS.get(row.trade_type or "FILL")
    if kind is None:
        raise BadField("validation", f"unknown trade type {row.trade_type!r}")
    if not row.order_id:
        raise BadField("validation", "a fill of no order")
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
        fee=fields.number_if_told(row.commission) or ZERO,  # should there be one, balances will differ by it
        fee_currency=_paid_in(row.product_id, instrument),
        ts_event=_filled_at(row),
        kind=kind,
        is_maker=row.liquidity_indicator == "MAKER",
    )


def _paid_in(product_id: str, instrument: Instrument | None) -> str:
    """Return the currency of a commission; of what is no spot pair it is not known, and not ours to know."""
    if instrument is not None:
        return instrument.quote
    pair = spot_currencies(bounded_id(product_id))
    return pair[1] if pair is not None else ""


def _filled_at(row: FillRow) -> int:
    """Return when the venue booked it, where nobody has set when it happened."""
    ts_event = tokens.utc_ns_if_any(row.trade_time) or tokens.utc_ns_if_any(row.sequence_timestamp)
    if ts_event is None:
        raise BadField("validation", "a fill without a time")
    return ts_event


def orders(page: OrdersPage, now_ns: int) -> Listing[OrderReported]:
    check_rows(page.orders)
    return rows(page.orders, lambda raw: order_reported(read(raw, OrderRow), now_ns), ORDER)


def fills(page: FillsPage, instruments: Mapping[str, Instrument]) -> Listing[Fill]:
    check_rows(page.fills)
    return rows(page.fills, lambda raw: fill(read(raw, FillRow), instruments), FILL)


def accounts(page: AccountsPage) -> list[Raw]:
    check_rows(page.accounts)
    return page.accounts


def balances(raws: Iterable[Raw]) -> Listing[Balance]:
    """Sum the rows of each currency: an account may have several wallets of one.

    A currency of which one wallet can't be read is not known, whatever the others hold. What orders can't spend
    is in none of the sums.
    """
    wallets, unread = read_apart(raws, lambda raw: wallet(read(raw, AccountRow)), BALANCE)
    unknown = {one.currency for one in unread}
    sums: dict[str, Balance] = {}  # currency -> all of it
    barred: dict[tuple[str, str], Decimal] = {}  # currency, why -> all of it
    for one, barred_by in wallets:
        if barred_by:
            key = one.currency, barred_by
            barred[key] = barred.get(key, ZERO) + one.total
            continue
        so_far = sums.get(one.currency)
        if so_far is not None:
            one = Balance(
                currency=one.currency,
                total=so_far.total + one.total,
                hold=so_far.hold + one.hold,
            )
        sums[one.currency] = one
    known = (sums[currency] for currency in sorted(sums) if currency not in unknown)
    listing = Listing.of(known, unread)
    listing.unspendable = tuple(Unspendable(*key, total) for key, total in sorted(barred.items()) if total)
    return listing


def instruments(page: ProductsPage) -> Listing[Instrument]:
    check_rows(page.products)
    return rows(page.products, lambda raw: instrument(read(raw, ProductRow)), INSTRUMENT)


def instrument(row: ProductRow) -> Instrument:
    is_barred = (
        row.is_disabled or row.trading_disabled or row.cancel_only or row.post_only or row.auction_mode or row.view_only
    )
    kind = _KINDS.get(row.product_type or "SPOT")
    if kind is None:
        raise BadField("validation", f"unknown product type {row.product_type!r}")
    is_future = kind is InstrumentKind.PERPETUAL
    status = row.status or ""
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
        kind=kind,
        is_tradable=not is_barred and status == ("" if is_future else "online"),
    )
