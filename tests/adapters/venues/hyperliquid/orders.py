"""Orders of ours at Hyperliquid, in one line."""

from __future__ import annotations

from decimal import Decimal

from domain.instrument import Instrument, InstrumentKind, Side
from domain.messages.orders import CancelOrder, OrderType, Purpose, SubmitOrder, TimeInForce
from tests.builders import make_instrument

CLOID = "0x6e7a657a000080008000000000000001"


def perpetual(size_decimals: int = 5, **changes) -> Instrument:
    """Return an instrument with the grid of the venue's perpetuals."""
    fields = {
        "venue": "hyperliquid",
        "symbol": "BTC",
        "kind": InstrumentKind.PERPETUAL,
        "lot_size": Decimal(1).scaleb(-size_decimals),
        "tick_size": Decimal(1).scaleb(size_decimals - 6),
        "max_significant_digits": 5,
    }
    return make_instrument(**{**fields, **changes})


def submit(**changes) -> SubmitOrder:
    fields = {
        "client_order_id": "6e7a657a-0000-8000-8000-000000000001",
        "intent_id": "i",
        "venue": "hyperliquid",
        "instrument": "BTC-USD",
        "symbol": "BTC",
        "side": Side.BUY,
        "purpose": Purpose.OPEN,
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "quantity": Decimal("0.001"),
        "limit_price": Decimal("50000"),
        "venue_client_id": CLOID,
    }
    return SubmitOrder(**{**fields, **changes})


def cancel(**changes) -> CancelOrder:
    fields = {
        "client_order_id": "6e7a657a-0000-8000-8000-000000000001",
        "venue": "hyperliquid",
        "venue_order_id": "",
        "venue_client_id": CLOID,
        "instrument": "BTC-USD",
        "symbol": "BTC",
    }
    return CancelOrder(**{**fields, **changes})
