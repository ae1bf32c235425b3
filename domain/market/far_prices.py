"""When a touch that a venue tells over REST is too far from what is traded there to be believed."""

from __future__ import annotations

from decimal import Decimal


def is_far(price: Decimal, last: Decimal | None, cap: Decimal) -> bool:
    """Tell whether a price is farther than `cap`, a ratio, from the last trade; where none is known, nobody can tell."""
    return last is not None and abs(price - last) > last * cap
