"""What was asked for with an order, from Coinbase's echo of it. Pure.

It decides nothing about an order that we know, so what can't be read of it is left out.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypedDict

from adapters.venues.coinbase.fields import number_or_none
from domain.numbers import ZERO


class Asked(TypedDict):
    """Fields of an `OrderReported`; None: not said."""

    quantity: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    leaves_quantity: Decimal | None


def asked(configuration: Any, filled: Decimal | None) -> Asked:
    """Return size and prices, and what is left of the size, for an `OrderReported`.

    Args:
        filled: None where it was not said: then nobody knows what is left.
        configuration: as it came: `{"trigger_bracket_gtc": {"base_size": ...}}`.
    """
    body = next(iter(configuration.values()), None) if isinstance(configuration, dict) else None

    def told(key: str) -> Decimal | None:
        return number_or_none(body.get(key)) if isinstance(body, dict) else None

    quantity = told("base_size")
    return {
        "quantity": quantity,
        "limit_price": told("limit_price"),
        "stop_price": told("stop_trigger_price"),
        "leaves_quantity": None if quantity is None or filled is None else max(ZERO, quantity - filled),
    }
