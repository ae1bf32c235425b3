"""When an order that waits for a price is due, and how far it may then go."""

from __future__ import annotations

from decimal import Decimal

from adapters.simulator.engine.market import ProductMarket
from adapters.simulator.engine.venue_order import NewOrder
from domain.instrument import Instrument, Side

STOP_BAND = Decimal("0.05")  # a triggered bracket may trade this far beyond its stop


def stop_limit(instrument: Instrument, asked: NewOrder) -> Decimal:
    """Return how far a triggered bracket may go."""
    return instrument.round_price(asked.stop * (1 + asked.side.sign * STOP_BAND), asked.side)


def is_reached(asked: NewOrder, product: ProductMarket) -> bool:
    """Tell whether the last trade or the touch is at or through the stop."""
    last = product.tape.last_price
    if asked.stops_upwards:
        ask = product.book.best_price(Side.SELL)
        return last >= asked.stop or (ask is not None and ask >= asked.stop)
    bid = product.book.best_price(Side.BUY)
    return last <= asked.stop or (bid is not None and bid <= asked.stop)
