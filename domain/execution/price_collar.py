"""What a market order may cost: on every venue it is an IOC limit at that venue's touch plus a collar."""

from __future__ import annotations

from decimal import Decimal

from domain.instrument import Instrument, Side
from domain.messages.market import Quote
from domain.numbers import from_ratio
from domain.settings import OrderSettings


def edge_of_collar(quote: Quote, side: Side, ratio: Decimal) -> Decimal:
    """Return the worst price that `ratio` allows, off the grid."""
    return quote.touch(side) * (1 + side.sign * ratio)


def collared_price(instrument: Instrument, quote: Quote, side: Side, ratio: Decimal) -> Decimal:
    """Return the limit of a market order: on the grid, never beyond the collar.

    The touch itself is on the grid, so rounding back towards it leaves the order marketable.
    """
    return instrument.round_price(edge_of_collar(quote, side, ratio), side)


def is_inside_collar(price: Decimal, quote: Quote, side: Side, ratio: Decimal) -> bool:
    """Tell whether an order at `price` would still pay no more than a new one might."""
    edge = edge_of_collar(quote, side, ratio)
    return price <= edge if side is Side.BUY else price >= edge


def closing_ratio(settings: OrderSettings, attempt: int) -> Decimal:
    """Return the collar of a close: doubled with each attempt, up to its cap."""
    widened = from_ratio(settings.collar_ratio) * (1 << (attempt - 1))
    return min(widened, from_ratio(settings.close_collar_cap_ratio))
