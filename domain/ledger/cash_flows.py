"""What a fill does to the wallets of an account. Pure."""

from __future__ import annotations

from decimal import Decimal

from domain.instrument import InstrumentId, InstrumentKind
from domain.ledger.position import Execution
from domain.ledger.terms import Terms
from domain.ledger.wallet import Holding, Wallet
from domain.messages.orders import Fill, FillKind
from domain.numbers import ZERO


def as_fill(execution: Execution, venue: str, instrument: str, terms: Terms) -> Fill:
    """Return provisional quantity in the form that moves money: its fee is in the currency that it settles in."""
    return Fill(
        venue=venue,
        fill_id="",
        venue_order_id="",
        instrument=instrument,
        side=execution.side,
        quantity=execution.quantity,
        price=execution.price,
        fee=execution.fee,
        fee_currency=terms.settlement,
        ts_event=0,
    )


def traded(fill: Fill) -> Decimal:
    """Return the signed quantity by which a fill changes what is held."""
    sign = -1 if fill.kind is FillKind.REVERSAL else 1
    return sign * fill.side.sign * fill.quantity


def flows(fill: Fill, terms: Terms) -> list[tuple[Wallet, Decimal]]:
    """Return what a fill does to the wallets.

    Spot moves coins and their price. A perpetual moves its price alone, as raw cash: what is owed for it is in the
    mark of the position. Of a product whose name says nothing we know nothing.
    """
    change, venue, sign = traded(fill), fill.venue, -1 if fill.kind is FillKind.REVERSAL else 1
    fee = Wallet(venue, terms.wallet, fill.fee_currency), -sign * fill.fee
    match terms.kind:
        case InstrumentKind.SPOT:
            return [(Wallet(venue, "", terms.base), change), (terms.cash(venue), -change * fill.price), fee]
        case InstrumentKind.PERPETUAL:
            return [(terms.cash(venue), -change * fill.price * terms.contract_size), fee]
    return []


def moves(fill: Fill, terms: Terms) -> list[tuple[Holding, Decimal]]:
    """Return what a fill does to all that the account has."""
    changes: list[tuple[Holding, Decimal]] = [*flows(fill, terms)]
    if terms.is_perpetual:
        changes.append((InstrumentId.of(fill), traded(fill)))
    return changes


def fee_cost(fill: Fill, terms: Terms, fee: Decimal) -> tuple[Wallet, Decimal]:
    """Return so much of a fill's fee as a cost: one paid in the very coins that traded is worth their price.

    A position is that much smaller, at that price.
    """
    cost = -fee if fill.kind is FillKind.REVERSAL else fee
    if is_in_base(fill, terms):
        return terms.cash(fill.venue), cost * fill.price
    return Wallet(fill.venue, terms.wallet, fill.fee_currency), cost


def is_in_base(fill: Fill, terms: Terms) -> bool:
    return terms.kind is InstrumentKind.SPOT and fill.fee_currency == terms.base


def traded_fee(fill: Fill, terms: Terms) -> Decimal:
    """Return how much of a fee is taken out of the coins that traded; negative of a fill that is taken back."""
    if not is_in_base(fill, terms):
        return ZERO
    return -fill.fee if fill.kind is FillKind.REVERSAL else fill.fee
