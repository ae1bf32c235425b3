"""What was asked for with an order, from Coinbase's echo of it. Pure.

It decides nothing about an order that we know, so what can't be read of it is left out.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from adapters.venues.coinbase.fields import number_or_none
from domain.numbers import ZERO

_KEYS = {"quantity": "base_size", "limit_price": "limit_price", "stop_price": "stop_trigger_price"}


def asked(configuration: Any, filled: Decimal | None) -> dict[str, Decimal | None]:
    """Return size and prices, and what is left of the size, for an `OrderReported`.

    Args:
        filled: None where it was not said: then nobody knows what is left.
        configuration: as it came: `{"trigger_bracket_gtc": {"base_size": ...}}`.
    """
    body = next(iter(configuration.values()), None) if isinstance(configuration, dict) else None
    told = {name: number_or_none(body.get(key)) if isinstance(body, dict) else None for name, key in _KEYS.items()}
    quantity = told["quantity"]
    is_known = quantity is not None and filled is not None
    return {**told, "leaves_quantity": max(ZERO, quantity - filled) if is_known else None}
