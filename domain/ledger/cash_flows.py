"""What a fill does to a wallet, and what the name of a pair says about that. Pure."""

from __future__ import annotations

from decimal import Decimal

from domain.ledger.position import Execution
from domain.messages.orders import Fill, FillKind

Key = tuple[str, str]  # (venue, currency)


def currencies(instrument: str) -> tuple[str, str]:
    """Return base and quote of a name such as "BTC-USD"; what a name doesn't say is empty."""
    base, _, rest = instrument.partition("-")
    return base, rest.partition("-")[0]


def spot_currencies(instrument: str) -> tuple[str, str] | None:
    """Return base and quote of what is a spot pair by its name; None of perpetuals, futures and the unknown."""
    parts = instrument.split("-")
    return (parts[0], parts[1]) if len(parts) == 2 and all(parts) else None


def as_fill(execution: Execution, venue: str, instrument: str) -> Fill:
    """Return provisional quantity in the form that moves money: its fee is in quote currency."""
    return Fill(
        venue=venue,
        fill_id="",
        venue_order_id="",
        instrument=instrument,
        side=execution.side,
        quantity=execution.quantity,
        price=execution.price,
        fee=execution.fee,
        fee_currency=currencies(instrument)[1],
        ts_event=0,
    )


def flows(fill: Fill) -> list[tuple[Key, Decimal]]:
    """Return what a fill does to the spot wallet: (venue, currency) and amount.

    Perpetuals and futures settle elsewhere, and of a product whose name says nothing we know nothing.
    """
    pair = spot_currencies(fill.instrument)
    if pair is None:
        return []
    base, quote = pair
    sign = -1 if fill.kind is FillKind.REVERSAL else 1
    traded = sign * fill.side.sign * fill.quantity
    return [
        ((fill.venue, base), traded),
        ((fill.venue, quote), -traded * fill.price),
        ((fill.venue, fill.fee_currency), -sign * fill.fee),
    ]
